//! `job:` of a profile -> the rules on a job's fields, and what is wrong with them.

use super::spec::{JobSpec, LegsSpec, LinksSpec, NumbersSpec};
use crate::model::{Code, Problem};
use crate::schema::Checker;
use crate::template::nearest;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The rules on a job's fields.
#[derive(Debug, Default)]
pub(super) struct JobRules {
    /// The field that holds the id of the call.
    pub(super) call_id: String,
    /// Which values are telephone numbers.
    pub(super) numbers: Numbers,
    /// How many legs one bridge may have.
    pub(super) legs: Option<Legs>,
    /// Values of fields that a runbook leaves out.
    pub(super) defaults: Map<String, Value>,
    /// The links between legs.
    pub(super) links: Option<Links>,
    /// Fields that every job has, by schema or default.
    pub(super) always: HashSet<String>,
    /// Every field, in the order of the schema.
    pub(super) fields: Vec<String>,
}

/// Which values are telephone numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// A list of targets; empty: there is none.
    pub(super) pointer: String,
    /// The `type` whose `value` is a number.
    pub(super) r#type: String,
    /// Fields that are numbers themselves.
    pub(super) fields: Vec<String>,
}

/// How many legs one bridge may have.
#[derive(Debug)]
pub(super) struct Legs {
    /// The list of legs beside the call.
    pub(super) pointer: String,
    /// Its longest length.
    pub(super) max: usize,
}

/// The links between legs.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) pointer: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) legs: String,
}

