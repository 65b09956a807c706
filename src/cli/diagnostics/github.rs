//! Diagnostics as workflow commands, which GitHub Actions turns into annotations of the changed lines.

use super::Findings;
use crate::load::Diagnostic;
use std::fmt::Write as _;

/// One line a diagnostic.
pub(in crate::cli) fn github(findings: &Findings) -> String {
    let mut text: String = findings.found.iter().map(annotation).collect();
    if findings.more > 0 {
        let _ = writeln!(text, "::notice::{} more problems are not shown", findings.more);
    }
    text
}

/// A command that failed before it could look at a runbook.
pub(in crate::cli) fn github_failure(message: &str) -> String {
    format!("::error::{}\n", data(message))
}

fn annotation(found: &Diagnostic) -> String {
    let place = &found.place;
    let mut message = found.message.clone();
    if let Some(help) = &found.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    if let Some(related) = &found.related {
        let _ = write!(message, "\nin {}:{}:{}", related.file.display(), related.line, related.column);
    }
    format!(
        "::{} file={},line={},col={},endColumn={},title={}::{}\n",
        found.severity().word(),
        property(&place.file.to_string_lossy()),
        place.line,
        place.column,
        place.column + place.width,
        found.code,
        data(&message),
    )
}

/// What may not stand in a message: it would end the command, or begin an escape.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same in a property, which also ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
