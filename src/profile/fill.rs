//! The values of one job as the templates of a profile see them.

use super::uuid::job_uuid;
use crate::model::{CallId, Code, JobNumber, Problem};
use crate::template::{Engine, Template, Values, value_at};
use handlebars::Context;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cell::OnceCell;

/// One job's values, ready to be filled in. What a job's templates only name is looked up where it stands; a map of all
/// values is made for those that do more.
pub(super) struct Filling<'a> {
    engine: &'a Engine,
    known: &'a [String],
    fields: &'a Value,
    call_id: &'a CallId,
    run_id: &'a str,
    number: JobNumber,
    all: OnceCell<Context>,
}

impl<'a> Filling<'a> {
    /// `known` are the fields that a job of the profile may have: one that is left out is null in templates, so that
    /// `default` and `if` can ask for it.
    pub(super) fn new(
        engine: &'a Engine,
        known: &'a [String],
        fields: &'a Value,
        call_id: &'a CallId,
        run_id: &'a str,
        number: JobNumber,
    ) -> Self {
        Self { engine, known, fields, call_id, run_id, number, all: OnceCell::new() }
    }

    /// What a template gives.
    pub(super) fn value(&self, template: &Template) -> Result<Cow<'_, Value>, Problem> {
        let mut value = self.engine.fill(template, self).map_err(|error| {
            let message = format!("a template of the profile failed for this job: {error}");
            Problem::at(Code::TemplateFailed, self.field_of(template), message)
                .help("give the job what the template reads, or let the profile use `default`")
        })?;
        // The whole job, without what stands in it for fields that are left out.
        if template.plain().is_some_and(|path| path.len() == 1)
            && let Value::Object(members) = &*value
            && members.values().any(Value::is_null)
        {
            let present = members.iter().filter(|(_, member)| !member.is_null());
            value = Cow::Owned(present.map(|(name, member)| (name.clone(), member.clone())).collect());
        }
        Ok(value)
    }

    /// The same, or `None` when the template is one name that has no value.
    pub(super) fn present(&self, template: &Template) -> Result<Option<Cow<'_, Value>>, Problem> {
        let value = self.value(template)?;
        Ok(if value.is_null() && template.plain().is_some() { None } else { Some(value) })
    }

    fn all(&self) -> Context {
        let mut fields = self.fields.clone();
        if let Value::Object(members) = &mut fields {
            for name in self.known {
                if !members.contains_key(name) {
                    members.insert(name.clone(), Value::Null);
                }
            }
        }
        let mut values = Map::new();
        values.insert("job".to_owned(), fields);
        values.insert("call".to_owned(), json!({"id": self.call_id.as_str(), "encoded": self.call_id.encoded()}));
        values.insert("run".to_owned(), json!({"id": self.run_id}));
        values.insert("job_number".to_owned(), Value::from(self.number));
        values.insert("job_uuid".to_owned(), Value::from(job_uuid(self.run_id, self.number)));
        Context::from(Value::Object(values))
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

impl Values for Filling<'_> {
    /// The values of [`Filling::all`], without all of them being made.
    fn get(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        let names: [&str; 2] = match path {
            [root] => [root, ""],
            [root, name, ..] => [root, name],
            [] => ["", ""],
        };
        match (names, path.len()) {
            (["job", ""], 1) => Some(Cow::Borrowed(self.fields)),
            (["job", name], length) => match self.fields.get(name) {
                Some(field) => value_at(field, &path[2..]).map(Cow::Borrowed),
                None => {
                    (length == 2 && self.known.iter().any(|known| known == name)).then_some(Cow::Borrowed(&Value::Null))
                }
            },
            (["call", "id"], 2) => Some(Cow::Owned(Value::from(self.call_id.as_str()))),
            (["call", "encoded"], 2) => Some(Cow::Owned(Value::from(self.call_id.encoded()))),
            (["run", "id"], 2) => Some(Cow::Owned(Value::from(self.run_id))),
            (["job_number", ""], 1) => Some(Cow::Owned(Value::from(self.number))),
            (["job_uuid", ""], 1) => Some(Cow::Owned(Value::from(job_uuid(self.run_id, self.number)))),
            _ => value_at(self.context().data(), path).map(Cow::Borrowed),
        }
    }

    fn context(&self) -> &Context {
        self.all.get_or_init(|| self.all())
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

/// The same without a copy, where the value is ours already.
pub(super) fn into_text(value: Cow<'_, Value>) -> String {
    match value {
        Cow::Owned(Value::String(text)) => text,
        value => text_of(&value),
    }
}
