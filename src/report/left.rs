//! `failed.csv`, `unknown.csv`, `not_attempted.csv`: the input's own rows of the jobs that are left, and beside them what became of
//! each. The same runbook takes them as they are.
//!
//! Cells of the input are exact: nothing is replaced in them, but that a `'` keeps a spreadsheet from taking one for a formula;
//! whoever reads rows takes it off again. What the run has added is as harmless as it is in results.csv.

use super::cell::{safe, writer};
use super::errors::cause_word;
use super::jobs::JobView;
use super::output::Report;
use crate::event::RunStarted;
use crate::model::again::{COLUMNS, EARLIER_PART, UNKNOWN, is_reserved};
use crate::model::{Cells, InputRow, JobNumber, guarded};
use crate::state::JobState;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};

/// Most columns of the input: all together a reader must take them. What is beyond them stands in one cell.
const MAX_COLUMNS: usize = 4000;
/// Digits from which on the name of a column is taken for a number.
const NUMBER_DIGITS: usize = 7;

/// Which jobs a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// Those that had no effect.
    Failed,
    /// Those that may have had one.
    Unknown,
    /// Those that were never begun.
    NotAttempted,
}

impl Left {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Unknown, Self::NotAttempted];

    /// The file's name.
    pub fn file(self) -> &'static str {
        match self {
            Self::Failed => "failed.csv",
            Self::Unknown => "unknown.csv",
            Self::NotAttempted => "not_attempted.csv",
        }
    }

    fn states(self) -> &'static [JobState] {
        match self {
            Self::Failed => &[JobState::Rejected, JobState::NotSent, JobState::NotBridged],
            Self::Unknown => &[JobState::Unknown],
            Self::NotAttempted => &[JobState::NotAttempted],
        }
    }
}

/// A job of the plan, for whoever looks for its row.
#[derive(Debug)]
pub struct LeftJob<'a> {
    view: JobView<'a>,
    kind: Left,
}

impl LeftJob<'_> {
    /// Its place in plan order.
    pub fn number(&self) -> JobNumber {
        self.view.job
    }

    /// Its set.
    pub fn set(&self) -> &str {
        self.view.set
    }

    /// Its key, if the records name it.
    pub fn key(&self) -> Option<&str> {
        self.view.key.as_deref()
    }

    /// Its call, if the records name it.
    pub fn call(&self) -> Option<&str> {
        self.view.call_id.as_deref()
    }

    /// Whether its call is bridged.
    pub fn is_success(&self) -> bool {
        self.view.state.is_success()
    }

    /// Whether it has come to nothing that a record would name a key in.
    pub fn is_pending(&self) -> bool {
        matches!(self.view.state, JobState::Pending)
    }

    /// Whether the file holds it.
    pub fn is_held(&self) -> bool {
        self.kind.states().contains(&self.view.state)
    }
}

impl Report {
    /// How many jobs a file holds. Which jobs had no turn is known when the run is closed: until then a process may still come to
    /// them, and lines that were cut off may say that one has.
    pub fn count_left(&self, kind: Left) -> u64 {
        if kind == Left::NotAttempted && !self.is_complete() {
            return 0;
        }
        kind.states().iter().map(|state| self.run.total().count(*state)).sum()
    }

    /// The jobs that a file holds, in plan order; `every`: and all between them.
    pub fn left(&self, kind: Left, every: bool) -> impl Iterator<Item = LeftJob<'_>> {
        let wanted = move |state: JobState| every || kind.states().contains(&state);
        self.jobs.views(&self.run, wanted).map(move |view| LeftJob { view, kind })
    }

    /// The opening record.
    pub fn started(&self) -> Option<&RunStarted> {
        self.run.started()
    }

    /// Whether rows of jobs could not be read back.
    pub fn has_lost_jobs(&self) -> bool {
        self.jobs.is_unreadable()
    }
}

/// The columns of the input, in the order in which they are met.
#[derive(Debug, Default)]
pub struct InputColumns {
    names: Vec<String>,
    known: HashSet<String>,
}

impl InputColumns {
    /// Adds names. One that no header can have stays out: its values stand in a cell together.
    pub fn add<'n>(&mut self, names: impl IntoIterator<Item = &'n String>) {
        for name in names {
            if self.names.len() < MAX_COLUMNS && !self.known.contains(name) && fits(name) {
                self.names.push(name.clone());
                self.known.insert(name.clone());
            }
        }
    }
}

/// Whether a name of JSON can be that of a column.
fn fits(name: &str) -> bool {
    let digits = name.trim_start_matches('+');
    let is_number = digits.len() >= NUMBER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_odd = name.is_empty() || name.trim() != name || name.chars().any(char::is_control);
    let is_other = name.starts_with(['{', '[']) || name.starts_with("sep=") || is_reserved(name);
    !(is_number || is_odd || is_other)
}

