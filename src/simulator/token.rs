//! The token endpoint (RFC 6749 section 4.4, client credentials in the form body) and the check of bearer tokens.
//!
//! Tokens are opaque, drawn from the script's seed, numbered from 1, and expire by the tokio clock. They are never
//! logged: the number stands for them. Nothing is forgotten, so that an expired token is still known by its number.

use std::{
    collections::{BTreeSet, HashMap},
    iter::repeat_with,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    answer::{self, Answer, Refusal},
    api::has_content_type,
    script::Script,
    surface,
};
use crate::model::Admission;

/// The scope without which nothing is bridged.
const BRIDGE_SCOPE: &str = "cti:bridge:write";

/// Enough of 62 letters and digits to be as unguessable as a real token (190 bits), were the seed not known.
const TOKEN_LENGTH: usize = 32;

/// The tokens issued so far.
pub(super) struct Tokens(Mutex<Issued>);

struct Issued {
    random: fastrand::Rng,
    by_text: HashMap<String, Token>,
}

struct Token {
    generation: u64,
    expires: Instant,
    may_bridge: bool,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Issued { random: fastrand::Rng::with_seed(seed), by_text: HashMap::new() }))
    }

    /// Answers a token request.
    pub(super) fn grant(&self, script: &Script, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Refusal> {
        let scopes = check(script, headers, body)?;
        let granted = script.token.granted.as_ref();
        let scopes: Vec<&str> = scopes
            .iter()
            .map(String::as_str)
            .filter(|scope| granted.is_none_or(|some| some.contains(*scope)))
            .collect();
        let lifetime = script.token.lifetime.0;
        let text = self.issue(lifetime, scopes.contains(&BRIDGE_SCOPE));

        let mut answer = answer::json(
            StatusCode::OK,
            &json!({
                "access_token": text,
                "token_type": "Bearer",
                "expires_in": lifetime.as_secs(),
                "scope": scopes.join(" "),
            }),
        );
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(answer)
    }

    /// Answers a token request of a profile's API, which is in order when it is the one that the profile makes.
    pub(super) fn grant_as(
        &self,
        admission: &Admission,
        script: &Script,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        surface::check_token_request(admission, headers, body)?;
        let lifetime = script.token.lifetime.0;
        let text = self.issue(lifetime, true);
        Ok(surface::granted(admission, &text, lifetime.as_secs()))
    }

    /// Makes a token and remembers it.
    fn issue(&self, lifetime: Duration, may_bridge: bool) -> String {
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text: String = {
            let random = &mut issued.random;
            repeat_with(|| random.alphanumeric()).take(TOKEN_LENGTH).collect()
        };
        let generation = issued.by_text.len() as u64 + 1;
        issued.by_text.insert(text.clone(), Token { generation, expires: Instant::now() + lifetime, may_bridge });
        text
    }

    /// The number of the token that came with a request to a profile's API, if any, and whether it is let in.
    pub(super) fn admit(&self, admission: &Admission, headers: &HeaderMap) -> (Option<u64>, Result<(), Refusal>) {
        match admission {
            Admission::Token { .. } => self.judge(surface::token(admission, headers)),
            Admission::Open | Admission::Header { .. } => (None, surface::admit(admission, headers)),
        }
    }

    /// The number of the token that came with a request, if it was issued here, and whether it may bridge now.
    pub(super) fn authorize(&self, headers: &HeaderMap) -> (Option<u64>, Result<(), Refusal>) {
        self.judge(bearer(headers))
    }

    fn judge(&self, text: Option<&str>) -> (Option<u64>, Result<(), Refusal>) {
        let invalid = |why: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_token", why));
        let Some(text) = text else {
            return (None, invalid("the Authorization header holds no bearer token"));
        };
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(token) = issued.by_text.get(text) else {
            return (None, invalid("the token is not known"));
        };
        let verdict = if token.expires <= Instant::now() {
            invalid("the token has expired")
        } else if token.may_bridge {
            Ok(())
        } else {
            let why = format!("the token lacks the scope {BRIDGE_SCOPE}");
            Err(Refusal::new(StatusCode::FORBIDDEN, "insufficient_scope", why))
        };
        (Some(token.generation), verdict)
    }
}

/// The token of an `Authorization` header. The scheme's case does not matter (RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The scopes that a token request asks for, if it is in order.
fn check(script: &Script, headers: &HeaderMap, body: &[u8]) -> Result<BTreeSet<String>, Refusal> {
    if !has_content_type(headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::invalid("the content type is not application/x-www-form-urlencoded"));
    }
    let mut form = HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if form.insert(name.clone(), value).is_some() {
            return Err(Refusal::invalid(format!("the parameter {name} is given twice")));
        }
    }
    let field = |name| form.get(name).filter(|value| !value.is_empty()).map(AsRef::<str>::as_ref);

    match field("grant_type") {
        None => return Err(Refusal::invalid("grant_type is missing")),
        Some("client_credentials") => {}
        Some(_) => {
            let why = "grant_type is not client_credentials";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", why));
        }
    }
    let (id, secret) = script.credentials();
    if field("client_id") != Some(id) || field("client_secret") != Some(secret) {
        let why = "client_id and client_secret are not those of a client";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_client", why));
    }
    // Without a scope a client gets all that it may have (RFC 6749 section 3.3 leaves this to the server).
    let Some(scope) = field("scope") else {
        return Ok(script.token.scopes.clone());
    };
    let asked: BTreeSet<String> = scope.split_ascii_whitespace().map(str::to_owned).collect();
    match asked.difference(&script.token.scopes).next() {
        None => Ok(asked),
        Some(scope) => {
            let why = format!("the scope {scope} is not for this client");
            Err(Refusal::new(StatusCode::BAD_REQUEST, "invalid_scope", why))
        }
    }
}
