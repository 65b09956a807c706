//! The shape of a profile file, one small file a section. Its JSON Schema is made from these types, descriptions included.
//!
//! Like the shape of a runbook: what the schema requires is optional here, so that a file from which the schema's
//! complaints have been pruned can be read, and the rest of it checked.

mod auth;
mod endpoints;
mod job;
mod request;
mod sandbox;

pub(super) use auth::{AuthSpec, ClientAuth, Grant, TokenAnswerSpec};
pub(super) use endpoints::EndpointsSpec;
pub(super) use job::{JobSpec, LegsSpec, LinksSpec, NumbersSpec};
pub(super) use request::{IdempotencySpec, ProbeSpec, RequestIdSpec, RequestSpecSpec};
pub(super) use sandbox::SandboxSpec;

use super::answer::Answers;
use crate::model::DurationSpec;
use crate::model::StatusPattern;
use crate::schema::{Checker, strict};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The shipped schema of a profile; a test proves that it is what the Rust types give.
pub const PROFILE_SCHEMA: &str = include_str!("../../../schemas/profile.schema.json");

/// The JSON Schema of a profile file, made from the types.
pub fn profile_schema() -> Value {
    strict::<ProfileSpec>("profile", "bridgebook profile")
}

/// Checks profile files against the shipped schema.
pub fn profile_checker() -> Result<Checker, String> {
    let schema = serde_json::from_str(PROFILE_SCHEMA).map_err(|error| error.to_string())?;
    Ok(Checker::new(schema, explain_pattern)?.about("the profile"))
}

/// JSON pointers that lead somewhere.
const POINTER: &str = "^(/[^/]+)+$";
/// Names of headers (RFC 9110 section 5.1), as keys and as values.
const HEADERS: [&str; 2] = ["^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"];

fn explain_pattern(pattern: &str, text: &str) -> Option<(String, String)> {
    let shown = crate::model::printable(text, 60);
    match pattern {
        DurationSpec::PATTERN => {
            let error = text.parse::<DurationSpec>().err()?;
            Some((error.to_string(), "write for example 10m".to_owned()))
        }
        StatusPattern::PATTERN => {
            let lower = text.to_lowercase();
            let class = lower.len() == 3 && lower.ends_with("xx");
            let help = if class && matches!(lower.as_bytes()[0], b'1'..=b'5') {
                format!("write `{lower}`")
            } else {
                "write a status such as 429, or all of a hundred such as 5xx".to_owned()
            };
            Some((format!("{shown:?} is neither a status nor a hundred of them"), help))
        }
        POINTER => {
            let near = text.trim_matches('/').replace('.', "/");
            let help = if near.is_empty() {
                "write for example `/data/result`".to_owned()
            } else {
                format!("write `/{near}`")
            };
            Some((format!("{shown:?} is not a JSON pointer to something within"), help))
        }
        _ if HEADERS.contains(&pattern) => {
            let help = "names of headers are made of letters, digits and hyphens";
            Some((format!("{shown:?} cannot be the name of a header"), help.to_owned()))
        }
        _ => None,
    }
}

/// A profile: one API that bridges calls.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSpec {
    /// Version of the profile language.
    #[schemars(required, extend("const" = 1, "examples" = [1]))]
    #[expect(dead_code, reason = "there is one version; the schema checks it")]
    version: Option<u64>,
    /// Its name, as plan, audit file and reports show it. The names of the shipped profiles are taken.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"), extend("examples" = ["my-api"]))]
    pub(super) name: Option<String>,
    /// What it is for.
    #[schemars(extend("examples" = ["Joins two live calls of our own switch."]))]
    pub(super) description: Option<String>,
    /// Where the API is. What is not said here the runbook's `connection` must say.
    pub(super) endpoints: Option<EndpointsSpec>,
    /// How a request is authorised.
    #[schemars(required)]
    pub(super) auth: Option<AuthSpec>,
    /// The request that makes a bridge.
    #[schemars(required)]
    pub(super) request: Option<RequestSpecSpec>,
    /// What an answer proves.
    #[schemars(required)]
    pub(super) answers: Option<Answers>,
    /// The fields of a job.
    #[schemars(required)]
    pub(super) job: Option<JobSpec>,
    /// A read-only request that tells whether a call is bridged. It is checked like the bridge request; no command sends
    /// it yet.
    pub(super) probe: Option<ProbeSpec>,
    /// What the built-in simulator answers for this profile in `run --sandbox`.
    pub(super) sandbox: Option<SandboxSpec>,
}
