//! `rows:` -> [`Rows`].

use super::matrix;
use super::quantities::Quantities;
use crate::load::raw::RawRows;
use crate::model::{Code, DurationSpec, Problem, RowFormat, RowSource, Rows, Severity};

/// What a set can be made of; the first that stands there counts.
fn sources(raw: &RawRows) -> [(&'static str, bool); 5] {
    [
        ("csv", raw.csv.is_some()),
        ("jsonl", raw.jsonl.is_some()),
        ("json", raw.json.is_some()),
        ("stdin", raw.stdin.is_some()),
        ("items", raw.items.is_some()),
    ]
}

/// `None` without a source.
pub(super) fn rows(raw: &RawRows, place: &str, problems: &mut Vec<Problem>) -> Option<Rows> {
    let given: Vec<&str> = sources(raw).into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    // What the schema refused has been taken out: it is neither there nor missing.
    let refused = |problems: &[Problem], part: &str| {
        let below = format!("{place}/{part}");
        problems.iter().any(|problem| problem.code.severity() == Severity::Error && problem.pointer.starts_with(&below))
    };
    if given.is_empty() && refused(problems, "") {
        return None;
    }
    if given.is_empty() && raw.matrix.is_none() {
        let message = "`rows` does not say where the rows come from";
        let help = "add one of csv, jsonl, json, stdin, items, or a matrix";
        problems.push(Problem::at(Code::Contradiction, place, message).help(help).on_key());
        return None;
    }
    if let [first, .., last] = given.as_slice() {
        let message = format!("`{first}` and `{last}` are both given: a set has one source of rows");
        let help = "keep one of them; rows of another source are another set";
        problems.push(Problem::at(Code::Contradiction, format!("{place}/{last}"), message).help(help).on_key());
        return None;
    }
    options(raw, given.first().copied(), place, problems);
    let max_age = max_age(raw, place, problems);
    let matrix = raw.matrix.as_ref().map(|matrix| matrix::matrix(matrix, &format!("{place}/matrix"), problems));
    // Without these the rows would be others than those that are meant.
    if ["matrix", "pointer", "delimiter"].iter().any(|part| refused(problems, part)) {
        return None;
    }
    let csv = || RowFormat::Csv { delimiter: raw.delimiter.as_ref().and_then(|d| d.bytes().next()).unwrap_or(b',') };
    let json = || RowFormat::Json { pointer: raw.pointer.clone().unwrap_or_default() };
    let file = |path: &String, format: RowFormat| RowSource::File(path.into(), format);
    let source = if let Some(path) = &raw.csv {
        file(path, csv())
    } else if let Some(path) = &raw.jsonl {
        file(path, RowFormat::Jsonl)
    } else if let Some(path) = &raw.json {
        file(path, json())
    } else if let Some(format) = &raw.stdin {
        RowSource::Stdin(match format.as_str() {
            "csv" => csv(),
            "jsonl" => RowFormat::Jsonl,
            _ => json(),
        })
    } else if let Some(items) = &raw.items {
        RowSource::Items(items.iter().flatten().cloned().collect())
    } else {
        RowSource::One
    };
    let required_columns = raw.required_columns.iter().flatten().flatten().cloned().collect();
    Some(Rows { source, required_columns, max_age, matrix })
}

fn max_age(raw: &RawRows, place: &str, problems: &mut Vec<Problem>) -> Option<DurationSpec> {
    let (text, pointer) = (raw.max_age.as_deref()?, format!("{place}/max_age"));
    let before = problems.len();
    let age = Quantities { problems: &mut *problems }.get(&pointer, Some(text), 0);
    if age.get().is_zero() && problems.len() == before {
        let problem = Problem::at(Code::OutOfRange, pointer, "an age of zero lets no file through");
        problems.push(problem.help("write for example 24h"));
    }
    (!age.get().is_zero()).then_some(age)
}

/// Options that the source has no use for.
fn options(raw: &RawRows, source: Option<&str>, place: &str, problems: &mut Vec<Problem>) {
    let format = if source == Some("stdin") { raw.stdin.as_deref() } else { source };
    let is_file = matches!(source, Some("csv" | "jsonl" | "json"));
    let checks = [
        ("delimiter", raw.delimiter.is_some(), format == Some("csv"), "separates the cells of CSV"),
        ("pointer", raw.pointer.is_some(), format == Some("json"), "leads through a JSON document"),
        ("max_age", raw.max_age.is_some(), is_file, "is the age of a file"),
        ("required_columns", raw.required_columns.is_some(), source.is_some(), "is about columns of data"),
    ];
    for (key, given, useful, what) in checks {
        if given && !useful {
            let reads = source.map_or_else(|| "a matrix alone".to_owned(), |source| format!("`{source}`"));
            let message = match (source, format) {
                (Some("stdin"), Some(format)) => format!("`{key}` {what}: `stdin: {format}` has no use for it"),
                _ => format!("`{key}` {what}: {reads} has no use for it"),
            };
            let problem = Problem::at(Code::Contradiction, format!("{place}/{key}"), message);
            problems.push(problem.help("remove it").on_key());
        }
    }
}
