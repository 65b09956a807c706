//! `job:` of a profile.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The fields of a job.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct JobSpec {
    /// The field that holds the id of the call: a text that every job has.
    #[schemars(required, length(min = 1), extend("examples" = ["call_id"]))]
    pub(in crate::profile) call_id: Option<String>,
    /// Which values are telephone numbers: they are masked in everything that is written down.
    pub(in crate::profile) numbers: Option<NumbersSpec>,
    /// How many legs one bridge may have.
    pub(in crate::profile) legs: Option<LegsSpec>,
    /// Values of fields that a runbook leaves out.
    #[schemars(extend("examples" = [{"dtmf": "RFC2833"}]))]
    pub(in crate::profile) defaults: Option<Map<String, Value>>,
    /// The links between legs, if the API has such a matrix.
    pub(in crate::profile) links: Option<LinksSpec>,
    /// JSON Schema (draft 2020-12) of a job's fields: an object with `properties`. Other fields than those are
    /// refused unless it says `additionalProperties`. Its descriptions and examples show in diagnostics and editors.
    #[schemars(required, extend("examples" = [{"type": "object", "required": ["call_id"], "properties": {"call_id": {"type": "string"}}}]))]
    pub(in crate::profile) schema: Option<Map<String, Value>>,
}

/// Which values are telephone numbers.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct NumbersSpec {
    /// A list of targets with `type` and `value`, as a JSON pointer.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/targets"]))]
    pub(in crate::profile) pointer: Option<String>,
    /// The `type` whose `value` is a telephone number. Goes with `pointer`.
    #[schemars(length(min = 1), extend("examples" = ["phone"]))]
    pub(in crate::profile) r#type: Option<String>,
    /// Fields that are telephone numbers themselves, as JSON pointers.
    #[schemars(inner(regex(pattern = "^(/[^/]+)+$")), extend("examples" = [["/to"]]))]
    pub(in crate::profile) fields: Option<Vec<Option<String>>>,
}

/// How many legs one bridge may have.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct LegsSpec {
    /// The list of legs that are joined to the call, as a JSON pointer.
    #[schemars(required, regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/targets"]))]
    pub(in crate::profile) pointer: Option<String>,
    /// The longest such list. The call itself is one leg more.
    #[schemars(required, range(min = 1, max = 10000), extend("examples" = [7]))]
    pub(in crate::profile) max: Option<u64>,
}

/// The links between legs.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct LinksSpec {
    /// The list of links, as a JSON pointer.
    #[schemars(required, regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/bridge_matrix"]))]
    pub(in crate::profile) pointer: Option<String>,
    /// Key of a link's source leg.
    #[schemars(required, length(min = 1), extend("examples" = ["source"]))]
    pub(in crate::profile) source: Option<String>,
    /// Key of a link's target leg.
    #[schemars(required, length(min = 1), extend("examples" = ["target"]))]
    pub(in crate::profile) target: Option<String>,
    /// The list whose length bounds a leg's number, as a JSON pointer; leg 0 is the call.
    #[schemars(required, regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/targets"]))]
    pub(in crate::profile) legs: Option<String>,
}
