//! The shape of a runbook as people write it. The JSON Schema is made from these types, descriptions included.
//!
//! Every field is optional here, whatever the schema requires: a document from which the schema's complaints have been
//! pruned can always be read, and the rest of it checked.

mod connection;
mod limits;
mod sets;

pub(in crate::load) use connection::{RawConnection, RawSecret};
pub(in crate::load) use sets::RawSet;

use crate::model::Criterion;
use crate::schema::strict;
use limits::{RawGuards, RawLimits, RawPrivacy, RawRetry};
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
pub(in crate::load) struct RawRunbook {
    /// Version of the runbook language.
    #[schemars(required, extend("const" = 1, "examples" = [1]))]
    #[expect(dead_code, reason = "there is one version; the schema checks it")]
    version: Option<u64>,
    /// Name of the runbook, also the folder of its runs: lower-case letters, digits, `-` and `_`.
    #[schemars(required, regex(pattern = NAME), extend("examples" = ["after-hours-transfer"]))]
    pub(in crate::load) name: Option<String>,
    /// What the runbook is for; shown in reports.
    #[schemars(extend("examples" = ["Bridge callers still waiting at closing time to the on-call desk."]))]
    pub(in crate::load) description: Option<String>,
    /// Who answers for it; shown in reports and recorded in the audit file.
    #[schemars(extend("examples" = ["telephony-ops"]))]
    pub(in crate::load) owner: Option<String>,
    /// Free labels, recorded in the audit file: a change ticket, a site.
    #[schemars(extend("examples" = [{"change": "CHG-20418"}]))]
    pub(in crate::load) labels: Option<BTreeMap<String, String>>,
    /// The API that makes the bridges.
    #[schemars(required)]
    pub(in crate::load) connection: Option<RawConnection>,
    /// Environment variables that templates may read as `env.NAME`. Others are out of reach.
    #[schemars(extend("examples" = [["SITE"]]))]
    pub(in crate::load) env: Option<Vec<Option<String>>>,
    /// Values that templates read as `vars.NAME`; `--set NAME=VALUE` overrides them.
    #[schemars(extend("examples" = [{"desk": "+12025550104"}]))]
    pub(in crate::load) vars: Option<Map<String, Value>>,
    /// Sets of bridge jobs, run in this order as far as limits allow.
    #[schemars(required, length(min = 1, max = 1000), extend("examples" = [[{"name": "billing", "rows": {"csv": "data/waiting-billing.csv"}, "job": {"call_id": "{{row.call_id}}"}}]]))]
    pub(in crate::load) sets: Option<Vec<Option<RawSet>>>,
    /// How much at once, and how fast.
    pub(in crate::load) limits: Option<RawLimits>,
    /// When a job that is proven not processed is tried again. An unknown outcome never is.
    pub(in crate::load) retry: Option<RawRetry>,
    /// Conditions on the input that refuse the whole run.
    pub(in crate::load) guards: Option<RawGuards>,
    /// All must hold at the end for exit code 0: `METRIC OP VALUE [in SET]`. Where none speaks of failures or successes,
    /// `failed == 0` is added; where none speaks of `unknown`, `unknown == 0`.
    #[schemars(inner(regex(pattern = Criterion::PATTERN)), extend("examples" = [["success_rate >= 98%", "unknown == 0", "latency.p95 <= 2s", "failed <= 3 in billing"]]))]
    pub(in crate::load) success_criteria: Option<Vec<Option<String>>>,
    /// What may be written down.
    pub(in crate::load) privacy: Option<RawPrivacy>,
}
