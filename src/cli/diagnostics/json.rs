//! Diagnostics for programs. The shape is documented in `docs/diagnostics.md`.

use super::Findings;
use crate::load::{Diagnostic, Place};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct JsonPlace {
    file: String,
    line: u64,
    column: u64,
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: String,
    severity: &'static str,
    file: String,
    line: u64,
    column: u64,
    end_column: u64,
    message: &'a str,
    help: Option<&'a str>,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    related: Option<JsonPlace>,
}

/// One document with every diagnostic.
pub(in crate::cli) fn json(findings: &Findings) -> Value {
    json!({"diagnostics": findings.found.iter().map(one).collect::<Vec<_>>(), "more": findings.more})
}

fn one(diagnostic: &Diagnostic) -> Value {
    let place =
        |place: &Place| JsonPlace { file: place.file.display().to_string(), line: place.line, column: place.column };
    serde_json::to_value(JsonDiagnostic {
        code: diagnostic.code.to_string(),
        severity: diagnostic.severity().word(),
        file: diagnostic.place.file.display().to_string(),
        line: diagnostic.place.line,
        column: diagnostic.place.column,
        end_column: diagnostic.place.column + diagnostic.place.width,
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
        path: &diagnostic.path,
        related: diagnostic.related.as_ref().map(place),
    })
    .unwrap_or_default()
}
