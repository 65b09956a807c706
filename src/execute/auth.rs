//! Asking for an access token, and what the token endpoint's answer means. When one is asked for: `token_store`.
//!
//! There is one owner (the engine) and at most one token request at a time, so refreshing is single-flight by
//! construction. Expiry counts from the moment the request was sent, on the monotonic clock (RFC 6749 section 5.1).

use super::token_store::usable_life;
use super::transport::{Exchange, NotSent, Stop, Transport};
use crate::event::LifetimeSource;
use crate::model::{Credentials, Secret};
use crate::profile::{Profile, TokenAnswer, error_text};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A token that says it lives shorter than this is taken to live this long, or the endpoint would be asked for ever.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// The life of a token of which nobody says how long it is. Should it end earlier, a 401 says so.
const ASSUMED_LIFE: Duration = Duration::from_secs(600);
/// The longest life that is believed: 30 years, far from where moments overflow.
const LONGEST_LIFE: f64 = 1e9;

/// A token as granted.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) value: Secret<String>,
    pub(super) base_url: Option<String>,
    pub(super) lifetime: Duration,
    /// Who says so.
    pub(super) lifetime_from: LifetimeSource,
    /// The scopes that the answer names; `None`: as asked (RFC 6749 section 5.1).
    pub(super) granted_scopes: Option<Vec<String>>,
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
            let elsewhere = matches!(status, 404 | 405 | 410) || (300..400).contains(&status);
            let refused = !elsewhere && (said.is_some() || matches!(status, 401 | 403));
            let kind = if refused { TokenErrorKind::Refused } else { TokenErrorKind::NotOAuth };
            let nobody = || format!("the token endpoint answered {status} without an OAuth error: is its URL right?");
            let words =
                said.map(|said| if elsewhere { format!("the token endpoint answered {status}: {said}") } else { said });
            return Err(error(words.unwrap_or_else(nobody), kind));
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
    let (lifetime, lifetime_from) = lifetime(expires_in.as_ref(), profile.default_lifetime(), value.expose());
    if took >= usable_life(lifetime) {
        // Asked for again at once, it would be so for ever.
        let message = format!(
            "the token is over before it can be used: it lives {lifetime:.1?}, and the token endpoint took {took:.1?}"
        );
        return Err(error(message, TokenErrorKind::Passing));
    }
    // RFC 6749 section 5.1: no scope in the answer means "as asked".
    let granted_scopes = scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let missing = |asked: &&String| granted_scopes.as_ref().is_some_and(|granted| !granted.contains(asked));
    let missing_scopes = profile.scopes().iter().filter(missing).cloned().collect();
    Ok(Grant { value, base_url, lifetime, lifetime_from, granted_scopes, missing_scopes, asked_at, took })
}

/// The words of an error answer (RFC 6749 section 5.2), which has an `error` code.
fn oauth_error(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok()?.get("error")?;
    error_text(body, ["/error_description", "/error"].into_iter())
}

/// How long a token lives, and who says so: its answer, the profile, the token itself if it is a JWT, or nobody.
fn lifetime(expires_in: Option<&Value>, profile: Option<Duration>, token: &str) -> (Duration, LifetimeSource) {
    let said = expires_in.and_then(seconds).map(|life| (life, LifetimeSource::Answer));
    let default = || profile.map(|life| (life, LifetimeSource::Profile));
    let own = || jwt_lifetime(token).map(|life| (life, LifetimeSource::Token));
    let (life, from) = said.or_else(default).or_else(own).unwrap_or((ASSUMED_LIFE, LifetimeSource::Assumed));
    (life.max(SHORTEST_LIFE), from)
}

/// Seconds as a number or as a text; nothing below or at zero is a life.
fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number.is_finite() && number > 0.0).then(|| Duration::from_secs_f64(number.min(LONGEST_LIFE)))
}

/// `exp` - `iat` of a JWT (RFC 7519 section 4.1): a span, so that neither clock counts. Its signature is not looked at;
/// nobody is let in by it.
fn jwt_lifetime(token: &str) -> Option<Duration> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let life = claims.get("exp")?.as_f64()? - claims.get("iat")?.as_f64()?;
    (life > 0.0).then(|| Duration::from_secs_f64(life.min(LONGEST_LIFE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn the_answer_beats_the_profile_and_that_the_token_itself() {
        let token = jwt(&json!({"iat": 1_700_000_000, "exp": 1_700_000_900}));
        let secs = Duration::from_secs;
        let profile = Some(secs(300));
        for (expires_in, profile, token, expected) in [
            (Some(json!(60)), profile, token.as_str(), (secs(60), LifetimeSource::Answer)),
            (Some(json!(" 60 ")), None, token.as_str(), (secs(60), LifetimeSource::Answer)),
            (Some(json!(0)), profile, token.as_str(), (secs(300), LifetimeSource::Profile)),
            (None, profile, token.as_str(), (secs(300), LifetimeSource::Profile)),
            (Some(json!(-1)), None, token.as_str(), (secs(900), LifetimeSource::Token)),
            (Some(json!("0")), None, "opaque", (secs(600), LifetimeSource::Assumed)),
            (Some(json!([60])), None, "a.b.c", (secs(600), LifetimeSource::Assumed)),
            (Some(json!(0.2)), None, "opaque", (secs(1), LifetimeSource::Answer)),
        ] {
            assert_eq!(lifetime(expires_in.as_ref(), profile, token), expected, "{expires_in:?}");
        }
    }

    #[test]
    fn a_token_that_is_no_jwt_or_says_nonsense_says_nothing() {
        for claims in [json!({"exp": 5}), json!({"iat": 5, "exp": 5}), json!({"iat": 9, "exp": "10"}), json!([1])] {
            assert_eq!(jwt_lifetime(&jwt(&claims)), None, "{claims}");
        }
        for token in ["", "..", "a.b", "e30.!!.x", "e30.e30.x.y"] {
            assert_eq!(jwt_lifetime(token), None, "{token}");
        }
        assert_eq!(jwt_lifetime(&jwt(&json!({"iat": 0, "exp": 1e300}))), Some(Duration::from_secs(1_000_000_000)));
    }
}
