//! The body of a bridge request: JSON, a form, or none.

use super::fill::{Filling, into_text};
use super::job::JobRules;
use crate::model::Problem;
use crate::template::{Template, Tree};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Bytes of most bodies: they grow without being moved.
const LIKELY_LENGTH: usize = 256;

/// A compiled body.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    None,
    /// JSON, filled in as values; and as it is written.
    Json(Tree, Map<String, Value>),
    /// A form, in the order of the profile.
    Form(Vec<(String, Template)>),
}

impl Body {
    /// What `Content-Type` says of it.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Json(..) => Some("application/json"),
            Self::Form(_) => Some("application/x-www-form-urlencoded"),
        }
    }

    /// The JSON Schema of it: each member has the schema of the field that fills it.
    pub(super) fn schema(&self, rules: &JobRules, fields: &Value) -> Map<String, Value> {
        let schema = match self {
            Self::None => json!({"type": "null", "description": "The request has no body."}),
            Self::Json(_, written) => members(written, rules, fields),
            Self::Form(parts) => {
                let text = |(name, _): &(String, Template)| (name.clone(), json!({"type": "string"}));
                let always = parts.iter().filter(|(_, template)| !may_be_absent(template.plain(), rules));
                json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": always.map(|(name, _)| name).collect::<Vec<_>>(),
                    "properties": parts.iter().map(text).collect::<Map<_, _>>(),
                })
            }
        };
        if let Value::Object(members) = schema { members } else { Map::new() }
    }
}

/// The bytes of a job's body.
pub(super) fn fill(body: &Body, filling: &Filling<'_>) -> Result<Vec<u8>, Problem> {
    match body {
        Body::None => Ok(Vec::new()),
        Body::Json(tree, _) => {
            let mut bytes = Vec::with_capacity(LIKELY_LENGTH);
            if !write(tree, filling, &mut bytes)? {
                bytes.extend_from_slice(b"null");
            }
            Ok(bytes)
        }
        Body::Form(parts) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, template) in parts {
                if let Some(value) = filling.present(template)? {
                    form.append_pair(name, &into_text(value));
                }
            }
            Ok(form.finish().into_bytes())
        }
    }
}

/// Writes the text of [`json`]'s value; false: there is none.
fn write(tree: &Tree, filling: &Filling<'_>, bytes: &mut Vec<u8>) -> Result<bool, Problem> {
    match tree {
        Tree::Constant(value) => put(value, bytes),
        Tree::Leaf(template) => match filling.present(template)? {
            Some(value) => put(&*value, bytes),
            None => return Ok(false),
        },
        Tree::Array(nodes) => list(bytes, b'[', b']', nodes.iter(), |node, bytes| write(node, filling, bytes))?,
        Tree::Object(nodes) => list(bytes, b'{', b'}', nodes.iter(), |(name, node), bytes| {
            put(name, bytes);
            bytes.push(b':');
            write(node, filling, bytes)
        })?,
    }
    Ok(true)
}

/// Elements between brackets; one of which there is nothing leaves nothing behind.
fn list<T>(
    bytes: &mut Vec<u8>,
    open: u8,
    close: u8,
    elements: impl Iterator<Item = T>,
    mut element: impl FnMut(T, &mut Vec<u8>) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    bytes.push(open);
    let mut any = false;
    for each in elements {
        let before = bytes.len();
        if any {
            bytes.push(b',');
        }
        if element(each, bytes)? {
            any = true;
        } else {
            bytes.truncate(before);
        }
    }
    bytes.push(close);
    Ok(())
}

/// Writing JSON of our own values into memory cannot fail.
fn put(value: &(impl Serialize + ?Sized), bytes: &mut Vec<u8>) {
    let _ = serde_json::to_writer(bytes, value);
}

/// A value, or `None` for a name without one: the member that it would fill is left out.
pub(super) fn json(tree: &Tree, filling: &Filling<'_>) -> Result<Option<Value>, Problem> {
    match tree {
        Tree::Constant(value) => Ok(Some(value.clone())),
        Tree::Leaf(template) => Ok(filling.present(template)?.map(Cow::into_owned)),
        Tree::Array(nodes) => {
            let items = nodes.iter().filter_map(|node| json(node, filling).transpose());
            items.collect::<Result<_, _>>().map(|items| Some(Value::Array(items)))
        }
        Tree::Object(nodes) => {
            let mut object = Map::new();
            for (name, node) in nodes {
                if let Some(value) = json(node, filling)? {
                    object.insert(name.clone(), value);
                }
            }
            Ok(Some(Value::Object(object)))
        }
    }
}

fn members(written: &Map<String, Value>, rules: &JobRules, fields: &Value) -> Value {
    let optional = |value: &Value| field(value).is_some_and(|field| !rules.always.contains(field));
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": written.iter().filter(|(_, value)| !optional(value)).map(|(name, _)| name).collect::<Vec<_>>(),
        "properties": written
            .iter()
            .map(|(name, value)| (name.clone(), member(value, rules, fields)))
            .collect::<Map<_, _>>(),
    })
}

fn member(value: &Value, rules: &JobRules, fields: &Value) -> Value {
    match value {
        Value::Object(inner) => members(inner, rules, fields),
        Value::String(text) if text.contains("{{") => field(value)
            .map_or_else(|| json!({"type": "string"}), |field| fields.get(field).cloned().unwrap_or_default()),
        Value::Array(_) => json!({"type": "array"}),
        constant => json!({"const": constant}),
    }
}

/// The job's field that a text is: `{{job.FIELD}}`.
fn field(value: &Value) -> Option<&str> {
    let name = value.as_str()?.strip_prefix("{{")?.strip_suffix("}}")?.trim().strip_prefix("job.")?;
    (!name.contains(['.', ' ', '{', '}'])).then_some(name)
}

fn may_be_absent(plain: Option<&[String]>, rules: &JobRules) -> bool {
    matches!(plain, Some([root, field]) if root == "job" && !rules.always.contains(field))
}
