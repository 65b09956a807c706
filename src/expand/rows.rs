//! Rows of a set, one at a time, each with its place.

use super::files::Files;
use super::strict_json::Strict;
use crate::model::{Code, DataPlace, Problem, Rows};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line of a JSON Lines file, in bytes.
const MAX_LINE: u64 = 1024 * 1024;
/// Longest part of a data line that a diagnostic shows, in characters.
const MAX_SHOWN: usize = 400;

/// What people's spreadsheets write in place of commas.
const OTHER_DELIMITERS: [char; 3] = [';', '\t', '|'];

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RowPlace {
    /// Its first line, from 1; for inline items the item's number.
    pub(super) line: u64,
    /// Its first byte.
    offset: u64,
}

/// A row and its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    pub(super) values: Map<String, Value>,
    pub(super) place: RowPlace,
}

/// An open source of rows.
pub(super) enum RowReader<'a> {
    Csv { reader: Box<csv::Reader<File>>, header: Vec<String>, file: FileName },
    Jsonl { reader: BufReader<File>, place: RowPlace, file: FileName },
    Items { items: std::slice::Iter<'a, Map<String, Value>>, next: u64 },
}

/// A data file as named and as found.
#[derive(Clone, Debug)]
pub(super) struct FileName {
    shown: PathBuf,
    found: PathBuf,
}

impl<'a> RowReader<'a> {
    /// Opens the rows of a set.
    pub(super) fn open(rows: &'a Rows, files: &Files) -> Result<Self, Problem> {
        let open = |path: &Path| {
            let file = FileName { shown: files.shown(path), found: files.found(path) };
            let shown = file.shown.display().to_string();
            let unreadable = |reason: String| {
                Problem::at(Code::DataUnreadable, "", format!("{shown} cannot be read: {reason}"))
                    .help("paths are relative to the runbook")
            };
            // Asked before opening: opening a FIFO would wait for its writer.
            match std::fs::metadata(&file.found) {
                Ok(metadata) if !metadata.is_file() => Err(unreadable("not a regular file".to_owned())),
                Err(error) => Err(unreadable(error.to_string())),
                Ok(_) => {
                    File::open(&file.found).map(|opened| (opened, file)).map_err(|error| unreadable(error.to_string()))
                }
            }
        };
        match rows {
            Rows::Csv(path) => open(path).and_then(|(opened, file)| Self::csv(opened, file)),
            Rows::Jsonl(path) => {
                let (opened, file) = open(path)?;
                Ok(Self::Jsonl { reader: BufReader::new(opened), place: RowPlace { line: 0, offset: 0 }, file })
            }
            Rows::Items(items) => Ok(Self::Items { items: items.iter(), next: 0 }),
        }
    }

    fn csv(opened: File, file: FileName) -> Result<Self, Problem> {
        let mut reader = csv::ReaderBuilder::new().from_reader(opened);
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return Err(csv_problem(&error, &file)),
        };
        let place = |index: usize| file.place(RowPlace { line: 1, offset: 0 }, Some(index));
        if let [only] = header.as_slice()
            && let Some(other) = OTHER_DELIMITERS.into_iter().find(|delimiter| only.contains(*delimiter))
        {
            let message =
                format!("the header has one column, {only:?}: the cells are not separated by commas but by {other:?}");
            return Err(Problem::at(Code::DataMalformed, "", message)
                .help("save the file with commas")
                .caused_by(place(0)));
        }
        for (index, name) in header.iter().enumerate() {
            let problem = if name.is_empty() {
                format!("column {} of the header has no name", index + 1)
            } else if header[..index].contains(name) {
                format!("column `{name}` stands twice in the header")
            } else {
                continue;
            };
            return Err(Problem::at(Code::DataMalformed, "", problem)
                .help("give every column a name of its own")
                .caused_by(place(index)));
        }
        Ok(Self::Csv { reader: Box::new(reader), header, file })
    }

    /// The names that every row has, if that is known beforehand.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        match self {
            // An empty file has no columns to check names against: it has no rows, which is another matter.
            Self::Csv { header, .. } => Some(header.clone()).filter(|header| !header.is_empty()),
            Self::Items { items, .. } if items.as_slice().is_empty() => None,
            Self::Items { items, .. } => {
                let mut names: Vec<String> = items.as_slice().iter().flat_map(Map::keys).cloned().collect();
                names.sort_unstable();
                names.dedup();
                Some(names)
            }
            Self::Jsonl { .. } => None,
        }
    }

    /// The place of a row, or of one of its columns, for a diagnostic. `None` for rows that stand in the runbook.
    pub(super) fn place(&self, row: RowPlace, column: Option<&str>) -> Option<DataPlace> {
        match self {
            Self::Csv { header, file, .. } => {
                let index = column.and_then(|column| header.iter().position(|name| name == column));
                Some(file.place(row, index))
            }
            Self::Jsonl { file, .. } => {
                let mut place = file.place(row, None);
                if let Some(at) = column.and_then(|column| place.text.find(&format!("\"{column}\""))) {
                    place.column = place.text[..at].chars().count() as u64 + 1;
                    place.width = column.map_or(1, |column| column.chars().count() as u64 + 2);
                }
                Some(place)
            }
            Self::Items { .. } => None,
        }
    }

    fn next_csv(reader: &mut csv::Reader<File>, header: &[String], file: &FileName) -> Option<Result<Row, Problem>> {
        let mut record = csv::StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(false) => None,
            Ok(true) => {
                let place = record
                    .position()
                    .map_or(RowPlace { line: 0, offset: 0 }, |at| RowPlace { line: at.line(), offset: at.byte() });
                let values =
                    header.iter().cloned().zip(record.iter().map(|cell| Value::String(cell.to_owned()))).collect();
                Some(Ok(Row { values, place }))
            }
            Err(error) => Some(Err(csv_problem(&error, file))),
        }
    }

    fn next_jsonl(reader: &mut BufReader<File>, at: &mut RowPlace, file: &FileName) -> Option<Result<Row, Problem>> {
        loop {
            let mut line = Vec::new();
            let read = match reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(read) => read as u64,
                Err(error) => {
                    return Some(Err(Problem::at(
                        Code::DataUnreadable,
                        "",
                        format!("{} cannot be read: {error}", file.shown.display()),
                    )));
                }
            };
            let place = RowPlace { line: at.line + 1, offset: at.offset };
            *at = RowPlace { line: place.line, offset: at.offset + read };
            let malformed =
                |message: String| Problem::at(Code::DataMalformed, "", message).caused_by(file.place(place, None));
            if read > MAX_LINE {
                return Some(Err(
                    malformed("the line is longer than 1 MiB".to_owned()).help("write one JSON object a line")
                ));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
            return Some(match serde_json::from_slice::<Strict>(text) {
                Ok(Strict(Value::Object(values))) => Ok(Row { values, place }),
                Ok(_) => {
                    Err(malformed("the line is not a JSON object".to_owned()).help("write one JSON object a line"))
                }
                Err(error) => {
                    let words = error.to_string();
                    let words = words.split(" at line ").next().unwrap_or_default();
                    let mut problem = malformed(format!("the line is not a JSON object as it must be: {words}"));
                    if let Some(data) = &mut problem.data {
                        let before = &text[..error.column().min(text.len())];
                        data.column = String::from_utf8_lossy(before).chars().count().max(1) as u64;
                    }
                    Err(problem.help("write one JSON object a line"))
                }
            });
        }
    }
}

