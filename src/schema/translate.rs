//! From a validator's findings to problems with a remedy.

use crate::model::{Code, Focus, Problem, shown_text};
use crate::template::nearest;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use std::borrow::Cow;

/// Says in words what a text with this pattern should have been: message and remedy.
type Explain = fn(pattern: &str, text: &str) -> Option<(String, String)>;

/// Whether messages may repeat the texts that they are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quoting {
    /// Somebody wrote them into the document.
    Written,
    /// They come from data.
    Data,
}

impl Quoting {
    fn shown(self, value: &Value, secret: bool) -> Cow<'_, Value> {
        match value {
            _ if secret => Cow::Owned(Value::String("***".to_owned())),
            Value::String(text) if self == Self::Data => Cow::Owned(Value::String(shown_text(text).to_owned())),
            value => Cow::Borrowed(value),
        }
    }
}

/// A compiled schema.
#[derive(Debug)]
pub struct Checker {
    schema: Value,
    validator: Validator,
    explain: Explain,
    /// What the root of a value is called.
    root: &'static str,
}

impl Checker {
    /// Compiles a schema; `explain` knows the patterns that have a better message than "does not match".
    pub fn new(schema: Value, explain: Explain) -> Result<Self, String> {
        let validator = jsonschema::draft202012::new(&schema).map_err(|error| error.to_string())?;
        Ok(Self { schema, validator, explain, root: "the runbook" })
    }

    /// The same, with another name for what is checked.
    #[must_use]
    pub fn about(self, root: &'static str) -> Self {
        Self { root, ..self }
    }

    /// The schema itself.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Quick answer, for values that are nearly always good.
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Everything that is wrong with `value`, in document order of the findings; pointers start at `value`.
    pub fn problems(&self, value: &Value) -> Vec<Problem> {
        self.found(value, Quoting::Written)
    }

    /// The same for a value that was made from data: its texts are not repeated.
    pub fn problems_of_data(&self, value: &Value) -> Vec<Problem> {
        self.found(value, Quoting::Data)
    }

