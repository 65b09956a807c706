//! Rows of a set, one at a time, each with its place.
//!
//! One file a source (`csv`, `jsonl`, `json`, `items`), and `matrix` on top of any of them. What all of them share:
//! records are bounded (`record`), only the record at hand is in memory, and after a bad record reading goes on with the
//! next one, unless nothing behind it can be trusted.

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

pub(super) use csv_record::{Records, value};
pub(super) use input::{Opened, not_text, open, stale, too_old};

use self::csv::CsvReader;
use super::files::Files;
use crate::model::{Code, DataPlace, Problem, RowFormat, RowSource, Rows};
use crate::template::nearest;
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
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    pub(super) values: Map<String, Value>,
    pub(super) place: RowPlace,
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
    /// Opens the rows of a set.
    pub(super) fn open(rows: &'a Rows, files: &Files) -> Result<Self, Problem> {
        let placed = |problem: Problem| at_source(problem, rows);
        let source = match &rows.source {
            RowSource::File(path, format) => {
                input::file(path, format, files).and_then(|opened| Source::of(opened, format)).map_err(placed)?
            }
            RowSource::Stdin(format) => {
                input::stdin(format, files).and_then(|opened| Source::of(opened, format)).map_err(placed)?
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
            Source::Csv(reader) => return Some(reader.next()?.map_err(|problem| at_source(problem, self.rows))),
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
        let axis = self.combinations.iter().flat_map(Combinations::names).find(|axis| row.values.contains_key(*axis));
        let Some(problem) = problem.or_else(|| axis.map(clash)) else { return Some(Ok(row)) };
        Some(Err(match self.cause(None) {
            Some(Cause::Data(place)) => problem.caused_by(place),
            Some(Cause::Runbook(pointer)) => Problem { pointer, ..problem },
            None => problem,
        }))
    }
}

impl Source<'_> {
    fn of(opened: Opened, format: &RowFormat) -> Result<Self, Problem> {
        Ok(match format {
            RowFormat::Csv { delimiter } => Self::Csv(Box::new(CsvReader::open(opened, *delimiter)?)),
            RowFormat::Jsonl => Self::Jsonl(JsonlReader::new(opened)),
            RowFormat::Json { pointer } => Self::Json(Box::new(JsonReader::open(opened, pointer)?)),
        })
    }

    fn columns(&self) -> Option<Vec<String>> {
        match self {
            // An empty file has no columns to check names against: it has no rows, which is another matter.
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
            match (&mut self.combinations, row) {
                (Some(combinations), Ok(row)) => {
                    combinations.rewind();
                    self.below = Some(row);
                }
                (_, row) => return Some(row),
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
        || format!("columns here: {}", known.take(SHOWN).collect::<Vec<_>>().join(", ")),
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
