//! Several documents as one: mappings merged key by key, everything else replaced.

use serde_json::{Map, Value};
use std::path::Path;

/// Puts `over` over `under`.
pub(super) fn merge(under: Value, over: Value) -> Value {
    merge_at(under, over, "")
}

fn merge_at(under: Value, over: Value, pointer: &str) -> Value {
    match (under, over) {
        (Value::Object(mut under), Value::Object(over)) if !is_choice(pointer) => {
            for (key, value) in over {
                let below = format!("{pointer}/{key}");
                let value = match under.shift_remove(&key) {
                    Some(old) => merge_at(old, value, &below),
                    None => value,
                };
                under.insert(key, value);
            }
            Value::Object(under)
        }
        (_, over) => over,
    }
}

/// A mapping of which one key is chosen: two sources of a secret would contradict each other.
fn is_choice(pointer: &str) -> bool {
    pointer.strip_prefix("/connection/auth/").is_some_and(|rest| !rest.contains('/'))
}

/// Puts `defaults` into every set, and takes them out of the document.
pub(super) fn apply_defaults(document: &mut Value) {
    let Some(members) = document.as_object_mut() else { return };
    let Some(defaults @ Value::Object(_)) = members.shift_remove("defaults") else { return };
    for set in members.get_mut("sets").and_then(Value::as_array_mut).into_iter().flatten() {
        if set.is_object() {
            let own = std::mem::take(set);
            // A set's own keys come first, as people wrote them; `job` keeps the order of the defaults.
            *set = in_order_of(&own, merge(defaults.clone(), own.clone()));
        }
    }
}

fn in_order_of(first: &Value, merged: Value) -> Value {
    let (Value::Object(first), Value::Object(mut merged)) = (first, merged) else { return Value::Null };
    let mut ordered = Map::new();
    for key in first.keys() {
        ordered.extend(merged.shift_remove(key).map(|value| (key.clone(), value)));
    }
    ordered.extend(merged);
    Value::Object(ordered)
}

/// Where an included document names files, relative to itself.
const PATHS: [&str; 4] =
    ["/connection/profile", "/guards/deny_numbers", "/guards/deny_numbers/file", "/guards/once_store"];

/// Makes the paths of an included document relative to the runbook; `way` leads from there to the document's folder.
pub(super) fn rebase(document: &mut Value, way: &Path) {
    if way.as_os_str().is_empty() {
        return;
    }
    let move_to = |value: &mut Value| {
        if let Value::String(path) = value {
            *path = way.join(&*path).to_string_lossy().into_owned();
        }
    };
    for pointer in PATHS {
        let is_file = |value: &&mut Value| {
            pointer != "/connection/profile" || value.as_str().is_some_and(crate::model::is_profile_file)
        };
        document.pointer_mut(pointer).filter(is_file).into_iter().for_each(move_to);
    }
    let secrets = document.pointer_mut("/connection/auth").and_then(Value::as_object_mut);
    secrets
        .into_iter()
        .flat_map(|secrets| secrets.values_mut())
        .filter_map(|secret| secret.get_mut("file"))
        .for_each(move_to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mappings_are_merged_and_all_else_is_replaced() {
        let under = json!({"limits": {"concurrency": 4, "rate": "5/s"}, "env": ["A"], "connection": {"auth": {"client_id": {"env": "A"}}}});
        let over =
            json!({"limits": {"rate": "9/s"}, "env": ["B"], "connection": {"auth": {"client_id": {"file": "b"}}}});
        let both = json!({"limits": {"concurrency": 4, "rate": "9/s"}, "env": ["B"], "connection": {"auth": {"client_id": {"file": "b"}}}});
        assert_eq!(merge(under, over), both);
    }

    #[test]
    fn a_set_beats_the_defaults_member_by_member() {
        let mut document = json!({
            "defaults": {"job": {"direction": "consult", "dtmf": "INFO"}, "when": "true"},
            "sets": [{"name": "a", "job": {"direction": "transfer"}}, null],
        });
        apply_defaults(&mut document);
        let set = json!({"name": "a", "job": {"direction": "transfer", "dtmf": "INFO"}, "when": "true"});
        assert_eq!(document, json!({"sets": [set, null]}));
    }
}
