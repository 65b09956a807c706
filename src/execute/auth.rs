//! The access token of a run: when a new one is needed, and what the token endpoint's answer means.
//!
//! There is one owner (the engine) and at most one token request at a time, so refreshing is single-flight by
//! construction. Expiry counts from the moment the request was sent, on the monotonic clock (RFC 6749 section 5.1).

use super::transport::{Exchange, Transport};
use crate::model::{ClientCredentials, Secret};
use crate::profile::error_text;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A token is not used in its last minute, or in the last fifth of a shorter life.
const BUFFER: Duration = Duration::from_secs(60);
/// A token that says it lives shorter than this is taken to live this long, or the endpoint would be asked for ever.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// Attempts at the token endpoint before the run gives up. A token request has no side effect.
pub(super) const MAX_ATTEMPTS: u32 = 4;

/// A token in use.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: Secret<String>,
    pub(super) generation: u64,
    stale_at: Instant,
}

/// A token as granted.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) value: Secret<String>,
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
    /// The token, if it may be used now.
    pub(super) fn usable(&self, now: Instant) -> Option<&Token> {
        self.current.as_ref().filter(|token| now < token.stale_at)
    }

    /// Whether the endpoint may be asked now.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        !self.asking && self.not_before.is_none_or(|at| at <= now)
    }

    /// Takes a granted token in and gives its generation.
    pub(super) fn accept(&mut self, grant: &Grant) -> u64 {
        self.generation += 1;
        let buffer = BUFFER.min(grant.lifetime / 5);
        let stale_at = grant.asked_at + grant.lifetime.saturating_sub(buffer);
        self.current = Some(Token { value: grant.value.clone(), generation: self.generation, stale_at });
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

/// RFC 6749 section 5.1, read leniently: some servers give `expires_in` as a text.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    expires_in: Option<Value>,
    scope: Option<String>,
}

/// Asks for a token once.
pub(super) async fn fetch(
    transport: &Transport,
    credentials: &ClientCredentials,
    scopes: &[String],
    default_lifetime: Duration,
) -> Result<Grant, TokenError> {
    let asked_at = Instant::now();
    let scope = scopes.join(" ");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", credentials.id.expose().as_str()),
        ("client_secret", credentials.secret.expose().as_str()),
        ("scope", scope.as_str()),
    ];
    let answer = transport.token(&form).await;
    let took = asked_at.elapsed();
    let response = match answer {
        Exchange::NotBuilt(message) | Exchange::NotSent(message) | Exchange::NoAnswer(_, message) => {
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
        200 => {}
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
    let Ok(answer) = serde_json::from_slice::<TokenAnswer>(&response.body) else {
        return Err(not_oauth(
            "the token endpoint's answer is not the JSON of RFC 6749 section 5.1: is its URL right?",
        ));
    };
    let Some(value) = answer.access_token.filter(|token| !token.is_empty()) else {
        return Err(said.map_or_else(
            || not_oauth("the token endpoint's answer has no access_token"),
            |said| error(said, TokenErrorKind::Refused),
        ));
    };
    // RFC 6750 section 2.1: a bearer token is visible ASCII.
    if !value.chars().all(|c| c.is_ascii_graphic()) {
        return Err(not_oauth("the access token holds characters that cannot stand in a header"));
    }
    let lifetime = answer.expires_in.as_ref().and_then(seconds).unwrap_or(default_lifetime).max(SHORTEST_LIFE);
    // RFC 6749 section 5.1: no scope in the answer means "as asked".
    let granted = answer.scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let missing = |asked: &&String| granted.as_ref().is_some_and(|granted| !granted.contains(asked));
    let missing_scopes = scopes.iter().filter(missing).cloned().collect();
    Ok(Grant { value: Secret::new(value), lifetime, missing_scopes, asked_at, took })
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
