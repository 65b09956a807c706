//! A compiled profile: the answers to every question that the other stages ask about an API.

use super::answer::Answers;
use super::constraints;
use super::request::RequestTemplates;
use super::spec::{JobSpec, ProfileSpec};
use crate::model::{CallId, DurationSpec, Endpoints, JobNumber, NumberPrivacy, Problem, RequestSpec};
use crate::schema::{Checker, address};
use crate::template::{Engine, RenderError, Scope};
use handlebars::Context;
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

/// A compiled profile.
#[derive(Debug)]
pub struct Profile {
    name: String,
    text: &'static str,
    base_url: String,
    token_path: String,
    scopes: Vec<String>,
    default_lifetime: Duration,
    job: JobSpec,
    checker: Checker,
    engine: Engine,
    templates: RequestTemplates,
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
            members.insert("$id".into(), address(&format!("{}/job", self.name)).into());
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
            "$id": address(&format!("{}/payload", self.name)),
            "title": format!("request body of the {} profile", self.name),
            "description": "What is sent for one job.",
            "type": "object",
            "additionalProperties": false,
            "required": properties.keys().collect::<Vec<_>>(),
            "properties": properties,
        })
    }

    /// The fields that no job can do without.
    pub fn required_fields(&self) -> impl Iterator<Item = &str> {
        let required = self.checker.schema().get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
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
        problems.extend(
            constraints::problems(&self.job, fields).into_iter().filter(|problem| !refused.contains(&problem.pointer)),
        );
        problems
    }

    /// The call that a job is about.
    pub fn call_id<'a>(&self, fields: &'a Value) -> Option<&'a str> {
        constraints::call_id(&self.job, fields)
    }

    /// The targets as they may be written down: `phone:+1202*****04`.
    pub fn targets(&self, fields: &Value, privacy: NumberPrivacy) -> Vec<String> {
        constraints::targets(&self.job, fields, privacy)
    }

    /// The digits of each target's telephone number, without its plus.
    pub fn target_digits(&self, fields: &Value) -> Vec<String> {
        constraints::target_digits(&self.job, fields)
    }

    /// The request of a job, and its request id. `fields` have passed [`Profile::problems`].
    pub fn request(
        &self,
        fields: Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<(String, RequestSpec), RenderError> {
        self.templates.fill(&self.engine, fields, call_id, run_id, number)
    }
}
