//! The text of the record that was read last, and places in it.
//!
//! Diagnostics are about the row at hand, so its text is still there: no file is read a second time for a place.

use crate::model::DataPlace;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

/// Largest record of a data file, in bytes. A row is a few fields of a call; a megabyte is a quote that nobody closed.
pub(super) const MAX_RECORD: usize = 1024 * 1024;
/// Longest part of a line that a diagnostic shows, in characters.
const MAX_SHOWN: usize = 400;
/// Of a longer line, what is shown in front of the place.
const CONTEXT: usize = 40;

/// A record as it stands in its file.
#[derive(Default)]
pub(in crate::expand) struct Record {
    /// Its bytes.
    pub(in crate::expand) raw: Vec<u8>,
    /// The line of its first byte, from 1.
    pub(in crate::expand) line: u64,
    /// What stands in front of it on that line.
    pub(super) lead: Lead,
}

/// The part of a line in front of a record.
#[derive(Clone, Default)]
pub(super) struct Lead {
    /// The text; empty when it is too long to be kept.
    pub(super) text: String,
    /// Its characters, kept or not.
    pub(super) columns: u64,
}

impl Record {
    /// The place of a byte range, or of the record as far as it stands on its first line.
    pub(in crate::expand) fn place(&self, file: &Path, range: Option<Range<usize>>) -> DataPlace {
        let whole = || 0..self.raw.iter().position(|byte| is_break(*byte)).unwrap_or(self.raw.len());
        let range = range.unwrap_or_else(whole);
        let (start, end) = (range.start.min(self.raw.len()), range.end.min(self.raw.len()));
        let (before, marked, after) = (text(&self.raw[..start]), text(&self.raw[start..end]), text(&self.raw[end..]));
        let head = before.rfind(['\n', '\r']).map_or(&*before, |at| &before[at + 1..]);
        let on_first_line = head.len() == before.len();
        let cut = |text: &str| text.split(['\n', '\r']).next().unwrap_or_default().to_owned();
        let (lead, lead_columns) = if on_first_line { (&*self.lead.text, self.lead.columns) } else { ("", 0) };
        let width = cut(&marked).chars().count() as u64;
        let column = lead_columns + head.chars().count() as u64;
        // A value of several lines is underlined to the end of its first.
        let rest = if marked.contains(['\n', '\r']) { String::new() } else { cut(&after) };
        let line = format!("{lead}{head}{}{rest}", cut(&marked));
        let missing = lead_columns - lead.chars().count() as u64;
        let (skipped, shown) = window(&line, missing, column, width);
        let line = self.line + breaks(&self.raw[..start]);
        DataPlace { file: file.to_owned(), line, column: column + 1, width: width.max(1), skipped, text: shown }
    }
}

/// The part of a line around a place, and how many characters stand in front of that part.
fn window(line: &str, missing: u64, column: u64, width: u64) -> (u64, String) {
    let fits = missing == 0 && column + width <= MAX_SHOWN as u64;
    let from = if fits { 0 } else { column.saturating_sub(CONTEXT as u64).max(missing) };
    let skip = usize::try_from(from - missing).unwrap_or(usize::MAX);
    (from, line.chars().skip(skip).take(MAX_SHOWN).collect())
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Ends of lines: LF, CR LF, or a CR of its own.
pub(super) fn breaks(bytes: &[u8]) -> u64 {
    let ends = |(at, byte): (usize, &u8)| *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    bytes.iter().enumerate().filter(|found| ends(*found)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(raw: &str, lead: &str, range: Range<usize>) -> (u64, u64, u64, String) {
        let lead = Lead { text: lead.to_owned(), columns: lead.chars().count() as u64 };
        let record = Record { raw: raw.as_bytes().to_vec(), line: 7, lead };
        let place = record.place(Path::new("f"), Some(range));
        (place.line, place.column, place.width, place.text)
    }

    #[test]
    fn places_are_counted_in_characters_and_over_every_end_of_line() {
        assert_eq!(place("é,bc", "", 3..5), (7, 3, 2, "é,bc".into()));
        assert_eq!(place("a\r\nb\rc\ndef", "", 8..10), (10, 2, 2, "def".into()));
        assert_eq!(place("{}", "  ", 0..2), (7, 3, 2, "  {}".into()));
        assert_eq!(place("ab\"x\ny\"", "", 2..7), (7, 3, 2, "ab\"x".into()));
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let record = Record {
            raw: format!("{}here{}", "a".repeat(5000), "b".repeat(5000)).into(),
            line: 1,
            ..Record::default()
        };
        let place = record.place(Path::new("f"), Some(5000..5004));
        assert_eq!((place.column, place.width, place.skipped), (5001, 4, 4960));
        assert_eq!((place.text.find("here"), place.text.len()), (Some(40), MAX_SHOWN));
    }
}