    fn found(&self, value: &Value, quoting: Quoting) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        let mut missing: Vec<Problem> = Vec::new();
        let mut empty: Vec<(String, Vec<&str>)> = Vec::new();
        for error in self.validator.iter_errors(value) {
            if error.instance().is_null() {
                empty.push((error.instance_path().as_str().to_owned(), self.known_keys(&error)));
            }
            match error.kind() {
                Kind::Required { property } => missing.extend(property.as_str().map(|key| self.missing(&error, key))),
                _ => problems.extend(self.translate(&error, quoting)),
            }
        }
        // `nmae:` is one slip: "unknown key, write `name`" says it all.
        missing.retain(|gap| {
            let key = gap.pointer.rsplit('/').next().unwrap_or_default();
            !problems.iter().any(|other| {
                other.code == Code::UnknownKey
                    && parent(&other.pointer) == parent(&gap.pointer)
                    && other.help.as_deref() == Some(&meant(key))
            })
        });
        problems.extend(missing);
        for (pointer, keys) in &empty {
            outdented(&mut problems, pointer, keys);
        }
        one_a_place(problems)
    }

    fn translate(&self, error: &ValidationError<'_>, quoting: Quoting) -> Vec<Problem> {
        let at = error.instance_path().as_str().to_owned();
        // A value below a `writeOnly` place may be a secret and is never repeated.
        let secret = self.parent_schema(error).is_some_and(|schema| schema.get("writeOnly").is_some());
        let shown = quoting.shown(error.instance(), secret);
        let value = shown.as_ref();
        let name = || match owner(&at) {
            Some(key) => format!("`{key}`"),
            None => "the document".to_owned(),
        };
        let problem = match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                return unexpected.iter().map(|key| self.unknown(error, &at, key)).collect();
            }
            Kind::Type { .. } => self.wrong_type(error, &at, error.instance().as_ref(), &part(&at, &name()), quoting),
            Kind::Enum { .. } | Kind::OneOfNotValid { .. }
                if let Some(words) = self.parent_schema(error).and_then(words_of) =>
            {
                not_among(&at, &name(), value, error.instance(), &words)
            }
            Kind::Constant { expected_value } => {
                Problem::at(Code::NotAllowed, at.clone(), format!("{} cannot be {}", name(), short(value)))
                    .help(format!("write `{expected_value}`"))
            }
            Kind::Pattern { pattern } => {
                let text = value.as_str().unwrap_or_default();
                let (message, help) = (self.explain)(pattern, text).unwrap_or_else(|| {
                    (format!("{} cannot be {}", name(), short(value)), self.form_of(error, pattern))
                });
                Problem::at(Code::BadForm, at.clone(), message).help(help)
            }
            Kind::Minimum { limit } => {
                self.range(&at, &format!("{} is {value}", name()), &format!("write {limit} or more"))
            }
            Kind::Maximum { limit } => {
                self.range(&at, &format!("{} is {value}", name()), &format!("write {limit} or less"))
            }
            Kind::MinItems { limit } => {
                self.range(&at, &format!("{} has too few entries", name()), &format!("give at least {limit}"))
            }
            Kind::MaxItems { limit } => {
                self.range(&at, &format!("{} has too many entries", name()), &format!("give at most {limit}"))
            }
            Kind::MinLength { limit: 1 } => {
                self.range(&at, &format!("{} is empty", part(&at, &name())), &self.form_of(error, "a text"))
            }
            Kind::MinLength { limit } => {
                self.range(&at, &format!("{} is too short", name()), &format!("write at least {limit} characters"))
            }
            Kind::MaxLength { limit } => {
                self.range(&at, &format!("{} is too long", name()), &format!("write at most {limit} characters"))
            }
            Kind::MinProperties { .. } | Kind::MaxProperties { .. } => {
                self.range(&at, &format!("{} needs exactly one key", part(&at, &name())), &self.keys_of(error)).on_key()
            }
            Kind::PropertyNames { error: inner } => self.bad_key(&at, inner),
            _ if quoting == Quoting::Data => Problem::at(Code::BadForm, at.clone(), error.masked().to_string()),
            _ => Problem::at(Code::BadForm, at.clone(), error.to_string()),
        };
        vec![problem]
    }

    /// A key that has not the required form.
    fn bad_key(&self, at: &str, inner: &ValidationError<'_>) -> Problem {
        let key = inner.instance().as_str().unwrap_or_default().to_owned();
        let explained = match inner.kind() {
            Kind::Pattern { pattern } => (self.explain)(pattern, &key),
            _ => None,
        };
        let (message, help) = explained.unwrap_or_else(|| (format!("{key:?} cannot be a key here"), inner.to_string()));
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        Problem::at(Code::BadForm, pointer, message).help(help).on_key()
    }

    fn missing(&self, error: &ValidationError<'_>, key: &str) -> Problem {
        let at = error.instance_path().as_str();
        let schema = self.parent_schema(error).and_then(|schema| schema.get("properties")?.get(key));
        let example = schema.and_then(|schema| schema.get("examples")?.get(0)).map(short_yaml);
        let place = owner(at).map_or_else(|| self.root.to_owned(), |owner| part(at, &format!("`{owner}`")));
        let help = example.map_or_else(|| format!("add `{key}:`"), |example| format!("add `{key}: {example}`"));
        let mut problem =
            Problem::at(Code::MissingKey, format!("{at}/{key}"), format!("{place} has no `{key}`")).help(help);
        problem.focus = Focus::Key;
        problem
    }

    fn unknown(&self, error: &ValidationError<'_>, at: &str, key: &str) -> Problem {
        let known = self.known_keys(error);
        let help = match nearest(key, known.iter().copied()) {
            Some(near) => meant(near),
            None => format!("known keys here: {}", known.join(", ")),
        };
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        Problem::at(Code::UnknownKey, pointer, format!("unknown key `{key}`")).help(help).on_key()
    }

    fn wrong_type(
        &self,
        error: &ValidationError<'_>,
        at: &str,
        value: &Value,
        name: &str,
        quoting: Quoting,
    ) -> Problem {
        let schema = self.parent_schema(error);
        let types = schema.and_then(|schema| schema.get("type"));
        let wanted = match types.and_then(Value::as_array) {
            None => types.and_then(Value::as_str).unwrap_or("another type"),
            Some(types) if types.iter().any(|name| name == "boolean") => "scalar",
            // A text is the plain way to write it, and holds what the other types hold: `429` or `5xx`, a file or its options.
            Some(types) if types.iter().any(|name| name == "string") => "string",
            Some(types) => types.first().and_then(Value::as_str).unwrap_or("another type"),
        };
        let scalar = value.is_string() || value.is_number() || value.is_boolean();
        if schema.and_then(|schema| schema.get("writeOnly")).is_some() && wanted == "object" && scalar {
            return Problem::at(Code::LiteralSecret, at, format!("{name} stands here in plain text"))
                .help("write `{env: NAME}` or `{file: PATH}`; then change the secret, since it has been written down");
        }
        // `1.1` is a word that YAML reads as a number.
        let unquoted = |words: &[&str]| value.is_number() && words.contains(&value.to_string().as_str());
        if scalar
            && let Some(words) = schema.and_then(words_of)
            && !unquoted(&words)
        {
            return not_among(at, name, &quoting.shown(value, false), value, &words);
        }
        if wanted == "string" && (value.is_number() || value.is_boolean()) {
            // In quotes it may still not be what is wanted: `rate: 25`.
            let pattern = schema.and_then(|schema| schema.get("pattern")).and_then(Value::as_str);
            if let Some((message, help)) = pattern.and_then(|pattern| (self.explain)(pattern, &value.to_string())) {
                return Problem::at(Code::BadForm, at, message).help(help);
            }
            // The number that was read is not what stands there (`+1202...` lost its plus): `load` knows the text.
            return Problem::at(Code::UnquotedNumber, at, format!("{name} must be a text, this is {}", short(value)))
                .help("put it in quotes");
        }
        let help = meant_value(wanted, value).map(|meant| format!("write `{meant}`")).or_else(|| {
            let example = schema?.get("examples")?.get(0)?;
            Some(format!("for example `{}`", short_yaml(example)))
        });
        let is = if wanted == "integer" && value.is_number() { value.to_string() } else { kind(value).to_owned() };
        let problem = Problem::at(Code::WrongType, at, format!("{name} must be {}, this is {is}", article(wanted)));
        match help {
            Some(help) => problem.help(help),
            None if wanted == "object" => problem.help(self.keys_of(error)),
            None => problem.help(format!("write {}", article(wanted))),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one table with its neighbours")]
    fn range(&self, at: &str, message: &str, help: &str) -> Problem {
        Problem::at(Code::OutOfRange, at, message).help(help)
    }

    fn keys_of(&self, error: &ValidationError<'_>) -> String {
        format!("keys here: {}", self.known_keys(error).join(", "))
    }

    fn form_of(&self, error: &ValidationError<'_>, pattern: &str) -> String {
        match self.parent_schema(error).and_then(|schema| schema.get("examples")?.get(0)) {
            Some(example) => format!("for example `{}`", short_yaml(example)),
            None => format!("it must match {pattern}"),
        }
    }

    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let properties = self.parent_schema(error).and_then(|schema| schema.get("properties")?.as_object());
        properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
    }

    /// The subschema whose keyword failed.
    fn parent_schema(&self, error: &ValidationError<'_>) -> Option<&Value> {
        self.schema.pointer(parent(error.schema_path().as_str()))
    }
}

