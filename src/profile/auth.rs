//! How a request is authorised: which credentials that needs, what the token endpoint is asked, where its answer holds
//! the token, and the header that carries it. Nothing here sends anything.

use super::spec::{AuthSpec, ClientAuth, Grant, TokenAnswerSpec};
use crate::model::{Admission, Code, CredentialName, Credentials, DurationSpec, Problem, Secret, SecretSource};
use crate::template::{Engine, Scope, Tree};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use handlebars::Context;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Parts of names that only secrets have.
const SECRET_WORDS: [&str; 4] = ["secret", "password", "passwd", "private_key"];
/// Parameters of a token request that the grant itself sets.
const OWN_PARAMS: [&str; 6] = ["grant_type", "client_id", "client_secret", "username", "password", "scope"];

/// `auth:` of a profile, compiled.
#[derive(Debug)]
pub(super) struct Authorization {
    grant: Grant,
    client: ClientAuth,
    username: CredentialName,
    password: CredentialName,
    token: CredentialName,
    engine: Engine,
    body: Option<Tree>,
    pub(super) scopes: Vec<String>,
    params: BTreeMap<String, String>,
    answer: TokenAnswerSpec,
    pub(super) default_lifetime: Option<Duration>,
    header: String,
    scheme: String,
    needed: Vec<CredentialName>,
}

/// A header that authorises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret<String>,
}

/// What the token endpoint is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRequest {
    /// `Authorization`, when the client names itself there.
    pub authorization: Option<Secret<String>>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The exact body.
    pub body: Secret<String>,
}

/// What the token endpoint has answered, as far as it is there.
#[derive(Debug, Default)]
pub struct TokenAnswer {
    /// The token.
    pub token: Option<Secret<String>>,
    /// Its lifetime in seconds, as it stands there.
    pub expires_in: Option<Value>,
    /// The scopes that were granted.
    pub scope: Option<String>,
}

impl Authorization {
    pub(super) fn compile(spec: AuthSpec, problems: &mut Vec<Problem>) -> Option<Self> {
        let grant = spec.grant?;
        let before = problems.len();
        unused_keys(grant, &spec, problems);
        let client = spec.client.unwrap_or(ClientAuth::Body);
        if client == ClientAuth::None && grant == Grant::ClientCredentials {
            let message = "the grant `client_credentials` is nothing without its client";
            problems
                .push(Problem::at(Code::ProfileContradiction, "/auth/client", message).help("write `basic` or `body`"));
        }
        let mut engine = Engine::default();
        let (body, in_body) = match (grant, &spec.body) {
            (Grant::Json, Some(body)) => json_body(body, &mut engine, problems),
            (Grant::Json, None) => {
                let message = "the grant `json` needs the `body` that it sends";
                let help = "add `body: {apiKey: \"{{credentials.api_key}}\"}`";
                problems.push(Problem::at(Code::ProfileContradiction, "/auth/grant", message).help(help));
                (None, BTreeSet::new())
            }
            _ => (None, BTreeSet::new()),
        };
        own_params(spec.params.as_ref(), problems);
        let default_lifetime = spec.default_lifetime.as_deref().map(str::parse::<DurationSpec>);
        if let Some(Err(error)) = &default_lifetime {
            problems.push(
                Problem::at(Code::OutOfRange, "/auth/default_lifetime", error.to_string())
                    .help("write for example 10m"),
            );
        }
        let header = spec.header.unwrap_or_else(|| "Authorization".to_owned());
        let default_scheme = "Bearer";
        let (username, password) =
            (spec.username.unwrap_or(CredentialName::Username), spec.password.unwrap_or(CredentialName::Password));
        let token = spec.token.unwrap_or(CredentialName::Token);
        let client_pair = [CredentialName::ClientId, CredentialName::ClientSecret];
        let needed: BTreeSet<CredentialName> = match grant {
            Grant::ClientCredentials => client_pair.into(),
            Grant::Password if client == ClientAuth::None => [username, password].into(),
            Grant::Password => client_pair.into_iter().chain([username, password]).collect(),
            Grant::Json => in_body,
            Grant::Bearer => [token].into(),
            Grant::Basic => [username, password].into(),
            Grant::None => BTreeSet::new(),
        };
        (problems.len() == before).then(|| Self {
            grant,
            client,
            username,
            password,
            token,
            engine,
            body,
            scopes: spec.scopes.into_iter().flatten().flatten().collect(),
            params: spec.params.unwrap_or_default(),
            answer: spec.answer.unwrap_or_default(),
            default_lifetime: default_lifetime.and_then(Result::ok).map(DurationSpec::get),
            header,
            scheme: spec.scheme.unwrap_or_else(|| default_scheme.to_owned()),
            needed: needed.into_iter().collect(),
        })
    }

