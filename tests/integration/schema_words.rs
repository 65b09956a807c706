//! What an editor shows of the six shipped schemas: words for every property, and where people write it an example that
//! is valid where it stands, and the default that the words speak of.

use crate::support::repository;
use serde_json::Value;

/// The schemas, and whether people write such documents.
const SCHEMAS: [(&str, bool); 6] =
    [("runbook", true), ("job", true), ("payload", true), ("profile", true), ("audit", false), ("summary", false)];

fn schema(name: &str) -> Value {
    let text = std::fs::read_to_string(repository(&format!("schemas/{name}.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Visits every schema below this one: members, elements, variants, definitions; with its path and whether it is a member.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value, bool)) {
    for keyword in ["properties", "patternProperties", "$defs"] {
        for (name, member) in schema.get(keyword).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}/{name}");
            visit(&path, member, keyword == "properties");
            walk(member, &path, visit);
        }
    }
    for keyword in ["items", "additionalProperties", "unevaluatedProperties", "contains", "if", "then", "else", "not"] {
        if let Some(below) = schema.get(keyword) {
            walk(below, &format!("{path}/{keyword}"), visit);
        }
    }
    for keyword in ["oneOf", "anyOf", "allOf", "prefixItems"] {
        for (index, variant) in schema.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let path = format!("{path}/{keyword}/{index}");
            visit(&path, variant, false);
            walk(variant, &path, visit);
        }
    }
}

/// A mapping whose keys are all known: each of them has an example of its own.
fn is_closed_mapping(schema: &Value) -> bool {
    schema.get("properties").is_some() && schema.get("additionalProperties") == Some(&Value::Bool(false))
}

#[test]
fn every_schema_says_what_it_is_and_by_which_draft() {
    let mut addresses = Vec::new();
    for (name, _) in SCHEMAS {
        let schema = schema(name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        for key in ["$id", "title", "description"] {
            assert!(schema[key].as_str().is_some_and(|words| !words.is_empty()), "{name} has no {key}");
        }
        addresses.push(schema["$id"].clone());
    }
    addresses.sort_by_key(Value::to_string);
    addresses.dedup();
    assert_eq!(addresses.len(), SCHEMAS.len(), "each has an address of its own: {addresses:?}");
}

#[test]
fn every_property_of_every_schema_is_described() {
    let mut silent = Vec::new();
    for (name, _) in SCHEMAS {
        let mut members = 0;
        walk(&schema(name), name, &mut |path, schema, is_member| {
            members += u32::from(is_member);
            let words = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            if is_member && words.len() < 5 {
                silent.push(path.to_owned());
            }
        });
        assert!(members >= 5, "{name}: {members} properties");
    }
    assert!(silent.is_empty(), "no description (the doc comment of the Rust field): {silent:#?}");
}

#[test]
fn whatever_people_write_has_an_example_that_is_valid_where_it_stands() {
    let mut without = Vec::new();
    for (name, written) in SCHEMAS {
        let mut checked = 0;
        walk(&schema(name), name, &mut |path, schema, is_member| {
            let examples = schema.get("examples").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if written && is_member && examples.is_empty() && !is_closed_mapping(schema) {
                without.push(path.to_owned());
            }
            let validator = jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{path}: {error}"));
            for example in examples.iter().chain(schema.get("default")) {
                assert!(validator.is_valid(example), "{path}: {example}");
                checked += 1;
            }
        });
        assert!(!written || checked >= 5, "{name}: {checked}");
    }
    assert!(without.is_empty(), "no example (`#[schemars(extend(\"examples\" = [...]))]`): {without:#?}");
}

/// "Default 5s." in the words is a `default` in the schema; "Default: the call id." is none that can be written.
#[test]
fn a_default_that_the_words_name_is_in_the_schema() {
    let mut silent = Vec::new();
    let mut named = 0;
    for (name, written) in SCHEMAS {
        walk(&schema(name), name, &mut |path, schema, is_member| {
            let words = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            if written && is_member && (words.contains("Default ") || words.contains("(the default)")) {
                named += 1;
                if schema.get("default").is_none() {
                    silent.push(format!("{path}: {words}"));
                }
            }
        });
    }
    assert!(named > 5, "{named}");
    assert!(silent.is_empty(), "no `default` for what the words name: {silent:#?}");
}
