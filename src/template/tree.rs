//! A JSON value with templates at its leaves.

use super::compile::{Engine, Template, Values};
use super::error::{CompileError, RenderError};
use super::names::Scope;
use serde_json::{Map, Value};

/// A compiled value.
#[derive(Clone, Debug)]
pub enum Tree {
    /// Nothing to fill in.
    Constant(Value),
    /// A template.
    Leaf(Template),
    /// Elements, at least one of which is not constant.
    Array(Vec<Self>),
    /// Members, at least one of which is not constant.
    Object(Vec<(String, Self)>),
}

/// A template of a tree.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// JSON pointer from the tree's root.
    pub pointer: String,
    /// The template.
    pub template: &'a Template,
}

/// A failure at a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeError<E> {
    /// JSON pointer from the tree's root.
    pub pointer: String,
    /// What failed.
    pub error: E,
}

impl Tree {
    /// Compiles every string of `value`; all failures at once.
    pub fn compile(value: &Value, engine: &mut Engine, scope: &Scope) -> Result<Self, Vec<TreeError<CompileError>>> {
        let mut errors = Vec::new();
        let tree = Self::build(value, engine, scope, &mut String::new(), &mut errors);
        if errors.is_empty() { Ok(tree) } else { Err(errors) }
    }

    fn build(
        value: &Value,
        engine: &mut Engine,
        scope: &Scope,
        pointer: &mut String,
        errors: &mut Vec<TreeError<CompileError>>,
    ) -> Self {
        match value {
            Value::String(text) => match engine.compile(text, scope) {
                Ok(template) if template.is_constant() => Self::Constant(value.clone()),
                Ok(template) => Self::Leaf(template),
                Err(error) => {
                    errors.push(TreeError { pointer: pointer.clone(), error });
                    Self::Constant(Value::Null)
                }
            },
            Value::Array(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    nodes.push(below(pointer, &index.to_string(), |pointer| {
                        Self::build(item, engine, scope, pointer, errors)
                    }));
                }
                if nodes.iter().all(Self::is_constant) { Self::Constant(value.clone()) } else { Self::Array(nodes) }
            }
            Value::Object(members) => {
                let mut nodes = Vec::with_capacity(members.len());
                for (name, item) in members {
                    let node = below(pointer, name, |pointer| Self::build(item, engine, scope, pointer, errors));
                    nodes.push((name.clone(), node));
                }
                if nodes.iter().all(|(_, node)| node.is_constant()) {
                    Self::Constant(value.clone())
                } else {
                    Self::Object(nodes)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Constant(value.clone()),
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Fills every leaf in.
    pub fn render(&self, engine: &Engine, values: &impl Values) -> Result<Value, TreeError<RenderError>> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Leaf(template) => {
                engine.render(template, values).map_err(|error| TreeError { pointer: String::new(), error })
            }
            Self::Array(nodes) => nodes
                .iter()
                .enumerate()
                .map(|(index, node)| node.render(engine, values).map_err(|error| error.under(&index.to_string())))
                .collect(),
            Self::Object(nodes) => nodes
                .iter()
                .map(|(name, node)| {
                    let value = node.render(engine, values).map_err(|error| error.under(name))?;
                    Ok((name.clone(), value))
                })
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }

    /// The same into what another row has left: what no template changes stays where it is. After a failure the value is
    /// of no use.
    pub fn refill(
        &self,
        engine: &Engine,
        values: &impl Values,
        value: &mut Value,
    ) -> Result<(), TreeError<RenderError>> {
        match (self, value) {
            // Nothing has been filled in yet.
            (Self::Constant(constant), value @ Value::Null) => {
                value.clone_from(constant);
                Ok(())
            }
            (Self::Constant(_), _) => Ok(()),
            (Self::Leaf(template), value) => {
                let filled = engine.fill(template, values);
                let filled = filled.map_err(|error| TreeError { pointer: String::new(), error })?;
                match (&mut *value, &*filled) {
                    // The text keeps its memory.
                    (Value::String(old), Value::String(new)) => old.clone_from(new),
                    _ => *value = filled.into_owned(),
                }
                Ok(())
            }
            (Self::Array(nodes), Value::Array(items)) if items.len() == nodes.len() => {
                let mut pairs = nodes.iter().zip(items).enumerate();
                pairs.try_for_each(|(index, (node, item))| {
                    node.refill(engine, values, item).map_err(|error| error.under(&index.to_string()))
                })
            }
            (Self::Object(nodes), Value::Object(members)) if members.len() == nodes.len() => {
                // Members stand in the order in which they were put in.
                let mut pairs = nodes.iter().zip(members.values_mut());
                pairs.try_for_each(|((name, node), member)| {
                    node.refill(engine, values, member).map_err(|error| error.under(name))
                })
            }
            (Self::Array(_) | Self::Object(_), value) => {
                *value = self.render(engine, values)?;
                Ok(())
            }
        }
    }

    /// Every template with its place.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        fn under<'a>(token: &str, node: &'a Tree) -> Vec<Leaf<'a>> {
            let token = token.replace('~', "~0").replace('/', "~1");
            let moved = |leaf: Leaf<'a>| Leaf { pointer: format!("/{token}{}", leaf.pointer), ..leaf };
            node.leaves().into_iter().map(moved).collect()
        }
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Leaf(template) => vec![Leaf { pointer: String::new(), template }],
            Self::Array(nodes) => {
                nodes.iter().enumerate().flat_map(|(index, node)| under(&index.to_string(), node)).collect()
            }
            Self::Object(nodes) => nodes.iter().flat_map(|(name, node)| under(name, node)).collect(),
        }
    }

    /// Shows every template.
    pub fn visit(&self, see: &mut impl FnMut(&Template)) {
        match self {
            Self::Constant(_) => {}
            Self::Leaf(template) => see(template),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.visit(see)),
            Self::Object(nodes) => nodes.iter().for_each(|(_, node)| node.visit(see)),
        }
    }

    /// Whether a pointer leads to what stands there without a template.
    pub fn is_written(&self, pointer: &str) -> bool {
        let mut node = self;
        let mut rest = pointer;
        loop {
            if let Self::Constant(value) = node {
                return value.pointer(rest).is_some();
            }
            let Some((token, below)) =
                rest.strip_prefix('/').map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())))
            else {
                return false;
            };
            let name = token.replace("~1", "/").replace("~0", "~");
            let next = match node {
                Self::Array(nodes) => name.parse::<usize>().ok().and_then(|index| nodes.get(index)),
                Self::Object(nodes) => nodes.iter().find(|(key, _)| *key == name).map(|(_, node)| node),
                Self::Constant(_) | Self::Leaf(_) => None,
            };
            let Some(next) = next else { return false };
            (node, rest) = (next, below);
        }
    }

    /// The leaf that a pointer leads to or through, if any.
    pub fn leaf_at<'a>(&'a self, pointer: &str) -> Option<Leaf<'a>> {
        let mut node = self;
        let mut at = String::new();
        for token in pointer.split('/').skip(1).map(Some).chain([None]) {
            if let Self::Leaf(template) = node {
                return Some(Leaf { pointer: at, template });
            }
            let token = token?;
            let name = token.replace("~1", "/").replace("~0", "~");
            node = match node {
                Self::Array(nodes) => nodes.get(name.parse::<usize>().ok()?)?,
                Self::Object(nodes) => &nodes.iter().find(|(key, _)| *key == name)?.1,
                Self::Constant(_) | Self::Leaf(_) => return None,
            };
            at.push('/');
            at.push_str(token);
        }
        None
    }
}