    /// The header that carries a token; `Authorization` for grants that have none.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    pub(super) fn grant(&self) -> &'static str {
        self.grant.as_str()
    }

    /// Whether a token endpoint is asked.
    pub(super) fn asks(&self) -> bool {
        self.grant.asks()
    }

    /// The credentials that this needs.
    pub(super) fn needed(&self) -> &[CredentialName] {
        &self.needed
    }

    /// What a runbook gives too much or too little; `profile` is the profile's name.
    pub(super) fn problems(&self, profile: &str, given: &BTreeMap<CredentialName, SecretSource>) -> Vec<Problem> {
        let list = |names: &[CredentialName]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" and ");
        let mut problems = Vec::new();
        let missing: Vec<CredentialName> =
            self.needed.iter().copied().filter(|name| !given.contains_key(name)).collect();
        if !missing.is_empty() {
            let prefix = profile.to_uppercase().replace('-', "_");
            let example = |name: &CredentialName| {
                format!("{}: {{env: {prefix}_{}}}", name.as_str(), name.as_str().to_uppercase())
            };
            let example = missing.iter().map(example).collect::<Vec<_>>().join(", ");
            let missing = list(&missing);
            let (message, help) = if given.is_empty() {
                let message = format!("`connection` has no `auth`; the profile needs {missing}");
                (message, format!("add `auth: {{{example}}}`"))
            } else {
                (format!("`auth` has no {missing}, which the profile needs"), format!("add `{example}`"))
            };
            problems.push(Problem::at(Code::MissingCredential, "/connection/auth", message).help(help).on_key());
        }
        for name in given.keys().filter(|name| !self.needed.contains(name)) {
            let at = format!("/connection/auth/{}", name.as_str());
            let message = format!("the profile has no use for `{}`", name.as_str());
            let help = match self.needed.as_slice() {
                [] => "remove it: the profile needs no credentials".to_owned(),
                needed => format!("remove it: the profile needs {}", list(needed)),
            };
            problems.push(Problem::at(Code::UnusedCredential, at, message).help(help).on_key());
        }
        problems
    }

    /// The header of every request, for grants that ask nobody; `None` for the others and for `none`.
    pub(super) fn standing_header(&self, credentials: &Credentials) -> Result<Option<AuthHeader>, String> {
        match self.grant {
            Grant::Bearer => {
                let token = credential(credentials, self.token)?;
                if !token.expose().chars().all(|c| c.is_ascii_graphic()) {
                    return Err(format!("{}: it holds characters that cannot stand in a header", self.token.as_str()));
                }
                Ok(Some(self.token_header(token)))
            }
            Grant::Basic => {
                let (user, password) =
                    (credential(credentials, self.username)?, credential(credentials, self.password)?);
                // RFC 7617 section 2.
                if user.expose().contains(':') {
                    return Err(format!("{}: a user name with a colon cannot be sent", self.username.as_str()));
                }
                Ok(Some(AuthHeader {
                    name: "Authorization".to_owned(),
                    value: basic(user.expose(), password.expose()),
                }))
            }
            Grant::ClientCredentials | Grant::Password | Grant::Json | Grant::None => Ok(None),
        }
    }

    /// The header that carries a token.
    pub(super) fn token_header(&self, token: &Secret<String>) -> AuthHeader {
        let value =
            if self.scheme.is_empty() { token.expose().clone() } else { format!("{} {}", self.scheme, token.expose()) };
        AuthHeader { name: self.header.clone(), value: Secret::new(value) }
    }

    /// What the token endpoint is asked.
    pub(super) fn token_request(&self, credentials: &Credentials) -> Result<TokenRequest, String> {
        if let Some(body) = &self.body {
            let values =
                credentials.iter().map(|(name, value)| (name.as_str().to_owned(), value.expose().clone().into()));
            let values = Value::Object(Map::from_iter([("credentials".to_owned(), Value::Object(values.collect()))]));
            let body = body.render(&self.engine, &Context::from(values)).map_err(|error| error.error.to_string())?;
            let body = Secret::new(body.to_string());
            return Ok(TokenRequest { authorization: None, content_type: "application/json", body });
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", self.grant.as_str());
        let mut authorization = None;
        if self.client != ClientAuth::None {
            let id = credential(credentials, CredentialName::ClientId)?.expose();
            let secret = credential(credentials, CredentialName::ClientSecret)?.expose();
            if self.client == ClientAuth::Basic {
                // RFC 6749 section 2.3.1: as a form would carry them, and then as RFC 7617 has it.
                authorization = Some(basic(&form_text(id), &form_text(secret)));
            } else {
                form.append_pair("client_id", id).append_pair("client_secret", secret);
            }
        }
        if self.grant == Grant::Password {
            form.append_pair("username", credential(credentials, self.username)?.expose());
            form.append_pair("password", credential(credentials, self.password)?.expose());
        }
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        form.extend_pairs(&self.params);
        let body = Secret::new(form.finish());
        Ok(TokenRequest { authorization, content_type: "application/x-www-form-urlencoded", body })
    }

    /// Reads the token endpoint's answer.
    pub(super) fn read(&self, answer: &Value) -> TokenAnswer {
        let at = |pointer: &Option<String>, default: &str| answer.pointer(pointer.as_deref().unwrap_or(default));
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        TokenAnswer {
            token: at(&self.answer.access_token, "/access_token").and_then(text).map(Secret::new),
            expires_in: at(&self.answer.expires_in, "/expires_in").cloned(),
            scope: at(&self.answer.scope, "/scope").and_then(text),
        }
    }

    /// Where the answer holds the token, in words.
    pub(super) fn token_name(&self) -> &str {
        self.answer.access_token.as_deref().unwrap_or("/access_token").trim_start_matches('/')
    }

    /// Who is let in, as the sandbox plays it for these credentials.
    pub(super) fn admission(&self, token_path: &str, credentials: &Credentials) -> Result<Admission, String> {
        if !self.asks() {
            let header = self.standing_header(credentials)?;
            return Ok(
                header.map_or(Admission::Open, |header| Admission::Header { name: header.name, value: header.value })
            );
        }
        let TokenRequest { authorization, content_type, body } = self.token_request(credentials)?;
        let pointer = |given: &Option<String>, default: &str| given.as_deref().unwrap_or(default).to_owned();
        Ok(Admission::Token {
            path: token_path.to_owned(),
            authorization,
            content_type: content_type.to_owned(),
            body,
            access_token: pointer(&self.answer.access_token, "/access_token"),
            expires_in: pointer(&self.answer.expires_in, "/expires_in"),
            header: self.header.clone(),
            scheme: self.scheme.clone(),
        })
    }

    /// Everything that must not be written down, in the shapes in which it is sent.
    pub(super) fn hidden(&self, credentials: &Credentials) -> Vec<Secret<String>> {
        let mut hidden: Vec<Secret<String>> =
            credentials.iter().filter(|(name, _)| name.is_secret()).map(|(_, value)| value.clone()).collect();
        let sent = [
            self.standing_header(credentials).ok().flatten().map(|header| header.value),
            self.asks().then(|| self.token_request(credentials).ok()?.authorization).flatten(),
        ];
        // The scheme in front of it is no secret, and may not come back with it.
        let bare =
            |value: Secret<String>| Secret::new(value.expose().split(' ').next_back().unwrap_or_default().to_owned());
        hidden.extend(sent.into_iter().flatten().map(bare));
        hidden
    }
}

