//! The shape of a runbook as people write it. The JSON Schema is made from these types, descriptions included.
//!
//! Every field is optional here, whatever the schema requires: a document from which the schema's complaints have been
//! pruned can always be read, and the rest of it checked.

use crate::model::{Criterion, DurationSpec, NumberPrivacy, Rate};
use crate::schema::strict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The JSON Schema of a runbook, made from the types.
pub fn runbook_schema() -> Value {
    strict::<RawRunbook>("runbook", "bridgebook runbook")
}

/// Names that are also folder names.
const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// A runbook: sets of bridge jobs and the conditions under which they run.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRunbook {
    /// Version of the runbook language.
    #[schemars(required, extend("const" = 1, "examples" = [1]))]
    #[expect(dead_code, reason = "there is one version; the schema checks it")]
    version: Option<u64>,
    /// Name of the runbook, also the folder of its runs: lower-case letters, digits, `-` and `_`.
    #[schemars(required, regex(pattern = NAME), extend("examples" = ["after-hours-transfer"]))]
    pub(super) name: Option<String>,
    /// What the runbook is for; shown in reports.
    #[schemars(extend("examples" = ["Bridge callers still waiting at closing time to the on-call desk."]))]
    pub(super) description: Option<String>,
    /// Who answers for it; shown in reports and recorded in the audit file.
    #[schemars(extend("examples" = ["telephony-ops"]))]
    pub(super) owner: Option<String>,
    /// Free labels, recorded in the audit file: a change ticket, a site.
    #[schemars(extend("examples" = [{"change": "CHG-20418"}]))]
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// The API that makes the bridges.
    #[schemars(required)]
    pub(super) connection: Option<RawConnection>,
    /// Environment variables that templates may read as `env.NAME`. Others are out of reach.
    #[schemars(extend("examples" = [["SITE"]]))]
    pub(super) env: Option<Vec<Option<String>>>,
    /// Values that templates read as `vars.NAME`; `--set NAME=VALUE` overrides them.
    #[schemars(extend("examples" = [{"desk": "+12025550104"}]))]
    pub(super) vars: Option<Map<String, Value>>,
    /// Sets of bridge jobs, run in this order as far as limits allow.
    #[schemars(required, length(min = 1, max = 1000))]
    pub(super) sets: Option<Vec<Option<RawSet>>>,
    /// How much at once, and how fast.
    pub(super) limits: Option<RawLimits>,
    /// When a job that is proven not processed is tried again. An unknown outcome never is.
    pub(super) retry: Option<RawRetry>,
    /// Conditions on the input that refuse the whole run.
    pub(super) guards: Option<RawGuards>,
    /// All must hold at the end for exit code 0: `METRIC OP VALUE [in SET]`. Where none speaks of failures or successes,
    /// `failed == 0` is added; where none speaks of `unknown`, `unknown == 0`.
    #[schemars(inner(regex(pattern = Criterion::PATTERN)), extend("examples" = [["success_rate >= 98%", "unknown == 0", "latency.p95 <= 2s", "failed <= 3 in billing"]]))]
    pub(super) success_criteria: Option<Vec<Option<String>>>,
    /// What may be written down.
    pub(super) privacy: Option<RawPrivacy>,
}

/// The API that makes the bridges, and the account that asks it.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnection {
    /// Which API: a built-in profile. Default `cxone`.
    #[schemars(extend("default" = "cxone", "examples" = ["cxone"]))]
    pub(super) profile: Option<String>,
    /// Region that the profile's URLs are made from. Exclusive with `base_url`.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$"), extend("examples" = ["mynicecx"]))]
    pub(super) region: Option<String>,
    /// URL in front of every request path. Exclusive with `region`.
    #[schemars(regex(pattern = "^https?://[^/?#@ ]+(/[^?#@ ]*)?$"), extend("examples" = ["https://api.example.com"]))]
    pub(super) base_url: Option<String>,
    /// Token endpoint. Default: the profile's, below `base_url` or for `region`.
    #[schemars(regex(pattern = "^https?://[^/?#@ ]+(/[^?#@ ]*)?$"), extend("examples" = ["https://login.example.com/oauth/token"]))]
    pub(super) token_url: Option<String>,
    /// Plain `http:` to other machines than this one. Tokens and numbers can then be read on the way.
    #[schemars(extend("default" = false, "examples" = [false]))]
    pub(super) allow_plain_http: Option<bool>,
    /// The OAuth client.
    #[schemars(required)]
    pub(super) auth: Option<RawAuth>,
    /// Time limits of one request.
    pub(super) timeouts: Option<RawTimeouts>,
}

/// The OAuth client (client credentials grant).
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuth {
    /// Where the client id comes from.
    #[schemars(required, extend("examples" = [{"env": "CXONE_CLIENT_ID"}], "writeOnly" = true))]
    pub(super) client_id: Option<RawSecret>,
    /// Where the client secret comes from. A literal secret is an error.
    #[schemars(required, extend("examples" = [{"env": "CXONE_CLIENT_SECRET"}], "writeOnly" = true))]
    pub(super) client_secret: Option<RawSecret>,
}

