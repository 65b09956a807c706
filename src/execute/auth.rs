//! The access token of a run: when a new one is needed, and what the token endpoint's answer means.
//!
//! There is one owner (the engine) and at most one token request at a time, so refreshing is single-flight by
//! construction. Expiry counts from the moment the request was sent, on the monotonic clock (RFC 6749 section 5.1).

use super::transport::{Exchange, NotSent, Stop, Transport};
use crate::model::{Credentials, Secret};
use crate::profile::{AuthHeader, Profile, TokenAnswer, error_text};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A token is not used in its last minute, or in the last fifth of a shorter life.
const BUFFER: Duration = Duration::from_secs(60);
/// A token that says it lives shorter than this is taken to live this long, or the endpoint would be asked for ever.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// Attempts at the token endpoint before the run gives up. A token request has no side effect.
pub(super) const MAX_ATTEMPTS: u32 = 4;

/// What a bridge request needs to be let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    /// The header that authorises; `None`: the API wants none.
    pub(super) header: Option<AuthHeader>,
    /// The base URL that came with the token, where the profile says so.
    pub(super) base_url: Option<String>,
}

/// An access in use.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) access: Access,
    pub(super) generation: u64,
    /// `None`: it lives as long as the run.
    stale_at: Option<Instant>,
}

/// A token as granted.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) value: Secret<String>,
    pub(super) base_url: Option<String>,
    pub(super) lifetime: Duration,
    pub(super) missing_scopes: Vec<String>,
    pub(super) asked_at: Instant,
    pub(super) took: Duration,
}

/// What may help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenErrorKind {
    /// Asking again: no answer, 408, 425, 429, 5xx.
    Passing,
    /// Other credentials or scopes: an error of RFC 6749 section 5.2.
    Refused,
    /// Another URL or another server: what answers is no token endpoint.
    NotOAuth,
    /// Other certificates or another user of the proxy: no connection will come about.
    Hopeless(Stop),
}

/// Why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TokenError {
    pub(super) status: Option<u16>,
    pub(super) message: String,
    pub(super) kind: TokenErrorKind,
    pub(super) retry_after: Option<Duration>,
}

/// The run's token.
#[derive(Debug, Default)]
pub(super) struct TokenStore {
    current: Option<Token>,
    generation: u64,
    /// A request is under way.
    pub(super) asking: bool,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Not before this.
    pub(super) not_before: Option<Instant>,
}

impl TokenStore {
    /// An access that lasts: no token endpoint is ever asked.
    pub(super) fn standing(header: Option<AuthHeader>) -> Self {
        let access = Access { header, base_url: None };
        Self { current: Some(Token { access, generation: 0, stale_at: None }), ..Self::default() }
    }

    /// The token, if it may be used now.
    pub(super) fn usable(&self, now: Instant) -> Option<&Token> {
        self.current.as_ref().filter(|token| token.stale_at.is_none_or(|stale| now < stale))
    }

    /// Whether the endpoint may be asked now.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        !self.asking && self.not_before.is_none_or(|at| at <= now)
    }

    /// Takes a granted token in, with the header that carries it, and gives its generation.
    pub(super) fn accept(&mut self, grant: &Grant, header: AuthHeader) -> u64 {
        self.generation += 1;
        let buffer = BUFFER.min(grant.lifetime / 5);
        let stale_at = grant.asked_at + grant.lifetime.saturating_sub(buffer);
        let access = Access { header: Some(header), base_url: grant.base_url.clone() };
        self.current = Some(Token { access, generation: self.generation, stale_at: Some(stale_at) });
        self.failures = 0;
        self.not_before = None;
        self.generation
    }

    /// Drops the token if it is still the one that was refused.
    pub(super) fn refuse(&mut self, generation: u64) {
        if self.current.as_ref().is_some_and(|token| token.generation == generation) {
            self.current = None;
        }
    }
}

