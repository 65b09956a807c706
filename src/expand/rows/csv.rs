//! Rows from a CSV file with a header.

use super::again::{self, Origin, Own, RowAgain};
use super::csv_record::{Fault, MAX_COLUMNS, Records, value};
use super::input::{Input, Opened, not_text};
use super::record::MAX_RECORD;
use super::{Row, RowPlace};
use crate::model::{Code, DataPlace, Problem, SetName, unguarded};
use crate::template::shown_names;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;

/// What people's spreadsheets separate cells with.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Digits from which on a name in the header is taken for a telephone number.
const NUMBER_DIGITS: usize = 7;

/// A CSV file behind its header.
pub(super) struct CsvReader {
    records: Records<BufReader<Input>>,
    delimiter: u8,
    header: Vec<String>,
    header_place: DataPlace,
    /// Where the columns of a row that comes again stand; `None`: it is a file like any other.
    own: Option<Own>,
    /// The set that reads; `None`: nobody does yet, and every row is met.
    owner: Option<SetName>,
    /// What is said of the row that was read last.
    again: Option<RowAgain>,
    shown: PathBuf,
    /// A row that is no longer needed: its memory serves the next one.
    spare: Map<String, Value>,
    /// Nothing more can be read.
    ended: bool,
}

impl CsvReader {
    /// Reads the header.
    pub(super) fn open(opened: Opened, delimiter: u8, owner: Option<&SetName>) -> Result<Self, Problem> {
        let Opened { mut input, shown } = opened;
        // What cannot be read is said when the first record is.
        let begin = input.fill_buf().unwrap_or_default();
        let delimiter = again::delimiter(begin, &DELIMITERS).unwrap_or(delimiter);
        let mut reader = Self {
            records: Records::new(input, delimiter),
            delimiter,
            header: Vec::new(),
            header_place: DataPlace::default(),
            own: None,
            owner: owner.cloned(),
            again: None,
            shown,
            spare: Map::new(),
            ended: false,
        };
        match reader.records.advance() {
            Ok(false) => return Ok(reader),
            Ok(true) => {}
            Err(fault) => return Err(reader.fault(&fault)),
        }
        let text = reader.text()?.to_owned();
        let cells = reader.records.cells.clone();
        reader.header = cells.iter().map(|cell| unmarked(value(&text, cell.clone())).trim().to_owned()).collect();
        reader.own = Own::of(&reader.header);
        if reader.own.is_some() {
            // The input's own record, its quotes written twice, and the columns beside it.
            reader.records.limit = 4 * MAX_RECORD;
        }
        reader.header_place = reader.records.record.place(&reader.shown, None);
        reader.check_header(&text, &cells)?;
        Ok(reader)
    }

    fn check_header(&self, text: &str, cells: &[Range<usize>]) -> Result<(), Problem> {
        let at = |cell: usize| self.records.record.place(&self.shown, cells.get(cell).cloned());
        let malformed = |message: String, help: String, cell: usize| {
            Err(Problem::at(Code::DataMalformed, "", message).help(help).caused_by(at(cell)))
        };
        let first = self.header.first().map_or("", String::as_str);
        if self.header.len() > MAX_COLUMNS {
            let message = format!("the header has more than {MAX_COLUMNS} columns");
            let help = "check the quotes and the ends of lines of the file";
            return Err(Problem::at(Code::RecordTooLarge, "", message).help(help).caused_by(self.header_place.clone()));
        }
        if let Some(named) = first.strip_prefix("sep=") {
            let message = "a `sep=` line is for spreadsheets only: the header must come first".to_owned();
            let named = if named.is_empty() { char::from(self.delimiter) } else { named.chars().next().unwrap_or(',') };
            return malformed(message, format!("remove the line and write `delimiter: \"{named}\"` in the runbook"), 0);
        }
        if first.starts_with(['{', '[']) {
            let (what, key) = if first.starts_with('{') { ("JSON Lines", "jsonl") } else { ("JSON", "json") };
            return malformed(format!("the file is {what}, not CSV"), format!("write `{key}:` in place of `csv:`"), 0);
        }
        if let Some(problem) = self.blank_before_quote(text) {
            return Err(problem);
        }
        if let Some(stray) = Own::stray(&self.header) {
            let name = shown_names([self.header[stray].as_str()], 1);
            let problem = Problem::at(Code::ReservedColumn, "", format!("{name} is no column that a report makes"));
            let help = "names that begin with `bridgebook_` are for rows that an earlier run has left: write it as it was made, or give \
                        the column another name";
            return Err(problem.help(help).caused_by(at(stray)));
        }
        if let [only] = self.header.as_slice()
            && let Some(other) =
                DELIMITERS.into_iter().find(|other| *other != self.delimiter && only.contains(char::from(*other)))
        {
            let (used, other) = (shown(self.delimiter), shown(other));
            let message = format!("the header has one column: its cells are not separated by {used} but by {other}");
            return malformed(message, format!("write `delimiter: {other}` beside the file"), 0);
        }
        for (index, name) in self.header.iter().enumerate() {
            if name.is_empty() {
                let message = format!("column {} of the header has no name", index + 1);
                return malformed(message, "give every column a name of its own".to_owned(), index);
            }
            if self.header[..index].contains(name) {
                let message = format!("column {} stands twice in the header", shown_names([name.as_str()], 1));
                return malformed(message, "give every column a name of its own".to_owned(), index);
            }
            if is_number(name) {
                let message = "the first line has a telephone number or an id where a header has names".to_owned();
                return malformed(message, "put a line with the names of the columns first".to_owned(), index);
            }
        }
        Ok(())
    }