impl Iterator for RowReader<'_> {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv { reader, header, file } => Self::next_csv(reader, header, file),
            Self::Jsonl { reader, place, file } => Self::next_jsonl(reader, place, file),
            Self::Items { items, next } => {
                let values = items.next()?.clone();
                *next += 1;
                Some(Ok(Row { values, place: RowPlace { line: *next, offset: 0 } }))
            }
        }
    }
}

fn csv_problem(error: &csv::Error, file: &FileName) -> Problem {
    let at =
        error.position().map_or(RowPlace { line: 1, offset: 0 }, |at| RowPlace { line: at.line(), offset: at.byte() });
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Problem::at(Code::DataMalformed, "", format!("the record has {len} cells, the header has {expected_len}"))
                .help("check the commas and quotes of this record")
        }
        csv::ErrorKind::Utf8 { .. } => {
            Problem::at(Code::DataMalformed, "", "the record is not UTF-8").help("save the file as UTF-8")
        }
        _ => return Problem::at(Code::DataUnreadable, "", format!("{} cannot be read: {error}", file.shown.display())),
    };
    problem.caused_by(file.place(at, None))
}

impl FileName {
    /// Reads the line again and finds a cell in it: done only for a diagnostic.
    fn place(&self, row: RowPlace, cell: Option<usize>) -> DataPlace {
        let mut bytes = Vec::new();
        if let Ok(mut opened) = File::open(&self.found)
            && opened.seek(SeekFrom::Start(row.offset)).is_ok()
        {
            let _ = opened.take(MAX_LINE).read_to_end(&mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // The reader counts a record from the end of the one before, blank lines included.
        let blank = text.len() - text.trim_start_matches(['\r', '\n']).len();
        let line = row.line + text[..blank].matches('\n').count() as u64;
        let text = &text[blank..];
        let (start, end) =
            cell.map_or((0, text.find(['\r', '\n']).unwrap_or(text.len())), |cell| cell_range(text, cell));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let shown = text[line_start..].lines().next().unwrap_or_default();
        let width = text[start..end].lines().next().unwrap_or_default().chars().count().max(1);
        DataPlace {
            file: self.shown.clone(),
            line: line + before.matches('\n').count() as u64,
            column: text[line_start..start].chars().count() as u64 + 1,
            text: shown.chars().take(MAX_SHOWN).collect(),
            width: if cell.is_some() { width as u64 } else { 1 },
        }
    }
}

/// Byte range of a cell in a record's text, quotes included (RFC 4180 section 2).
fn cell_range(text: &str, cell: usize) -> (usize, usize) {
    let (mut start, mut index, mut quoted) = (0, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted && index == cell => return (start, at),
            ',' if !quoted => (index, start) = (index + 1, at + 1),
            '\r' | '\n' if !quoted => return (start, at),
            _ => {}
        }
    }
    (start, text.len())
}
