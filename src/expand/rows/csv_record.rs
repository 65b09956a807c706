//! Records of comma-separated values (RFC 4180), of bounded size, each with its text and the places of its cells.
//!
//! Not the `csv` crate: that one takes a quote which nobody closes to the end of the file, however far that is, and
//! keeps no places.

use super::input::unreadable;
use super::record::{MAX_RECORD, Record, breaks};
use crate::model::{Code, Problem};
use std::borrow::Cow;
use std::io::{self, BufRead};
use std::ops::Range;
use std::path::Path;

/// Most columns of a record.
pub(in crate::expand) const MAX_COLUMNS: usize = 4096;

/// Reads records one by one; the last one stays here.
pub(in crate::expand) struct Records<R> {
    input: R,
    delimiter: u8,
    /// The line that comes next.
    line: u64,
    /// What was read last is a CR: a LF behind it belongs to it.
    after_cr: bool,
    /// Largest record, in bytes.
    pub(super) limit: usize,
    /// The record's text.
    pub(in crate::expand) record: Record,
    /// Its cells, at most one more than allowed.
    pub(in crate::expand) cells: Vec<Range<usize>>,
}

/// Why a record cannot be taken.
pub(in crate::expand) enum Fault {
    /// The file cannot be read on.
    Io(io::Error),
    /// The quote at this byte is not closed, or not within the limit. Nothing behind it can be trusted.
    Unclosed(usize),
    /// Text at this byte, behind a closing quote.
    Stray(usize),
    /// The record is too long; the rest of its line is skipped.
    TooLong,
}

impl Fault {
    /// Whether nothing behind it can be read.
    pub(in crate::expand) fn is_end(&self) -> bool {
        match self {
            Self::Io(_) | Self::Unclosed(_) => true,
            Self::Stray(_) | Self::TooLong => false,
        }
    }

    /// What it means for the file of this name, at its place in the record.
    pub(in crate::expand) fn problem(&self, record: &Record, shown: &Path) -> Problem {
        let at = |range: Range<usize>| record.place(shown, Some(range));
        match *self {
            Self::Io(ref error) => unreadable(shown, error),
            Self::Unclosed(quote) => {
                let size = if record.raw.len() > MAX_RECORD { " within 1 MiB" } else { "" };
                Problem::at(Code::UnclosedQuote, "", format!("the quote that opens here is not closed{size}"))
                    .help("close it; a quote within a quoted cell is written twice: \"\"")
                    .caused_by(at(quote..quote + 1))
            }
            Self::Stray(byte) => {
                Problem::at(Code::DataMalformed, "", "text stands behind the quote that closes the cell")
                    .help("a quote within a quoted cell is written twice: \"\"")
                    .caused_by(at(byte..byte + 1))
            }
            Self::TooLong => Problem::at(Code::RecordTooLarge, "", "the record is longer than 1 MiB")
                .help("a record is a few cells: check the ends of lines of the file")
                .caused_by(at(0..1)),
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    /// At the beginning of a cell.
    Begin,
    /// In a cell without quotes.
    Plain,
    /// Behind the opening quote at this byte.
    Quoted(usize),
    /// Behind a quote within quotes: it closes the cell, or the next one makes it a quote.
    Closed(usize),
}

impl<R: BufRead> Records<R> {
    pub(in crate::expand) fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            delimiter,
            line: 1,
            after_cr: false,
            limit: MAX_RECORD,
            record: Record::default(),
            cells: Vec::new(),
        }
    }

    /// Reads the next record that is not an empty line; false at the end.
    pub(in crate::expand) fn advance(&mut self) -> Result<bool, Fault> {
        self.skip_breaks()?;
        self.record = Record { line: self.line, raw: std::mem::take(&mut self.record.raw), ..Record::default() };
        self.record.raw.clear();
        self.cells.clear();
        let (mut state, mut begin, mut stray) = (State::Begin, 0, None);
        loop {
            let chunk = filled(&mut self.input)?;
            let kept = self.record.raw.len();
            if chunk.is_empty() {
                if let State::Quoted(at) = state {
                    return Err(Fault::Unclosed(at));
                }
                if kept > 0 {
                    self.cells.push(begin..kept);
                }
                break;
            }
            let mut end = None;
            for (index, byte) in chunk.iter().copied().enumerate() {
                let at = kept + index;
                state = match (state, byte) {
                    (State::Begin, b'"') => State::Quoted(at),
                    (State::Quoted(open), b'"') => State::Closed(open),
                    (State::Closed(open), b'"') => State::Quoted(open),
                    (State::Quoted(_), _) => state,
                    (_, b'\n' | b'\r') => {
                        self.cells.push(begin..at);
                        self.after_cr = byte == b'\r';
                        end = Some(index);
                        break;
                    }
                    (_, byte) if byte == self.delimiter => {
                        if self.cells.len() <= MAX_COLUMNS {
                            self.cells.push(begin..at);
                        }
                        begin = at + 1;
                        State::Begin
                    }
                    (State::Closed(_), _) => {
                        stray = stray.or(Some(at));
                        State::Plain
                    }
                    (State::Begin | State::Plain, _) => State::Plain,
                };
            }
            self.record.raw.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if self.record.raw.len() > self.limit {
                return Err(self.too_long(state, end.is_some()));
            }
            if end.is_some() {
                self.line += 1;
                break;
            }
        }
        self.line += breaks(&self.record.raw);
        match stray {
            Some(at) => Err(Fault::Stray(at)),
            None => Ok(!self.record.raw.is_empty()),
        }
    }

