//! Compiling and rendering one template.

use super::helpers;
use super::names::{Scope, nearest};
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Context, Handlebars, Path, PathSeg, RenderErrorReason, TemplateErrorReason};
use serde_json::Value;
use std::io::{self, Write};

/// Longest template text, in bytes.
const MAX_TEMPLATE: usize = 16 * 1024;

/// Loops within loops. Each level multiplies the work of every row.
const MAX_LOOPS: usize = 2;
/// Longest text that a template may give, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// Why a template cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CompileError {
    /// Not handlebars.
    Syntax(String),
    /// A name that is not in scope, or a helper that does not exist; with what may have been meant.
    Name(String, Option<String>),
}

/// Why a compiled template failed for these values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(String);

/// A compiled template. It belongs to the engine that compiled it.
#[derive(Clone, Debug)]
pub struct Template {
    kind: Kind,
    names: Vec<Vec<String>>,
    /// Blocks change what names mean: `names` may not be all that it reads.
    rescopes: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Constant(String),
    Lookup(Vec<String>),
    Rendered(String),
}

impl Template {
    /// True when it needs no values.
    pub fn is_constant(&self) -> bool {
        matches!(self.kind, Kind::Constant(_))
    }

    /// The one name that it is, such as `["row", "call_id"]`: it gives that value itself.
    pub fn plain(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Lookup(path) => Some(path),
            Kind::Constant(_) | Kind::Rendered(_) => None,
        }
    }

    /// The names that it reads, such as `["row", "call_id"]`.
    pub fn names(&self) -> impl Iterator<Item = &[String]> {
        self.names.iter().map(Vec::as_slice)
    }

    /// True when it surely reads nothing below these first names.
    pub fn is_fixed(&self, varying: &[&str]) -> bool {
        let fixed = |path: &Vec<String>| path.first().is_some_and(|root| !varying.contains(&root.as_str()));
        !self.rescopes && self.names.iter().all(fixed)
    }
}

/// Holds compiled templates and helpers.
#[derive(Debug)]
pub struct Engine {
    registry: Handlebars<'static>,
    compiled: usize,
}

impl Default for Engine {
    fn default() -> Self {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(handlebars::no_escape);
        helpers::register(&mut registry);
        Self { registry, compiled: 0 }
    }
}

impl Engine {
    /// Compiles a text whose names must be in `scope`.
    pub fn compile(&mut self, text: &str, scope: &Scope) -> Result<Template, CompileError> {
        if text.len() > MAX_TEMPLATE {
            return Err(CompileError::Syntax(format!("the template is longer than {MAX_TEMPLATE} bytes")));
        }
        if !text.contains("{{") {
            return Ok(Template { kind: Kind::Constant(text.to_owned()), names: Vec::new(), rescopes: false });
        }
        let parsed = handlebars::Template::compile(text).map_err(|error| CompileError::Syntax(syntax(text, &error)))?;
        let mut names = Vec::new();
        check_elements(&parsed.elements, scope, &mut names)?;
        if loop_depth(&parsed.elements) > MAX_LOOPS {
            return Err(CompileError::Syntax(format!("loops are nested more than {MAX_LOOPS} deep")));
        }
        if let [TemplateElement::Expression(expression)] = parsed.elements.as_slice()
            && expression.params.is_empty()
            && expression.hash.is_empty()
            && let Some(path) = plain_path(&expression.name)
        {
            return Ok(Template { kind: Kind::Lookup(path), names, rescopes: false });
        }
        let rescopes = rescopes(&parsed.elements);
        let name = self.compiled.to_string();
        self.compiled += 1;
        self.registry.register_template(&name, parsed);
        Ok(Template { kind: Kind::Rendered(name), names, rescopes })
    }

