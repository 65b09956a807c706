//! Rows that come again: a report gives the rows of some jobs back, with columns of its own beside those of the input, and
//! the same runbook takes them as they are.

use serde_json::{Map, Value};
use std::path::PathBuf;

/// How the names of those columns begin. A file with such a column is read as one that comes again.
pub const PREFIX: &str = "bridgebook_";
/// The set that the row belongs to.
pub const SET: &str = "bridgebook_set";
/// The job's key.
pub const KEY: &str = "bridgebook_key";
/// What became of the job.
pub const STATE: &str = "bridgebook_state";
/// The row's number in its set: what templates see as `index`.
pub const ROW: &str = "bridgebook_row";
/// The combination of the set's matrix, as a JSON object.
pub const MATRIX: &str = "bridgebook_matrix";
/// The part of a split bridge: `2/3`.
pub const PART: &str = "bridgebook_part";
/// How the cells of the input's columns are to be read: see [`Cells`].
pub const CELLS: &str = "bridgebook_cells";
/// Values of the row that have no column, as a JSON object.
pub const MORE: &str = "bridgebook_more";
/// The runbook that the row is for.
pub const RUNBOOK: &str = "bridgebook_runbook";
/// The run that has left the row.
pub const RUN: &str = "bridgebook_run";

/// How the cells of a row are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cells {
    /// As text.
    #[default]
    Text,
    /// As JSON where it is JSON, else as text; an empty one is no value at all. So rows of JSON get their types back.
    Json,
    /// Not at all: the input was not there when the file was made.
    None,
}

impl Cells {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::None];

    /// The word for it in a cell.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::None => "none",
        }
    }
}

/// One part of a split bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgePart {
    /// Which one, from 1.
    pub part: usize,
    /// Of how many.
    pub of: usize,
}

impl BridgePart {
    /// Reads `2/3`.
    pub fn parse(text: &str) -> Option<Self> {
        let (part, of) = text.split_once('/')?;
        let number = |text: &str| text.parse().ok().filter(|number: &usize| number.to_string() == text);
        Some(Self { part: number(part)?, of: number(of)? }).filter(|found| (1..=found.of).contains(&found.part))
    }
}

impl std::fmt::Display for BridgePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

/// A row of a run's input, and what it takes to make the same job of it again.
#[derive(Clone, PartialEq)]
pub struct InputRow {
    /// Its values, without those of the matrix.
    pub values: Map<String, Value>,
    /// Its number in its set: what templates see as `index`.
    pub index: u64,
    /// The combination of the set's matrix.
    pub matrix: Option<Map<String, Value>>,
    /// The part of a split bridge.
    pub part: Option<BridgePart>,
    /// How its values are written into cells.
    pub cells: Cells,
}

/// Values are counted, not shown.
impl std::fmt::Debug for InputRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InputRow({} with {} values)", self.index, self.values.len())
    }
}

/// What the command line says of rows that come again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Again {
    /// The file that takes the place of every set's rows. Relative to the working directory.
    pub file: Option<PathBuf>,
    /// Rows of jobs that may have been bridged are taken.
    pub resend_unknown: bool,
}