/// Compiles the section; a schema that is none gives no checker.
pub(super) fn compile(spec: JobSpec, problems: &mut Vec<Problem>) -> (JobRules, Option<Checker>) {
    let schema = Value::Object(closed(spec.schema.unwrap_or_default()));
    let checker = checker(&schema, problems);
    let names = |key: &str| -> Vec<String> {
        match schema.get(key) {
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let defaults = spec.defaults.unwrap_or_default();
    let fields = names("properties");
    let always = names("required").into_iter().chain(defaults.keys().cloned()).collect();
    let mut rules =
        JobRules { call_id: spec.call_id.unwrap_or_default(), fields, always, defaults, ..JobRules::default() };
    if checker.is_some() {
        rules.check_fields(&schema, problems);
    }
    rules.numbers = rules.numbers(spec.numbers.unwrap_or_default(), problems);
    rules.legs = spec.legs.and_then(|legs| rules.legs(legs, problems));
    rules.links = spec.links.and_then(|links| rules.links(links, problems));
    (rules, checker)
}

/// A schema that does not say what other fields may be allows none: a misspelt one would be sent by nobody.
fn closed(mut schema: Map<String, Value>) -> Map<String, Value> {
    let open = ["additionalProperties", "unevaluatedProperties", "patternProperties"];
    if !schema.is_empty() && !open.iter().any(|key| schema.contains_key(*key)) {
        schema.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
    schema
}

/// The schema must be one, with fields, and must need nothing from elsewhere.
fn checker(schema: &Value, problems: &mut Vec<Problem>) -> Option<Checker> {
    let at = |inner: &str| format!("/job/schema{inner}");
    if schema.as_object().is_none_or(Map::is_empty) {
        return None;
    }
    if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
        let place = error.instance_path().as_str();
        let (message, help) = if place.ends_with("/type") {
            let shown = crate::model::printable(&error.instance().to_string(), 60).into_owned();
            let types = "string, integer, number, boolean, object, array, null";
            (format!("JSON Schema has no type {shown}"), format!("write one of {types}"))
        } else {
            let help = "the schema of a job's fields is JSON Schema, draft 2020-12".to_owned();
            (format!("this is not JSON Schema: {error}"), help)
        };
        problems.push(Problem::at(Code::BadJobSchema, at(place), message).help(help));
        return None;
    }
    let has_fields = schema.get("properties").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
    if !has_fields || schema.get("type").is_some_and(|kind| kind != "object") {
        let message = "a job is an object with fields: its schema has `type: object` and `properties`";
        problems.push(
            Problem::at(Code::BadJobSchema, at(""), message)
                .help("add `properties:` with the fields of a job")
                .on_key(),
        );
        return None;
    }
    match Checker::new(schema.clone(), |_, _| None) {
        Ok(checker) => Some(checker.about("the job")),
        Err(reason) => {
            problems.push(unusable(schema, &reason));
            None
        }
    }
}

/// Why a schema that is one cannot be compiled.
fn unusable(schema: &Value, reason: &str) -> Problem {
    let at = |inner: &str| format!("/job/schema{inner}");
    let error = jsonschema::draft202012::new(schema).err();
    match error.as_ref().map(|error| (error.kind(), error.instance_path().as_str())) {
        Some((Kind::Format { format }, place)) if format == "regex" => {
            let message = "this pattern is not a regular expression";
            Problem::at(Code::BadJobSchema, at(place), message)
                .help("close every bracket, and write a sign itself as `\\+`")
        }
        Some((Kind::Referencing(_), _)) => {
            let place = outward(schema).unwrap_or_default();
            Problem::at(Code::BadJobSchema, at(&place), "this reference leads out of the schema, or nowhere")
                .help("write what it stands for here: nothing is fetched from elsewhere")
        }
        _ => Problem::at(Code::BadJobSchema, at(""), format!("this schema cannot be used: {reason}"))
            .help("correct it: jobs are checked by it")
            .on_key(),
    }
}

/// The first reference that leads to nothing in the schema.
fn outward(schema: &Value) -> Option<String> {
    fn find(schema: &Value, value: &Value, at: &str) -> Option<String> {
        let below = |token: &str| format!("{at}/{}", token.replace('~', "~0").replace('/', "~1"));
        let within = |reference: &str| {
            let path = reference.strip_prefix('#');
            path.is_some_and(|path| schema.pointer(path).is_some() || !path.starts_with('/'))
        };
        match value {
            Value::Object(members) => members.iter().find_map(|(key, value)| match value {
                Value::String(reference) if key == "$ref" && !within(reference) => Some(below(key)),
                value => find(schema, value, &below(key)),
            }),
            Value::Array(items) => {
                items.iter().enumerate().find_map(|(index, item)| find(schema, item, &below(&index.to_string())))
            }
            _ => None,
        }
    }
    find(schema, schema, "")
}

impl JobRules {
    /// The call id must be a text that every job has; defaults must be fields, and fit them.
    fn check_fields(&self, schema: &Value, problems: &mut Vec<Problem>) {
        let at = "/job/call_id";
        if self.call_id.is_empty() {
            // Missing, and said so by the schema.
        } else if !self.fields.contains(&self.call_id) {
            problems.push(self.unknown(at, &self.call_id));
        } else if !self.always.contains(&self.call_id) {
            let message = format!("a job may leave `{}` out, and is nothing without its call", self.call_id);
            problems.push(
                Problem::at(Code::OptionalField, at, message)
                    .help(format!("add `{}` to `required` of the schema", self.call_id)),
            );
        } else if schema.pointer(&format!("/properties/{}/type", self.call_id)).is_none_or(|kind| kind != "string") {
            let message = format!("`{}` is the id of a call, and its schema does not say `type: string`", self.call_id);
            problems.push(
                Problem::at(Code::BadJobSchema, format!("/job/schema/properties/{}", self.call_id), message)
                    .help("add `type: string`")
                    .on_key(),
            );
        }
        for name in self.defaults.keys().filter(|name| !self.fields.contains(name)) {
            problems.push(self.unknown(&format!("/job/defaults/{name}"), name).on_key());
        }
    }

    fn numbers(&self, spec: NumbersSpec, problems: &mut Vec<Problem>) -> Numbers {
        if spec.pointer.is_some() != spec.r#type.is_some() {
            let (has, lacks) = if spec.pointer.is_some() { ("pointer", "type") } else { ("type", "pointer") };
            let message = format!("`{has}` goes with `{lacks}`: of which targets is the value a number?");
            problems.push(
                Problem::at(Code::ProfileContradiction, format!("/job/numbers/{has}"), message)
                    .help(format!("add `{lacks}`"))
                    .on_key(),
            );
        }
        let fields = spec.fields.unwrap_or_default().into_iter().flatten().collect::<Vec<_>>();
        for (index, pointer) in fields.iter().enumerate() {
            self.check_pointer(&format!("/job/numbers/fields/{index}"), pointer, problems);
        }
        let pointer = spec.pointer.unwrap_or_default();
        self.check_pointer("/job/numbers/pointer", &pointer, problems);
        Numbers { pointer, r#type: spec.r#type.unwrap_or_default(), fields }
    }

    fn legs(&self, spec: LegsSpec, problems: &mut Vec<Problem>) -> Option<Legs> {
        let (pointer, max) = (spec.pointer?, spec.max?);
        self.check_pointer("/job/legs/pointer", &pointer, problems);
        Some(Legs { pointer, max: usize::try_from(max).unwrap_or(usize::MAX) })
    }

    fn links(&self, spec: LinksSpec, problems: &mut Vec<Problem>) -> Option<Links> {
        let (pointer, legs) = (spec.pointer?, spec.legs?);
        self.check_pointer("/job/links/pointer", &pointer, problems);
        self.check_pointer("/job/links/legs", &legs, problems);
        Some(Links { pointer, source: spec.source?, target: spec.target?, legs })
    }

    /// A pointer into the job begins with one of its fields.
    fn check_pointer(&self, at: &str, pointer: &str, problems: &mut Vec<Problem>) {
        let Some(first) = pointer.split('/').nth(1) else { return };
        let name = first.replace("~1", "/").replace("~0", "~");
        if !self.fields.is_empty() && !self.fields.contains(&name) {
            let near = nearest(&name, self.fields.iter().map(String::as_str));
            let near = near.map(|near| {
                format!("write `{}`", pointer.replacen(first, &near.replace('~', "~0").replace('/', "~1"), 1))
            });
            let problem = self.unknown(at, &name);
            problems.push(Problem { help: near.or(problem.help), ..problem });
        }
    }

    fn unknown(&self, at: &str, name: &str) -> Problem {
        let help = nearest(name, self.fields.iter().map(String::as_str)).map_or_else(
            || format!("fields of the schema: {}", self.fields.join(", ")),
            |near| format!("write `{near}`"),
        );
        Problem::at(Code::UnknownJobField, at, format!("a job of this profile has no field `{name}`")).help(help)
    }
}
