//! Free values (`vars`, inline rows) where a telephone number or an id stands without quotes.
//!
//! YAML reads `+12025550104` as the number 12025550104 and nobody sees the plus go. Where the schema asks for a text it
//! says so itself; here anything is allowed, so the text decides: a sign, a leading zero or seven digits and more.

use super::positions::Positions;
use crate::model::{Code, Problem};
use serde_json::Value;

/// Digits from which on a number is taken for an identifier. Counts and limits are shorter.
const IDENTIFIER_DIGITS: usize = 7;

/// Finds every such number and puts its text in its place, so that one slip stays one message. `text` is parsed for
/// places only when there is any number at all.
pub(super) fn quote_numbers(document: &mut Value, text: &str) -> Vec<Problem> {
    quote_numbers_below(document, text, "")
}

/// The same for a text whose members stand at `mount` in the document.
pub(super) fn quote_numbers_below(document: &mut Value, text: &str, mount: &str) -> Vec<Problem> {
    let mut numbers = Vec::new();
    let free = |pointer: &str| Some((pointer.to_owned(), document.pointer(pointer)?));
    let sets = document.get("sets").and_then(Value::as_array).map_or(0, Vec::len);
    let below = |key: &str| (0..sets).filter_map(|set| free(&format!("/sets/{set}/rows/{key}"))).collect::<Vec<_>>();
    for (pointer, value) in free("/vars").into_iter().chain(below("items")).chain(below("matrix")) {
        collect(value, pointer, &mut numbers);
    }
    let Some(positions) = (!numbers.is_empty()).then(|| Positions::of(text)).flatten() else { return Vec::new() };
    let mut problems = Vec::new();
    for pointer in numbers {
        let Some(written) = positions
            .plain_text(pointer.strip_prefix(mount).unwrap_or(&pointer))
            .filter(|written| is_identifier(written))
        else {
            continue;
        };
        if let Some(value) = document.pointer_mut(&pointer) {
            *value = Value::String(written.to_owned());
        }
        let message = "an identifier or telephone number without quotes is a number to YAML";
        problems.push(Problem::at(Code::UnquotedNumber, pointer, message).help("put it in quotes"));
    }
    problems
}

fn is_identifier(written: &str) -> bool {
    let digits = written.trim_start_matches(['+', '-']);
    let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    written.starts_with('+') || (all_digits && (leading_zero || digits.len() >= IDENTIFIER_DIGITS))
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
