//! Diagnostics for people (as rustc draws them) and for programs (JSON).

use super::print;
use crate::load::{Diagnostic, Place};
use crate::model::Severity;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// Draws diagnostics with file, line, column, caret and remedy, and a closing count.
pub(super) fn human(diagnostics: &[Diagnostic], more: u64, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text.push_str(&closing(diagnostics, more));
    text
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let code = diagnostic.code.to_string();
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        level.primary_title(&diagnostic.message).id(code).element(snippet(&diagnostic.place, AnnotationKind::Primary));
    if let Some(related) = &diagnostic.related {
        group = group.element(snippet(related, AnnotationKind::Context));
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

fn snippet(place: &Place, kind: AnnotationKind) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let start = char_offset(&place.text, place.column.saturating_sub(1));
    let end = char_offset(&place.text, place.column.saturating_sub(1) + place.width);
    Snippet::source(place.text.as_str())
        .line_start(usize::try_from(place.line).unwrap_or(usize::MAX))
        .path(place.file.to_string_lossy())
        .annotation(kind.span(start..end))
}

fn char_offset(text: &str, characters: u64) -> usize {
    text.char_indices().nth(usize::try_from(characters).unwrap_or(usize::MAX)).map_or(text.len(), |(at, _)| at)
}

fn closing(diagnostics: &[Diagnostic], more: u64) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count() as u64;
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut parts = Vec::new();
    parts.extend((errors > 0).then(|| print::plural(errors, "error")));
    parts.extend((warnings > 0).then(|| print::plural(warnings, "warning")));
    parts.extend((more > 0).then(|| format!("{} not shown", print::plural(more, "more problem"))));
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}

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

/// The same for programs.
pub(super) fn json(diagnostics: &[Diagnostic], more: u64) -> serde_json::Value {
    let place =
        |place: &Place| JsonPlace { file: place.file.display().to_string(), line: place.line, column: place.column };
    let one = |diagnostic: &'_ Diagnostic| {
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
    };
    serde_json::json!({"diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>(), "more": more})
}
