//! `breaker:`, `waves:` and `window:` as people write them.

use super::limits::RawShare;
use crate::model::{Criterion, DayTime, Days, DurationSpec, OutsideWindow};
use schemars::JsonSchema;
use serde::Deserialize;

/// When an API that does not work is left alone: after some failures in a row (no connection, no answer, 5xx) nothing is
/// sent for a while, then one job tries. Answers of 4xx are no failures of the API.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawBreaker {
    /// Failures in a row that open it, 1 to 1000; 0: it never opens. Not more than `concurrency` + 1 are waited for. Default 5.
    #[schemars(range(min = 0, max = 1000), extend("default" = 5, "examples" = [5]))]
    pub(in crate::load) failures: Option<u64>,
    /// How long nothing is sent before one job tries the API. Doubles after each try that fails, up to 1m. Default 10s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "10s", "examples" = ["10s"]))]
    pub(in crate::load) pause: Option<String>,
    /// Tries in a row that may fail, 1 to 1000, before the run ends with the rest not attempted. Default 6.
    #[schemars(range(min = 1, max = 1000), extend("default" = 6, "examples" = [6]))]
    pub(in crate::load) probes: Option<u64>,
}

/// A part of the run. The next one begins when all jobs of this one have ended and its `require` holds.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawWave {
    /// How many further jobs it begins: a number, or a percentage of the jobs of the plan. The last wave is `100%`: all
    /// that are left.
    #[schemars(required, extend("examples" = [5, "10%"]))]
    pub(in crate::load) size: Option<RawShare>,
    /// What must hold of the wave's own jobs: `METRIC OP VALUE [in SET]`. Otherwise the run ends with the rest not attempted.
    #[schemars(inner(regex(pattern = Criterion::PATTERN)), extend("default" = [], "examples" = [["success_rate >= 100%"]]))]
    pub(in crate::load) require: Option<Vec<Option<String>>>,
    /// How long the run rests before the next wave. Default 0s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "0s", "examples" = ["30s"]))]
    pub(in crate::load) pause: Option<String>,
}

/// When jobs may begin, by the clock of a place. Jobs stop to begin early enough before its end that, by the times that the
/// API has taken so far, nothing is in flight when it ends.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawWindow {
    /// Days on which it opens. Default: every day.
    #[schemars(regex(pattern = Days::PATTERN), extend("default" = "mon-sun", "examples" = ["mon-fri", "mon,wed,sat"]))]
    pub(in crate::load) days: Option<String>,
    /// When it opens, `"00:00"` to `"23:59"`. Default `"00:00"`.
    #[schemars(regex(pattern = DayTime::PATTERN), extend("default" = "00:00", "examples" = ["08:00"]))]
    pub(in crate::load) from: Option<String>,
    /// When it closes, `"00:01"` to `"24:00"`; earlier than `from`: on the next day. Default `"24:00"`.
    #[schemars(regex(pattern = DayTime::PATTERN), extend("default" = "24:00", "examples" = ["21:00"]))]
    pub(in crate::load) to: Option<String>,
    /// Whose clock: a name of the IANA time zone database.
    #[schemars(required, length(min = 1), extend("examples" = ["America/New_York", "UTC"]))]
    pub(in crate::load) timezone: Option<String>,
    /// What the run does while it is closed: `stop` ends it with the rest not attempted, `wait` waits for it to open. Default
    /// `stop`.
    #[schemars(extend("default" = "stop", "examples" = ["wait"]))]
    pub(in crate::load) outside: Option<OutsideWindow>,
}
