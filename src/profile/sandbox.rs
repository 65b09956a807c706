//! What the built-in simulator answers for a profile, and where a request says which call it is about.

use super::request::segments;
use super::spec::{RequestSpecSpec, SandboxSpec};
use crate::model::{CallPart, CallPlace, Code, Problem};
use serde_json::{Map, Value};

/// The answer to a bridge request in the sandbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SandboxRules {
    /// The status.
    pub(super) status: u16,
    /// `Content-Type`, when there is a body.
    pub(super) content_type: Option<&'static str>,
    /// The body.
    pub(super) body: String,
    /// Where a request names its call.
    pub(super) call: Option<CallPlace>,
}

impl SandboxRules {
    pub(super) fn compile(spec: SandboxSpec, call: Option<CallPlace>, problems: &mut Vec<Problem>) -> Self {
        if spec.json.is_some() && spec.text.is_some() {
            let message = "an answer has one body, and `json` and `text` are both given";
            problems.push(
                Problem::at(Code::ProfileContradiction, "/sandbox/text", message).help("keep one of the two").on_key(),
            );
        }
        let (content_type, body) = match (spec.json, spec.text) {
            (Some(json), _) => (Some("application/json"), json.to_string()),
            (None, Some(text)) => (Some("text/plain; charset=utf-8"), text),
            (None, None) => (None, String::new()),
        };
        Self { status: spec.status.unwrap_or(200), content_type, body, call }
    }
}

/// The first place of a request that begins with the call's id, if any.
pub(super) fn call_place(spec: &RequestSpecSpec, call_id: &str) -> Option<CallPlace> {
    let place = |part: CallPart, text: &str| {
        let until = behind_call(text, call_id)?.chars().next();
        Some(CallPlace { part, until })
    };
    let texts = |members: &Option<Map<String, Value>>| -> Vec<(String, String)> {
        let members = members.iter().flatten();
        members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    let path = spec.path.as_deref().unwrap_or_default();
    let in_path = || {
        let mut segments = segments(path).into_iter().skip(1).enumerate();
        segments.find_map(|(index, text)| place(CallPart::Segment(index), text))
    };
    let in_query = || texts(&spec.query).into_iter().find_map(|(name, text)| place(CallPart::Query(name), &text));
    let in_json = || texts(&spec.json).into_iter().find_map(|(name, text)| place(CallPart::Json(name), &text));
    let in_form = || texts(&spec.form).into_iter().find_map(|(name, text)| place(CallPart::Form(name), &text));
    in_path().or_else(in_query).or_else(in_json).or_else(in_form)
}

/// Of a template that begins with the call's id: the plain text that follows.
fn behind_call<'a>(text: &'a str, call_id: &str) -> Option<&'a str> {
    let (name, mut rest) = text.strip_prefix("{{")?.split_once("}}")?;
    if name.trim().strip_prefix("job.")? != call_id {
        return None;
    }
    while let Some((_, behind)) = rest.strip_prefix("{{").and_then(|inner| inner.split_once("}}")) {
        rest = behind;
    }
    Some(rest)
}
