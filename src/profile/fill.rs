//! The values of one job as the templates of a profile see them.

use super::uuid::job_uuid;
use crate::model::{CallId, Code, JobNumber, Problem};
use crate::template::{Engine, Template};
use handlebars::Context;
use serde_json::{Map, Value, json};

/// One job's values, ready to be filled in.
pub(super) struct Filling<'a> {
    engine: &'a Engine,
    values: Context,
}

impl<'a> Filling<'a> {
    /// `known` are the fields that a job of the profile may have: one that is left out is null in templates, so that
    /// `default` and `if` can ask for it.
    pub(super) fn new(
        engine: &'a Engine,
        known: &[String],
        mut fields: Value,
        call_id: &CallId,
        run_id: &str,
        number: JobNumber,
    ) -> Self {
        if let Value::Object(members) = &mut fields {
            for name in known {
                if !members.contains_key(name) {
                    members.insert(name.clone(), Value::Null);
                }
            }
        }
        let mut values = Map::new();
        values.insert("job".to_owned(), fields);
        values.insert("call".to_owned(), json!({"id": call_id.as_str(), "encoded": call_id.encoded()}));
        values.insert("run".to_owned(), json!({"id": run_id}));
        values.insert("job_number".to_owned(), Value::from(number));
        values.insert("job_uuid".to_owned(), Value::from(job_uuid(run_id, number)));
        Self { engine, values: Context::from(Value::Object(values)) }
    }

    /// What a template gives.
    pub(super) fn value(&self, template: &Template) -> Result<Value, Problem> {
        let mut value = self.engine.render(template, &self.values).map_err(|error| {
            let message = format!("a template of the profile failed for this job: {error}");
            Problem::at(Code::TemplateFailed, self.field_of(template), message)
                .help("give the job what the template reads, or let the profile use `default`")
        })?;
        // The whole job, without what stands in it for fields that are left out.
        if template.plain().is_some_and(|path| path.len() == 1)
            && let Value::Object(members) = &mut value
        {
            members.retain(|_, member| !member.is_null());
        }
        Ok(value)
    }

    /// The same, or `None` when the template is one name that has no value.
    pub(super) fn present(&self, template: &Template) -> Result<Option<Value>, Problem> {
        let value = self.value(template)?;
        Ok(if value.is_null() && template.plain().is_some() { None } else { Some(value) })
    }

    /// The job's field that a template reads first, as a pointer into the job.
    #[expect(clippy::unused_self, reason = "reads as one with its neighbours")]
    pub(super) fn field_of(&self, template: &Template) -> String {
        template
            .names()
            .find(|path| path.first().is_some_and(|root| root == "job"))
            .and_then(|path| path.get(1))
            .map_or_else(String::new, |field| format!("/{}", field.replace('~', "~0").replace('/', "~1")))
    }
}

/// A value where only text can stand: a list becomes its elements with commas between them.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
