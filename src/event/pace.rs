//! What slows a run down or holds it: throttling, breaker, retry budget, waves, its window.

use super::{Counts, CriterionResult};
use crate::model::{JobNumber, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// See [`super::Event::Throttled`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Throttled {
    /// The job whose answer asked for it.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
    /// 429 or 503.
    pub status_code: u16,
    /// The pause of the whole run, in milliseconds.
    pub pause_ms: u64,
    /// Requests per second from now on, where answers set the pace and this one has lowered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
}

/// See [`super::Event::BreakerOpened`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BreakerOpened {
    /// Failures in a row: no connection, no answer, or 5xx; or refusals with nothing taken in between.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// True when the API answered, and refused them all for now (429, 503 with Retry-After).
    #[serde(default, skip_serializing_if = "is_false")]
    pub refusing: bool,
    /// How long nothing is sent before one job tries the API, in milliseconds.
    pub pause_ms: u64,
    /// Requests in flight at that moment.
    pub in_flight: u64,
}

/// See [`super::Event::BreakerClosed`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BreakerClosed {
    /// The job that tried the API and found it well.
    #[schemars(range(min = 1))]
    pub job: JobNumber,
}

/// See [`super::Event::RetryBudgetSpent`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RetryBudgetSpent {
    /// Attempts beyond the first that all jobs together have had.
    pub retries: u64,
}

/// See [`super::Event::WaveStarted`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaveStarted {
    /// Its number, from 1.
    #[schemars(range(min = 1))]
    pub wave: u32,
    /// Jobs that it may begin.
    pub jobs: u64,
}

/// See [`super::Event::WaveFinished`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaveFinished {
    /// Its counts.
    #[serde(flatten)]
    pub wave: WaveCounts,
    /// What it had to show before the next one, with the values that it has shown.
    pub require: Vec<CriterionResult>,
    /// Whether all of that holds.
    pub passed: bool,
    /// How long the run rests before the next one, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_ms: Option<u64>,
}

/// See [`super::Event::Waiting`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// What it waits for, in words.
    pub reason: String,
    /// When it looks again.
    pub until: Timestamp,
    /// Requests in flight at that moment.
    pub in_flight: u64,
}

/// Counts of one wave: of the jobs that it began, and of those that were left out while it lasted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaveCounts {
    /// Its number, from 1.
    #[schemars(range(min = 1))]
    pub wave: u32,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
