//! Going on with a run: in a new process, in the same file.

use super::{Operator, Setting};
use crate::model::{JobKey, JobNumber, SetName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// See [`super::Event::RunResumed`]. From this line on every job that was `not_attempted` is pending again. An intent without an
/// outcome follows as a `bridge_attempt` with the evidence `crash`; a job that waited in doubt ends `unknown` by its
/// `job_not_attempted`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunResumed {
    /// Who goes on, and where.
    pub operator: Operator,
    /// Name and version of the tool.
    pub tool: String,
    /// Settings in effect from now on.
    pub settings: Vec<Setting>,
    /// Bytes of a torn last line that were cut off in front of this line: nothing was sent on its strength.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub torn_bytes: u64,
    /// Intents without an outcome, and jobs that waited in doubt: they become `unknown`.
    pub open: u64,
    /// Jobs that may yet be sent, without those of `job_reopened`.
    pub pending: u64,
    /// Why, where somebody had to say so: unknown jobs are sent again, or rules are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would have stopped the run at once and is passed over from now on, as it is written in the runbook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<String>,
}

/// See [`super::Event::JobReopened`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobReopened {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
