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
/// The call of the job: a row that makes the job of another call is not the one that it says.
pub const CALL: &str = "bridgebook_call_id";
/// What became of the job: a word of [`SENDABLE`], or why it may not be sent.
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

/// Every column, in the order in which they are written. A name that begins like them and is none of them is a slip.
pub const COLUMNS: [&str; 20] = [
    SET,
    KEY,
    CALL,
    STATE,
    "bridgebook_status_code",
    "bridgebook_evidence",
    "bridgebook_error",
    "bridgebook_attempts",
    "bridgebook_first_sent",
    "bridgebook_last_answer",
    "bridgebook_request_id",
    "bridgebook_correlation_id",
    "bridgebook_job",
    ROW,
    MATRIX,
    PART,
    CELLS,
    MORE,
    RUNBOOK,
    RUN,
];

/// States of jobs that had no effect: only rows that say one of these are sent without more ado.
pub const SENDABLE: [&str; 4] = ["rejected", "not_sent", "not_bridged", "not_attempted"];
/// The state of a job that may have had one.
pub const UNKNOWN: &str = "unknown";
/// States of jobs that had one.
pub const BRIDGED: [&str; 2] = ["succeeded", "accepted"];
/// In the place of the state: a later part of a split bridge, of which an earlier part is neither bridged nor in the row before.
pub const EARLIER_PART: &str = "earlier_part";

/// Whether a name is one of these columns, or looks like one.
pub fn is_reserved(name: &str) -> bool {
    let begin = name.trim().get(..PREFIX.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX))
}

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
    /// It has come as the row of an unknown job: nothing but a success ends that.
    pub doubt: bool,
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
