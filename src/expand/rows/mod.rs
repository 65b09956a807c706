//! Rows of a set, one at a time, each with its place.
//!
//! One file a source (`csv`, `jsonl`, `json`, `items`), and `matrix` on top of any of them. What all of them share:
//! records are bounded (`record`), only the record at hand is in memory, and after a bad record reading goes on with the
//! next one, unless nothing behind it can be trusted.

mod again;
mod csv;
mod csv_record;
mod input;
mod items;
mod json;
mod json_row;
mod json_scan;
mod jsonl;
mod matrix;
mod record;
mod spans;

pub(super) use again::{Origin, RowAgain};
pub(super) use csv::unmarked;
pub(super) use csv_record::{Records, value};
pub(super) use input::{Opened, not_text, open, stale, too_old};

use self::csv::CsvReader;
use super::files::Files;
use crate::model::again::{MATRIX, STATE};
use crate::model::{Code, DataPlace, Problem, RowFormat, RowSource, Rows, SetName};
use crate::template::{nearest, shown_names};
use items::ItemsReader;
use json::JsonReader;
use jsonl::JsonlReader;
use matrix::Combinations;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RowPlace {
    /// Its first line, from 1; for rows in the runbook the row's number.
    pub(super) line: u64,
}

/// A row and its place.
#[derive(Clone, PartialEq)]
pub(super) struct Row {
    pub(super) values: Map<String, Value>,
    pub(super) place: RowPlace,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({} values, {:?})", self.values.len(), self.place)
    }
}

/// Where the cause of a row's problem stands.
pub(super) enum Cause {
    /// In a data file.
    Data(DataPlace),
    /// In the runbook, at a pointer below the set's `rows`.
    Runbook(String),
}

/// An open source of rows. Pointers of its problems start at the set's `rows`.
pub(super) struct RowReader<'a> {
    source: Source<'a>,
    rows: &'a Rows,
    combinations: Option<Combinations<'a>>,
    /// The row that the combinations are laid over.
    below: Option<Row>,
}

enum Source<'a> {
    Csv(Box<CsvReader>),
    Jsonl(JsonlReader),
    Json(Box<JsonReader>),
    Items(ItemsReader<'a>),
    /// One row without columns, then none.
    One(Option<Row>),
}

impl<'a> RowReader<'a> {
    /// Opens the rows of a set; `set` is its name, unless somebody else wants to see them.
    pub(super) fn open(rows: &'a Rows, files: &Files, set: Option<&SetName>) -> Result<Self, Problem> {
        let placed = |problem: Problem| at_source(problem, rows);
        let source = match &rows.source {
            RowSource::File(path, format) => {
                input::file(path, format, files).and_then(|opened| Source::of(opened, format, set)).map_err(placed)?
            }
            RowSource::Stdin(format) => {
                input::stdin(format, files).and_then(|opened| Source::of(opened, format, set)).map_err(placed)?
            }
            RowSource::Items(items) => Source::Items(ItemsReader::new(items)),
            RowSource::One => Source::One(Some(Row { values: Map::new(), place: RowPlace { line: 0 } })),
        };
        let combinations = rows.matrix.as_ref().map(Combinations::new);
        Ok(Self { source, rows, combinations, below: None })
    }

