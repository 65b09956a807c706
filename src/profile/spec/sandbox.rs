//! `sandbox:` of a profile.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What the built-in simulator answers to a bridge request. Its faults are those of the fault script.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct SandboxSpec {
    /// The status of an answer. Default 200.
    #[schemars(range(min = 200, max = 299), extend("default" = 200, "examples" = [204]))]
    pub(in crate::profile) status: Option<u16>,
    /// A JSON body. Exclusive with `text`; neither: no body.
    #[schemars(extend("examples" = [{"data": {"result": "ok"}}]))]
    pub(in crate::profile) json: Option<Value>,
    /// A plain text body.
    #[schemars(extend("examples" = ["+OK"]))]
    pub(in crate::profile) text: Option<String>,
}
