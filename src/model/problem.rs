//! What is wrong with a runbook or its data, before anybody knows on which line it stands.
//!
//! Stages report a [`Problem`] with a JSON pointer; `load` turns pointers into file, line and column, `cli` prints.

use super::Code;
use std::path::PathBuf;

/// Which part of the place to underline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Focus {
    /// The key at the pointer.
    Key,
    /// The value at the pointer.
    Value,
}

/// A place in a data file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DataPlace {
    /// The file as the runbook names it.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// The column in characters, counted from 1.
    pub column: u64,
    /// The line's text, for the caret: of a long line the part around the place.
    pub text: String,
    /// Characters of the line that stand in front of `text`.
    pub skipped: u64,
    /// Characters to underline, at least 1.
    pub width: u64,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// JSON pointer (RFC 6901) into the runbook.
    pub pointer: String,
    /// Key or value of that pointer.
    pub focus: Focus,
    /// Which of the runbook's texts it is in, by index; `None`: the first one that has the pointer.
    pub text: Option<usize>,
    /// The row that causes it, when one does.
    pub data: Option<Box<DataPlace>>,
}

impl Problem {
    /// A problem with the value at `pointer`.
    pub fn at(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, pointer) = (message.into(), pointer.into());
        Self { code, message, help: None, pointer, focus: Focus::Value, text: None, data: None }
    }

    /// The same, with the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, underlining the key.
    #[must_use]
    pub fn on_key(mut self) -> Self {
        self.focus = Focus::Key;
        self
    }

    /// The same, caused by a place in a data file.
    #[must_use]
    pub fn caused_by(mut self, place: DataPlace) -> Self {
        self.data = Some(Box::new(place));
        self
    }
}
