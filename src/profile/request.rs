//! From a job's checked fields to the exact request.

use super::body::{self, Body};
use super::fill::{Filling, into_text};
use crate::model::{CallId, Code, JobNumber, Method, Problem, RequestSpec, path_segment};
use crate::template::{Engine, Template};
use serde_json::Value;

/// The request templates of a profile, compiled.
#[derive(Debug)]
pub(super) struct RequestTemplates {
    pub(super) method: Method,
    pub(super) target: TargetTemplates,
    /// Every header but `Authorization` and those that belong to the connection.
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Body,
    /// The request id, whether or not a header carries it.
    pub(super) request_id: Template,
    /// That header.
    pub(super) request_id_header: Option<String>,
    /// Whether each request carries an idempotency key.
    pub(super) keyed: bool,
}

/// Path and query.
#[derive(Debug)]
pub(super) struct TargetTemplates {
    pub(super) path: Vec<Segment>,
    pub(super) query: Vec<(String, Template)>,
}

/// One segment of a path.
#[derive(Debug)]
pub(super) enum Segment {
    /// As it stands.
    Literal(String),
    /// A value, percent-encoded.
    Filled(Template),
}

impl RequestTemplates {
    /// The request of a job, and its request id; a problem's pointer starts at the job.
    pub(super) fn fill(
        &self,
        engine: &Engine,
        known: &[String],
        fields: &Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<(String, RequestSpec), Problem> {
        let filling = Filling::new(engine, known, fields, call_id, run_id, number);
        let request_id = into_text(filling.value(&self.request_id)?);
        let path = self.target.fill(&filling)?;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            let Some(value) = filling.present(template)? else { continue };
            let value = into_text(value);
            if !is_header_value(&value) {
                let message = format!("the header {name} would hold a character that no header can carry");
                let problem = Problem::at(Code::BadHeaderValue, filling.field_of(template), message);
                return Err(problem.help("headers carry printable ASCII: correct the value"));
            }
            headers.push((name.clone(), value));
        }
        let body = body::fill(&self.body, &filling)?;
        Ok((request_id, RequestSpec { method: self.method, path, headers, body }))
    }
}

impl TargetTemplates {
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Result<String, Problem> {
        let mut target = String::new();
        for (index, segment) in self.path.iter().enumerate() {
            if index > 0 {
                target.push('/');
            }
            match segment {
                Segment::Literal(text) => target.push_str(text),
                Segment::Filled(template) => {
                    let text = into_text(filling.value(template)?);
                    if matches!(text.as_str(), "" | "." | "..") {
                        let message = format!("{text:?} cannot be a segment of the request's path");
                        let problem = Problem::at(Code::BadSegment, filling.field_of(template), message);
                        return Err(problem.help("a segment is not empty, and not `.` or `..`"));
                    }
                    target.push_str(&path_segment(&text));
                }
            }
        }
        let mut mark = '?';
        for (name, template) in &self.query {
            let Some(value) = filling.present(template)? else { continue };
            target.push(mark);
            target.push_str(&path_segment(name));
            target.push('=');
            target.push_str(&path_segment(&into_text(value)));
            mark = '&';
        }
        Ok(target)
    }
}

/// Visible ASCII and blanks (RFC 9110 section 5.5).
pub(super) fn is_header_value(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='~'))
}

/// The segments of a path; a slash within a template is none of its slashes.
pub(super) fn segments(path: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in path.char_indices() {
        match c {
            '{' if path[at..].starts_with("{{") => inside = true,
            '}' if path[at..].starts_with("}}") => inside = false,
            '/' if !inside => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}
