//! Diagnostics as SARIF 2.1.0 (OASIS), for code scanning.

use super::Findings;
use crate::cli::exit::Exit;
use crate::cli::manual;
use crate::load::{Diagnostic, Place};
use crate::model::{Code, Severity};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::path::Path;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What a URI's path shows as it is (RFC 3986 section 3.3), the separator included.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A log of one run of the program, with a rule for each code that occurs.
pub(in crate::cli) fn sarif(findings: &Findings, exit: Exit) -> Value {
    let mut codes: Vec<Code> = findings.found.iter().map(|found| found.code).collect();
    codes.sort_by_key(|code| code.number());
    codes.dedup();
    let results: Vec<Value> = findings.found.iter().map(|found| result(found, &codes)).collect();
    let rules: Vec<Value> = codes.into_iter().map(rule).collect();
    let mut run = run(&json!({"executionSuccessful": true, "exitCode": exit.code()}), &rules, &results);
    if findings.more > 0 {
        run["properties"] = json!({"notShown": findings.more});
    }
    log(run)
}

/// A log of a run that failed before it could look at a runbook.
pub(in crate::cli) fn sarif_failure(message: &str, exit: Exit) -> Value {
    let notification = json!({"level": "error", "message": {"text": message}});
    let invocation = json!({
        "executionSuccessful": false,
        "exitCode": exit.code(),
        "toolExecutionNotifications": [notification],
    });
    log(run(&invocation, &[], &[]))
}

#[expect(clippy::needless_pass_by_value, reason = "json! takes it by reference anyway")]
fn log(run: Value) -> Value {
    json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})
}

fn run(invocation: &Value, rules: &[Value], results: &[Value]) -> Value {
    let driver = json!({"name": "bridgebook", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules});
    json!({
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": results,
    })
}

fn level(code: Code) -> &'static str {
    match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn rule(code: Code) -> Value {
    let section = manual::section(code);
    json!({
        "id": code.to_string(),
        "shortDescription": {"text": section.title},
        "fullDescription": {"text": section.prose()},
        "help": {"text": manual::plain(section.text), "markdown": section.text},
        "defaultConfiguration": {"level": level(code)},
    })
}

fn result(found: &Diagnostic, rules: &[Code]) -> Value {
    let text = match &found.help {
        Some(help) => format!("{}\nhelp: {help}", found.message),
        None => found.message.clone(),
    };
    let mut result = json!({
        "ruleId": found.code.to_string(),
        "ruleIndex": rules.iter().position(|code| *code == found.code),
        "level": level(found.code),
        "message": {"text": text},
        "locations": [location(&found.place)],
    });
    if let Some(related) = &found.related {
        let mut location = location(related);
        location["message"] = json!({"text": "in the runbook"});
        result["relatedLocations"] = json!([location]);
    }
    result
}

fn location(place: &Place) -> Value {
    let region = json!({"startLine": place.line, "startColumn": place.column, "endColumn": place.column + place.width});
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(&place.file)}, "region": region}})
}

/// A path as a URI: relative ones stay relative.
fn uri(path: &Path) -> String {
    let encoded = utf8_percent_encode(&path.to_string_lossy(), PATH).to_string();
    if path.is_absolute() { format!("file://{encoded}") } else { encoded }
}
