//! An API that a profile describes: which request is which, who is let in, which call a request is about.

use super::answer::{self, Answer, Refusal};
use super::api::has_content_type;
use crate::model::{Admission, ApiSurface, CallPart};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode, Uri, body::Bytes};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Whether a path is that of a bridge request.
pub(super) fn is_bridge(surface: &ApiSurface, path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let fits =
        |(wanted, found): (&Option<String>, &&str)| wanted.as_ref().map_or(!found.is_empty(), |wanted| wanted == found);
    segments.len() == surface.segments.len() && surface.segments.iter().zip(&segments).all(fits)
}

/// The call that a request is about; where it does not say, the whole target stands for it.
pub(super) fn call_id(surface: &ApiSurface, uri: &Uri, body: &[u8]) -> String {
    let found = surface.call.as_ref().and_then(|place| {
        let value = match &place.part {
            CallPart::Segment(index) => decoded(uri.path().split('/').skip(1).nth(*index)?),
            CallPart::Query(name) => uri.query()?.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (decoded(key) == *name).then(|| decoded(value))
            })?,
            CallPart::Json(name) => serde_json::from_slice::<Value>(body).ok()?.get(name)?.as_str()?.to_owned(),
            CallPart::Form(name) => form_urlencoded::parse(body).find(|(key, _)| key == name)?.1.into_owned(),
        };
        Some(place.until.and_then(|end| value.split_once(end)).map_or(value.clone(), |(id, _)| id.to_owned()))
    });
    found.unwrap_or_else(|| uri.path_and_query().map_or_else(String::new, ToString::to_string))
}

/// The body as JSON, or a form's fields.
pub(super) fn payload(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    if has_content_type(headers, "application/x-www-form-urlencoded") {
        let fields =
            form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
        return Some(Value::Object(fields.collect::<Map<_, _>>()));
    }
    serde_json::from_slice(body).ok()
}

/// Checks a token request against the one that the profile makes.
pub(super) fn check_token_request(admission: &Admission, headers: &HeaderMap, sent: &[u8]) -> Result<(), Refusal> {
    let Admission::Token { authorization, content_type, body, .. } = admission else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such path"));
    };
    if !has_content_type(headers, content_type) {
        return Err(Refusal::invalid(format!("the content type is not {content_type}")));
    }
    let named =
        authorization.as_ref().is_none_or(|wanted| header(headers, AUTHORIZATION.as_str()) == Some(wanted.expose()));
    if !named || sent != body.expose().as_bytes() {
        let why = "these are not the sandbox's credentials";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_client", why));
    }
    Ok(())
}

/// The token that a request carries, if the API is let in by one.
pub(super) fn token<'h>(admission: &Admission, headers: &'h HeaderMap) -> Option<&'h str> {
    let Admission::Token { header: name, scheme, .. } = admission else { return None };
    let value = header(headers, name)?;
    if scheme.is_empty() { Some(value) } else { value.strip_prefix(scheme.as_str())?.strip_prefix(' ') }
}

/// Whether a request may come in without a token.
pub(super) fn admit(admission: &Admission, headers: &HeaderMap) -> Result<(), Refusal> {
    match admission {
        Admission::Header { name, value } if header(headers, name) != Some(value.expose()) => {
            Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", format!("the header {name} lets nobody in")))
        }
        Admission::Open | Admission::Header { .. } | Admission::Token { .. } => Ok(()),
    }
}

/// The token endpoint's answer.
pub(super) fn token_answer(admission: &Admission, text: &str, lifetime: u64) -> Value {
    let mut body = Value::Object(Map::new());
    if let Admission::Token { access_token, expires_in, .. } = admission {
        put(&mut body, access_token, text.into());
        put(&mut body, expires_in, lifetime.into());
    }
    body
}

/// The answer to a bridge request that succeeded.
pub(super) fn success(surface: &ApiSurface, scripted: Option<StatusCode>) -> Answer {
    let status = scripted.or_else(|| StatusCode::from_u16(surface.status).ok()).unwrap_or(StatusCode::OK);
    let mut answer = Response::new(Full::from(Bytes::from(surface.body.clone())));
    *answer.status_mut() = status;
    if let Some(content_type) = surface.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    answer
}

/// A JSON answer of the token endpoint.
pub(super) fn granted(admission: &Admission, text: &str, lifetime: u64) -> Answer {
    answer::json(StatusCode::OK, &token_answer(admission, text, lifetime))
}

/// A header as text.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Puts a value at a JSON pointer, with the objects above it.
fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut place = root;
    for token in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[token.replace("~1", "/").replace("~0", "~")];
    }
    *place = value;
}
