//! All times of a run in its closing record: what reports of several runs are made from, by this tool or by others.

use crate::model::SetName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Histograms of a run, each a text in the encoding that the tools of `HdrHistogram` share: `V2`, deflated, in base64 (RFC 4648
/// section 4). Values are microseconds from 1 with 3 significant digits; the times of the audit file fit in without loss.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Histograms {
    /// Those of the whole run.
    pub total: TimeHistograms,
    /// Those of each set, in order; of many large sets the last ones are left out, so that the line stays below 1 MiB.
    pub sets: Vec<SetHistograms>,
}

/// The times of a run or of a set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TimeHistograms {
    /// `latency_ms` of every `bridge_attempt` with a `status_code`, in microseconds.
    pub latency: String,
    /// `queue_ms` of every `bridge_attempt`, in microseconds.
    pub queue: String,
}

/// Those of one set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetHistograms {
    /// The set.
    pub set: SetName,
    /// Its times.
    #[serde(flatten)]
    pub times: TimeHistograms,
}