    /// Fills a template in.
    pub fn render(&self, template: &Template, values: &Context) -> Result<Value, RenderError> {
        match &template.kind {
            Kind::Constant(text) => Ok(Value::String(text.clone())),
            Kind::Lookup(path) => path
                .iter()
                .try_fold(values.data(), |value, name| match value {
                    Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
                    value => value.get(name),
                })
                .cloned()
                .ok_or_else(|| RenderError(format!("there is no `{}` here", path.join(".")))),
            Kind::Rendered(name) => {
                let mut output = Bounded(Vec::new());
                match self.registry.render_with_context_to_write(name, values, &mut output) {
                    Ok(()) => Ok(Value::String(String::from_utf8_lossy(&output.0).into_owned())),
                    Err(_) if output.0.len() >= MAX_OUTPUT => {
                        Err(RenderError(format!("it gives more than {MAX_OUTPUT} bytes")))
                    }
                    Err(error) => Err(RenderError(match error.reason() {
                        RenderErrorReason::MissingVariable(Some(name)) => format!("there is no `{name}` here"),
                        RenderErrorReason::MissingVariable(None) => "a name has no value here".to_owned(),
                        reason => first_line(&reason.to_string()),
                    })),
                }
            }
        }
    }
}

/// Output that ends at [`MAX_OUTPUT`].
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            self.0.resize(MAX_OUTPUT, b' ');
            return Err(io::Error::other("the output is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn loop_depth(elements: &[TemplateElement]) -> usize {
    let depth = |element: &TemplateElement| match element {
        TemplateElement::HelperBlock(block) => {
            let inner = block.template.iter().chain(&block.inverse).map(|inner| loop_depth(&inner.elements)).max();
            inner.unwrap_or(0) + usize::from(block.name.as_name() == Some("each"))
        }
        _ => 0,
    };
    elements.iter().map(depth).max().unwrap_or(0)
}

fn rescopes(elements: &[TemplateElement]) -> bool {
    elements.iter().any(|element| match element {
        TemplateElement::HelperBlock(block) => {
            !matches!(block.name.as_name(), Some("if" | "unless"))
                || block.template.iter().chain(&block.inverse).any(|inner| rescopes(&inner.elements))
        }
        _ => false,
    })
}

/// The parser's own words name its grammar rules; these name what people do wrong.
fn syntax(text: &str, error: &handlebars::TemplateError) -> String {
    let (open, close) = (text.matches("{{").count(), text.matches("}}").count());
    match error.reason() {
        TemplateErrorReason::MismatchingClosedHelper(open, close) => format!("`{open}` is open and `{close}` closes"),
        _ if open != close => "a `{{` has no `}}`, or the other way round".to_owned(),
        _ => "what stands between `{{` and `}}` is no expression".to_owned(),
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn first_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // pest reports draw the source; the line after `=` is the message.
    lines
        .clone()
        .find_map(|line| line.strip_prefix("= "))
        .or_else(|| lines.clone().next())
        .unwrap_or("invalid")
        .to_owned()
}

fn check_elements(
    elements: &[TemplateElement],
    scope: &Scope,
    names: &mut Vec<Vec<String>>,
) -> Result<(), CompileError> {
    for element in elements {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
            TemplateElement::Expression(expression) | TemplateElement::HtmlExpression(expression) => {
                if expression.params.is_empty() && expression.hash.is_empty() {
                    check_parameter(&expression.name, scope, names)?;
                } else {
                    check_call(expression, scope, names)?;
                }
            }
            TemplateElement::HelperBlock(block) => {
                check_call(block, scope, names)?;
                // `each` and `with` change what names mean; strict mode judges those when a row is rendered.
                if matches!(block.name.as_name(), Some("if" | "unless")) {
                    for inner in block.template.iter().chain(&block.inverse) {
                        check_elements(&inner.elements, scope, names)?;
                    }
                }
            }
            // Decorators, partials and whatever a later handlebars may add.
            _ => {
                return Err(CompileError::Syntax(
                    "partials and decorators are not part of the template language".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn check_call(call: &HelperTemplate, scope: &Scope, names: &mut Vec<Vec<String>>) -> Result<(), CompileError> {
    check_helper(call.name.as_name())?;
    call.params.iter().chain(call.hash.values()).try_for_each(|parameter| check_parameter(parameter, scope, names))
}

fn check_helper(name: Option<&str>) -> Result<(), CompileError> {
    match name {
        Some(name) if helpers::find(name).is_none() => Err(CompileError::Name(
            format!("there is no helper `{name}`"),
            nearest(name, helpers::names()).map(|meant| format!("write `{meant}`")),
        )),
        _ => Ok(()),
    }
}

fn check_parameter(parameter: &Parameter, scope: &Scope, names: &mut Vec<Vec<String>>) -> Result<(), CompileError> {
    match parameter {
        Parameter::Subexpression(sub) => {
            check_helper(Some(sub.name()))?;
            sub.params().into_iter().flatten().try_for_each(|parameter| check_parameter(parameter, scope, names))
        }
        // Literals have no path.
        _ => match plain_path(parameter) {
            Some(path) => {
                scope.check(&path).map_err(|(message, help)| CompileError::Name(message, help))?;
                names.push(path);
                Ok(())
            }
            None => Ok(()),
        },
    }
}

fn plain_path(parameter: &Parameter) -> Option<Vec<String>> {
    match parameter {
        Parameter::Name(name) => Some(vec![name.clone()]),
        Parameter::Path(Path::Relative((segments, _))) => segments
            .iter()
            .map(|segment| match segment {
                PathSeg::Named(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope::default().closed("row", ["call_id", "status"]).open("vars")
    }

    fn render(text: &str, values: &Value) -> Value {
        let mut engine = Engine::default();
        let template = engine.compile(text, &scope()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let context = Context::wraps(values).unwrap_or_else(|e| panic!("{e}"));
        engine.render(&template, &context).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_single_name_keeps_the_type_and_nothing_is_escaped() {
        let values = json!({"row": {"call_id": "a<b>&\"c", "status": "Waiting"}, "vars": {"legs": [1, 2], "desk": ""}});
        assert_eq!(render("{{vars.legs}}", &values), json!([1, 2]));
        assert_eq!(render("{{row.call_id}}", &values), json!("a<b>&\"c"));
        assert_eq!(render("id:{{row.call_id}}", &values), json!("id:a<b>&\"c"));
        assert_eq!(render("{{eq (lower row.status) 'waiting'}}", &values), json!("true"));
        assert_eq!(render("{{default vars.desk '+12025550104'}}", &values), json!("+12025550104"));
        assert_eq!(render("plain", &values), json!("plain"));
    }

    #[test]
    fn slips_are_found_before_any_row() {
        let mut engine = Engine::default();
        let mut error = |text: &str| engine.compile(text, &scope()).err().unwrap_or_else(|| panic!("{text} compiled"));
        assert_eq!(
            error("{{row.cal_id}}"),
            CompileError::Name("there is no `row.cal_id`".into(), Some("write `row.call_id`".into()))
        );
        assert_eq!(
            error("{{rwo.call_id}}"),
            CompileError::Name("there is no `rwo` in scope".into(), Some("write `row`".into()))
        );
        assert_eq!(
            error("{{call_id}}"),
            CompileError::Name("there is no `call_id` in scope".into(), Some("write `row.call_id`".into()))
        );
        assert_eq!(
            error("{{lowr row.status}}"),
            CompileError::Name("there is no helper `lowr`".into(), Some("write `lower`".into()))
        );
        assert!(matches!(error("{{row.call_id"), CompileError::Syntax(_)));
        assert!(matches!(error("{{> partial}}"), CompileError::Syntax(_)));
    }

    #[test]
    fn the_named_helpers_all_exist() {
        let engine = Engine::default();
        for name in helpers::names() {
            assert!(engine.registry.get_template(name).is_none());
            let text = format!("{{{{#if true}}}}{{{{{name} 1 2}}}}{{{{/if}}}}");
            let rendered = engine.registry.render_template(&text, &json!({}));
            let missing =
                rendered.as_ref().err().is_some_and(|e| matches!(e.reason(), RenderErrorReason::HelperNotFound(_)));
            assert!(!missing, "{name}");
        }
    }
}