    /// What can be said about the columns before the first row.
    pub(super) fn column_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Source::Csv(reader) = &self.source
            && !reader.header().is_empty()
            && !reader.comes_again()
        {
            for (index, name) in self.rows.required_columns.iter().enumerate() {
                if !reader.header().contains(name) {
                    let problem = missing(index, name, reader.header().iter().map(String::as_str));
                    problems.push(problem.caused_by(reader.header_place().clone()));
                }
            }
        }
        let columns = self.source.columns().unwrap_or_default();
        for axis in
            self.combinations.iter().flat_map(Combinations::names).filter(|axis| columns.iter().any(|c| c == axis))
        {
            problems.push(clash(axis));
        }
        problems
    }

    /// What is said of the row that was read last, if it comes again.
    pub(super) fn again(&self) -> Option<&RowAgain> {
        match &self.source {
            Source::Csv(reader) => reader.again(),
            Source::Jsonl(_) | Source::Json(_) | Source::Items(_) | Source::One(_) => None,
        }
    }

    /// Whose the next row is. Only a file of comma-separated values says it.
    pub(super) fn meet(&mut self) -> Option<Result<Origin, Problem>> {
        match &mut self.source {
            Source::Csv(reader) => reader.meet(),
            Source::Jsonl(_) | Source::Json(_) | Source::Items(_) | Source::One(_) => None,
        }
    }

    /// Whether its rows come again.
    pub(super) fn comes_again(&self) -> bool {
        matches!(&self.source, Source::Csv(reader) if reader.comes_again())
    }

    /// The axes of the matrix.
    pub(super) fn axes(&self) -> impl Iterator<Item = &'a str> {
        self.combinations.iter().flat_map(Combinations::names)
    }

    /// The columns of a file that has the same for every row: those of the input alone.
    pub(super) fn input_columns(&self) -> Option<Vec<String>> {
        match &self.source {
            Source::Csv(reader) => Some(reader.input_columns()),
            Source::Jsonl(_) | Source::Json(_) | Source::Items(_) | Source::One(_) => None,
        }
    }

    /// Takes the last row back: the memory of its names and texts serves the next one.
    pub(super) fn take_back(&mut self, row: Map<String, Value>) {
        if let Source::Csv(reader) = &mut self.source {
            reader.take_back(row);
        }
    }

    /// The names that every row has, if that is known beforehand. A required one counts: its absence is said elsewhere.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        let axes = self.combinations.iter().flat_map(Combinations::names).map(str::to_owned);
        let mut names: BTreeSet<String> = self.source.columns()?.into_iter().chain(axes).collect();
        names.extend(self.rows.required_columns.iter().cloned());
        Some(names.into_iter().collect())
    }

    /// Where the last row stands, or the value in it that a path leads to; the cause of what is wrong with it.
    pub(super) fn cause(&self, path: Option<&[String]>) -> Option<Cause> {
        if let (Some(combinations), Some(axis)) = (&self.combinations, path.and_then(<[String]>::first))
            && combinations.has(axis)
        {
            return Some(Cause::Runbook(combinations.pointer(axis)));
        }
        self.source_cause(path)
    }

    /// The same for what no axis gives.
    fn source_cause(&self, path: Option<&[String]>) -> Option<Cause> {
        match &self.source {
            Source::Csv(reader) => {
                let column = path.and_then(<[String]>::first).map(String::as_str);
                Some(Cause::Data(reader.place(column)))
            }
            Source::Jsonl(reader) => Some(Cause::Data(reader.place(path))),
            Source::Json(reader) => Some(Cause::Data(reader.place(path))),
            Source::Items(reader) => Some(Cause::Runbook(reader.pointer(path))),
            Source::One(_) => None,
        }
    }

    /// A row of the source that has what it must have.
    fn checked(&mut self) -> Option<Result<Row, Problem>> {
        let row = match &mut self.source {
            Source::Csv(reader) if !reader.comes_again() => {
                return Some(reader.next()?.map_err(|problem| at_source(problem, self.rows)));
            }
            Source::Csv(reader) => reader.next()?,
            Source::Jsonl(reader) => reader.next()?,
            Source::Json(reader) => reader.next()?,
            Source::Items(reader) => Ok(reader.next()?),
            Source::One(row) => return row.take().map(Ok),
        };
        let row = match row {
            Ok(row) => row,
            Err(problem) => return Some(Err(at_source(problem, self.rows))),
        };
        // The header of a CSV file was checked once; here every row has its own names.
        let absent = self.rows.required_columns.iter().enumerate().find(|(_, name)| !row.values.contains_key(*name));
        let problem = absent.map(|(index, name)| missing(index, name, row.values.keys().map(String::as_str)));
        // Only CSV says in full whose row it is; one that speaks of a job's state must not pass for a new one.
        let speaks = |name: &&String| !self.comes_again() && name.trim().eq_ignore_ascii_case(STATE);
        let reserved = row.values.keys().find(speaks);
        if let Some(name) = reserved {
            let message = format!("{} is a name of rows that an earlier run has left", shown_names([name.as_str()], 1));
            let problem = Problem::at(Code::ReservedColumn, "", message);
            let problem =
                problem.help("such rows are taken as CSV alone, as they were made; give a value of yours another name");
            let path = [name.clone()];
            let problem = match self.source_cause(Some(&path)) {
                Some(Cause::Data(place)) => problem.caused_by(place),
                Some(Cause::Runbook(pointer)) => Problem { pointer, ..problem },
                None => problem,
            };
            return Some(Err(at_source(problem, self.rows)));
        }
        // A file of several sets may have a column of another set with the name of an axis of this one.
        let axis = self.axes().find(|axis| !self.comes_again() && row.values.contains_key(*axis));
        let Some(problem) = problem.or_else(|| axis.map(clash)) else { return Some(Ok(row)) };
        Some(Err(match self.cause(None) {
            Some(Cause::Data(place)) => problem.caused_by(place),
            Some(Cause::Runbook(pointer)) => Problem { pointer, ..problem },
            None => problem,
        }))
    }
}

