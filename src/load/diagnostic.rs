//! From problems to diagnostics: each with file, line and column.

use super::positions::{AT_LINE, Positions, Stretch, lines};
use super::source::{SourceError, byte_in_words};
use crate::model::{Code, Layer, Problem, Role, Severity, Source, Texts, mask_digit_runs};
use std::path::{Path, PathBuf};

/// A place in a file, for people and for machines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file as given.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// Characters to underline, at least 1.
    pub width: u64,
    /// The text of that line: of a long line the part around the place.
    pub text: String,
    /// Characters of the line that stand in front of `text`.
    pub skipped: u64,
}

/// A problem with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where: the data file when a row is the cause, else the runbook.
    pub place: Place,
    /// The place in the runbook, when `place` is in a data file.
    pub related: Option<Place>,
    /// JSON pointer into the runbook.
    pub path: String,
}

impl Diagnostic {
    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// A runbook that cannot be read at all, as a diagnostic.
pub fn unreadable(path: &Path, error: &SourceError) -> Diagnostic {
    let (message, help) = match error {
        SourceError::NotText { byte, .. } => {
            (format!("here stands {}", byte_in_words(*byte)), Some("save the file as UTF-8".to_owned()))
        }
        _ => (error.to_string(), None),
    };
    let (line, column) = error.place();
    let (line, column) = (line as u64, column as u64);
    Diagnostic {
        code: Code::Unreadable,
        message,
        help,
        place: Place { file: path.to_owned(), line, column, width: 1, text: String::new(), skipped: 0 },
        related: None,
        path: String::new(),
    }
}

/// Finds the place of every problem, in the order of the files (data problems after those of the runbook). What a default
/// brings into every set is said once.
pub fn locate(texts: &Texts, problems: &[Problem]) -> Vec<Diagnostic> {
    let pages: Vec<Page<'_>> = texts.layers().iter().map(Page::new).collect();
    let mut diagnostics: Vec<Diagnostic> = problems.iter().filter_map(|problem| one(&pages, problem)).collect();
    let order = |file: &Path| pages.iter().position(|page| page.layer.source.path == file);
    diagnostics.sort_by_cached_key(|d| {
        (d.related.is_some(), order(&d.place.file), d.place.file.clone(), d.place.line, d.place.column)
    });
    diagnostics.dedup_by(|b, a| a.place == b.place && a.code == b.code && a.message == b.message);
    diagnostics
}

/// A text with its places.
struct Page<'a> {
    layer: &'a Layer,
    positions: Option<Positions>,
    /// Its lines as they may be shown.
    shown: Vec<String>,
}

impl<'a> Page<'a> {
    fn new(layer: &'a Layer) -> Self {
        let positions = Positions::of(&layer.source.text);
        let shown = without_secrets(layer.role, &layer.source, positions.as_ref());
        Self { layer, positions, shown }
    }

    /// A pointer into the whole as one into this text.
    fn own<'p>(&self, pointer: &'p str) -> &'p str {
        pointer.strip_prefix(self.layer.role.mount()).unwrap_or(pointer)
    }

    fn missing(&self, pointer: &str) -> usize {
        let elsewhere = usize::MAX;
        match &self.positions {
            // A profile is a document of its own.
            _ if self.layer.role == Role::Profile => elsewhere,
            Some(positions) if pointer.starts_with(self.layer.role.mount()) => positions.missing(self.own(pointer)),
            _ => elsewhere,
        }
    }
}

