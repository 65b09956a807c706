//! ALL that execution tells the outside, and the record that carries it into the audit file.
//!
//! Invariants: an event says everything that a report needs, so that the audit file alone is enough; no event holds a
//! secret, a token, a payload or an unmasked number (unless the runbook says `numbers: full`; with `keyed` a pseudonym stands in its place: `num:` and
//! sixteen letters from `a` (0) to `p` (15), the first 64 bits of HMAC-SHA-256 over the number in E.164 form, plus included); field names never
//! change their meaning within [`FORMAT_VERSION`].
//!
//! Bytes, chain, closing records and signature of the audit file are described for implementers in `docs/audit.md`.

mod calls;
mod histograms;
mod pace;
mod reconciliation;
mod resume;
mod signed;
mod started;

pub use calls::{CallBatch, CallNote, CallRegister, Claimed, RegisterError};
pub use histograms::{Histograms, SetHistograms, TimeHistograms};
pub use pace::{
    BreakerClosed, BreakerOpened, RetryBudgetSpent, Throttled, Waiting, WaveCounts, WaveFinished, WaveStarted,
};
pub use reconciliation::{Reconciled, ReconciledBy, ReconciliationFinished};
pub use resume::{JobReopened, RunResumed};
pub use signed::{SignatureAlgorithm, Signed};
pub use started::{FileDigest, Operator, RunStarted, SetPlan, Setting, SettingSource};

use crate::model::{Evidence, JobKey, JobNumber, Latency, Outcome, RunId, SetName, SkipReason, Skipped, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of the audit format. 1: the first.
pub const FORMAT_VERSION: u32 = 1;

/// One line of the audit file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Format version of the line.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// The line's number in the file, from 1, without gaps.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// When the event happened, in UTC.
    pub timestamp: Timestamp,
    /// The run that the line belongs to.
    pub run_id: RunId,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// SHA-256 of the hash of the line before and of this line's bytes in front of `,"hash"`.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub hash: String,
}

/// An event of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event_type", rename_all = "snake_case")]
pub enum Event {
    /// The first line: who runs what, from which inputs, with which settings.
    RunStarted(Box<RunStarted>),
    /// A token was fetched.
    TokenFetched(TokenFetched),
    /// The token endpoint refused or failed.
    TokenFailed(TokenFailed),
    /// A bridge request is about to leave. Durable before its first byte.
    BridgeIntent(BridgeIntent),
    /// What became of it.
    BridgeAttempt(BridgeAttempt),
    /// A job that is left out: by the runbook, a guard, its time, or an earlier part.
    JobSkipped(JobSkipped),
    /// A job that waited for another attempt, and whose time ran out: it ends as its last attempt did.
    JobExpired(JobExpired),
    /// A job that the run did not come to.
    JobNotAttempted(JobNotAttempted),
    /// An answer asked to slow down; the whole run pauses, or lowers its rate.
    Throttled(Throttled),
    /// The API does not work, or takes nothing: nothing is sent for a while.
    BreakerOpened(BreakerOpened),
    /// The API works again.
    BreakerClosed(BreakerClosed),
    /// No job is tried again any more: the run's budget of attempts is spent.
    RetryBudgetSpent(RetryBudgetSpent),
    /// A wave begins.
    WaveStarted(WaveStarted),
    /// Every job of a wave has ended.
    WaveFinished(WaveFinished),
    /// The run waits for its window.
    Waiting(Waiting),
    /// No further job is started; what is in flight goes on.
    Stopping(Stopping),
    /// A check point of the chain.
    Seal(Seal),
    /// The last line of the run: totals, criteria, verdict.
    RunFinished(Box<RunFinished>),
    /// Another process goes on with a run that was cut off, stopped or interrupted.
    RunResumed(Box<RunResumed>),
    /// An unknown job is to be sent again, because somebody has said so: it is in doubt until an attempt succeeds.
    JobReopened(JobReopened),
    /// An unknown outcome is known now: in the run by the profile's probe, after it by a reconciliation.
    Reconciled(Box<Reconciled>),
    /// The last line of a reconciliation after the run: the totals and the verdict as they are now.
    ReconciliationFinished(Box<ReconciliationFinished>),
    /// A signature over everything before it; directly behind a closing record.
    Signed(Box<Signed>),
}

