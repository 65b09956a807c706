//! YAML text -> JSON value, refusing what a runbook does not use.

use super::positions::{self, Positions, Stretch, lines};
use crate::model::{Code, Problem};
use serde_json::{Map, Number, Value};
use serde_yaml::Value as Yaml;

/// Parses a text; errors carry their place as a pointer, or as `line:column` for text that is not YAML at all.
pub(super) fn parse(text: &str) -> Result<Value, Vec<Problem>> {
    let duplicates = |fallback: Problem| {
        let problems = Positions::of(text).map(|positions| positions.duplicates()).unwrap_or_default();
        if problems.is_empty() { vec![fallback] } else { problems }
    };
    let mut yaml: Yaml = serde_yaml::from_str(text).map_err(|error| duplicates(syntax(text, &error)))?;
    if yaml.is_null() {
        let help = "there is nothing but blanks and comments: is it the right file?";
        return Err(vec![Problem::at(Code::Syntax, "", "the file is empty").help(help)]);
    }
    yaml.apply_merge().map_err(|_| {
        let place = Positions::of(text).and_then(|positions| positions.bad_merge()).unwrap_or_default();
        let message = "the value of `<<` is neither a mapping nor a list of mappings";
        vec![Problem::at(Code::UnsupportedYaml, place, message).help("write the alias of a mapping: `<<: *name`")]
    })?;
    let mut problems = Vec::new();
    let value = convert(yaml, &mut String::new(), &mut problems);
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

fn syntax(text: &str, error: &serde_yaml::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    if message.contains("more than one document") {
        let place = positions::second_document(text).unwrap_or_default();
        return Problem::at(Code::UnsupportedYaml, place, "the file holds more than one YAML document")
            .help("keep one runbook a file: remove the `---` between them");
    }
    // libyaml's index counts characters, whatever its name says, and its lines end where YAML's do not.
    let index = error.location().map_or(0, |at| at.index());
    let place = Stretch::of_character(text, index);
    let word = Stretch { width: word_at(text, place), ..place }.pointer();
    let pointer = place.pointer();
    if message.contains("invalid type: integer") {
        let message = "a number with so many digits cannot be kept exactly";
        return Problem::at(Code::UnsupportedYaml, word, message).help("put it in quotes");
    }
    if message.contains("unknown anchor") {
        return Problem::at(Code::Syntax, word, "there is no anchor of this name above")
            .help("define it with `&`, or put a text that begins with `*` in quotes");
    }
    let alias = |find: fn(&Positions) -> Option<String>| Positions::of(text).and_then(|positions| find(&positions));
    if message.contains("repetition limit") {
        let place = alias(Positions::last_alias).unwrap_or(pointer);
        return Problem::at(Code::Syntax, place, "aliases stand for more than they may")
            .help("write the values out, or use fewer aliases");
    }
    if message.contains("recursion limit") {
        return match alias(Positions::alias_of_itself) {
            Some(place) => Problem::at(Code::Syntax, place, "this alias stands within what it stands for")
                .help("write the value out"),
            None => Problem::at(Code::Syntax, pointer, "the text is nested too deeply")
                .help("a runbook needs less than ten levels"),
        };
    }
    let known = [
        (
            "cannot start any token",
            "no YAML value begins like this",
            "indent with blanks, not tabs; put texts that begin with @, % or ` in quotes",
        ),
        (
            "mapping values are not allowed",
            "a colon stands where no key can be",
            "put a text that holds `: ` in quotes; else look just above for a colon without a blank behind it",
        ),
    ];
    if let Some((_, message, help)) = known.iter().find(|(words, ..)| message.contains(words)) {
        return Problem::at(Code::Syntax, pointer, *message).help(*help);
    }
    let at_end = index >= text.trim_end().chars().count();
    let help = match positions::left_open(text) {
        Some((sign, open)) if at_end => {
            let message = format!("the `{sign}` that opens here is not closed");
            let close = if sign == '{' { '}' } else { ']' };
            return Problem::at(Code::Syntax, open.pointer(), message).help(format!("add the `{close}`"));
        }
        Some((sign, Stretch { line, column, .. })) => format!(
            "the `{sign}` of line {line}, column {column} is open here: check quotes, brackets and commas from there on"
        ),
        None => "check the indentation, colons, quotes and brackets here and just above".to_owned(),
    };
    Problem::at(Code::Syntax, pointer, format!("this is not YAML: {message}")).help(help)
}

/// Characters of the word that stands in a line from a column on.
fn word_at(text: &str, at: Stretch) -> usize {
    let line = lines(text).nth(at.line.saturating_sub(1)).unwrap_or_default();
    let word = line.chars().skip(at.column.saturating_sub(1));
    word.take_while(|c| !c.is_whitespace() && !matches!(c, ',' | '[' | ']' | '{' | '}')).count().max(1)
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
                    key => problems.push(no_text(pointer, &key)),
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

/// A key that is no text. `{{name}}` without quotes is a mapping with a mapping for its key.
fn no_text(pointer: &str, key: &Yaml) -> Problem {
    let refuse = |pointer: String, message: String| Problem::at(Code::UnsupportedYaml, pointer, message);
    if let Yaml::Mapping(members) = key
        && let Some((Yaml::String(inner), Yaml::Null)) = members.iter().next()
    {
        return refuse(pointer.to_owned(), "a template without quotes is a mapping to YAML".to_owned())
            .help(format!("write `\"{{{{{inner}}}}}\"`"));
    }
    let shown = serde_yaml::to_string(key).unwrap_or_default();
    let shown = shown.trim();
    refuse(format!("{pointer}/{shown}"), format!("the key {shown} is not a text")).help("put it in quotes").on_key()
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
