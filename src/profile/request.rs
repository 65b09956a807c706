//! From a job's checked fields to the exact request.

use super::spec::RequestSpecSpec;
use crate::model::{CallId, JobNumber, RequestSpec, path_segment};
use crate::template::{Engine, RenderError, Scope, Template, Tree};
use handlebars::Context;
use serde_json::{Map, Value, json};

/// The request templates of a profile, compiled.
#[derive(Debug)]
pub(super) struct RequestTemplates {
    path: Vec<Segment>,
    request_id: Template,
    request_id_header: String,
    body: Tree,
    fields: Map<String, Value>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Filled(Template),
}

impl RequestTemplates {
    pub(super) fn compile(spec: &RequestSpecSpec, engine: &mut Engine) -> Result<Self, String> {
        let scope = Scope::default().open("job").closed("call", ["encoded"]).closed("run", ["id"]).open("job_number");
        let mut compile = |text: &str| engine.compile(text, &scope).map_err(|error| format!("{text}: {error:?}"));
        let path = spec
            .path
            .split('/')
            .map(|segment| {
                if segment.contains("{{") {
                    compile(segment).map(Segment::Filled)
                } else {
                    Ok(Segment::Literal(segment.to_owned()))
                }
            })
            .collect::<Result<_, _>>()?;
        let request_id = compile(&spec.request_id)?;
        let body =
            Tree::compile(&Value::Object(spec.body.clone()), engine, &scope).map_err(|errors| format!("{errors:?}"))?;
        Ok(Self {
            path,
            request_id,
            request_id_header: spec.request_id_header.clone(),
            body,
            fields: spec.body.clone(),
        })
    }

    /// Body members that are one field of the job, with the field's name.
    pub(super) fn body_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|(member, value)| {
            let field = value.as_str()?.strip_prefix("{{job.")?.strip_suffix("}}")?;
            Some((member.as_str(), field))
        })
    }

    /// The request of a job, and its request id.
    pub(super) fn fill(
        &self,
        engine: &Engine,
        fields: Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Result<(String, RequestSpec), RenderError> {
        let mut values = Map::new();
        values.insert("job".to_owned(), fields);
        values.insert("call".to_owned(), json!({"encoded": call_id.encoded()}));
        values.insert("run".to_owned(), json!({"id": run_id}));
        values.insert("job_number".to_owned(), Value::from(number));
        let values = Context::from(Value::Object(values));
        let text = |template: &Template| engine.render(template, &values).map(into_text);
        let mut path = Vec::with_capacity(self.path.len());
        for segment in &self.path {
            path.push(match segment {
                Segment::Literal(text) => text.clone(),
                Segment::Filled(template) => path_segment(&text(template)?),
            });
        }
        let request_id = text(&self.request_id)?;
        let body = self.body.render(engine, &values).map_err(|error| error.error)?;
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept".to_owned(), "application/json".to_owned()),
            (self.request_id_header.clone(), request_id.clone()),
        ];
        Ok((request_id, RequestSpec { path: path.join("/"), headers, body: body.to_string().into_bytes() }))
    }
}

fn into_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
