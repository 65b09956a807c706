//! From problems to diagnostics: each with file, line and column.

use super::positions::{AT_LINE, Positions, Stretch};
use crate::model::{Code, Problem, Severity, Source};
use std::path::PathBuf;

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
    /// The text of that line.
    pub text: String,
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

/// Finds the place of every problem, in the order of the file (data problems after those of the runbook).
pub fn locate(source: &Source, problems: &[Problem]) -> Vec<Diagnostic> {
    let positions = Positions::of(&source.text);
    let mut diagnostics: Vec<Diagnostic> =
        problems.iter().map(|problem| one(source, positions.as_ref(), problem)).collect();
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.related.is_some(), d.place.file.clone(), d.place.line, d.place.column);
        key(a).cmp(&key(b))
    });
    diagnostics
}

fn one(source: &Source, positions: Option<&Positions>, problem: &Problem) -> Diagnostic {
    let stretch = match problem.pointer.strip_prefix(AT_LINE).and_then(|at| at.split_once(':')) {
        Some((line, column)) => {
            Stretch { line: line.parse().unwrap_or(1), column: column.parse().unwrap_or(1), width: 1 }
        }
        None => positions.map_or(Stretch { line: 1, column: 1, width: 1 }, |positions| {
            positions.find(&problem.pointer, problem.focus)
        }),
    };
    let runbook = Place {
        file: source.path.clone(),
        line: stretch.line as u64,
        column: stretch.column as u64,
        width: stretch.width as u64,
        text: source.text.lines().nth(stretch.line.saturating_sub(1)).unwrap_or_default().to_owned(),
    };
    let mut message = problem.message.clone();
    let mut help = problem.help.clone();
    if problem.code == Code::UnquotedNumber
        && let Some(text) = positions.and_then(|positions| positions.plain_text(&problem.pointer))
    {
        if text.starts_with('+') {
            message = format!("{text} without quotes is a number to YAML: the plus is lost");
        }
        help = Some(format!("write `\"{text}\"`"));
    }
    let (place, related) = match &problem.data {
        Some(data) => {
            let place = Place {
                file: data.file.clone(),
                line: data.line,
                column: data.column,
                width: data.width,
                text: data.text.clone(),
            };
            (place, Some(runbook))
        }
        None => (runbook, None),
    };
    let path = if problem.pointer.starts_with(AT_LINE) { String::new() } else { problem.pointer.clone() };
    Diagnostic { code: problem.code, message, help, place, related, path }
}
