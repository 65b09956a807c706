//! One JSON object -> one row, strictly.

use super::record::Record;
use super::spans;
use crate::expand::strict_json::Strict;
use crate::model::{Code, Problem};
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;

/// A problem with the form of a data file.
pub(super) fn malformed(message: impl Into<String>) -> Problem {
    Problem::at(Code::DataMalformed, "", message)
}

/// The object that a record's text is. A problem without help is one of the JSON itself.
pub(super) fn object(record: &Record, shown: &Path) -> Result<Map<String, Value>, Problem> {
    let text = std::str::from_utf8(&record.raw).unwrap_or_default();
    let whole = || {
        let begin = text.len() - text.trim_start().len();
        begin..begin + text[begin..].lines().next().unwrap_or_default().trim_end().len().max(1)
    };
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(Value::Object(values))) => Ok(values),
        Ok(Strict(other)) => {
            let what = match other {
                Value::Null => "null",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                Value::String(_) => "a text",
                Value::Array(_) => "a list",
                Value::Object(_) => "an object",
            };
            let place = record.place(shown, Some(whole()));
            Err(malformed(format!("a row must be a JSON object, this is {what}")).caused_by(place))
        }
        Err(error) => {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default();
            if let Some(guessed) = error.is_data().then(|| spans::guessed(text)).flatten() {
                let help =
                    if text[guessed.clone()].starts_with('"') { "keep one of the two" } else { "put it in quotes" };
                return Err(malformed(words).help(help).caused_by(record.place(shown, Some(guessed))));
            }
            let at = at(text, &error);
            let problem =
                malformed(format!("this is not JSON: {words}")).caused_by(record.place(shown, Some(at.clone())));
            Err(match &text[at] {
                "," => problem.help("remove the comma"),
                "'" => problem.help("keys and texts stand in double quotes"),
                _ => problem,
            })
        }
    }
}

/// The byte that a parser stopped at.
fn at(text: &str, error: &serde_json::Error) -> Range<usize> {
    let before = error.line().saturating_sub(1);
    let line: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let mut byte = (line + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte..byte + text[byte..].chars().next().map_or(0, char::len_utf8)
}
