//! Which column of a row is to blame, when a template reads several.

use serde_json::Value;

/// A path of names below `row`.
pub(super) type Column = Vec<String>;

/// The one column, of those that a template reads, that makes its text wrong: the missing one, the empty one, the one
/// whose value stands in the text. `None`: it cannot be known, and the whole row is to blame.
///
/// `rendered` is what the template gave, `None` when it failed.
pub(super) fn culprit<'c>(columns: &'c [Column], row: &Value, rendered: Option<&str>) -> Option<&'c Column> {
    let only = |mut found: Vec<&'c Column>| if found.len() == 1 { found.pop() } else { None };
    let mut distinct: Vec<&Column> = Vec::new();
    for column in columns {
        if !distinct.contains(&column) {
            distinct.push(column);
        }
    }
    if distinct.len() < 2 {
        return distinct.pop();
    }
    let value = |column: &Column| column.iter().try_fold(row, |value, name| child(value, name));
    let of = |test: &dyn Fn(Option<&Value>) -> bool| -> Vec<&'c Column> {
        distinct.iter().copied().filter(|column| test(value(column))).collect()
    };
    let missing = of(&|value| value.is_none());
    match rendered.map(letters) {
        None => only(missing),
        Some(text) if text.is_empty() => only(of(&|value| value.is_none_or(|value| letters(&plain(value)).is_empty()))),
        Some(text) => {
            let shown =
                |value: Option<&Value>| value.map(|value| letters(&plain(value))).filter(|part| !part.is_empty());
            let whole = of(&|value| shown(value).is_some_and(|part| part == text));
            let part = of(&|value| shown(value).is_some_and(|part| text.contains(&part)));
            only(if whole.is_empty() { part } else { whole })
        }
    }
}

/// Whether the template puts blanks or ends of lines around a value that has none: then the value is not to blame.
pub(super) fn pads(column: &Column, row: &Value, rendered: &str) -> bool {
    let value = column.iter().try_fold(row, |value, name| child(value, name)).map(plain);
    value.is_some_and(|value| !value.is_empty() && value != rendered && value == rendered.trim())
}

fn child<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What helpers such as `e164`, `trim` and `lower` leave alone.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn blamed(columns: &[&str], row: &Value, rendered: Option<&str>) -> Option<String> {
        let columns: Vec<Column> = columns.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
        culprit(&columns, row, rendered).map(|column| column.join("."))
    }

    #[test]
    fn the_missing_the_empty_or_the_one_that_stands_in_the_text() {
        let row = json!({"mobile": "", "home": "(202) 555-01", "cc": "1", "deep": {"number": "12a"}, "none": null});
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(blamed(&["home"], &row, Some("x")), some("home"));
        assert_eq!(blamed(&["home", "home"], &row, None), some("home"));
        assert_eq!(blamed(&["mobile", "home"], &row, Some("20255501")), some("home"));
        assert_eq!(blamed(&["mobile", "home"], &row, Some("")), some("mobile"));
        assert_eq!(blamed(&["mobile", "none"], &row, Some(" ")), None);
        assert_eq!(blamed(&["home", "absent"], &row, None), some("absent"));
        assert_eq!(blamed(&["cc", "deep.number"], &row, Some("+112a")), None);
        assert_eq!(blamed(&["cc", "deep.number"], &row, Some("12a")), some("deep.number"));
        assert_eq!(blamed(&[], &row, None), None);
    }
}
