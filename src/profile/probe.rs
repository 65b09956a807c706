//! The read-only request of a profile: filled in for a job, and what its answer says.
//!
//! Doubt stays doubt: an answer that says both or neither says nothing, and *not bridged* counts only once the bridge
//! request can no longer take effect.

use super::fill::{Filling, text_of};
use super::request::TargetTemplates;
use crate::model::StatusPattern;
use crate::model::{CallId, JobNumber, ProbeRequest, Problem};
use crate::template::{Engine, Tree};
use serde_json::Value;
use std::time::Duration;

/// A compiled `probe:`.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) target: TargetTemplates,
    pub(super) bridged: Option<Expectation>,
    pub(super) not_bridged: Option<Expectation>,
    /// For so long after the attempt its request may still be worked on.
    pub(super) settled_after: Duration,
}

/// What an answer must be.
#[derive(Debug)]
pub(super) struct Expectation {
    /// One of these statuses; empty: any 2xx.
    pub(super) status: Vec<StatusPattern>,
    pub(super) question: Question,
    /// What the body is compared with.
    pub(super) value: Option<Tree>,
}

/// How a body is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Not at all: the status says it.
    Status,
    /// The value at this pointer is that one.
    Equals(String),
    /// The value at this pointer is one of those.
    OneOf(String),
    /// The list at this pointer has that element, or all of those; or the text has that part.
    Contains(String),
    /// The text begins so.
    TextStartsWith,
}

/// What the answer to a probe says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProbeFinding {
    /// The call is bridged.
    Bridged,
    /// It is not, and the request can no longer take effect.
    NotBridged,
    /// It is not yet; the request may still be worked on.
    NotYet,
    /// Nothing.
    CannotTell,
}