impl<E> TreeError<E> {
    fn under(mut self, token: &str) -> Self {
        self.pointer = format!("/{}{}", escape(token), self.pointer);
        self
    }
}

/// A reference token of RFC 6901.
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn below<T>(pointer: &mut String, token: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&escape(token));
    let result = inner(pointer);
    pointer.truncate(length);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use handlebars::Context;
    use serde_json::json;

    #[test]
    fn what_is_filled_in_again_is_what_would_be_rendered() {
        let leaf = "{{row.v}}";
        for written in [
            json!({"a": 1, "b": null}),
            json!("text"),
            json!(null),
            json!({"a": leaf, "b": [1, leaf, {"c": "x-{{row.v}}", "d": null}], "e": {"f": [2]}}),
            json!([leaf, null, "x"]),
            json!(leaf),
        ] {
            let (mut engine, scope) = (Engine::default(), Scope::default().open("row"));
            let tree = Tree::compile(&written, &mut engine, &scope).unwrap_or_else(|errors| panic!("{errors:?}"));
            let mut filled = Value::Null;
            for value in [json!("a"), json!("longer"), json!([1, 2]), json!(null), json!({"g": 1}), json!("b")] {
                let values = Context::from(json!({"row": {"v": value}}));
                let Ok(rendered) = tree.render(&engine, &values) else {
                    assert!(tree.refill(&engine, &values, &mut filled).is_err());
                    continue;
                };
                assert!(tree.refill(&engine, &values, &mut filled).is_ok());
                assert_eq!(filled, rendered, "{written} with {value}");
            }
        }
    }
}