/// See [`Event::TokenFetched`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenFetched {
    /// Counts the tokens of this run, from 1.
    pub generation: u64,
    /// Lifetime in seconds, as granted or as the profile assumes.
    pub lifetime_s: u64,
    /// Who says so; absent in files of before this field: the answer or the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_from: Option<LifetimeSource>,
    /// The time that the token endpoint took, in milliseconds.
    pub latency_ms: Latency,
    /// The base URL that came with the token, where the profile takes it from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Scopes that were asked for and not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
}

/// Who says how long a token lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifetimeSource {
    /// The answer's `expires_in`.
    Answer,
    /// The profile's `default_lifetime`.
    Profile,
    /// The token itself, a JWT: `exp` less `iat`.
    Token,
    /// Nobody: it is used until it is refused, ten minutes at most.
    Assumed,
}

/// See [`Event::TokenFailed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenFailed {
    /// The answer's status, if there was one.
    pub status_code: Option<u16>,
    /// Why, in words.
    pub error_message: String,
    /// When it is tried again, in milliseconds; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// True when a token was to be renewed ahead of need: the old one is still good, and nothing waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
}

/// See [`Event::BridgeIntent`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BridgeIntent {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
    /// Counts the job's attempts, from 1.
    #[schemars(range(min = 1))]
    pub attempt: u32,
    /// The value of the request id header.
    pub request_id: String,
    /// The targets; numbers as `numbers` of `run_started` says.
    pub targets: Vec<String>,
}

/// See [`Event::BridgeAttempt`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BridgeAttempt {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
    /// Counts the job's attempts, from 1.
    #[schemars(range(min = 1))]
    pub attempt: u32,
    /// The value of the request id header.
    pub request_id: String,
    /// What is known about the effect.
    pub outcome: Outcome,
    /// True for `succeeded` and `accepted`.
    pub success: bool,
    /// Why the outcome is what it is.
    pub evidence: Evidence,
    /// The answer's status, if there was one.
    pub status_code: Option<u16>,
    /// From the first byte sent to the last byte read (or to the failure), in milliseconds.
    pub latency_ms: Latency,
    /// From the moment the attempt was due to the moment it was sent, in milliseconds.
    pub queue_ms: Latency,
    /// The server's or the network's words, made printable, numbers masked, at most 300 characters.
    pub error_message: Option<String>,
    /// The vendor's own id of the exchange, when the answer carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// True when this ends the job, false when it is tried again. An attempt with the outcome `unknown` is tried again with
    /// the same idempotency key only; from then on nothing but a success makes the job anything else than unknown.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Back-off before the next attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// Something odd about a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// See [`Event::JobSkipped`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobSkipped {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content, if the row got that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<JobKey>,
    /// The call, if the row names one.
    pub call_id: Option<String>,
    /// Why it is left out.
    pub reason: SkipReason,
    /// More about it: for `once_per`, in which run the call is, since when and with which outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Its attempts before, all of them proven to be without effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
}

/// See [`Event::JobExpired`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobExpired {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
    /// Its attempts.
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// What its last attempt came to: `rejected` or `not_sent`; `unknown` when one of its attempts is in doubt.
    pub outcome: Outcome,
    /// Its `not_after`.
    pub not_after: Timestamp,
}

/// See [`Event::JobNotAttempted`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobNotAttempted {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content; null when its row can no longer be read.
    pub key: Option<JobKey>,
    /// The call; null when its row can no longer be read.
    pub call_id: Option<String>,
    /// Its attempts, all of them proven to be without effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl From<Skipped> for JobSkipped {
    fn from(skipped: Skipped) -> Self {
        Self {
            job: skipped.number,
            set: skipped.set,
            key: skipped.key,
            call_id: skipped.call_id.map(|call| call.as_str().to_owned()),
            reason: skipped.reason,
            detail: None,
            attempts: 0,
        }
    }
}

