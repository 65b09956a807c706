//! YAML text -> JSON value, refusing what a runbook does not use.

use super::positions::{AT_LINE, Positions};
use crate::model::{Code, Problem};
use serde_json::{Map, Number, Value};
use serde_yaml::Value as Yaml;

/// Parses a text; errors carry their place as a pointer, or as `line:column` for text that is not YAML at all.
pub(super) fn parse(text: &str) -> Result<Value, Vec<Problem>> {
    if text.trim().is_empty() {
        return Err(vec![Problem::at(Code::Syntax, "", "the runbook is empty").help("start with `bridgebook init`")]);
    }
    let duplicates = |fallback: Problem| {
        let problems = Positions::of(text).map(|positions| positions.duplicates()).unwrap_or_default();
        if problems.is_empty() { vec![fallback] } else { problems }
    };
    let mut yaml: Yaml = serde_yaml::from_str(text).map_err(|error| duplicates(syntax(&error)))?;
    yaml.apply_merge().map_err(|error| vec![Problem::at(Code::UnsupportedYaml, "", error.to_string())])?;
    let mut problems = Vec::new();
    let value = convert(yaml, &mut String::new(), &mut problems);
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

fn syntax(error: &serde_yaml::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    if message.contains("more than one document") {
        return Problem::at(Code::UnsupportedYaml, "", "the file holds more than one YAML document")
            .help("keep one runbook a file: remove the `---` between them");
    }
    let pointer = error.location().map_or(String::new(), |at| format!("{AT_LINE}{}:{}", at.line(), at.column()));
    let limits = [
        ("repetition limit", "aliases stand for more than they may", "write the values out, or use fewer aliases"),
        ("recursion limit", "the text is nested too deeply", "a runbook needs less than ten levels"),
        (
            "cannot start any token",
            "no YAML value begins like this",
            "indent with blanks, not tabs; put texts that begin with @ or ` in quotes",
        ),
    ];
    if let Some((_, message, help)) = limits.iter().find(|(words, ..)| message.contains(words)) {
        return Problem::at(Code::Syntax, pointer, *message).help(*help);
    }
    Problem::at(Code::Syntax, pointer, format!("this is not YAML: {message}"))
        .help("check the indentation, colons, quotes and brackets here and just above")
}

fn convert(yaml: Yaml, pointer: &mut String, problems: &mut Vec<Problem>) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::String(text) => Value::String(text),
        Yaml::Number(number) => exact(&number).map_or_else(
            || {
                let message = format!("{number} is not a number that can be kept exactly");
                problems.push(Problem::at(Code::UnsupportedYaml, pointer.clone(), message).help("put it in quotes"));
                Value::Null
            },
            Value::Number,
        ),
        Yaml::Sequence(items) => {
            let below =
                |(index, item)| within(pointer, &usize::to_string(&index), |pointer| convert(item, pointer, problems));
            Value::Array(items.into_iter().enumerate().map(below).collect())
        }
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (key, item) in members {
                match key {
                    Yaml::String(key) => {
                        let value = within(pointer, &key, |pointer| convert(item, pointer, problems));
                        object.insert(key, value);
                    }
                    key => {
                        let shown = serde_yaml::to_string(&key).unwrap_or_default();
                        let problem = Problem::at(
                            Code::UnsupportedYaml,
                            pointer.clone(),
                            format!("the key {} is not a text", shown.trim()),
                        );
                        problems.push(problem.help("put it in quotes"));
                    }
                }
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let problem = Problem::at(
                Code::UnsupportedYaml,
                pointer.clone(),
                format!("the YAML tag {} means nothing here", tagged.tag),
            );
            problems.push(problem.help("remove the tag, or put the text in quotes"));
            Value::Null
        }
    }
}

/// A JSON number of the same value: whole ones as integers (`1.0` is 1), none beyond 2^53, where doubles lose digits.
fn exact(number: &serde_yaml::Number) -> Option<Number> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_u64() {
        return Some(Number::from(whole));
    }
    if let Some(whole) = number.as_i64() {
        return Some(Number::from(whole));
    }
    let float = number.as_f64().filter(|float| float.abs() < LIMIT)?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked above")]
    if float.fract() == 0.0 { Some(Number::from(float as i64)) } else { Number::from_f64(float) }
}

fn within<T>(pointer: &mut String, token: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    let result = inner(pointer);
    pointer.truncate(length);
    result
}
