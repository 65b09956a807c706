//! A compiled profile: the answers to every question that the other stages ask about an API.

use super::answer::Answers;
use super::auth::{AuthHeader, Authorization, TokenAnswer, TokenRequest};
use super::constraints::NumberPlace;
use super::endpoints::{EndpointRules, Urls};
use super::job::JobRules;
use super::probe::{Probe, ProbeFinding};
use super::request::{RequestTemplates, Segment};
use super::sandbox::SandboxRules;
use super::split::{self, Part};
use super::{compile, constraints};
use crate::model::{
    ApiSurface, CallId, Code, Connection, CredentialName, Credentials, Endpoints, JobNumber, Method, MovedStatus,
    NumberPrivacy, ProbeRequest, Problem, RequestSpec, Secret,
};
use crate::schema::{Checker, address};
use crate::template::Engine;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::time::Duration;

/// The shipped profiles by name.
const SHIPPED: [(&str, &str); 4] = [
    ("cxone", include_str!("cxone.yaml")),
    ("cxone-agent", include_str!("cxone-agent.yaml")),
    ("telnyx", include_str!("telnyx.yaml")),
    ("asterisk-ari", include_str!("asterisk-ari.yaml")),
];

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such profile.
    #[error("there is no profile `{0}`")]
    Unknown(String),
    /// The shipped file is broken: an error in this program.
    #[error("the shipped profile `{name}` is broken: {reason}")]
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
    pub(super) name: String,
    pub(super) description: String,
    pub(super) text: String,
    pub(super) shipped: bool,
    pub(super) endpoints: EndpointRules,
    pub(super) auth: Authorization,
    pub(super) rules: JobRules,
    pub(super) checker: Checker,
    pub(super) engine: Engine,
    pub(super) templates: RequestTemplates,
    pub(super) probe: Option<Probe>,
    pub(super) answers: Answers,
    pub(super) sandbox: SandboxRules,
}

/// A schema of what goes over the wire.
pub type PayloadSchema = Value;

impl Profile {
    /// The names of the shipped profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// What is worth a look in it; pointers start at the profile.
    pub fn warnings(&self) -> Vec<Problem> {
        if self.shipped { Vec::new() } else { self.answers.risks() }
    }

    /// Lets a runbook say what some statuses mean.
    pub fn move_statuses(&mut self, moved: Vec<MovedStatus>) {
        self.answers.move_statuses(moved);
    }