/// Asks for a token once.
pub(super) async fn fetch(
    transport: &Transport,
    credentials: &Credentials,
    profile: &Profile,
) -> Result<Grant, TokenError> {
    let asked_at = Instant::now();
    let request = profile.token_request(credentials).map_err(|message| TokenError {
        status: None,
        message,
        kind: TokenErrorKind::NotOAuth,
        retry_after: None,
    })?;
    let answer = transport.token(request).await;
    let took = asked_at.elapsed();
    let response = match answer {
        Exchange::NotSent(NotSent { message, stop: Some(stop), .. }) => {
            return Err(TokenError { status: None, message, kind: TokenErrorKind::Hopeless(stop), retry_after: None });
        }
        Exchange::NotBuilt(message) => {
            return Err(TokenError { status: None, message, kind: TokenErrorKind::NotOAuth, retry_after: None });
        }
        Exchange::NotSent(NotSent { message, .. }) | Exchange::NoAnswer(_, message) => {
            return Err(TokenError { status: None, message, kind: TokenErrorKind::Passing, retry_after: None });
        }
        Exchange::Answered(response) => response,
    };
    let error = |message: String, kind: TokenErrorKind| TokenError {
        status: Some(response.status),
        message,
        kind,
        retry_after: response.retry_after(),
    };
    // A body that is no OAuth JSON is not repeated: it may hold anything, a token included.
    let status = response.status;
    let said = oauth_error(&response.body);
    match status {
        // 201: a JSON endpoint that counts a token among the things it creates.
        200 | 201 => {}
        408 | 425 | 429 | 500..=599 => {
            let message = said.unwrap_or_else(|| format!("the token endpoint answered {status}"));
            return Err(error(message, TokenErrorKind::Passing));
        }
        _ => {
            // RFC 6749 section 5.2: 400, or 401 for a client that is not known; 403 is seen as well.
            let refused = said.is_some() || matches!(status, 401 | 403);
            let kind = if refused { TokenErrorKind::Refused } else { TokenErrorKind::NotOAuth };
            let nobody = || format!("the token endpoint answered {status} without an OAuth error: is its URL right?");
            return Err(error(said.unwrap_or_else(nobody), kind));
        }
    }
    let not_oauth = |message: &str| error(message.to_owned(), TokenErrorKind::NotOAuth);
    let Ok(answer @ Value::Object(_)) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(not_oauth(
            "the token endpoint's answer is not the JSON of RFC 6749 section 5.1: is its URL right?",
        ));
    };
    let TokenAnswer { token, expires_in, scope } = profile.read_token(&answer);
    let Some(value) = token else {
        return Err(said.map_or_else(
            || not_oauth(&format!("the token endpoint's answer has no {}", profile.token_name())),
            |said| error(said, TokenErrorKind::Refused),
        ));
    };
    // RFC 6750 section 2.1: a bearer token is visible ASCII.
    if !value.expose().chars().all(|c| c.is_ascii_graphic()) {
        return Err(not_oauth("the access token holds characters that cannot stand in a header"));
    }
    let base_url = match transport.discovery() {
        None => None,
        Some(discovery) => match answer.pointer(&discovery.pointer).and_then(Value::as_str) {
            Some(url) => Some(discovery.judge(url).map_err(|message| not_oauth(&message))?),
            None if transport.has_base_url() => None,
            None => return Err(not_oauth(&format!("the token's answer has no base URL at {}", discovery.pointer))),
        },
    };
    if let Some(url) = &base_url {
        // The token goes to no other host, whatever its own answer says.
        transport
            .judge_host(url)
            .map_err(|message| not_oauth(&format!("the token's answer names a base URL: {message}")))?;
    }
    let lifetime =
        expires_in.as_ref().and_then(seconds).unwrap_or_else(|| profile.default_lifetime()).max(SHORTEST_LIFE);
    // RFC 6749 section 5.1: no scope in the answer means "as asked".
    let granted = scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let missing = |asked: &&String| granted.as_ref().is_some_and(|granted| !granted.contains(asked));
    let missing_scopes = profile.scopes().iter().filter(missing).cloned().collect();
    Ok(Grant { value, base_url, lifetime, missing_scopes, asked_at, took })
}

/// The words of an error answer (RFC 6749 section 5.2), which has an `error` code.
fn oauth_error(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok()?.get("error")?;
    error_text(body, ["/error_description", "/error"].into_iter())
}

fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number.is_finite() && number > 0.0).then(|| Duration::from_secs_f64(number.min(1e9)))
}