/// Why a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every job has its final state.
    Completed,
    /// A signal stopped it.
    Interrupted,
    /// The credentials were refused, or a fresh token was.
    CredentialsRefused,
    /// The token endpoint could not be reached.
    ApiUnreachable,
    /// What answers at the token URL is no token endpoint.
    Misconfigured,
    /// The inputs changed under the run.
    InputChanged,
    /// A rule of `abort_when` held.
    Aborted,
    /// A success criterion could no longer be met.
    CriterionLost,
    /// `limits.deadline` passed.
    Deadline,
    /// The window closed, or was not open.
    WindowClosed,
    /// A wave did not show what it had to.
    WaveFailed,
    /// The API did not work, and the circuit breaker had tried it often enough.
    BreakerOpen,
    /// The register of calls failed: nothing is sent that `guards.once_per` could not look up.
    GuardFailed,
}

impl Ending {
    /// Whether the run left jobs out because it was told to, and not because it could not go on.
    pub fn is_early(self) -> bool {
        matches!(
            self,
            Self::Aborted
                | Self::CriterionLost
                | Self::Deadline
                | Self::WindowClosed
                | Self::WaveFailed
                | Self::BreakerOpen
        )
    }
}

/// See [`Event::Stopping`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stopping {
    /// How the run will end.
    pub ending: Ending,
    /// The cause, in words.
    pub reason: String,
    /// Requests in flight at that moment: the overshoot.
    pub in_flight: u64,
}

/// See [`Event::Seal`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// Lines before this one.
    pub lines: u64,
    /// The hash of the line before this one: the head of the chain so far.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub head: String,
}

/// Jobs by state. They add up: that is the balance sheet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All jobs of the plan.
    pub jobs: u64,
    /// Bridged, as the server says.
    pub succeeded: u64,
    /// Taken by the server, not confirmed.
    pub accepted: u64,
    /// Refused by an answer.
    pub rejected: u64,
    /// Never reached the server.
    pub not_sent: u64,
    /// May have had an effect.
    pub unknown: u64,
    /// Left out by `when` or a guard.
    pub skipped: u64,
    /// The run ended first.
    pub not_attempted: u64,
    /// Was unknown, and had no effect, as was found since. Absent in files of before this state: none.
    #[serde(default)]
    pub not_bridged: u64,
}

/// Counts of one set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetCounts {
    /// The set.
    pub set: SetName,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A criterion at the end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CriterionResult {
    /// The criterion as written.
    pub criterion: String,
    /// The metric's value: counts as they are, percentages 0 to 100, times in milliseconds, rates per second;
    /// null when there is no data.
    pub value: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

/// Whether the run is what the runbook calls a success.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every criterion is met and the run completed.
    Passed,
    /// Not so.
    Failed,
}

/// See [`Event::RunFinished`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunFinished {
    /// Why the run ended.
    pub ending: Ending,
    /// Passed or failed.
    pub verdict: Verdict,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The balance sheet.
    pub totals: Counts,
    /// The same by set, in order.
    pub sets: Vec<SetCounts>,
    /// The same by wave, in order, without the jobs that no wave came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveCounts>,
    /// Requests that were cleared to leave.
    pub attempts: u64,
    /// Each criterion with its value.
    pub criteria: Vec<CriterionResult>,
    /// Every service and queue time of the run, to be merged with those of others. Absent in files of before this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histograms: Option<Histograms>,
}

/// An event with its moment, on its way to the ledger and the observers.
#[derive(Clone, PartialEq, Debug)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// The ledger refused: nothing more may be sent.
#[derive(Debug, thiserror::Error)]
#[error("the audit file cannot be written: {0}")]
pub struct LedgerError(pub String);

/// Where events must go. An intent counts only when it is durable; an error stops the run.
pub trait Ledger {
    /// Hands a batch over. Batches become durable in order. Never blocks on the disk.
    fn submit(&mut self, batch: Arc<[Happened]>) -> Result<(), LedgerError>;

    /// Waits until one more batch is durable. Cancel-safe.
    fn durable(&mut self) -> impl Future<Output = Result<(), LedgerError>>;
}

/// Who may watch. An observer cannot fail the run and must return at once.
pub trait Observer {
    /// Sees a batch after it was handed to the ledger.
    fn observe(&mut self, batch: &Arc<[Happened]>);
}