    /// Compiles a shipped profile.
    pub fn built_in(name: &str) -> Result<Self, ProfileError> {
        let (_, text) =
            SHIPPED.iter().find(|(known, _)| *known == name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        compile::shipped(text).map_err(|problems| {
            let words = problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message));
            ProfileError::Invalid { name: name.to_owned(), reason: words.collect::<Vec<_>>().join("; ") }
        })
    }

    /// Compiles a user's profile from the parts of its file that fit [`super::PROFILE_SCHEMA`]; pointers of the problems
    /// are into that file.
    pub fn compile(document: Value, text: String) -> Result<Self, Vec<Problem>> {
        compile::compile(document, text, false)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether it is the reference profile, which the simulator knows in every detail.
    pub fn is_reference(&self) -> bool {
        self.shipped && self.name == "cxone"
    }

    /// Its text, for the digest and the snapshot.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Scopes to ask for.
    pub fn scopes(&self) -> &[String] {
        &self.auth.scopes
    }

    /// Lifetime of a token whose answer does not say, where the profile says it.
    pub fn default_lifetime(&self) -> Option<Duration> {
        self.auth.default_lifetime
    }

    /// The credentials that a runbook must give.
    pub fn credentials(&self) -> &[CredentialName] {
        self.auth.needed()
    }

    /// Whether a token endpoint is asked before the first request.
    pub fn asks_for_token(&self) -> bool {
        self.auth.asks()
    }

    /// What the token endpoint is asked; the error names a credential that is not there.
    pub fn token_request(&self, credentials: &Credentials) -> Result<TokenRequest, String> {
        self.auth.token_request(credentials)
    }

    /// Reads the token endpoint's answer.
    pub fn read_token(&self, answer: &Value) -> TokenAnswer {
        self.auth.read(answer)
    }

    /// What the token is called in that answer.
    pub fn token_name(&self) -> &str {
        self.auth.token_name()
    }

    /// The header that carries a token.
    pub fn token_header(&self, token: &Secret<String>) -> AuthHeader {
        self.auth.token_header(token)
    }

    /// The header of every request, where no token endpoint is asked; the error says what is wrong with a credential.
    pub fn standing_header(&self, credentials: &Credentials) -> Result<Option<AuthHeader>, String> {
        self.auth.standing_header(credentials)
    }

    /// Everything that must not be written down, in the shapes in which it is sent.
    pub fn hidden(&self, credentials: &Credentials) -> Vec<Secret<String>> {
        self.auth.hidden(credentials)
    }

    /// What answers prove.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Whether the API makes one effect of a request and its repetition: each carries an idempotency key.
    pub fn has_idempotency_key(&self) -> bool {
        self.templates.keyed
    }

    /// Whether there is a read-only request that tells whether a call is bridged.
    pub fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// That request for a job, where the profile has one; a problem's pointer starts at the job.
    pub fn probe_request(
        &self,
        fields: &Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<Option<ProbeRequest>, Problem> {
        let Some(probe) = &self.probe else { return Ok(None) };
        probe.fill(&self.engine, &self.rules.fields, fields, call_id, run_id, number).map(Some)
    }

    /// What the answer to a probe says that was asked for `since` after the attempt ended.
    pub fn judge_probe(&self, probe: &ProbeRequest, status: u16, body: &[u8], since: Duration) -> ProbeFinding {
        self.probe.as_ref().map_or(ProbeFinding::CannotTell, |own| own.judge(probe, status, body, since))
    }

    /// How long after an attempt its request may still be worked on.
    pub fn settled_after(&self) -> Duration {
        self.probe.as_ref().map_or(Duration::ZERO, |probe| probe.settled_after)
    }

    /// The method of a bridge request.
    pub fn method(&self) -> Method {
        self.templates.method
    }

    /// What the API looks like to whoever has these credentials: what the simulator plays in a rehearsal.
    pub fn surface(&self, token_path: &str, credentials: &Credentials) -> Result<ApiSurface, String> {
        let segments = self.templates.target.path.iter().skip(1).map(|segment| match segment {
            Segment::Literal(text) => Some(text.clone()),
            Segment::Filled(_) => None,
        });
        Ok(ApiSurface {
            admission: self.auth.admission(token_path, credentials)?,
            method: self.templates.method,
            segments: segments.collect(),
            call: self.sandbox.call.clone(),
            request_id_header: self.templates.request_id_header.clone(),
            status: self.sandbox.status,
            content_type: self.sandbox.content_type.map(str::to_owned),
            body: self.sandbox.body.clone(),
        })
    }

    /// Where a connection's requests go; problems have pointers into the runbook.
    pub fn urls(&self, endpoints: &Endpoints) -> Result<Urls, Vec<Problem>> {
        self.endpoints.resolve(endpoints, self.auth.asks())
    }

    /// What a runbook's `connection` says too much or too little for this profile. `known` is what is wrong with the
    /// runbook otherwise: what was refused is not missing.
    pub fn connection_problems(&self, connection: &Connection, known: &[Problem]) -> Vec<Problem> {
        let refused = |places: &[&str]| known.iter().any(|problem| places.contains(&problem.pointer.as_str()));
        // A key that stands there misspelt is not missing either.
        let misspelt = |key: &str| {
            let meant = format!("write `{key}`");
            let here = |problem: &Problem| {
                problem.pointer.starts_with("/connection/") && problem.help.as_ref() == Some(&meant)
            };
            known.iter().any(|problem| problem.code == Code::UnknownKey && here(problem))
        };
        let mut problems = Vec::new();
        let places = ["/connection", "/connection/region", "/connection/base_url", "/connection/token_url"];
        if !refused(&places) && !["region", "base_url", "token_url"].into_iter().any(misspelt) {
            problems.extend(self.urls(&connection.endpoints).err().into_iter().flatten());
        }
        let auth = known.iter().any(|problem| problem.pointer.starts_with("/connection/auth"));
        if !auth && !refused(&["/connection"]) && !misspelt("auth") {
            problems.extend(self.auth.problems(&self.name, &connection.auth));
        }
        problems
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

    /// The JSON Schema of the request body.
    pub fn payload_schema(&self) -> PayloadSchema {
        let fields = self.checker.schema().get("properties").cloned().unwrap_or_default();
        let mut schema = Map::new();
        schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("$id".into(), address(&format!("{}/payload", self.name)).into());
        schema.insert("title".into(), format!("request body of the {} profile", self.name).into());
        schema.insert("description".into(), "What is sent for one job.".into());
        schema.extend(self.templates.body.schema(&self.rules, &fields));
        Value::Object(schema)
    }

    /// The fields that no job can do without.
    pub fn required_fields(&self) -> impl Iterator<Item = &str> {
        let required = self.checker.schema().get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// A job's fields with the profile's defaults for what is left out.
    pub fn with_defaults(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        for (name, value) in &self.rules.defaults {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        fields
    }

    /// Everything that is wrong with a job's fields; pointers start at the job. Empty: it can be sent.
    pub fn problems(&self, fields: &Value) -> Vec<Problem> {
        let more = constraints::problems(&self.rules, fields);
        if self.checker.accepts(fields) {
            return more;
        }
        let mut problems = self.checker.problems(fields);
        let refused: HashSet<String> = problems.iter().map(|problem| problem.pointer.clone()).collect();
        // A place that is refused already needs no second word about it.
        problems.extend(more.into_iter().filter(|problem| !refused.contains(&problem.pointer)));
        problems
    }

    /// The field that holds the call's id.
    pub fn call_field(&self) -> &str {
        &self.rules.call_id
    }

    /// The call that a job is about.
    pub fn call_id<'a>(&self, fields: &'a Value) -> Option<&'a str> {
        constraints::call_id(&self.rules, fields)
    }

    /// The targets as they may be written down: `phone:+1202*****04`.
    pub fn targets(&self, fields: &Value, privacy: NumberPrivacy) -> Vec<String> {
        constraints::targets(&self.rules, fields, privacy)
    }

    /// Every telephone number of a job, with its place.
    pub fn numbers<'a>(&'a self, fields: &'a Value) -> impl Iterator<Item = (NumberPlace<'a>, &'a str)> {
        constraints::numbers(&self.rules, fields)
    }

    /// The list of legs that one bridge takes a bounded number of, and that number.
    pub fn legs(&self) -> Option<(&str, usize)> {
        self.rules.legs.as_ref().map(|legs| (legs.pointer.as_str(), legs.max))
    }

    /// The bridges that a job becomes when it may be split: itself when one bridge takes it. The error names links between
    /// targets of two parts.
    pub fn split(&self, fields: Value) -> Result<Vec<Part>, Vec<Problem>> {
        split::split(&self.rules, fields)
    }

    /// The digits of each target's telephone number, without its plus.
    pub fn target_digits<'a>(&'a self, fields: &'a Value) -> impl Iterator<Item = &'a str> {
        constraints::target_digits(&self.rules, fields)
    }

    /// The request of a job, and its request id. `fields` have passed [`Profile::problems`]; a problem's pointer starts
    /// at the job.
    pub fn request(
        &self,
        fields: &Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<(String, RequestSpec), Problem> {
        self.templates.fill(&self.engine, &self.rules.fields, fields, call_id, run_id, number)
    }
}