/// Where a secret comes from: exactly one key.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct RawSecret {
    /// An environment variable.
    #[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"), extend("examples" = ["CXONE_CLIENT_SECRET"], "writeOnly" = true))]
    pub(super) env: Option<String>,
    /// A file that holds the secret alone, relative to the runbook. Mode 0600 or stricter.
    #[schemars(length(min = 1), extend("examples" = ["secrets/cxone"]))]
    pub(super) file: Option<String>,
}

/// Time limits of one request.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimeouts {
    /// Name resolution, TCP and TLS handshake. Default 5s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "5s", "examples" = ["5s"]))]
    pub(super) connect: Option<String>,
    /// A whole bridge request. When it runs out the outcome is `unknown`. Default 30s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "30s", "examples" = ["30s"]))]
    pub(super) request: Option<String>,
    /// A whole token request. Default 15s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "15s", "examples" = ["15s"]))]
    pub(super) token: Option<String>,
}

/// A set of bridge jobs: rows, and the job that each row becomes.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSet {
    /// Name of the set: letters, digits, `.`, `-` and `_`; unique in the runbook.
    #[schemars(required, regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"), extend("examples" = ["billing"]))]
    pub(super) name: Option<String>,
    /// Where the rows come from: exactly one of the keys.
    #[schemars(required, extend("examples" = [{"csv": "data/waiting-billing.csv"}]))]
    pub(super) rows: Option<RawRows>,
    /// Template that gives `true` or `false`; a row with `false` is skipped and counted.
    #[schemars(length(min = 1), extend("examples" = ["{{eq row.status 'waiting'}}"]))]
    pub(super) when: Option<String>,
    /// Template for the job's identity within the set. Default: the call id.
    #[schemars(length(min = 1), extend("examples" = ["{{row.ticket}}"]))]
    pub(super) key: Option<String>,
    /// The job's fields; strings may be templates. The profile says which fields there are (`bridgebook schema job`).
    #[schemars(required, with = "JobFields")]
    pub(super) job: Option<Map<String, Value>>,
    /// Limits of this set.
    pub(super) limits: Option<RawSetLimits>,
    /// No rows is not an error.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) allow_empty: Option<bool>,
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
    /// Which legs are joined: 0 is the call, 1 the first target. Default: none named.
    #[schemars(extend("examples" = [[{"source": 0, "target": 1}]]))]
    bridge_matrix: Option<Value>,
    /// `RFC2833`, `INFO` or `PULSE`. Default `RFC2833`.
    #[schemars(extend("examples" = ["RFC2833"]))]
    dtmf: Option<Value>,
}

/// Where rows come from: exactly one key.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct RawRows {
    /// A CSV file with a header, relative to the runbook: one job a record.
    #[schemars(length(min = 1), extend("examples" = ["data/waiting-billing.csv"]))]
    pub(super) csv: Option<String>,
    /// A JSON Lines file, relative to the runbook: one job an object.
    #[schemars(length(min = 1), extend("examples" = ["data/waiting.jsonl"]))]
    pub(super) jsonl: Option<String>,
    /// Rows that stand in the runbook itself.
    #[schemars(extend("examples" = [[{"call_id": "call-0001", "number": "+12025550101"}]]))]
    pub(super) items: Option<Vec<Option<Map<String, Value>>>>,
}

/// How much at once, and how fast.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Requests in flight at most, 1 to 1024. Default 8.
    #[schemars(range(min = 1, max = 1024), extend("default" = 8, "examples" = [16]))]
    pub(super) concurrency: Option<u64>,
    /// Requests started at most: `25/s`, `90/m`, `1000/h`. Default: no limit.
    #[schemars(regex(pattern = Rate::PATTERN), extend("examples" = ["25/s"]))]
    pub(super) rate: Option<String>,
    /// After the first signal, how long requests in flight may take to end. Default 25s: below the 30 s that Kubernetes gives.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "25s", "examples" = ["25s"]))]
    pub(super) drain_timeout: Option<String>,
}

/// Limits of one set.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetLimits {
    /// Requests of this set in flight at most, 1 to 1024. Default: the run's limit.
    #[schemars(range(min = 1, max = 1024), extend("examples" = [4]))]
    pub(super) concurrency: Option<u64>,
}

/// When a job that is proven not processed is tried again.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetry {
    /// Attempts of one job, the first included, 1 to 20. Default 4.
    #[schemars(range(min = 1, max = 20), extend("default" = 4, "examples" = [4]))]
    pub(super) max_attempts: Option<u64>,
    /// Shortest back-off. Default 2s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "2s", "examples" = ["2s"]))]
    pub(super) min_wait: Option<String>,
    /// Longest back-off. Default 10s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "10s", "examples" = ["10s"]))]
    pub(super) max_wait: Option<String>,
    /// Longest Retry-After of an answer that is waited for; a longer one is cut to this. Default 60s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "60s", "examples" = ["60s"]))]
    pub(super) max_retry_after: Option<String>,
}

/// Conditions on the input that refuse the whole run.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuards {
    /// Jobs at most: a wrong list is often a long list.
    #[schemars(range(min = 1), extend("examples" = [5000]))]
    pub(super) max_jobs: Option<u64>,
}

/// What may be written down.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrivacy {
    /// Telephone numbers in audit file, logs, reports and progress: `masked` (the default) or `full`.
    #[schemars(extend("default" = "masked", "examples" = ["masked"]))]
    pub(super) numbers: Option<NumberPrivacy>,
}