    /// Whether its rows come again.
    pub(super) fn comes_again(&self) -> bool {
        self.own.is_some()
    }

    /// What is said of the row that was read last, if it comes again.
    pub(super) fn again(&self) -> Option<&RowAgain> {
        self.again.as_ref()
    }

    /// Goes to the next record, whosever it is, and gives its origin.
    pub(super) fn meet(&mut self) -> Option<Result<Origin, Problem>> {
        let record = self.record()?;
        Some(record.map(|()| self.own.as_ref().map(|own| own.origin(self.cells())).unwrap_or_default()))
    }

    /// The texts of the cells of the record that was read last.
    fn cells(&self) -> impl Fn(usize) -> String {
        let text = std::str::from_utf8(&self.records.record.raw).unwrap_or_default();
        let cell = |cell: &Range<usize>| unmarked(value(text, cell.clone())).into_owned();
        move |at| self.records.cells.get(at).map(cell).unwrap_or_default()
    }

    /// Takes the last row back, for its memory.
    pub(super) fn take_back(&mut self, row: Map<String, Value>) {
        self.spare = row;
    }

    /// The columns of the input.
    pub(super) fn input_columns(&self) -> Vec<String> {
        let input =
            self.own.as_ref().map(|own| own.input.iter().filter_map(|at| self.header.get(*at)).cloned().collect());
        input.unwrap_or_else(|| self.header.clone())
    }

    /// The header's names; empty when the file is.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Where the header stands.
    pub(super) fn header_place(&self) -> &DataPlace {
        &self.header_place
    }

    /// The place of the record that was read last, or of one of its cells.
    pub(super) fn place(&self, column: Option<&str>) -> DataPlace {
        let index = column.and_then(|column| self.header.iter().position(|name| name == column));
        let cell = index.and_then(|index| self.records.cells.get(index).cloned());
        self.records.record.place(&self.shown, cell)
    }

    fn text(&self) -> Result<&str, Problem> {
        match not_text(&self.records.record, &self.shown) {
            Some(problem) => Err(problem),
            None => Ok(std::str::from_utf8(&self.records.record.raw).unwrap_or_default()),
        }
    }

    fn fault(&mut self, fault: &Fault) -> Problem {
        self.ended = fault.is_end();
        fault.problem(&self.records.record, &self.shown)
    }

    /// To people `a, "b"` is a quoted cell, to RFC 4180 it is text with quotes in it.
    fn blank_before_quote(&self, text: &str) -> Option<Problem> {
        let blanks = |cell: &Range<usize>| {
            let cell_text = &text[cell.clone()];
            let inner = cell_text.trim_start_matches([' ', '\t']);
            let blanks = cell_text.len() - inner.len();
            (blanks > 0 && inner.starts_with('"')).then(|| cell.start..cell.start + blanks)
        };
        let range = self.records.cells.iter().find_map(blanks)?;
        let message = "a quote counts only at the very beginning of a cell, and here is a blank in front of it";
        let problem = Problem::at(Code::DataMalformed, "", message).help("remove the blank");
        Some(problem.caused_by(self.records.record.place(&self.shown, Some(range))))
    }