    /// Steps over the LF of a CR LF, and over empty lines.
    fn skip_breaks(&mut self) -> Result<(), Fault> {
        while let Some(byte @ (b'\n' | b'\r')) = filled(&mut self.input)?.first().copied() {
            let second_half = byte == b'\n' && self.after_cr;
            self.line += u64::from(!second_half);
            self.after_cr = byte == b'\r';
            self.input.consume(1);
        }
        self.after_cr = false;
        Ok(())
    }

    fn too_long(&mut self, state: State, ended: bool) -> Fault {
        if let State::Quoted(at) = state {
            return Fault::Unclosed(at);
        }
        self.line += breaks(&self.record.raw) + 1;
        if !ended && let Err(error) = self.input.skip_until(b'\n') {
            return Fault::Io(error);
        }
        Fault::TooLong
    }
}

fn filled(input: &mut impl BufRead) -> Result<&[u8], Fault> {
    loop {
        match input.fill_buf() {
            // A second call because the borrow checker does not let the first one's slice out of the loop.
            Ok(_) => return input.fill_buf().map_err(Fault::Io),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Io(error)),
        }
    }
}

/// A cell's value; `text` is the text of its record.
pub(in crate::expand) fn value(text: &str, cell: Range<usize>) -> Cow<'_, str> {
    let cell = &text[cell];
    match cell.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) if inner.contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Lines and values, whatever the size of the buffer.
    fn read(text: &str) -> Vec<(u64, Vec<String>)> {
        let by = |capacity: usize| {
            let mut records = Records::new(BufReader::with_capacity(capacity, text.as_bytes()), b',');
            let mut found = Vec::new();
            loop {
                match records.advance() {
                    Ok(false) => return found,
                    Ok(true) => {
                        let raw = String::from_utf8_lossy(&records.record.raw).into_owned();
                        let cells = records.cells.iter().map(|cell| value(&raw, cell.clone()).into_owned()).collect();
                        found.push((records.record.line, cells));
                    }
                    Err(Fault::Stray(at)) => found.push((records.record.line, vec![format!("stray {at}")])),
                    Err(Fault::Unclosed(at)) => {
                        found.push((records.record.line, vec![format!("unclosed {at}")]));
                        return found;
                    }
                    Err(Fault::TooLong) => found.push((records.record.line, vec!["long".to_owned()])),
                    Err(Fault::Io(error)) => panic!("{error}"),
                }
            }
        };
        let found = by(64 * 1024);
        for capacity in [1, 2, 3, 7] {
            assert_eq!(by(capacity), found, "{text:?} by {capacity}");
        }
        found
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn records_cells_and_lines() {
        assert_eq!(read(""), []);
        assert_eq!(read("\n\r\n\r"), []);
        assert_eq!(read("a,b\n1,2"), [row(1, &["a", "b"]), row(2, &["1", "2"])]);
        assert_eq!(read("a,b\r\n1,2\r\n"), [row(1, &["a", "b"]), row(2, &["1", "2"])]);
        assert_eq!(read("a\r1\r2"), [row(1, &["a"]), row(2, &["1"]), row(3, &["2"])]);
        assert_eq!(read("\n\na\n\n\r\nb\n"), [row(3, &["a"]), row(6, &["b"])]);
        assert_eq!(read("a\r\r\nb"), [row(1, &["a"]), row(3, &["b"])]);
        assert_eq!(read(",\n,\n"), [row(1, &["", ""]), row(2, &["", ""])]);
        assert_eq!(read("\"a\r\nb\",c\nd,e"), [row(1, &["a\r\nb", "c"]), row(3, &["d", "e"])]);
        assert_eq!(read("\"a\"\"b\",\"\"\n5\",\"x\"\"\""), [row(1, &["a\"b", ""]), row(2, &["5\"", "x\""])]);
    }

    #[test]
    fn broken_quotes_are_found_where_they_are() {
        assert_eq!(read("a\n\"b\"c,d\ne"), [row(1, &["a"]), row(2, &["stray 3"]), row(3, &["e"])]);
        assert_eq!(read("a\nb,\"c\nd\n"), [row(1, &["a"]), row(2, &["unclosed 2"])]);
        let long = format!("a\n{}\nb,\"{}", "x".repeat(MAX_RECORD + 9), "y\n".repeat(MAX_RECORD));
        assert_eq!(read(&long), [row(1, &["a"]), row(2, &["long"]), row(3, &["unclosed 2"])]);
    }
}