/// Writes one of the files.
pub struct LeftWriter<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    columns: &'a InputColumns,
    runbook: String,
    run_id: String,
}

impl std::fmt::Debug for LeftWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LeftWriter({})", self.run_id)
    }
}

impl<'a> LeftWriter<'a> {
    /// Writes the header.
    pub fn new(report: &Report, columns: &'a InputColumns, out: &'a mut dyn Write) -> io::Result<Self> {
        let mut writer = writer(out);
        let names = columns.names.iter().map(|name| guarded(name));
        writer.write_record(names.chain(COLUMNS.map(Cow::Borrowed)).map(|name| name.as_bytes().to_vec()))?;
        let (runbook, run_id) = (report.summary().runbook.clone(), report.summary().run_id.to_string());
        Ok(Self { writer, columns, runbook, run_id })
    }

    /// Writes a job, and the row that it was made of. `is_free`: no earlier part of its bridge keeps it from being sent.
    pub fn write(&mut self, job: &LeftJob<'_>, row: Option<&InputRow>, is_free: bool) -> io::Result<()> {
        for name in &self.columns.names {
            let value = row.and_then(|row| Some(cell(row.values.get(name)?, row.cells))).unwrap_or_default();
            self.writer.write_field(guarded(&value).as_bytes())?;
        }
        for cell in self.own(&job.view, row, is_free) {
            self.writer.write_field(cell.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Nothing more comes.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn own(&self, view: &JobView<'_>, row: Option<&InputRow>, is_free: bool) -> [String; COLUMNS.len()] {
        let text = |text: Option<&str>| text.map(safe).unwrap_or_default().into_owned();
        let moment = |at: Option<crate::model::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let object = |members: Map<String, Value>| guarded(&Value::Object(members).to_string()).into_owned();
        let is_more = |name: &String| !self.columns.known.contains(name);
        let state = match row {
            Some(row) if row.doubt => UNKNOWN,
            _ if !is_free => EARLIER_PART,
            _ => view.state.word(),
        };
        let more: Map<String, Value> = row
            .map(|row| row.values.iter().filter(|(name, _)| is_more(name)))
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        [
            safe(view.set).into_owned(),
            text(view.key.as_deref()),
            // Exactly, or not at all.
            view.call_id
                .as_deref()
                .map(guarded)
                .filter(|call| *call == text(view.call_id.as_deref()))
                .unwrap_or_default()
                .into_owned(),
            state.to_owned(),
            view.status.map(|status| status.to_string()).unwrap_or_default(),
            view.cause.map(cause_word).unwrap_or_default().to_owned(),
            text(view.message),
            view.attempts.to_string(),
            moment(view.first_sent),
            moment(view.last_answer),
            text(view.request_id.as_deref()),
            text(view.correlation_id),
            view.job.to_string(),
            row.map(|row| row.index.to_string()).unwrap_or_default(),
            row.and_then(|row| row.matrix.clone()).map(object).unwrap_or_default(),
            row.and_then(|row| row.part).map(|part| part.to_string()).unwrap_or_default(),
            row.map_or(Cells::None, |row| row.cells).word().to_owned(),
            if more.is_empty() { String::new() } else { object(more) },
            self.runbook.clone(),
            self.run_id.clone(),
        ]
    }
}

/// A value as its cell shows it. A text that could be taken for another value is written as JSON, in quotes.
fn cell(value: &Value, cells: Cells) -> Cow<'_, str> {
    match value {
        Value::String(text) if cells != Cells::Json => Cow::Borrowed(text),
        Value::String(text) if is_plain(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control) && serde_json::from_str::<Value>(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_json_keep_their_kind() {
        for (value, written) in [
            (json!("+12025550101"), "+12025550101"),
            (json!("call-1"), "call-1"),
            (json!("[x]"), "[x]"),
            (json!(12), "12"),
            (json!("12"), "\"12\""),
            (json!(" 12"), "\" 12\""),
            (json!("12345678901234567890123"), "\"12345678901234567890123\""),
            (json!("true"), "\"true\""),
            (json!(""), "\"\""),
            (json!("a\u{0}\nb"), "\"a\\u0000\\nb\""),
            (json!(null), "null"),
            (json!({"b": [1.5, "x"]}), "{\"b\":[1.5,\"x\"]}"),
        ] {
            assert_eq!(cell(&value, Cells::Json), written);
        }
        assert_eq!(cell(&json!("12"), Cells::Text), "12");
    }

    #[test]
    fn a_name_that_a_header_could_not_have_is_no_column() {
        let mut columns = InputColumns::default();
        let names = ["a", " b", "", "12025550101", "{x", "sep=", "bridgebook_set", "c\n", "a", "=d"].map(str::to_owned);
        columns.add(&names);
        assert_eq!(columns.names, ["a", "=d"]);
    }
}
