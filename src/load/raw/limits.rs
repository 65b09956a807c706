//! `limits:`, `retry:` and `privacy:` as people write them.

use crate::model::{DurationSpec, NumberPrivacy, Rate, UnknownRetry};
use schemars::JsonSchema;
use serde::Deserialize;

/// How much at once, and how fast.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawLimits {
    /// Requests in flight at most, 1 to 1024. Default 8.
    #[schemars(range(min = 1, max = 1024), extend("default" = 8, "examples" = [16]))]
    pub(in crate::load) concurrency: Option<u64>,
    /// Requests started at most: `25/s`, `90/m`, `1000/h`. Default: no limit.
    #[schemars(regex(pattern = Rate::PATTERN), extend("examples" = ["25/s"]))]
    pub(in crate::load) rate: Option<String>,
    /// After the first signal, how long requests in flight may take to end. Default 25s: below the 30 s that Kubernetes gives.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "25s", "examples" = ["25s"]))]
    pub(in crate::load) drain_timeout: Option<String>,
}
/// When a job that is proven not processed is tried again.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawRetry {
    /// Attempts of one job, the first included, 1 to 20. Default 4.
    #[schemars(range(min = 1, max = 20), extend("default" = 4, "examples" = [4]))]
    pub(in crate::load) max_attempts: Option<u64>,
    /// Shortest back-off. Default 2s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "2s", "examples" = ["2s"]))]
    pub(in crate::load) min_wait: Option<String>,
    /// Longest back-off. Default 10s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "10s", "examples" = ["10s"]))]
    pub(in crate::load) max_wait: Option<String>,
    /// Longest Retry-After of an answer that is waited for; a longer one is cut to this. Default 60s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "60s", "examples" = ["60s"]))]
    pub(in crate::load) max_retry_after: Option<String>,
    /// Requests for an access token in a row that may fail for reasons that pass (no answer, 408, 425, 429, 5xx) before a
    /// run that has no token ends, 1 to 100, with the back-off of jobs between them. `max_attempts` has no say in it: a
    /// token request has no side effect. Default 8, which with the other defaults is some 40 s.
    #[schemars(range(min = 1, max = 100), extend("default" = 8, "examples" = [8]))]
    pub(in crate::load) token_attempts: Option<u64>,
    /// An attempt that may have had its effect, where the profile has an idempotency key: `same_key` sends the same request
    /// again with the same key, as one more of `max_attempts`, and the API makes one effect of both; `never` leaves it
    /// unknown. Without such a key it is never sent again. Default `same_key`.
    #[schemars(extend("default" = "same_key", "examples" = ["never"]))]
    pub(in crate::load) unknown: Option<UnknownRetry>,
}

/// What may be written down.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawPrivacy {
    /// Telephone numbers in audit file, logs, reports and progress: `masked` (the default) or `full`.
    #[schemars(extend("default" = "masked", "examples" = ["masked"]))]
    pub(in crate::load) numbers: Option<NumberPrivacy>,
}
