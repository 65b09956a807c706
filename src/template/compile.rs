//! Compiling and rendering one template.

use super::error::{CompileError, RenderError};
use super::helpers;
use super::names::{Scope, nearest};
use super::rounds::{self, MAX_ROUNDS, Rounds};
use super::slips::{PLAIN_QUOTES, TYPOGRAPHIC, in_one_brace, syntax};
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Context, Handlebars, Path, PathSeg, RenderErrorReason};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Longest template text, in bytes.
const MAX_TEMPLATE: usize = 16 * 1024;

/// Loops within loops. Each level multiplies the work of every row.
const MAX_LOOPS: usize = 2;
/// Longest text that a template may give, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

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
    /// Its name in the registry.
    Rendered(String),
    /// Texts and names in a row, nothing else, and its name in the registry: nearly every template, and every row's.
    Joined(Vec<Piece>, String),
}

/// A part of a template without helpers and blocks.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Name(Vec<String>),
}

/// What templates read.
pub trait Values {
    /// The value that a path of names leads to.
    fn get(&self, path: &[String]) -> Option<Cow<'_, Value>>;

    /// All of them, for templates that do more than name values.
    fn context(&self) -> &Context;
}

impl Values for Context {
    fn get(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        value_at(self.data(), path).map(Cow::Borrowed)
    }

    fn context(&self) -> &Context {
        self
    }
}

/// The value below another one that a path of names and indices leads to.
pub fn value_at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
        value => value.get(name),
    })
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
            Kind::Constant(_) | Kind::Rendered(_) | Kind::Joined(..) => None,
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
    rounds: Rounds,
    compiled: usize,
}

impl Default for Engine {
    fn default() -> Self {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(handlebars::no_escape);
        helpers::register(&mut registry);
        let rounds = Rounds::default();
        rounds.register(&mut registry);
        Self { registry, rounds, compiled: 0 }
    }
}

impl Engine {
    /// Compiles a text whose names must be in `scope`.
    pub fn compile(&mut self, text: &str, scope: &Scope) -> Result<Template, CompileError> {
        if text.len() > MAX_TEMPLATE {
            return Err(CompileError::Syntax(format!("the template is longer than {MAX_TEMPLATE} bytes"), None));
        }
        if let Some(name) = in_one_brace(text, scope) {
            let message = format!("`{{{name}}}` has one brace, so it would stay as it is");
            return Err(CompileError::Syntax(message, Some(format!("write `{{{{{name}}}}}`"))));
        }
        if !text.contains("{{") {
            return Ok(Template { kind: Kind::Constant(text.to_owned()), names: Vec::new(), rescopes: false });
        }
        let mut parsed = handlebars::Template::compile(text).map_err(|error| syntax(text, &error))?;
        let mut names = Vec::new();
        check_elements(&parsed.elements, scope, &mut names)?;
        if loop_depth(&parsed.elements) > MAX_LOOPS {
            return Err(CompileError::Syntax(format!("loops are nested more than {MAX_LOOPS} deep"), None));
        }
        if let [TemplateElement::Expression(expression)] = parsed.elements.as_slice()
            && expression.params.is_empty()
            && expression.hash.is_empty()
            && let Some(path) = plain_path(&expression.name)
        {
            return Ok(Template { kind: Kind::Lookup(path), names, rescopes: false });
        }
        let rescopes = rescopes(&parsed.elements);
        let pieces = pieces(&parsed.elements);
        rounds::count_in(&mut parsed);
        let name = self.compiled.to_string();
        self.compiled += 1;
        self.registry.register_template(&name, parsed);
        let kind = pieces.map_or_else(|| Kind::Rendered(name.clone()), |pieces| Kind::Joined(pieces, name.clone()));
        Ok(Template { kind, names, rescopes })
    }

    /// Fills a template in.
    pub fn render(&self, template: &Template, values: &impl Values) -> Result<Value, RenderError> {
        self.fill(template, values).map(Cow::into_owned)
    }

