//! The pages of `docs/` that are part of the binary, so that their words exist once: split by headings, and made plain
//! for a terminal.

use crate::model::Code;

/// Every diagnostic, a section a code.
const DIAGNOSTICS: &str = include_str!("../../docs/diagnostics.md");

/// The template language.
pub(super) const TEMPLATES: &str = include_str!("../../docs/templates.md");

/// What the manual says of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Section {
    /// Its heading, without the code.
    pub(super) title: &'static str,
    /// What follows the heading, in Markdown.
    pub(super) text: &'static str,
}

/// The section of a code; a test proves that each has one.
pub(super) fn section(code: Code) -> Section {
    let heading = format!("\n## {code} ");
    let text = DIAGNOSTICS.split_once(&heading).map_or("", |(_, rest)| rest);
    let text = text.split_once("\n## ").map_or(text, |(section, _)| section);
    let (title, text) = text.split_once('\n').unwrap_or((text, ""));
    Section { title, text: text.trim() }
}

impl Section {
    /// The words without the examples, as one paragraph a line.
    pub(super) fn prose(self) -> String {
        let prose = self.text.split("\n\n").filter(|part| !part.starts_with("```"));
        prose.map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n")
    }
}

/// Markdown as a terminal shows it: an example is indented, below the words of its fence.
pub(super) fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        match line.strip_prefix("```") {
            Some(info) => {
                fenced = !fenced;
                if let (true, Some((_, label))) = (fenced, info.split_once(' ')) {
                    text.push_str(label);
                    text.push_str(":\n");
                }
            }
            None if fenced && !line.is_empty() => {
                text.push_str("    ");
                text.push_str(line);
                text.push('\n');
            }
            None => {
                text.push_str(line.trim_start_matches('#').trim_start());
                text.push('\n');
            }
        }
    }
    text
}
