//! Every default that a schema names is what the program does: a runbook that leaves the key out is the one that writes
//! the default, and another value is another runbook.

use crate::support::book::Book;
use crate::support::repository;
use bridgebook::load::load;
use bridgebook::model::Source;
use serde_json::{Map, Value, json};

/// A key with a default: the keys that lead to it (elements by their index), and its schema.
struct Defaulted {
    path: Vec<String>,
    schema: Value,
}

impl Defaulted {
    fn default(&self) -> &Value {
        &self.schema["default"]
    }

    /// Another value that the schema allows.
    fn other(&self) -> Value {
        let default = self.default();
        let mut candidates: Vec<Value> = self.schema["examples"].as_array().cloned().unwrap_or_default();
        candidates.extend(self.schema["enum"].as_array().cloned().unwrap_or_default());
        let variants = self.schema["oneOf"].as_array().cloned().unwrap_or_default();
        candidates.extend(variants.iter().map(|variant| variant["const"].clone()));
        match default {
            Value::Bool(flag) => candidates.push(json!(!flag)),
            Value::Number(number) => {
                candidates.extend(number.as_i64().map(|n| [json!(n + 1), json!(n - 1)]).into_iter().flatten());
            }
            // `5s` becomes `15s`, `cxone` becomes `1cxone`.
            Value::String(text) => candidates.push(json!(format!("1{text}"))),
            _ => {}
        }
        let validator = jsonschema::draft202012::new(&self.schema).unwrap();
        let other = candidates.into_iter().find(|value| value != default && validator.is_valid(value));
        other.unwrap_or_else(|| panic!("{}: give an example beside the default", self.path.join(".")))
    }
}

fn defaults(schema: &Value, path: &[String], found: &mut Vec<Defaulted>) {
    if schema.get("default").is_some() {
        found.push(Defaulted { path: path.to_vec(), schema: schema.clone() });
    }
    let below = |token: &str| path.iter().cloned().chain([token.to_owned()]).collect::<Vec<_>>();
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        defaults(member, &below(name), found);
    }
    if let Some(items) = schema.get("items") {
        defaults(items, &below("0"), found);
    }
    for variant in ["anyOf", "oneOf"].iter().filter_map(|keyword| schema.get(*keyword)?.as_array()).flatten() {
        defaults(variant, path, found);
    }
}

fn runbook_defaults() -> Vec<Defaulted> {
    let text = std::fs::read_to_string(repository("schemas/runbook.schema.json")).unwrap();
    let mut found = Vec::new();
    defaults(&serde_json::from_str(&text).unwrap(), &[], &mut found);
    found
}

/// A runbook that says no more than it must.
fn least() -> Value {
    json!({
        "version": 1,
        "name": "least",
        "connection": {
            // Refused unless a key says otherwise: that is a default too.
            "base_url": "http://api.example.com",
            "auth": {"client_id": {"env": "CXONE_CLIENT_ID"}, "client_secret": {"env": "CXONE_CLIENT_SECRET"}},
        },
        "sets": [{
            "name": "one",
            "rows": {"items": [{"call_id": "call-1"}]},
            "job": {"call_id": "{{row.call_id}}", "targets": [{"type": "phone", "value": "+12025550104"}], "direction": "transfer"},
        }],
    })
}

/// The same, with rows that have a use for the key at a path: an option of CSV stands beside CSV.
fn least_for(path: &[String]) -> Value {
    let mut least = least();
    match path.last().map(String::as_str) {
        Some("delimiter") => least["sets"][0]["rows"] = json!({"csv": "calls.csv"}),
        Some("pointer") => least["sets"][0]["rows"] = json!({"json": "calls.json"}),
        _ => {}
    }
    match path.first().map(String::as_str) {
        Some("window") => least["window"] = json!({"timezone": "UTC"}),
        Some("waves") => least["waves"] = json!([{"size": 5}, {"size": "100%"}]),
        _ => {}
    }
    least
}

/// Writes a value at a path; what must stand around it is made.
fn write(document: &mut Value, path: &[String], value: Value) {
    let mut at = document;
    for token in path {
        at = match at {
            Value::Array(items) => &mut items[token.parse::<usize>().unwrap()],
            Value::Object(members) => members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new())),
            _ => panic!("{}: nothing can be written below {at}", path.join(".")),
        };
    }
    *at = value;
}

/// What the rest of the program sees of a runbook, but for its text: what is wrong with it, and its sound parts.
fn meaning(document: &Value) -> String {
    let text = serde_json::to_string_pretty(document).unwrap();
    let draft = load(Source { path: "runbook.yaml".into(), text: text.clone(), marked: false }, &[]);
    let seen = format!("{:#?}\n{:#?}", draft.problems(), draft.preview().unwrap());
    seen.replace(&format!("{text:?}"), "")
}

#[test]
fn a_key_that_is_left_out_is_its_default() {
    let defaults = runbook_defaults();
    assert!(defaults.len() > 10, "{}", defaults.len());
    for defaulted in defaults.iter().filter(|defaulted| !is_job_field(&defaulted.path)) {
        let name = defaulted.path.join(".");
        let least = least_for(&defaulted.path);
        let (mut written, mut other) = (least.clone(), least.clone());
        write(&mut written, &defaulted.path, defaulted.default().clone());
        write(&mut other, &defaulted.path, defaulted.other());
        assert_eq!(meaning(&least), meaning(&written), "{name} is not {} by default", defaulted.default());
        assert_ne!(meaning(&least), meaning(&other), "{name} changes nothing");
    }
}

/// The fields of a job belong to the profile: what counts is what it makes of them.
fn is_job_field(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    path.starts_with(&["sets", "0", "job"]) || path.starts_with(&["defaults", "job"])
}

fn payload(document: &Value) -> String {
    let text = document.to_string().replace("http:", "https:");
    let book = Book::offline().verbatim(&text);
    book.command(0, &["plan", "runbook.yaml", "--payloads", "payloads.jsonl"]);
    std::fs::read_to_string(book.dir().join("payloads.jsonl")).unwrap()
}

#[test]
fn a_job_field_that_is_left_out_is_its_default() {
    let text = std::fs::read_to_string(repository("schemas/job.schema.json")).unwrap();
    let mut of_the_profile = Vec::new();
    defaults(&serde_json::from_str(&text).unwrap(), &[], &mut of_the_profile);
    let of_the_runbook: Vec<Defaulted> =
        runbook_defaults().into_iter().filter(|defaulted| is_job_field(&defaulted.path)).collect();
    assert_eq!(of_the_profile.len(), 2, "dtmf and bridge_matrix");
    for defaulted in &of_the_profile {
        let path = ["sets".to_owned(), "0".to_owned(), "job".to_owned()].into_iter().chain(defaulted.path.clone());
        let path: Vec<String> = path.collect();
        let name = defaulted.path.join(".");
        let same = of_the_runbook.iter().any(|other| other.path == path && other.default() == defaulted.default());
        assert!(same, "the runbook's schema says another default of {name}");
        let (mut written, mut other) = (least(), least());
        write(&mut written, &path, defaulted.default().clone());
        write(&mut other, &path, defaulted.other());
        assert_eq!(payload(&least()), payload(&written), "{name} is not {} by default", defaulted.default());
        assert_ne!(payload(&least()), payload(&other), "{name} changes nothing");
    }
}
