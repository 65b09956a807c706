//! Free values (`vars`, inline rows) where a telephone number or an id stands without quotes.
//!
//! YAML reads `+12025550104` as the number 12025550104 and nobody sees the plus go. Where the schema asks for a text it
//! says so itself; here anything is allowed, so the text decides: a sign, a leading zero or seven digits and more.

use super::positions::Positions;
use crate::model::{Code, Problem};
use serde_json::Value;

/// Digits from which on a number is taken for an identifier. Counts and limits are shorter.
const IDENTIFIER_DIGITS: usize = 7;

/// Every such number; `text` is parsed for places only when there is any number at all.
pub(super) fn unquoted_numbers(document: &Value, text: &str) -> Vec<Problem> {
    let mut numbers = Vec::new();
    let free = |pointer: &str| Some((pointer.to_owned(), document.pointer(pointer)?));
    let sets = document.get("sets").and_then(Value::as_array).map_or(0, Vec::len);
    let items = (0..sets).filter_map(|set| free(&format!("/sets/{set}/rows/items")));
    for (pointer, value) in free("/vars").into_iter().chain(items) {
        collect(value, pointer, &mut numbers);
    }
    let Some(positions) = (!numbers.is_empty()).then(|| Positions::of(text)).flatten() else { return Vec::new() };
    let suspicious = |written: &str| {
        let digits = written.trim_start_matches(['+', '-']);
        let all_digits = digits.chars().all(|c| c.is_ascii_digit());
        written.starts_with('+')
            || (all_digits && (digits.len() >= IDENTIFIER_DIGITS || (digits.len() > 1 && digits.starts_with('0'))))
    };
    numbers
        .into_iter()
        .filter(|pointer| positions.plain_text(pointer).is_some_and(suspicious))
        .map(|pointer| {
            let message = "an identifier or telephone number without quotes is a number to YAML";
            Problem::at(Code::UnquotedNumber, pointer, message).help("put it in quotes")
        })
        .collect()
}

fn collect(value: &Value, pointer: String, numbers: &mut Vec<String>) {
    match value {
        Value::Number(_) => numbers.push(pointer),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), numbers));
        }
        Value::Object(members) => {
            for (name, item) in members {
                collect(item, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), numbers);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
