//! Answers: JSON bodies, and refusals in the form that OAuth 2.0 and the bridge endpoint share.
//!
//! An answer carries no secret: descriptions name what is wrong, never the credential or token that was sent.

use std::time::Duration;

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use serde_json::json;

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// The end of a connection without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Abort {
    /// The fault script asks for a TCP reset.
    #[error("reset by the fault script")]
    Reset,
    /// The client went away or broke the protocol while sending.
    #[error("request not read to its end")]
    Unread(#[from] hyper::Error),
}

/// Why a request is not granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The machine-readable word, as RFC 6749 section 5.2 and RFC 6750 section 3.1 have it.
    pub(super) error: &'static str,
    pub(super) description: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }

    /// A 400 of the bridge endpoint.
    pub(super) fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(super) fn answer(&self) -> Answer {
        let mut answer = json(self.status, &json!({"error": self.error, "error_description": self.description}));
        let challenge = match self.error {
            "invalid_token" => r#"Bearer error="invalid_token""#,
            "insufficient_scope" => r#"Bearer error="insufficient_scope""#,
            _ => return answer,
        };
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        answer
    }
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Plain data always has a JSON form; should that ever fail, an empty body is noticed by every client.
    let mut answer = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The answer of a fault: a status that has nothing to do with the request.
pub(super) fn scripted(status: StatusCode, retry_after: Option<Duration>) -> Answer {
    let description = format!("{} by the fault script", status.canonical_reason().unwrap_or("status"));
    let mut answer = Refusal::new(status, "simulated_fault", description).answer();
    if let Some(wait) = retry_after {
        // Retry-After knows whole seconds only; rounding up never asks for less than the script does.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
