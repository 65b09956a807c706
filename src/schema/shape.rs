//! How schemas are made from Rust types: strict objects, no `null` for what may be left out.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of a type that people write: an optional key is left out, not set to null.
pub fn strict<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).with_transform(NoNull);
    finish(settings.into_generator().into_root_schema_for::<T>(), id, title)
}

/// The schema of a type that the program writes: null means "no data".
pub fn describe<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).with_transform(TagWords);
    finish(settings.for_serialize().into_generator().into_root_schema_for::<T>(), id, title)
}

/// The `$id` of a schema: it names the schema, nobody fetches it.
pub fn address(id: &str) -> String {
    format!("https://example.com/bridgebook/schemas/{id}.schema.json")
}

fn finish(mut schema: Schema, id: &str, title: &str) -> Value {
    schema.insert("$id".to_owned(), Value::from(address(id)));
    schema.insert("title".to_owned(), Value::from(title));
    schema.to_value()
}

/// Takes `null` out of types and `anyOf`s that stand for `Option`, and writes a choice of words as an `enum`: a slip in a
/// `oneOf` would be as many messages as it has branches.
#[derive(Clone)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(choices)) = schema.get("anyOf")
            && let [Value::Object(choice), null] = choices.as_slice()
            && null.get("type").is_some_and(|name| name == "null")
        {
            let choice = choice.clone();
            schema.remove("anyOf");
            for (key, value) in choice {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
        if let Some(Value::Array(choices)) = schema.get("oneOf")
            && let Some(words) = choices.iter().map(|choice| choice.get("const").cloned()).collect::<Option<Vec<_>>>()
        {
            schema.remove("oneOf");
            schema.insert("type".to_owned(), Value::from("string"));
            schema.insert("enum".to_owned(), Value::from(words));
        }
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        transform_subschemas(self, schema);
    }
}

/// Gives the tag of a tagged enum the words of its variant: a tag has no doc comment of its own.
#[derive(Clone)]
struct TagWords;

impl Transform for TagWords {
    fn transform(&mut self, schema: &mut Schema) {
        for variant in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(words) = variant.get("description").cloned() else { continue };
            let members = variant.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
            for member in members.filter_map(|(_, member)| member.as_object_mut()) {
                if member.contains_key("const") && !member.contains_key("description") {
                    member.insert("description".to_owned(), words.clone());
                }
            }
        }
        transform_subschemas(self, schema);
    }
}
