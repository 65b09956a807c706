//! What a run and the register of calls say to each other: a claim before the first request of a job, its end after the last.
//!
//! The register is no ledger: the audit file stays the only evidence, and what the register lacks is read from there.

use crate::model::{JobKey, Outcome, SetName, Timestamp};
use std::task::{Context, Poll};

/// A job's call, and a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallNote {
    /// When it is claimed, or has ended.
    pub at: Timestamp,
    /// The job's set.
    pub set: SetName,
    /// The job's identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
}

/// What a run wants noted at once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallBatch {
    /// Jobs that have ended: with an outcome that keeps their call from being sent again (succeeded, accepted, unknown), or
    /// without, which gives it free. They count before the claims.
    pub ended: Vec<(CallNote, Option<Outcome>)>,
    /// Jobs that want to send.
    pub claims: Vec<CallNote>,
}

/// The answer to a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// The call is this run's, durably.
    Granted,
    /// It is another run's: which, since when, with which outcome.
    Taken(String),
}

/// The register refused: nothing more may be sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the register of calls cannot be used: {0}")]
pub struct RegisterError(pub String);

/// Who knows the calls of all runs. Nothing is sent before its claim is granted.
pub trait CallRegister {
    /// Hands a batch over. Batches are taken in order. Never blocks on the disk.
    fn submit(&mut self, batch: CallBatch) -> Result<(), RegisterError>;

    /// The answers to the claims of the next batch that has claims, in their order.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Claimed>, RegisterError>>;
}
