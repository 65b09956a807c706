//! The shape of a profile file. Its JSON Schema is made from these types, descriptions included.

use super::answer::Answers;
use crate::model::DurationSpec;
use crate::schema::strict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The JSON Schema of a profile file, made from the types.
pub fn profile_schema() -> Value {
    strict::<ProfileSpec>("profile", "bridgebook profile")
}

/// A profile: one API that bridges calls.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSpec {
    /// Version of the profile language.
    #[schemars(extend("const" = 1, "examples" = [1]))]
    #[expect(dead_code, reason = "there is one version; the schema checks it")]
    version: u32,
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"), extend("examples" = ["cxone"]))]
    pub(super) name: String,
    /// What it is for.
    #[schemars(extend("examples" = ["Joins live calls."]))]
    #[expect(dead_code, reason = "for readers of the file")]
    description: Option<String>,
    /// Where the API is.
    pub(super) endpoints: EndpointsSpec,
    /// How a token is asked for.
    pub(super) auth: AuthSpec,
    /// The request that makes a bridge.
    pub(super) request: RequestSpecSpec,
    /// What an answer proves.
    pub(super) answers: Answers,
    /// The fields of a job.
    pub(super) job: JobSpec,
}

/// Where the API is.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointsSpec {
    /// Template of the base URL; `connection.region` is in scope.
    #[schemars(extend("examples" = ["https://api.{{connection.region}}"]))]
    pub(super) base_url: String,
    /// Path of the token endpoint below the base URL.
    #[schemars(extend("examples" = ["/oauth/token"]))]
    pub(super) token_path: String,
}

/// How a token is asked for.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthSpec {
    /// The grant: RFC 6749 section 4.4, credentials in the form body.
    #[schemars(extend("examples" = ["client_credentials"]))]
    #[expect(dead_code, reason = "one grant so far; the schema checks it")]
    grant: Grant,
    /// Scopes to ask for.
    #[schemars(extend("examples" = [["cti:bridge:write"]]))]
    pub(super) scopes: Vec<String>,
    /// Lifetime of a token whose answer does not say.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["10m"]))]
    pub(super) default_lifetime: String,
}

/// OAuth grants.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(rename_all = "snake_case")]
enum Grant {
    /// Client credentials in the form body.
    ClientCredentials,
}

/// The request that makes a bridge.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestSpecSpec {
    /// HTTP method.
    #[schemars(extend("examples" = ["POST"]))]
    #[expect(dead_code, reason = "one method so far; the schema checks it")]
    method: Method,
    /// Path below the base URL; each template fills one segment, percent-encoded.
    #[schemars(extend("examples" = ["/calls/{{job.call_id}}/bridge"]))]
    pub(super) path: String,
    /// Template of the request id: unique for a job of a run, the same on each of its attempts.
    #[schemars(extend("examples" = ["bridge-{{call.encoded}}-{{run.id}}-{{job_number}}"]))]
    pub(super) request_id: String,
    /// The header that carries it.
    #[schemars(extend("examples" = ["X-Request-ID"]))]
    pub(super) request_id_header: String,
    /// The JSON body; a string that is one plain name becomes that value.
    #[schemars(extend("examples" = [{"callId": "{{job.call_id}}"}]))]
    pub(super) body: Map<String, Value>,
}

/// HTTP methods.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    /// POST.
    Post,
}

/// The fields of a job.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct JobSpec {
    /// The field that holds the id of the call.
    #[schemars(extend("examples" = ["call_id"]))]
    pub(super) call_id: String,
    /// Which values are telephone numbers.
    pub(super) numbers: NumbersSpec,
    /// Values of fields that a runbook leaves out.
    #[schemars(extend("examples" = [{"dtmf": "RFC2833"}]))]
    pub(super) defaults: Map<String, Value>,
    /// The links between legs, if the API has such a matrix.
    pub(super) links: Option<LinksSpec>,
    /// JSON Schema of a job's fields.
    #[schemars(extend("examples" = [{"type": "object"}]))]
    pub(super) schema: Value,
}

/// Which values are telephone numbers.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct NumbersSpec {
    /// The list of targets.
    #[schemars(extend("examples" = ["/targets"]))]
    pub(super) pointer: String,
    /// The `type` whose `value` is a telephone number.
    #[schemars(extend("examples" = ["phone"]))]
    pub(super) r#type: String,
}

/// The links between legs.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct LinksSpec {
    /// The list of links.
    #[schemars(extend("examples" = ["/bridge_matrix"]))]
    pub(super) pointer: String,
    /// Key of a link's source leg.
    #[schemars(extend("examples" = ["source"]))]
    pub(super) source: String,
    /// Key of a link's target leg.
    #[schemars(extend("examples" = ["target"]))]
    pub(super) target: String,
    /// The list whose length bounds a leg's number; leg 0 is the call.
    #[schemars(extend("examples" = ["/targets"]))]
    pub(super) legs: String,
}
