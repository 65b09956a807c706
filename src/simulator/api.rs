//! The API as one service: which path and method is which endpoint, and the bound on bodies.
//!
//! Knows nothing of sockets. A request is read to its end before anything is decided about it, so that a client has
//! always sent everything when a fault hits it.

use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use percent_encoding::percent_decode_str;
use tokio::time::sleep;

use super::{
    answer::{self, Abort, Answer, Refusal},
    bridge::{BridgeRequest, Calls},
    ledger::Ledger,
    script::Script,
    surface,
    token::Tokens,
};
use crate::model::{self, Admission, ApiSurface};

/// A bridge of eight legs is about 1 KiB; a megabyte is a mistake.
const MAX_BODY: usize = 1 << 20;

/// The endpoints and what they share.
pub(super) struct Api {
    /// The API that is played; `None`: the reference API.
    surface: Option<ApiSurface>,
    script: Script,
    ledger: Ledger,
    tokens: Tokens,
    calls: Calls,
}

enum Endpoint {
    Token,
    Bridge {
        call_id: String,
    },
    /// The bridge endpoint of a profile's API, which may name its call anywhere.
    OtherBridge,
    LedgerEntries,
    LedgerStats,
}

impl Endpoint {
    fn of(path: &str, surface: Option<&ApiSurface>) -> Option<Self> {
        match (path, surface) {
            ("/_simulator/ledger", _) => Some(Self::LedgerEntries),
            ("/_simulator/stats", _) => Some(Self::LedgerStats),
            (path, Some(ApiSurface { admission: Admission::Token { path: token, .. }, .. })) if path == token => {
                Some(Self::Token)
            }
            (path, Some(surface)) => surface::is_bridge(surface, path).then_some(Self::OtherBridge),
            ("/oauth/token", None) => Some(Self::Token),
            (path, None) => {
                let segment = path.strip_prefix("/api/v2/cti/calls/")?.strip_suffix("/bridge")?;
                // An encoded slash is part of the id; a plain one makes it another path.
                let call_id = percent_decode_str(segment).decode_utf8_lossy().into_owned();
                (!segment.is_empty() && !segment.contains('/')).then_some(Self::Bridge { call_id })
            }
        }
    }

    fn method(&self, surface: Option<&ApiSurface>) -> Method {
        match self {
            Self::OtherBridge => match surface.map(|surface| surface.method) {
                Some(model::Method::Put) => Method::PUT,
                Some(model::Method::Patch) => Method::PATCH,
                Some(model::Method::Post) | None => Method::POST,
            },
            Self::Token | Self::Bridge { .. } => Method::POST,
            Self::LedgerEntries | Self::LedgerStats => Method::GET,
        }
    }
}

impl Api {
    pub(super) fn new(surface: Option<ApiSurface>, script: Script) -> Self {
        let tokens = Tokens::new(script.seed);
        Self { surface, script, ledger: Ledger::default(), tokens, calls: Calls::default() }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Answers one request, or ends its connection.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> Result<Answer, Abort> {
        let Some(endpoint) = Endpoint::of(request.uri().path(), self.surface.as_ref()) else {
            return Ok(Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such path").answer());
        };
        let method = endpoint.method(self.surface.as_ref());
        if request.method() != method {
            return Ok(wrong_method(&method));
        }
        let (head, body) = request.into_parts();
        match endpoint {
            Endpoint::Token => {
                let body = read(body).await?;
                let admission = self.surface.as_ref().map(|surface| &surface.admission);
                let granted = body.and_then(|body| match admission {
                    None => self.tokens.grant(&self.script, &head.headers, &body),
                    Some(admission) => self.tokens.grant_as(admission, &self.script, &head.headers, &body),
                });
                self.ledger.count_token(granted.is_ok());
                sleep(self.script.token.latency.0).await;
                Ok(granted.unwrap_or_else(|refusal| refusal.answer()))
            }
            Endpoint::Bridge { call_id } => {
                let _open = self.ledger.open_request();
                let body = read(body).await?;
                let request = BridgeRequest { call_id, headers: &head.headers, body };
                self.calls.bridge(None, &self.script, &self.tokens, &self.ledger, request).await
            }
            Endpoint::OtherBridge => {
                let _open = self.ledger.open_request();
                let body = read(body).await?;
                let bytes = body.as_ref().map_or(&[][..], |bytes| bytes);
                let call_id = self.surface.as_ref().map(|surface| surface::call_id(surface, &head.uri, bytes));
                let request = BridgeRequest { call_id: call_id.unwrap_or_default(), headers: &head.headers, body };
                self.calls.bridge(self.surface.as_ref(), &self.script, &self.tokens, &self.ledger, request).await
            }
            Endpoint::LedgerEntries => Ok(answer::json(StatusCode::OK, &self.ledger.entries())),
            Endpoint::LedgerStats => Ok(answer::json(StatusCode::OK, &self.ledger.stats())),
        }
    }
}

fn wrong_method(allowed: &Method) -> Answer {
    let why = format!("only {allowed} is answered here");
    let mut answer = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", why).answer();
    if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
        answer.headers_mut().insert(ALLOW, allowed);
    }
    answer
}

/// A whole body, or the refusal of one that is too long.
///
/// A long body is read on and forgotten: closing the connection under a client that still writes would show it a
/// broken pipe in place of the 413.
async fn read(mut body: Incoming) -> Result<Result<Bytes, Refusal>, hyper::Error> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len();
            if length <= MAX_BODY {
                bytes.extend_from_slice(&data);
            }
        }
    }
    if length > MAX_BODY {
        let why = format!("the body is longer than {MAX_BODY} bytes");
        return Ok(Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", why)));
    }
    Ok(Ok(bytes.into()))
}

/// Whether the content type is this one, whatever its case and parameters.
pub(super) fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(wanted)
}
