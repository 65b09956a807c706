//! Resolving the unknowns of a run that is over: what is open, what says what became of it, and the lines that follow.
//!
//! Pure: it reads no file and asks nobody. Whoever calls it brings the records, the vendor's table and the answers of the
//! probe, and appends what comes out. An unknown becomes `succeeded` or `not_bridged`, never anything else, and only because
//! something says so; what nothing is said about stays unknown.

mod closing;
mod decide;
mod open;
mod records;
mod reopening;

pub use closing::{Closing, close_reconciliation, close_run, resolve};
pub use decide::{Decision, decide};
pub use open::{OpenJob, OpenJobs};
pub use records::{Condition, Field, Matching, RecordRules, Records, RecordsError};
pub use reopening::{left, reopen_run};

use crate::event::ReconciledBy;
use crate::model::{JobNumber, Outcome};

/// What something says about an unknown job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The job.
    pub job: JobNumber,
    /// `succeeded` or `not_bridged`.
    pub outcome: Outcome,
    /// What says so.
    pub by: ReconciledBy,
    /// In words.
    pub reason: String,
    /// The status of a probe's answer.
    pub status_code: Option<u16>,
}
