//! `sets:` as people write them.

use super::rows::RawRows;
use crate::model::Legs;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Names of sets.
pub(in crate::load) const SET_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";

/// A set of bridge jobs: rows, and the job that each row becomes.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawSet {
    /// Name of the set: letters, digits, `.`, `-` and `_`; unique in the runbook.
    #[schemars(required, regex(pattern = SET_NAME), extend("examples" = ["billing"]))]
    pub(in crate::load) name: Option<String>,
    /// Where the rows come from.
    #[schemars(required, extend("examples" = [{"csv": "data/waiting-billing.csv"}]))]
    pub(in crate::load) rows: Option<RawRows>,
    /// Template that gives `true` or `false`; a row with `false` is skipped and counted.
    #[schemars(length(min = 1), extend("examples" = ["{{eq row.status 'waiting'}}"]))]
    pub(in crate::load) when: Option<String>,
    /// Template for the job's identity within the set. Default: the call id.
    #[schemars(length(min = 1), extend("examples" = ["{{row.ticket}}"]))]
    pub(in crate::load) key: Option<String>,
    /// The job's fields; strings may be templates. The profile says which fields there are (`bridgebook schema job`).
    /// Required here or in `defaults`.
    #[schemars(with = "Option<JobFields>", extend("examples" = [{"call_id": "{{row.call_id}}", "targets": [{"type": "phone", "value": "{{row.callback_number}}"}], "direction": "transfer"}]))]
    pub(in crate::load) job: Option<Map<String, Value>>,
    /// A job with more targets than one bridge takes: `refuse` the run, or `split` it into several bridges of the same
    /// call, one after the other. Default `refuse`.
    #[schemars(extend("default" = "refuse", "examples" = ["split"]))]
    pub(in crate::load) legs: Option<Legs>,
    /// Limits of this set.
    pub(in crate::load) limits: Option<RawSetLimits>,
    /// No rows is not an error.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::load) allow_empty: Option<bool>,
}

/// What every set has unless it says otherwise.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the values are put into the sets")]
pub(in crate::load) struct RawDefaults {
    /// `when` of each set that has none.
    #[schemars(length(min = 1), extend("examples" = ["{{eq row.status 'waiting'}}"]))]
    when: Option<String>,
    /// `key` of each set that has none.
    #[schemars(length(min = 1), extend("examples" = ["{{row.ticket}}"]))]
    key: Option<String>,
    /// Fields that every job has unless its set gives them.
    #[schemars(with = "Option<JobFields>", extend("examples" = [{"direction": "transfer"}]))]
    job: Option<Map<String, Value>>,
    /// `legs` of each set that does not say.
    #[schemars(extend("default" = "refuse", "examples" = ["split"]))]
    legs: Option<Legs>,
    /// `limits` of each set, key by key.
    limits: Option<RawSetLimits>,
    /// `allow_empty` of each set that does not say.
    #[schemars(extend("default" = false, "examples" = [true]))]
    allow_empty: Option<bool>,
}

/// The fields of a job of the `cxone` profile, for editors; the profile's own schema decides.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct JobFields {
    /// The live call that is bridged. A text: put it in quotes.
    #[schemars(extend("examples" = ["{{row.call_id}}"]))]
    call_id: Option<Value>,
    /// 1 to 7 targets; with the call itself at most 8 legs.
    #[schemars(extend("examples" = [[{"type": "phone", "value": "{{row.callback_number}}"}]]))]
    targets: Option<Value>,
    /// `inbound`, `outbound`, `transfer` or `consult`.
    #[schemars(extend("examples" = ["transfer"]))]
    direction: Option<Value>,
    /// Which legs are joined: 0 is the call, 1 the first target. Default: the server decides.
    #[schemars(extend("default" = [], "examples" = [[{"source": 0, "target": 1}]]))]
    bridge_matrix: Option<Value>,
    /// `RFC2833`, `INFO` or `PULSE`. Default `RFC2833`.
    #[schemars(extend("default" = "RFC2833", "examples" = ["RFC2833"]))]
    dtmf: Option<Value>,
    /// From this moment on the job is not begun any more (RFC 3339 with an offset). A live call is perishable. Known for
    /// every profile; not sent.
    #[schemars(length(min = 1), extend("examples" = ["{{row.expires_at}}"]))]
    not_after: Option<String>,
}

/// Limits of one set.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawSetLimits {
    /// Requests of this set in flight at most, 1 to 1024. Default: the run's limit.
    #[schemars(range(min = 1, max = 1024), extend("examples" = [4]))]
    pub(in crate::load) concurrency: Option<u64>,
}