/// One slip is one message: of several findings at one place the first counts, wrong types before wrong values; too many
/// keys is what an unknown key says already.
fn one_a_place(problems: Vec<Problem>) -> Vec<Problem> {
    let unknown: Vec<String> =
        problems.iter().filter(|p| p.code == Code::UnknownKey).map(|p| parent(&p.pointer).to_owned()).collect();
    let mut kept: Vec<Problem> = Vec::new();
    for problem in problems {
        let counted =
            problem.code == Code::OutOfRange && problem.focus == Focus::Key && unknown.contains(&problem.pointer);
        match kept.iter_mut().find(|other| other.pointer == problem.pointer) {
            _ if counted => {}
            None => kept.push(problem),
            Some(other) if is_type(problem.code) && !is_type(other.code) => *other = problem,
            Some(_) => {}
        }
    }
    kept
}

/// A key without a value whose members stand beside it, since they are indented too little: one slip. `keys` are those
/// that it may have.
fn outdented(problems: &mut Vec<Problem>, pointer: &str, keys: &[&str]) {
    let mut beside = Vec::new();
    problems.retain(|problem| {
        let key = problem.pointer.rsplit('/').next().unwrap_or_default();
        let own =
            problem.code == Code::UnknownKey && parent(&problem.pointer) == parent(pointer) && keys.contains(&key);
        if own {
            beside.push(format!("`{key}`"));
        }
        !own
    });
    if let Some(problem) = problems.iter_mut().find(|problem| problem.pointer == pointer && !beside.is_empty()) {
        problem.help = Some(format!("indent what belongs to it: {}", beside.join(", ")));
    }
}

