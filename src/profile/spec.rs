//! The shape of a profile file, and the compiled profile.

use super::answer::Answers;
use super::request::RequestTemplates;
use crate::model::{DurationSpec, Endpoints, Problem};
use crate::schema::{Checker, strict};
use crate::template::{Engine, Scope};
use handlebars::Context;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// The built-in profiles by name.
const BUILT_IN: [(&str, &str); 1] = [("cxone", include_str!("cxone.yaml"))];

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such profile.
    #[error("there is no profile `{0}`")]
    Unknown(String),
    /// The file is not a profile.
    #[error("profile `{name}`: {reason}")]
    Invalid {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// The JSON Schema of a profile file, made from the types.
pub fn profile_schema() -> Value {
    strict::<ProfileSpec>("profile", "bridgebook profile")
}

/// A profile: one API that bridges calls.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
struct ProfileSpec {
    /// Version of the profile language.
    #[schemars(extend("const" = 1, "examples" = [1]))]
    #[expect(dead_code, reason = "there is one version; the schema checks it")]
    version: u32,
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"), extend("examples" = ["cxone"]))]
    name: String,
    /// What it is for.
    #[schemars(extend("examples" = ["Joins live calls."]))]
    #[expect(dead_code, reason = "for readers of the file")]
    description: Option<String>,
    /// Where the API is.
    endpoints: EndpointsSpec,
    /// How a token is asked for.
    auth: AuthSpec,
    /// The request that makes a bridge.
    request: RequestSpecSpec,
    /// What an answer proves.
    answers: Answers,
    /// The fields of a job.
    job: JobSpec,
}

/// Where the API is.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
struct EndpointsSpec {
    /// Template of the base URL; `connection.region` is in scope.
    #[schemars(extend("examples" = ["https://api.{{connection.region}}"]))]
    base_url: String,
    /// Path of the token endpoint below the base URL.
    #[schemars(extend("examples" = ["/oauth/token"]))]
    token_path: String,
}

/// How a token is asked for.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
struct AuthSpec {
    /// The grant: RFC 6749 section 4.4, credentials in the form body.
    #[expect(dead_code, reason = "one grant so far; the schema checks it")]
    grant: Grant,
    /// Scopes to ask for.
    #[schemars(extend("examples" = [["cti:bridge:write"]]))]
    scopes: Vec<String>,
    /// Lifetime of a token whose answer does not say.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["10m"]))]
    default_lifetime: String,
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
    schema: Value,
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

/// A compiled profile.
#[derive(Debug)]
pub struct Profile {
    name: String,
    text: &'static str,
    base_url: String,
    token_path: String,
    scopes: Vec<String>,
    default_lifetime: Duration,
    pub(super) job: JobSpec,
    pub(super) checker: Checker,
    pub(super) engine: Engine,
    pub(super) templates: RequestTemplates,
    answers: Answers,
}

/// A schema of what goes over the wire.
pub type PayloadSchema = Value;

impl Profile {
    /// The names of the built-in profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Compiles a built-in profile.
    pub fn built_in(name: &str) -> Result<Self, ProfileError> {
        let (_, text) =
            BUILT_IN.iter().find(|(known, _)| *known == name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        Self::parse(name, text)
    }

    fn parse(name: &str, text: &'static str) -> Result<Self, ProfileError> {
        let invalid = |reason: String| ProfileError::Invalid { name: name.to_owned(), reason };
        let spec: ProfileSpec = serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let default_lifetime: DurationSpec =
            spec.auth.default_lifetime.parse().map_err(|error| invalid(format!("{error}")))?;
        let mut engine = Engine::default();
        let templates = RequestTemplates::compile(&spec.request, &mut engine).map_err(invalid)?;
        let checker = Checker::new(spec.job.schema.clone(), |_, _| None).map_err(invalid)?;
        Ok(Self {
            name: spec.name,
            text,
            base_url: spec.endpoints.base_url,
            token_path: spec.endpoints.token_path,
            scopes: spec.auth.scopes,
            default_lifetime: default_lifetime.get(),
            job: spec.job,
            checker,
            engine,
            templates,
            answers: spec.answers,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text, for the digest and the snapshot.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Scopes to ask for.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Lifetime of a token whose answer does not say.
    pub fn default_lifetime(&self) -> Duration {
        self.default_lifetime
    }

    /// What answers prove.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Base URL and token URL for a connection.
    pub fn urls(&self, endpoints: &Endpoints) -> Result<(String, String), ProfileError> {
        let (base_url, token_url) = match endpoints {
            Endpoints::Urls { base_url, token_url } => (base_url.clone(), token_url.clone()),
            Endpoints::Region(region) => {
                let invalid = |reason: String| ProfileError::Invalid { name: self.name.clone(), reason };
                let mut engine = Engine::default();
                let scope = Scope::default().closed("connection", ["region"]);
                let template = engine.compile(&self.base_url, &scope).map_err(|error| invalid(format!("{error:?}")))?;
                let values = Context::wraps(json!({"connection": {"region": region}}))
                    .map_err(|error| invalid(error.to_string()))?;
                let url = engine.render(&template, &values).map_err(|error| invalid(error.to_string()))?;
                (url.as_str().unwrap_or_default().to_owned(), None)
            }
        };
        let token_url = token_url.unwrap_or_else(|| format!("{base_url}{}", self.token_path));
        Ok((base_url, token_url))
    }

    /// The JSON Schema of a job's fields.
    pub fn job_schema(&self) -> Value {
        let mut schema = self.checker.schema().clone();
        if let Some(members) = schema.as_object_mut() {
            members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
            members.insert("title".into(), format!("job of the {} profile", self.name).into());
            members.insert("description".into(), "The fields of a job after its templates are filled in.".into());
        }
        schema
    }

    /// The JSON Schema of the request body: each member has the schema of the field that fills it.
    pub fn payload_schema(&self) -> PayloadSchema {
        let fields = self.checker.schema().get("properties").cloned().unwrap_or_default();
        let properties: Map<String, Value> = self
            .templates
            .body_fields()
            .map(|(member, field)| (member.to_owned(), fields.get(field).cloned().unwrap_or(Value::Bool(true))))
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("request body of the {} profile", self.name),
            "description": "What is sent for one job.",
            "type": "object",
            "additionalProperties": false,
            "required": properties.keys().collect::<Vec<_>>(),
            "properties": properties,
        })
    }

    /// A job's fields with the profile's defaults for what is left out.
    pub fn with_defaults(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        for (name, value) in &self.job.defaults {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        fields
    }

    /// Everything that is wrong with a job's fields; pointers start at the job. Empty: it can be sent.
    pub fn problems(&self, fields: &Value) -> Vec<Problem> {
        let mut problems = if self.checker.accepts(fields) { Vec::new() } else { self.checker.problems(fields) };
        let refused: HashSet<String> = problems.iter().map(|problem| problem.pointer.clone()).collect();
        // A place that is refused already needs no second word about it.
        problems
            .extend(self.constraint_problems(fields).into_iter().filter(|problem| !refused.contains(&problem.pointer)));
        problems
    }
}
