//! Where a set's rows come from, as the runbook says it.

use super::DurationSpec;
use serde_json::{Map, Value};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a set's rows come from.
#[derive(Clone, PartialEq, Debug)]
pub struct Rows {
    /// What is read.
    pub source: RowSource,
    /// Columns that must be there, whether a template reads them or not.
    pub required_columns: Vec<String>,
    /// The oldest that the file may be.
    pub max_age: Option<DurationSpec>,
    /// Each row is taken once for each of its combinations.
    pub matrix: Option<Matrix>,
}

/// What rows are read from.
#[derive(Clone, PartialEq)]
pub enum RowSource {
    /// A file, relative to the runbook.
    File(PathBuf, RowFormat),
    /// Standard input.
    Stdin(RowFormat),
    /// Objects in the runbook itself.
    Items(Vec<Map<String, Value>>),
    /// One row without columns: what a matrix on its own stands on.
    One,
}

/// Items are counted, not shown.
impl fmt::Debug for RowSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, format) => f.debug_tuple("File").field(path).field(format).finish(),
            Self::Stdin(format) => f.debug_tuple("Stdin").field(format).finish(),
            Self::Items(items) => f.debug_tuple("Items").field(&items.len()).finish(),
            Self::One => f.write_str("One"),
        }
    }
}

/// How rows are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowFormat {
    /// Comma-separated values with a header: one job a record.
    Csv {
        /// What separates the cells.
        delimiter: u8,
    },
    /// JSON Lines: one job an object.
    Jsonl,
    /// One JSON document: one job an object of a list in it.
    Json {
        /// JSON pointer (RFC 6901) to the list.
        pointer: String,
    },
}

impl RowFormat {
    /// The key of the runbook, and the end of a file's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Jsonl => "jsonl",
            Self::Json { .. } => "json",
        }
    }
}

/// Every combination of the values of some axes, less some, and some more.
#[derive(Clone, PartialEq)]
pub struct Matrix {
    /// Names and values in order; the last one changes fastest.
    pub axes: Vec<(String, Vec<Value>)>,
    /// Combinations that are left out: axis and value, by their places in `axes`.
    pub exclude: Vec<Vec<(usize, usize)>>,
    /// Whole combinations that come after the others.
    pub include: Vec<Map<String, Value>>,
}

/// Values are counted, not shown.
impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<_> = self.axes.iter().map(|(name, values)| (name, values.len())).collect();
        f.debug_struct("Matrix")
            .field("axes", &axes)
            .field("exclude", &self.exclude)
            .field("include", &self.include.len())
            .finish()
    }
}

impl Rows {
    /// The file to read, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            RowSource::File(path, _) => Some(path),
            RowSource::Stdin(_) | RowSource::Items(_) | RowSource::One => None,
        }
    }

    /// The format in which standard input is read, if it is.
    pub fn stdin(&self) -> Option<&RowFormat> {
        match &self.source {
            RowSource::Stdin(format) => Some(format),
            RowSource::File(..) | RowSource::Items(_) | RowSource::One => None,
        }
    }
}

impl RowSource {
    /// The key of `rows` that names the source.
    pub fn key(&self) -> &'static str {
        match self {
            Self::File(_, format) => format.name(),
            Self::Stdin(_) => "stdin",
            Self::Items(_) => "items",
            Self::One => "matrix",
        }
    }
}