    /// The same; a value that stands there already is lent.
    pub fn fill<'v>(&self, template: &Template, values: &'v impl Values) -> Result<Cow<'v, Value>, RenderError> {
        match &template.kind {
            Kind::Constant(text) => Ok(Cow::Owned(Value::String(text.clone()))),
            Kind::Lookup(path) => {
                values.get(path).ok_or_else(|| RenderError(format!("there is no `{}` here", path.join("."))))
            }
            Kind::Joined(pieces, name) => match join(pieces, values) {
                Some(text) => Ok(Cow::Owned(Value::String(text))),
                None => self.render_registered(name, values.context()).map(Cow::Owned),
            },
            Kind::Rendered(name) => self.render_registered(name, values.context()).map(Cow::Owned),
        }
    }

    fn render_registered(&self, name: &str, values: &Context) -> Result<Value, RenderError> {
        let mut output = Bounded(Vec::new());
        self.rounds.reset();
        match self.registry.render_with_context_to_write(name, values, &mut output) {
            Ok(()) => Ok(Value::String(String::from_utf8_lossy(&output.0).into_owned())),
            Err(_) if output.0.len() >= MAX_OUTPUT => {
                Err(RenderError(format!("it gives more than {MAX_OUTPUT} bytes")))
            }
            Err(_) if self.rounds.are_too_many() => {
                Err(RenderError(format!("its loops go round more than {MAX_ROUNDS} times")))
            }
            Err(error) => Err(RenderError(match error.reason() {
                RenderErrorReason::MissingVariable(Some(name)) => format!("there is no `{name}` here"),
                RenderErrorReason::MissingVariable(None) => "a name has no value here".to_owned(),
                reason => first_line(&reason.to_string()),
            })),
        }
    }
}

/// The parts of a template that is nothing but texts and names; `None`: it is more.
fn pieces(elements: &[TemplateElement]) -> Option<Vec<Piece>> {
    let piece = |element: &TemplateElement| match element {
        TemplateElement::RawString(text) => Some(Piece::Text(text.clone())),
        TemplateElement::Expression(name) | TemplateElement::HtmlExpression(name) => {
            let bare = name.params.is_empty() && name.hash.is_empty() && name.block_param.is_none();
            let is_helper = name.name.as_name().and_then(helpers::find).is_some();
            plain_path(&name.name).filter(|_| bare && !is_helper).map(Piece::Name)
        }
        _ => None,
    };
    elements.iter().map(piece).collect()
}

/// What handlebars would give, where every value is a text or a number and all is short enough. Anything else is left to
/// handlebars itself, which has words for it.
fn join(pieces: &[Piece], values: &impl Values) -> Option<String> {
    let mut joined = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => joined.push_str(text),
            Piece::Name(path) => match &*values.get(path)? {
                Value::String(text) => joined.push_str(text),
                Value::Number(number) => write!(joined, "{number}").ok()?,
                _ => return None,
            },
        }
    }
    (joined.len() <= MAX_OUTPUT).then_some(joined)
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
                let bare = expression.params.is_empty() && expression.hash.is_empty();
                // `{{lower}}` calls a helper, too, and lacks its value.
                if bare && expression.name.as_name().and_then(helpers::find).is_none() {
                    check_parameter(&expression.name, scope, names)?;
                } else {
                    check_call(expression, false, scope, names)?;
                }
            }
            TemplateElement::HelperBlock(block) => {
                check_call(block, true, scope, names)?;
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
                    None,
                ));
            }
        }
    }
    Ok(())
}

fn check_call(
    call: &HelperTemplate,
    block: bool,
    scope: &Scope,
    names: &mut Vec<Vec<String>>,
) -> Result<(), CompileError> {
    if let Some(name) = call.name.as_name() {
        check_helper(name, call.params.len(), block)?;
    }
    call.params.iter().chain(call.hash.values()).try_for_each(|parameter| check_parameter(parameter, scope, names))
}

/// A helper is there, stands as it must, and has its values: a row would not fail, or would give nonsense, for less.
fn check_helper(name: &str, given: usize, block: bool) -> Result<(), CompileError> {
    let Some(helper) = helpers::find(name) else {
        let help = nearest(name, helpers::names())
            .map_or_else(|| "`bridgebook explain templates` lists them".to_owned(), |meant| format!("write `{meant}`"));
        return Err(CompileError::Name(format!("there is no helper `{name}`"), Some(help)));
    };
    let syntax = |message: String, help: String| Err(CompileError::Syntax(message, Some(help)));
    if helper.block && !block {
        return syntax(
            format!("`{name}` stands around something"),
            format!("write `{{{{#{name} ...}}}}...{{{{/{name}}}}}`"),
        );
    }
    if block && !helper.block {
        return syntax(format!("`{name}` stands around nothing"), format!("write `{{{{{name} ...}}}}`"));
    }
    let (least, most) = helper.values;
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let values = |count: usize| if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
    let wanted = if least == most { values(least) } else { format!("at least {}", values(least)) };
    syntax(
        format!("`{name}` takes {wanted}, here it has {given}"),
        "`bridgebook explain templates` shows it with an example".to_owned(),
    )
}

