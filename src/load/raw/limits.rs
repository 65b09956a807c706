//! `limits:`, `retry:` and `privacy:` as people write them.

use super::connection::RawSecret;
use super::guards::PREFIX;
use crate::model::{DurationSpec, NumberPrivacy, Rate, Share, StatusPattern, UnknownRetry};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

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
    /// Requests that may start at once after a quiet time, 1 to 1024; only with `rate`. Default 1.
    #[schemars(range(min = 1, max = 1024), extend("default" = 1, "examples" = [5]))]
    pub(in crate::load) burst: Option<u64>,
    /// The time in which concurrency and rate grow to their full value. Default 0s: from the start.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "0s", "examples" = ["30s"]))]
    pub(in crate::load) ramp_up: Option<String>,
    /// Answers that ask to slow down (429, 503 with Retry-After) lower the rate; it grows again while none comes. `rate`
    /// stays the upper bound. Default false.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::load) adaptive: Option<bool>,
    /// Requests in flight at most with a target under each prefix; for a target the longest prefix counts.
    #[schemars(with = "Option<PerPrefix>", extend("examples" = [{"+1": 8, "+44": 2}]))]
    pub(in crate::load) per_prefix: Option<BTreeMap<String, Option<u64>>>,
    /// From this time after its start on the run begins no further job. What is in flight ends as it would. Default: none.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["45m"]))]
    pub(in crate::load) deadline: Option<String>,
    /// After the first signal, how long requests in flight may take to end. Default 25s: below the 30 s that Kubernetes gives.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "25s", "examples" = ["25s"]))]
    pub(in crate::load) drain_timeout: Option<String>,
}

/// Prefixes and the requests that may be in flight to them.
struct PerPrefix;

impl JsonSchema for PerPrefix {
    fn schema_name() -> Cow<'static, str> {
        "PerPrefix".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": PREFIX},
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 1024},
        })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// A number of jobs, or a percentage. Read by hand: an untagged enum says nothing about what is wrong.
#[derive(Deserialize, Debug)]
#[serde(transparent)]
pub(in crate::load) struct RawShare(pub(in crate::load) Value);

impl JsonSchema for RawShare {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"], "minimum": 0, "pattern": Share::PATTERN})
    }
    fn inline_schema() -> bool {
        true
    }
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
    /// Attempts beyond the first, of all jobs together: a number, or a percentage of the plan's jobs. At least 10 are always
    /// allowed. Default 100%.
    #[schemars(extend("default" = "100%", "examples" = ["20%", 500]))]
    pub(in crate::load) budget: Option<RawShare>,
    /// Answers that mean something else than the profile says.
    pub(in crate::load) answers: Option<RawRetryAnswers>,
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

/// What some answers mean, whatever the profile says. The most specific entry counts: `503` before `5xx`.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawRetryAnswers {
    /// Not processed: sent again. A warning where the request may have had its effect.
    #[schemars(extend("default" = [], "examples" = [[503]]))]
    pub(in crate::load) refused: Option<Vec<Option<StatusPattern>>>,
    /// Refused for good, and nothing was done. A warning where the request may have had its effect.
    #[schemars(extend("default" = [], "examples" = [[408]]))]
    pub(in crate::load) rejected: Option<Vec<Option<StatusPattern>>>,
    /// The request may have had its effect: never sent again.
    #[schemars(extend("default" = [], "examples" = [[404, "5xx"]]))]
    pub(in crate::load) unknown: Option<Vec<Option<StatusPattern>>>,
}

/// What may be written down.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawPrivacy {
    /// Telephone numbers in audit file, logs, reports and progress: `masked` (the default), `keyed` for pseudonyms that are
    /// the same in every run with the same `key`, or `full`.
    #[schemars(extend("default" = "masked", "examples" = ["masked"]))]
    pub(in crate::load) numbers: Option<NumberPrivacy>,
    /// Where the key of `numbers: keyed` comes from: 16 bytes or more, made at random. A literal key is an error.
    #[schemars(extend("examples" = [{"env": "BRIDGEBOOK_NUMBER_KEY"}], "writeOnly" = true))]
    pub(in crate::load) key: Option<RawSecret>,
}