impl Probe {
    /// The probe of a job; a problem's pointer starts at the job.
    pub(super) fn fill(
        &self,
        engine: &Engine,
        known: &[String],
        fields: &Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<ProbeRequest, Problem> {
        let filling = Filling::new(engine, known, fields, call_id, run_id, number);
        let value = |expectation: &Option<Expectation>| {
            let tree = expectation.as_ref().and_then(|expectation| expectation.value.as_ref());
            tree.map(|tree| super::body::json(tree, &filling).map(Option::unwrap_or_default)).transpose()
        };
        Ok(ProbeRequest {
            path: self.target.fill(&filling)?,
            bridged: value(&self.bridged)?,
            not_bridged: value(&self.not_bridged)?,
        })
    }

    /// What an answer says that was asked for `since` after the attempt ended.
    pub(super) fn judge(&self, probe: &ProbeRequest, status: u16, body: &[u8], since: Duration) -> ProbeFinding {
        let fits = |expectation: &Option<Expectation>, value: &Option<Value>| {
            expectation.as_ref().is_some_and(|expectation| expectation.fits(value.as_ref(), status, body))
        };
        match (fits(&self.bridged, &probe.bridged), fits(&self.not_bridged, &probe.not_bridged)) {
            (true, false) => ProbeFinding::Bridged,
            (false, true) if since >= self.settled_after => ProbeFinding::NotBridged,
            (false, true) => ProbeFinding::NotYet,
            (true, true) | (false, false) => ProbeFinding::CannotTell,
        }
    }
}

impl Expectation {
    fn fits(&self, value: Option<&Value>, status: u16, body: &[u8]) -> bool {
        let status_fits = match self.status.as_slice() {
            [] => (200..300).contains(&status),
            patterns => patterns.iter().any(|pattern| pattern.fit(status) > 0),
        };
        status_fits && self.question.fits(value, body)
    }
}

impl Question {
    fn fits(&self, value: Option<&Value>, body: &[u8]) -> bool {
        let pointer = match self {
            Self::Status => return true,
            Self::TextStartsWith => {
                let start = value.map(text_of).unwrap_or_default();
                return !start.is_empty() && body.trim_ascii_start().starts_with(start.as_bytes());
            }
            Self::Equals(pointer) | Self::OneOf(pointer) | Self::Contains(pointer) => pointer,
        };
        let Some(value) = value else { return false };
        let Ok(json) = serde_json::from_slice::<Value>(body) else { return false };
        let Some(found) = json.pointer(pointer) else { return false };
        match self {
            Self::Equals(_) => found == value,
            Self::OneOf(_) => value.as_array().is_some_and(|values| values.contains(found)),
            Self::Contains(_) => match (found, value) {
                (Value::Array(items), Value::Array(wanted)) => {
                    !wanted.is_empty() && wanted.iter().all(|value| items.contains(value))
                }
                (Value::Array(items), value) => items.contains(value),
                (Value::String(text), Value::String(part)) => !part.is_empty() && text.contains(part.as_str()),
                _ => false,
            },
            Self::Status | Self::TextStartsWith => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(question: &Question, value: &Value, body: &str) -> bool {
        question.fits(Some(value), body.as_bytes())
    }

    #[test]
    fn a_body_is_compared_as_the_question_says() {
        let at = || "/a".to_owned();
        assert!(fits(&Question::Equals(at()), &json!("x"), r#"{"a":"x"}"#));
        assert!(!fits(&Question::Equals(at()), &json!("x"), r#"{"a":"xy"}"#));
        assert!(fits(&Question::OneOf(at()), &json!([1, null]), r#"{"a":null}"#));
        assert!(!fits(&Question::OneOf(at()), &json!("x"), r#"{"a":"x"}"#));
        assert!(fits(&Question::Contains(at()), &json!("x"), r#"{"a":["w","x"]}"#));
        assert!(fits(&Question::Contains(at()), &json!("x"), r#"{"a":"wxy"}"#));
        assert!(fits(&Question::Contains(at()), &json!(["x", "w"]), r#"{"a":["w","x"]}"#));
        for (value, body) in [
            (json!(["x", "y"]), r#"{"a":["x"]}"#),
            (json!([]), r#"{"a":["x"]}"#),
            (json!("x"), r#"{"a":["xy"]}"#),
            (json!(""), r#"{"a":"x"}"#),
            (json!(1), r#"{"a":"1"}"#),
        ] {
            assert!(!fits(&Question::Contains(at()), &value, body), "{body}");
        }
        assert!(fits(&Question::TextStartsWith, &json!("+OK"), "\n+OK bridged"));
        assert!(!fits(&Question::TextStartsWith, &json!(""), "+OK"));
        for body in ["", "x", r#"{"b":1}"#, r#"{"a":"x""#] {
            assert!(!fits(&Question::Equals(at()), &json!("x"), body), "{body}");
        }
    }

    #[test]
    fn doubt_stays_doubt_and_not_bridged_counts_only_in_the_end() {
        let expect = |status: u16, word: &str| Expectation {
            status: vec![StatusPattern::Exact(status)],
            question: Question::Equals("/a".to_owned()),
            value: Some(Tree::Constant(json!(word))),
        };
        let probe = |bridged, not_bridged| Probe {
            target: TargetTemplates { path: Vec::new(), query: Vec::new() },
            bridged,
            not_bridged,
            settled_after: Duration::from_secs(30),
        };
        let both = probe(Some(expect(200, "up")), Some(expect(200, "down")));
        let request =
            ProbeRequest { path: String::new(), bridged: Some(json!("up")), not_bridged: Some(json!("down")) };
        let judge =
            |status, body: &str, since| both.judge(&request, status, body.as_bytes(), Duration::from_secs(since));
        assert_eq!(judge(200, r#"{"a":"up"}"#, 0), ProbeFinding::Bridged);
        assert_eq!(judge(200, r#"{"a":"down"}"#, 29), ProbeFinding::NotYet);
        assert_eq!(judge(200, r#"{"a":"down"}"#, 30), ProbeFinding::NotBridged);
        assert_eq!(judge(200, r#"{"a":"sideways"}"#, 30), ProbeFinding::CannotTell);
        assert_eq!(judge(404, r#"{"a":"up"}"#, 30), ProbeFinding::CannotTell);
        let same = probe(Some(expect(200, "up")), Some(expect(200, "up")));
        let request = ProbeRequest { not_bridged: Some(json!("up")), ..request };
        assert_eq!(same.judge(&request, 200, br#"{"a":"up"}"#, Duration::MAX), ProbeFinding::CannotTell);
    }
}