impl Source<'_> {
    fn of(opened: Opened, format: &RowFormat, set: Option<&SetName>) -> Result<Self, Problem> {
        Ok(match format {
            RowFormat::Csv { delimiter } => Self::Csv(Box::new(CsvReader::open(opened, *delimiter, set)?)),
            RowFormat::Jsonl => Self::Jsonl(JsonlReader::new(opened)),
            RowFormat::Json { pointer } => Self::Json(Box::new(JsonReader::open(opened, pointer)?)),
        })
    }

    fn columns(&self) -> Option<Vec<String>> {
        match self {
            // An empty file has no columns to check names against: it has no rows, which is another matter.
            // Nor does one whose rows come again: it may have been made without a row of this set.
            Self::Csv(reader) if reader.comes_again() => None,
            Self::Csv(reader) => Some(reader.header().to_vec()).filter(|header| !header.is_empty()),
            Self::Items(reader) => reader.columns(),
            Self::One(_) => Some(Vec::new()),
            Self::Jsonl(_) | Self::Json(_) => None,
        }
    }
}

impl Iterator for RowReader<'_> {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (Some(below), Some(combinations)) = (&mut self.below, &mut self.combinations) {
                let mut row = below.clone();
                if combinations.fill(&mut row.values) {
                    if matches!(self.source, Source::One(_)) {
                        // Without data the combination is the row, and its number the place.
                        below.place.line += 1;
                        row.place = below.place;
                    }
                    return Some(Ok(row));
                }
                self.below = None;
            }
            let row = self.checked()?;
            let wanted = self.again().and_then(|again| again.matrix.clone());
            match (&mut self.combinations, row, wanted) {
                (Some(combinations), Ok(mut row), Some(wanted)) => {
                    combinations.rewind();
                    return Some(if combinations.choose(&wanted, &mut row.values) {
                        Ok(row)
                    } else {
                        let path = [MATRIX.to_owned()];
                        Err(at_source(again::no_combination(self.source_cause(Some(&path))), self.rows))
                    });
                }
                (None, Ok(_), Some(_)) => {
                    let path = [MATRIX.to_owned()];
                    return Some(Err(at_source(again::no_combination(self.source_cause(Some(&path))), self.rows)));
                }
                (Some(combinations), Ok(row), None) => {
                    combinations.rewind();
                    self.below = Some(row);
                }
                (_, row, _) => return Some(row),
            }
        }
    }
}

/// What a reader does not place below `rows` itself stands at the source's key.
fn at_source(problem: Problem, rows: &Rows) -> Problem {
    if problem.pointer.is_empty() {
        return Problem { pointer: format!("/{}", rows.source.key()), ..problem };
    }
    problem
}

fn missing<'n>(index: usize, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Problem {
    /// Names that are listed when none is near.
    const SHOWN: usize = 12;
    let help = nearest(name, known.clone()).map_or_else(
        || format!("columns here: {}", shown_names(known, SHOWN)),
        |near| format!("there is `{near}`: rename one of the two"),
    );
    Problem::at(Code::MissingColumn, format!("/required_columns/{index}"), format!("there is no column `{name}`"))
        .help(help)
}

fn clash(axis: &str) -> Problem {
    let pointer = format!("/matrix/axes/{}", axis.replace('~', "~0").replace('/', "~1"));
    Problem::at(Code::AxisIsColumn, pointer, format!("`{axis}` is an axis and a column of the rows"))
        .help("give the axis another name")
        .on_key()
}
