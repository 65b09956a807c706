//! Diagnostics for people, as rustc draws them.

use super::Findings;
use crate::cli::print;
use crate::load::{Diagnostic, Place};
use crate::model::{Code, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Draws diagnostics with file, line, column, caret and remedy, and a closing count.
pub(in crate::cli) fn human(findings: &Findings, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in &findings.found {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text.push_str(&closing(findings));
    text
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let code = diagnostic.code.to_string();
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(code);
    // There is no text to show of a file that cannot be read.
    let mut group = if diagnostic.code == Code::Unreadable {
        title.element(Origin::path(diagnostic.place.file.to_string_lossy()))
    } else {
        title.element(snippet(&diagnostic.place, AnnotationKind::Primary))
    };
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

fn closing(findings: &Findings) -> String {
    let count = |severity| findings.count(severity);
    let (errors, warnings, more) = (count(Severity::Error), count(Severity::Warning), findings.more);
    let mut parts = Vec::new();
    parts.extend((errors > 0).then(|| print::plural(errors, "error")));
    parts.extend((warnings > 0).then(|| print::plural(warnings, "warning")));
    parts.extend((more > 0).then(|| format!("{} not shown", print::plural(more, "more problem"))));
    if parts.is_empty() {
        return String::new();
    }
    let denied = if errors == 0 && findings.deny_warnings { ": refused, since warnings are denied" } else { "" };
    format!("{}{denied}\n", parts.join(", "))
}
