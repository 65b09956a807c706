//! `guards:` -> [`Guards`].

use super::quantities::Quantities;
use crate::load::raw::RawGuards;
use crate::model::{Code, DenyFile, DurationSpec, Guards, Problem};
use serde_json::Value;

pub(super) fn guards(raw: Option<&RawGuards>, quantities: &mut Quantities<'_>) -> Guards {
    let Some(raw) = raw else { return Guards::default() };
    let texts = |list: &Option<Vec<Option<String>>>| list.iter().flatten().flatten().cloned().collect();
    Guards {
        max_jobs: raw.max_jobs,
        allow_prefixes: texts(&raw.allow_prefixes),
        allow_regions: texts(&raw.allow_regions),
        deny_prefixes: texts(&raw.deny_prefixes),
        deny_numbers: raw.deny_numbers.as_ref().and_then(|deny| deny_file(&deny.0, quantities)),
        allow: raw.allow.iter().flatten().flatten().copied().collect(),
        duplicates: raw.duplicates.unwrap_or_default(),
        max_per_prefix: raw
            .max_per_prefix
            .iter()
            .flatten()
            .filter_map(|(prefix, most)| Some((prefix.clone(), (*most)?)))
            .collect(),
        on_violation: raw.on_violation.unwrap_or_default(),
        once_per: once_per(raw.once_per.as_deref(), quantities),
        once_store: raw.once_store.as_ref().map(Into::into),
    }
}

/// A window of no length would let everything pass.
fn once_per(text: Option<&str>, quantities: &mut Quantities<'_>) -> Option<DurationSpec> {
    const POINTER: &str = "/guards/once_per";
    let window = quantities.get(POINTER, Some(text?), 0);
    if window.get().is_zero() && !quantities.problems.iter().any(|problem| problem.pointer == POINTER) {
        let problem = Problem::at(Code::OutOfRange, POINTER, "a window of no length guards nothing");
        quantities.problems.push(problem.help("write for example 24h, or leave `once_per` out"));
    }
    Some(window)
}

/// What to say about a prefix that is none.
pub(super) fn explain_prefix(text: &str) -> (String, String) {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let help = match digits.trim_start_matches('0') {
        "" => "write a plus and a country code, as \"+44\"".to_owned(),
        digits => format!("write \"+{digits}\""),
    };
    (format!("{text:?} is not a prefix: a plus, then a country code and perhaps more digits"), help)
}

/// What to say about a region that is none.
pub(super) fn explain_region(text: &str) -> (String, String) {
    let upper = text.to_ascii_uppercase();
    let help = match upper.as_str() {
        _ if upper.len() == 2 && upper.bytes().all(|byte| byte.is_ascii_alphabetic()) => format!("write {upper}"),
        _ if text.starts_with('+') => "that is a prefix: write it under `allow_prefixes`".to_owned(),
        _ => "write two capital letters, as US or GB; 001 stands for networks that belong to no country".to_owned(),
    };
    (format!("{text:?} is not the code of a region"), help)
}

/// `None` when the schema has refused the part without which there is no list.
fn deny_file(value: &Value, quantities: &mut Quantities<'_>) -> Option<DenyFile> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(file) = value.as_str() {
        return Some(DenyFile { file: file.into(), column: None, max_age: None, pointer: "/guards/deny_numbers" });
    }
    Some(DenyFile {
        file: text("file")?.into(),
        column: text("column").map(str::to_owned),
        max_age: text("max_age").map(|age| quantities.get("/guards/deny_numbers/max_age", Some(age), 0)),
        pointer: "/guards/deny_numbers/file",
    })
}
