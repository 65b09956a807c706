//! Diagnostics for people, as rustc draws them.

use super::Findings;
use crate::cli::print;
use crate::load::{Diagnostic, Place};
use crate::model::{Code, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::borrow::Cow;

/// Blanks that may stand for the left part of a line. Further to the right only the numbers of the place are shown.
const MAX_BLANKS: u64 = 1024 * 1024;

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
    let title = Group::with_title(level.primary_title(&diagnostic.message).id(code));
    // There is no text to show of a file that cannot be read.
    let mut group = if diagnostic.code == Code::Unreadable {
        title.element(Origin::path(diagnostic.place.file.to_string_lossy()))
    } else {
        placed(title, &diagnostic.place, AnnotationKind::Primary)
    };
    if let Some(related) = &diagnostic.related {
        group = placed(group, related, AnnotationKind::Context);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// Adds a place to a group. The renderer counts columns in the text that it gets, and cuts it to the width of a screen:
/// what was left out of a long line is made up with blanks.
fn placed<'a>(group: Group<'a>, place: &'a Place, kind: AnnotationKind) -> Group<'a> {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let path = place.file.to_string_lossy();
    if place.skipped > MAX_BLANKS {
        return group.element(Origin::path(path).line(number(place.line)).char_column(number(place.column)));
    }
    let text = if place.skipped == 0 {
        Cow::Borrowed(place.text.as_str())
    } else {
        Cow::Owned(" ".repeat(number(place.skipped)) + &place.text)
    };
    let start = char_offset(&text, place.column.saturating_sub(1));
    let end = char_offset(&text, place.column.saturating_sub(1) + place.width);
    group.element(Snippet::source(text).line_start(number(place.line)).path(path).annotation(kind.span(start..end)))
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