/// The text that has most of a pointer, and the pointer there: what a set does not say stands in `defaults`.
fn page_of<'a, 'p>(pages: &'a [Page<'p>], problem: &Problem) -> Option<(&'a Page<'p>, String)> {
    let pointer = &problem.pointer;
    if let Some(index) = problem.text {
        return pages.get(index).map(|page| (page, page.own(pointer).to_owned()));
    }
    let runbook = pages.iter().find(|page| page.layer.role == Role::Runbook)?;
    if pointer.starts_with(AT_LINE) {
        return Some((runbook, pointer.clone()));
    }
    let default = pointer
        .strip_prefix("/sets/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(_, rest)| format!("/defaults/{rest}"))
        .filter(|default| ["/when", "/key", "/job", "/limits"].iter().any(|key| default[9..].starts_with(key)));
    let choices = [Some(pointer.clone()), default].into_iter().flatten();
    let best = choices
        .flat_map(|pointer| {
            // The runbook itself wins a tie: that is where a missing key would be written.
            let all = std::iter::once(runbook).chain(pages.iter());
            all.map(move |page| (page.missing(&pointer), page, pointer.clone()))
        })
        .min_by_key(|(missing, ..)| *missing);
    best.map(|(_, page, pointer)| (page, page.own(&pointer).to_owned()))
}

/// The lines of a runbook as they may be shown: without what is masked in a run's files, and of
/// `connection.auth`, `privacy`, variables and rows only the first key of each line, since a literal secret
/// may stand there in any shape, at its right key or at a misspelt one; and so of every other line that speaks of a
/// secret, since an anchor may hold it elsewhere, and a text that cannot be parsed has no places.
fn without_secrets(role: Role, source: &Source, positions: Option<&Positions>) -> Vec<String> {
    // Variables and rows in the runbook are data of people, wherever else they could stand.
    let rows = (0..positions.map_or(0, |positions| positions.length_of("/sets")))
        .flat_map(|set| ["items", "matrix"].map(|key| format!("/sets/{set}/rows/{key}")));
    let sections = ["/connection/auth", "/privacy", "/vars"].map(str::to_owned).into_iter().chain(rows);
    let kept: Vec<_> = sections.filter_map(|section| positions?.lines_of(&section)).collect();
    let suspicious = |line: &str| {
        let line = line.to_lowercase();
        let in_url = line.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        in_url || ["secret", "client_id", "password", "authorization"].iter().any(|word| line.contains(word))
    };
    let star = |c: char| if c.is_whitespace() { c } else { '*' };
    let blank = |line: &str| {
        let (key, value) = line.split_at(line.find(':').map_or(0, |at| at + 1));
        key.chars().chain(value.chars().map(star)).collect()
    };
    let signs = |line: &str| {
        let (key, value) = line.split_at(line.find(':').map_or(0, |at| at + 1));
        let sign = |c: char| if c.is_alphanumeric() { '*' } else { c };
        key.chars().chain(value.chars().map(sign)).collect()
    };
    let shown = |(index, line): (usize, &str)| {
        let hidden = role == Role::Vars || suspicious(line) || kept.iter().any(|lines| lines.contains(&(index + 1)));
        match positions {
            _ if hidden => blank(line),
            Some(_) => mask_digit_runs(line),
            // Nobody knows what is what in it; what is wrong is among its signs.
            None => signs(line),
        }
    };
    lines(&source.text).enumerate().map(shown).collect()
}

fn one(pages: &[Page<'_>], problem: &Problem) -> Option<Diagnostic> {
    let (page, pointer) = page_of(pages, problem)?;
    let (source, shown, positions) = (&page.layer.source, &page.shown, page.positions.as_ref());
    let stretch = match pointer.strip_prefix(AT_LINE).and_then(|at| at.split_once(':')) {
        Some((line, column)) => {
            let (column, width) = column.split_once(':').unwrap_or((column, "1"));
            let number = |text: &str| text.parse().unwrap_or(1);
            Stretch { line: number(line), column: number(column), width: number(width) }
        }
        None => positions
            .map_or(Stretch { line: 1, column: 1, width: 1 }, |positions| positions.find(&pointer, problem.focus)),
    };
    let runbook = Place {
        file: source.path.clone(),
        line: stretch.line as u64,
        column: stretch.column as u64,
        width: stretch.width as u64,
        text: shown.get(stretch.line.saturating_sub(1)).cloned().unwrap_or_default(),
        skipped: 0,
    };
    let mut message = problem.message.clone();
    let mut help = problem.help.clone();
    if problem.code == Code::UnquotedNumber
        && problem.data.is_none()
        && let Some(text) = positions.and_then(|positions| positions.plain_text(&pointer))
    {
        if text.starts_with('+') {
            message = format!("{text} without quotes is a number to YAML: the plus is lost");
        }
        let may_be_shown = mask_digit_runs(text) == text;
        help = Some(if may_be_shown { format!("write `\"{text}\"`") } else { "put it in quotes".to_owned() });
    }
    if (100..200).contains(&problem.code.number()) {
        // These say what stands there, and a number may.
        message = mask_digit_runs(&message);
    }
    let (place, related) = match &problem.data {
        Some(data) => {
            let place = Place {
                file: data.file.clone(),
                line: data.line,
                column: data.column,
                width: data.width,
                text: data.text.clone(),
                skipped: data.skipped,
            };
            (place, Some(runbook))
        }
        None => (runbook, None),
    };
    let path = if problem.pointer.starts_with(AT_LINE) { String::new() } else { mask_digit_runs(&problem.pointer) };
    Some(Diagnostic { code: problem.code, message, help, place, related, path })
}
