//! The shape of a runbook as people write it. The JSON Schema is made from these types, descriptions included.
//!
//! Every field is optional here, whatever the schema requires: a document from which the schema's complaints have been
//! pruned can always be read, and the rest of it checked.

mod audit;
mod connection;
mod guards;
mod limits;
mod link;
mod pace;
mod rows;
mod sets;

pub(in crate::load) use audit::RawAudit;
pub(in crate::load) use connection::{HOST_PART, RawAuth, RawConnection, RawSecret, URL, VARIABLE};
pub(in crate::load) use guards::{PREFIX, REGION, RawGuards};
pub(in crate::load) use limits::{RawLimits, RawRetry, RawShare};
pub(in crate::load) use link::{PROXY, PROXY_URL, RawTls};
pub(in crate::load) use pace::{RawBreaker, RawWave, RawWindow};
pub(in crate::load) use rows::{RawMatrix, RawRows};
pub(in crate::load) use sets::{RawSet, SET_NAME};

use crate::model::{AbortRule, Criterion, OnLostCriterion};
use crate::schema::strict;
pub(super) use limits::RawPrivacy;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The JSON Schema of a runbook, made from the types.
pub fn runbook_schema() -> Value {
    strict::<RawRunbook>("runbook", "bridgebook runbook")
}

/// The JSON Schema of a file that runbooks include: a runbook without what is its own, and without duties.
pub fn fragment_schema() -> Value {
    let mut schema = strict::<RawRunbook>("fragment", "part of a bridgebook runbook");
    if let Some(members) = schema.as_object_mut() {
        members.remove("required");
        members.insert("description".to_owned(), "A file that runbooks include: what several of them share.".into());
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            properties.retain(|key, _| !super::NOT_IN_FRAGMENTS.contains(&key.as_str()));
        }
    }
    schema
}

/// Names that are also folder names.
pub(in crate::load) const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

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
    /// Files with parts of a runbook that several share: `connection`, `limits`, `guards`, ... but no `name` and no `sets`. Paths
    /// are relative to the file that names them. Mappings are merged key by key, anything else is replaced: this file
    /// beats what it includes, a later entry beats an earlier one.
    #[schemars(inner(length(min = 1)), length(max = 16), extend("examples" = [["shared/connection.yaml"]]))]
    #[expect(dead_code, reason = "resolved before the document takes this shape")]
    include: Option<Vec<Option<String>>>,
    /// The API that makes the bridges. Required here or in an included file.
    pub(in crate::load) connection: Option<RawConnection>,
    /// Environment variables that templates may read as `env.NAME`. Others are out of reach.
    #[schemars(extend("examples" = [["SITE"]]))]
    pub(in crate::load) env: Option<Vec<Option<String>>>,
    /// Values that templates read as `vars.NAME`; `--set NAME=VALUE` overrides them.
    #[schemars(extend("examples" = [{"desk": "+12025550104"}]))]
    pub(in crate::load) vars: Option<Map<String, Value>>,
    /// What every set has unless it says otherwise. A set's own mappings are merged with these key by key.
    #[schemars(extend("examples" = [{"job": {"direction": "transfer"}}]))]
    #[expect(dead_code, reason = "put into the sets before the document takes this shape")]
    defaults: Option<sets::RawDefaults>,
    /// Sets of bridge jobs, run in this order as far as limits allow.
    #[schemars(required, length(min = 1, max = 1000), extend("examples" = [[{"name": "billing", "rows": {"csv": "data/waiting-billing.csv"}, "job": {"call_id": "{{row.call_id}}"}}]]))]
    pub(in crate::load) sets: Option<Vec<Option<RawSet>>>,
    /// How much at once, and how fast.
    pub(in crate::load) limits: Option<RawLimits>,
    /// When a job that is proven not processed is tried again. An unknown outcome never is.
    pub(in crate::load) retry: Option<RawRetry>,
    /// When an API that does not work is left alone.
    pub(in crate::load) breaker: Option<RawBreaker>,
    /// When jobs may begin. Default: at any time.
    pub(in crate::load) window: Option<RawWindow>,
    /// Parts of the run, one after the other, each with what it must have shown: a few calls first, then more. Default: all
    /// jobs at once.
    #[schemars(length(min = 1, max = 100), extend("examples" = [[{"size": 5, "require": ["success_rate >= 100%"]}, {"size": "10%", "pause": "30s"}, {"size": "100%"}]]))]
    pub(in crate::load) waves: Option<Vec<Option<RawWave>>>,
    /// The run ends as soon as one of these holds, with the rest not attempted: `METRIC OP VALUE [in SET] [after N]`; `after N`
    /// waits until N jobs (of the set) were attempted.
    #[schemars(inner(regex(pattern = AbortRule::PATTERN)), extend("default" = [], "examples" = [["unknown >= 1", "success_rate < 90% after 50"]]))]
    pub(in crate::load) abort_when: Option<Vec<Option<String>>>,
    /// When a criterion of `success_criteria` can no longer be met: `stop` ends the run with the rest not attempted, `continue`
    /// goes on. Criteria that nobody wrote stop nothing. Default `stop`.
    #[schemars(extend("default" = "stop", "examples" = ["continue"]))]
    pub(in crate::load) on_lost_criterion: Option<OnLostCriterion>,
    /// What the run must not do, whatever its rows say.
    pub(in crate::load) guards: Option<RawGuards>,
    /// All must hold at the end for exit code 0: `METRIC OP VALUE [in SET]`. Where none speaks of failures or successes,
    /// `failed == 0` is added; where none speaks of `unknown`, `unknown == 0`. Where some do, but
    /// only `in SET`, the same is added for each other set.
    #[schemars(inner(regex(pattern = Criterion::PATTERN)), extend("examples" = [["success_rate >= 98%", "unknown == 0", "latency.p95 <= 2s", "failed <= 3 in billing"]]))]
    pub(in crate::load) success_criteria: Option<Vec<Option<String>>>,
    /// How the audit file is kept.
    pub(in crate::load) audit: Option<RawAudit>,
    /// What may be written down.
    pub(in crate::load) privacy: Option<RawPrivacy>,
}