    fn ragged(&self) -> Problem {
        let (cells, columns) = (self.records.cells.len(), self.header.len());
        let (record, cell) = (&self.records.record, self.records.cells.get(columns));
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let many = if cells > MAX_COLUMNS { format!("more than {MAX_COLUMNS} cells") } else { plural(cells, "cell") };
        let message = format!("the record has {many}, the header has {}", plural(columns, "column"));
        let other = |delimiter: &&u8| **delimiter != self.delimiter && record.raw.contains(delimiter);
        let help = match DELIMITERS.iter().find(other) {
            Some(other) if cells == 1 => {
                format!("its cells seem to be separated by {}, unlike the header's", shown(*other))
            }
            _ if cells < columns => "give every column a cell, if only an empty one".to_owned(),
            _ => "put quotes around a cell that holds the delimiter".to_owned(),
        };
        Problem::at(Code::DataMalformed, "", message).help(help).caused_by(record.place(&self.shown, cell.cloned()))
    }
}

impl CsvReader {
    /// Reads the next record, and looks whether it can be one.
    fn record(&mut self) -> Option<Result<(), Problem>> {
        if self.ended {
            return None;
        }
        match self.records.advance() {
            Ok(false) => return None,
            Ok(true) => {}
            Err(fault) => return Some(Err(self.fault(&fault))),
        }
        if let Some(problem) = not_text(&self.records.record, &self.shown) {
            self.ended = true;
            return Some(Err(problem));
        }
        let text = std::str::from_utf8(&self.records.record.raw).unwrap_or_default();
        if let Some(problem) = self.blank_before_quote(text) {
            return Some(Err(problem));
        }
        if self.records.cells.len() != self.header.len() {
            return Some(Err(self.ragged()));
        }
        Some(Ok(()))
    }

    /// The row that the last record is, if it is one of the set that reads; the values are those of the input alone.
    fn row_again(&mut self) -> Option<Result<Map<String, Value>, Problem>> {
        let own = self.own.as_ref()?;
        let set = own.origin(self.cells()).set;
        if set.zip(self.owner.as_ref()).is_some_and(|(set, owner)| set != owner.as_str()) {
            return None;
        }
        let read = own.read(&self.header, self.cells());
        Some(match read {
            Ok((values, again)) => {
                self.again = Some(again);
                Ok(values)
            }
            Err(wrong) => Err(wrong.problem(self.place(Some(wrong.0)))),
        })
    }
}

impl Iterator for CsvReader {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = loop {
            if let Err(problem) = self.record()? {
                return Some(Err(problem));
            }
            let place = RowPlace { line: self.records.record.line };
            if self.own.is_none() {
                break place;
            }
            if let Some(row) = self.row_again() {
                return Some(row.map(|values| Row { values, place }));
            }
        };
        let text = std::str::from_utf8(&self.records.record.raw).unwrap_or_default();
        let cells = self.records.cells.iter().map(|cell| unmarked(value(text, cell.clone())));
        let mut values = std::mem::take(&mut self.spare);
        if values.keys().eq(&self.header) {
            for (old, cell) in values.values_mut().zip(cells) {
                match old {
                    Value::String(old) => {
                        old.clear();
                        old.push_str(&cell);
                    }
                    old => *old = Value::String(cell.into_owned()),
                }
            }
        } else {
            values = self.header.iter().cloned().zip(cells.map(|cell| Value::String(cell.into_owned()))).collect();
        }
        Some(Ok(Row { values, place }))
    }
}

/// A cell without the `'` that keeps a spreadsheet from taking it for a formula.
pub(in crate::expand) fn unmarked(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell {
        Cow::Borrowed(text) => Cow::Borrowed(unguarded(text)),
        Cow::Owned(text) if text.starts_with('\'') => Cow::Owned(unguarded(&text).to_owned()),
        owned @ Cow::Owned(_) => owned,
    }
}

/// A delimiter as the runbook writes it.
fn shown(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "\";\"",
        b'\t' => "\"\\t\"",
        b'|' => "\"|\"",
        _ => "\",\"",
    }
}

fn is_number(name: &str) -> bool {
    let digits = name.trim_start_matches('+');
    digits.len() >= NUMBER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
}