/// The last key of a pointer.
fn owner(pointer: &str) -> Option<&str> {
    pointer.rsplit('/').find(|token| !token.is_empty() && !is_index(token))
}

/// What stands at a pointer: the value of its last key, or an entry of that.
fn part(pointer: &str, name: &str) -> String {
    let entry = pointer.rsplit('/').next().is_some_and(is_index);
    if entry { format!("an entry of {name}") } else { name.to_owned() }
}

fn is_index(token: &str) -> bool {
    !token.is_empty() && token.chars().all(|c| c.is_ascii_digit())
}

/// A text that stands for a value of the wanted type: `yes` of older YAML, a number in quotes.
fn meant_value(wanted: &str, value: &Value) -> Option<Value> {
    let text = value.as_str()?.trim();
    match (wanted, text.to_lowercase().as_str()) {
        ("boolean", "yes" | "on" | "true" | "y") => Some(Value::Bool(true)),
        ("boolean", "no" | "off" | "false" | "n") => Some(Value::Bool(false)),
        ("integer", _) => text.parse::<u64>().ok().map(Value::from),
        _ => None,
    }
}

/// The words that a schema allows: an `enum`, or a `oneOf` of constants that each have a description of their own.
fn words_of(schema: &Value) -> Option<Vec<&str>> {
    let words = |list: &'static str, word: fn(&Value) -> Option<&str>| {
        schema.get(list)?.as_array()?.iter().map(word).collect::<Option<Vec<&str>>>()
    };
    words("enum", Value::as_str).or_else(|| words("oneOf", |variant| variant.get("const")?.as_str()))
}

/// `shown` is the value as it may be repeated.
fn not_among(at: &str, name: &str, shown: &Value, value: &Value, options: &[&str]) -> Problem {
    let nearest = value.as_str().and_then(|text| nearest(text, options.iter().copied()));
    let help = match (nearest, options) {
        (Some(near), _) => format!("write `{near}`"),
        (None, [only]) => format!("write `{only}`"),
        (None, _) => format!("write one of {}", listed(options)),
    };
    Problem::at(Code::NotAllowed, at, format!("{name} cannot be {}", short(shown))).help(help)
}

fn is_type(code: Code) -> bool {
    matches!(code, Code::WrongType | Code::UnquotedNumber | Code::LiteralSecret)
}

/// Takes the values out that a problem is about, so that the rest of the document can be checked on. Members go,
/// elements become null (so that the others keep their index).
pub fn prune(value: &mut Value, problems: &[Problem]) {
    for problem in problems.iter().filter(|problem| problem.code != Code::MissingKey) {
        let (above, token) = problem.pointer.rsplit_once('/').unwrap_or_default();
        let key = token.replace("~1", "/").replace("~0", "~");
        match value.pointer_mut(above) {
            Some(Value::Object(members)) => drop(members.shift_remove(&key)),
            Some(Value::Array(items)) => {
                if let Some(item) = key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                    *item = Value::Null;
                }
            }
            _ => {}
        }
    }
}

fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(above, _)| above)
}

fn meant(key: &str) -> String {
    format!("write `{key}`")
}

/// Words as they are, anything else in quotes.
fn listed(options: &[&str]) -> String {
    let words =
        options.iter().all(|option| option.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')));
    let shown = |option: &&str| if words { (*option).to_owned() } else { format!("{option:?}") };
    options.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn article(wanted: &str) -> &str {
    match wanted {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "scalar" => "a text, a number, true or false",
        other => other,
    }
}

fn short(value: &Value) -> String {
    crate::model::printable(&value.to_string(), 60).into_owned()
}

fn short_yaml(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains([':', '#', '{', '"', '\'', '*', '&', '!', '%', '@', '+']) => text.clone(),
        other => other.to_string(),
    }
}