fn credential(credentials: &Credentials, name: CredentialName) -> Result<&Secret<String>, String> {
    credentials.get(name).ok_or_else(|| format!("the credential {} is not given", name.as_str()))
}

/// RFC 7617 section 2.
fn basic(user: &str, password: &str) -> Secret<String> {
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

fn form_text(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A key that the grant has no use for says that its author expects something that will not happen.
fn unused_keys(grant: Grant, spec: &AuthSpec, problems: &mut Vec<Problem>) {
    use Grant::{Basic, Bearer, ClientCredentials, Json, Password};
    let form: &[Grant] = &[ClientCredentials, Password];
    let asking: &[Grant] = &[ClientCredentials, Password, Json];
    let with_token: &[Grant] = &[ClientCredentials, Password, Json, Bearer];
    let keys: [(&str, bool, &[Grant]); 11] = [
        ("client", spec.client.is_some(), form),
        ("username", spec.username.is_some(), &[Password, Basic]),
        ("password", spec.password.is_some(), &[Password, Basic]),
        ("token", spec.token.is_some(), &[Bearer]),
        ("body", spec.body.is_some(), &[Json]),
        ("scopes", spec.scopes.is_some(), form),
        ("params", spec.params.is_some(), form),
        ("answer", spec.answer.is_some(), asking),
        ("default_lifetime", spec.default_lifetime.is_some(), asking),
        ("header", spec.header.is_some(), with_token),
        ("scheme", spec.scheme.is_some(), with_token),
    ];
    for (key, _, grants) in keys.into_iter().filter(|(_, given, grants)| *given && !grants.contains(&grant)) {
        let message = format!("the grant `{}` has no use for `{key}`", grant.as_str());
        let grants = grants.iter().map(|grant| format!("`{}`", grant.as_str())).collect::<Vec<_>>().join(", ");
        problems.push(
            Problem::at(Code::ProfileContradiction, format!("/auth/{key}"), message)
                .help(format!("remove it; it goes with {grants}"))
                .on_key(),
        );
    }
}

fn own_params(params: Option<&BTreeMap<String, String>>, problems: &mut Vec<Problem>) {
    for name in params.into_iter().flat_map(BTreeMap::keys) {
        let at = format!("/auth/params/{}", name.replace('~', "~0").replace('/', "~1"));
        if is_secret_name(name) {
            problems.push(secret_in_profile(&at, name));
        } else if OWN_PARAMS.contains(&name.as_str()) {
            let message = format!("the grant itself sets the parameter `{name}`");
            problems.push(Problem::at(Code::ProfileContradiction, at, message).help("remove it here").on_key());
        }
    }
}

/// The body of the grant `json`, and the credentials that it reads.
fn json_body(
    body: &Map<String, Value>,
    engine: &mut Engine,
    problems: &mut Vec<Problem>,
) -> (Option<Tree>, BTreeSet<CredentialName>) {
    let scope = Scope::default().closed("credentials", CredentialName::ALL.map(CredentialName::as_str));
    let mut needed = BTreeSet::new();
    literal_secrets(body, "/auth/body", problems);
    match Tree::compile(&Value::Object(body.clone()), engine, &scope) {
        Ok(tree) => {
            tree.visit(&mut |template| {
                let names = template.names().filter_map(|path| CredentialName::parse(path.get(1)?));
                needed.extend(names);
            });
            (Some(tree), needed)
        }
        Err(errors) => {
            for error in errors {
                let at = format!("/auth/body{}", error.pointer);
                problems.push(super::compile::problem(&at, error.error, "credentials"));
            }
            (None, needed)
        }
    }
}

fn literal_secrets(body: &Map<String, Value>, at: &str, problems: &mut Vec<Problem>) {
    for (name, value) in body {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(inner) => literal_secrets(inner, &at, problems),
            Value::String(text) if is_secret_name(name) && !text.contains("{{") => {
                problems.push(secret_in_profile(&at, name));
            }
            _ => {}
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn secret_in_profile(at: &str, name: &str) -> Problem {
    Problem::at(Code::SecretInProfile, at, format!("`{name}` stands in the profile in plain text"))
        .help("name a credential, and let the runbook's `connection.auth` say where it comes from; then change the secret")
        .on_key()
}