fn check_parameter(parameter: &Parameter, scope: &Scope, names: &mut Vec<Vec<String>>) -> Result<(), CompileError> {
    match parameter {
        Parameter::Subexpression(sub) => {
            let (name, params) = (sub.name(), sub.params().map_or(&[][..], Vec::as_slice));
            if params.is_empty() && helpers::find(name).is_none() {
                let message = format!("`({name})` calls a helper that is not there");
                return Err(CompileError::Syntax(message, Some(format!("write `{name}` without parentheses"))));
            }
            check_helper(name, params.len(), false)?;
            params.iter().try_for_each(|parameter| check_parameter(parameter, scope, names))
        }
        // Literals have no path.
        _ => match plain_path(parameter) {
            Some(path) if path.first().is_some_and(|name| name.starts_with(TYPOGRAPHIC)) => {
                let message = format!("`{}` is no text: its quotes are typographic", path.join("."));
                Err(CompileError::Syntax(message, Some(PLAIN_QUOTES.to_owned())))
            }
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
    fn texts_and_names_in_a_row_give_what_handlebars_gives() {
        let values = json!({
            "row": {"call_id": "a{{b}} \"c\"", "status": 7, "": 0},
            "vars": {"desk": null, "legs": [1.5, "x", true], "big": 12_345_678_901_234_567_890_u64, "on": false, "o": {"a": 1}},
        });
        let mut registry = Handlebars::new();
        registry.register_escape_fn(handlebars::no_escape);
        registry.set_strict_mode(true);
        for text in [
            "{{row.call_id}}-{{row.status}}",
            "  {{~ row.call_id ~}}  {{{row.status}}} \\{{x}} é",
            "{{vars.big}}/{{vars.legs.[0]}}/{{vars.legs.1}}",
            "<{{vars.desk}}>",
            "<{{vars.legs}}>",
            "<{{vars.o}}>",
            "<{{vars.on}}{{row.call_id}}>",
            "{{row.call_id}}{{! a comment }}{{row.status}}",
        ] {
            let expected = registry.render_template(text, &values).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(render(text, &values), json!(expected), "{text}");
        }
        let mut engine = Engine::default();
        let mut error = |text: &str| {
            let template = engine.compile(text, &scope()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let context = Context::wraps(&values).unwrap_or_else(|e| panic!("{e}"));
            engine.render(&template, &context).err().map(|error| error.0)
        };
        assert_eq!(error("<{{vars.none}}>").as_deref(), Some("there is no `vars.none` here"));
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
        assert!(matches!(error("{{row.call_id"), CompileError::Syntax(..)));
        assert!(matches!(error("{{> partial}}"), CompileError::Syntax(..)));
    }

    #[test]
    fn helpers_are_called_as_they_can_be() {
        let mut engine = Engine::default();
        let mut syntax = |text: &str| match engine.compile(text, &scope()) {
            Err(CompileError::Syntax(message, _)) => message,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(syntax("{{default row.status}}"), "`default` takes 2 values, here it has 1");
        assert_eq!(syntax("{{upper (lower row.status 1)}}"), "`lower` takes 1 value, here it has 2");
        assert_eq!(syntax("{{and row.status}}"), "`and` takes at least 2 values, here it has 1");
        assert_eq!(syntax("{{lower}}"), "`lower` takes 1 value, here it has 0");
        assert_eq!(syntax("{{if row.status}}"), "`if` stands around something");
        assert_eq!(syntax("{{#lower row.status}}x{{/lower}}"), "`lower` stands around nothing");
        assert_eq!(syntax("{{lower(row.status)}}"), "`(row.status)` calls a helper that is not there");
        assert_eq!(syntax("{row.call_id}-{{row.status}}"), "`{row.call_id}` has one brace, so it would stay as it is");
        for text in ["{\"row.a\": 1}", "{call_id}", "{rows.call_id}", "{ row.call_id }", "{{lower row.status}}", "{"] {
            assert!(engine.compile(text, &scope()).is_ok(), "{text}");
        }
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
