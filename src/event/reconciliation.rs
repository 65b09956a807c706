//! What was found out about an unknown: in the run, or behind its last line.

use super::{Counts, CriterionResult, FileDigest, Operator, SetCounts, Verdict};
use crate::model::{JobKey, JobNumber, Outcome, SetName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an unknown outcome was resolved by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciledBy {
    /// The profile's read-only request.
    Probe,
    /// The vendor's own records.
    Records,
    /// Somebody's decision.
    Operator,
}

/// See [`super::Event::Reconciled`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reconciled {
    /// The job's number in plan order.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
    /// What it was: `unknown`.
    pub from: Outcome,
    /// What it is: `succeeded` (it is bridged) or `not_bridged`.
    pub outcome: Outcome,
    /// What says so.
    pub by: ReconciledBy,
    /// In words: what the probe or the record said, or the reason for the decision. Numbers masked.
    pub reason: String,
    /// The status of the probe's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Who reconciled, and where; absent within the run, which has its operator in `run_started`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
}

/// See [`super::Event::ReconciliationFinished`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReconciliationFinished {
    /// Who reconciled, and where.
    pub operator: Operator,
    /// Name and version of the tool.
    pub tool: String,
    /// The vendor's records, if they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<FileDigest>,
    /// Jobs that were found bridged this time.
    pub bridged: u64,
    /// Jobs that were found not bridged this time.
    pub not_bridged: u64,
    /// The balance sheet as it is now.
    pub totals: Counts,
    /// The same by set, in order.
    pub sets: Vec<SetCounts>,
    /// Each criterion with its value as it is now; times are those of the run.
    pub criteria: Vec<CriterionResult>,
    /// Passed or failed as it is now.
    pub verdict: Verdict,
    /// The hash of the line before this one: the head of the chain so far.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub head: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_of_files_from_before_this_state_have_none_in_it() {
        let written = json!({
            "jobs": 3, "succeeded": 1, "accepted": 0, "rejected": 0, "not_sent": 0, "unknown": 2, "skipped": 0,
            "not_attempted": 0,
        });
        let counts: Counts = serde_json::from_value(written).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((counts.unknown, counts.not_bridged), (2, 0));
    }
}
