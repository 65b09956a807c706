//! The list of numbers that are never called: read once, kept as sorted integers of eight bytes each.

use super::files::Files;
use crate::model::{Code, DataPlace, DenyFile, NumberPrivacy, Problem};
use crate::phone;
use csv::{ByteRecord, ReaderBuilder};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Entries at most: the largest national registers have a quarter of a billion, a caller's own list never a tenth of this.
const MAX_ENTRIES: usize = 50_000_000;
/// Longest line in bytes: a longer one is not such a list.
const MAX_LINE: u64 = 64 * 1024;
/// Bad entries that are shown one by one.
const MAX_SHOWN: usize = 20;
/// The column when there are several and the runbook does not say.
const DEFAULT_COLUMN: &str = "number";
/// E.164: a number has at most so many digits.
const LONGEST: usize = 15;
/// Digits that an entry must have to be a number at all: emergency numbers have three, some services two.
const SHORTEST: usize = 2;

/// The numbers, by their digits.
#[derive(Debug, Default)]
pub(super) struct DenyList {
    numbers: Vec<u64>,
}

impl DenyList {
    /// Reads the list. What cannot be read or understood is a problem: a number that was not understood would be called.
    pub(super) fn read(
        spec: &DenyFile,
        files: &Files,
        privacy: NumberPrivacy,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let source = Source { shown: files.shown(&spec.file), found: files.found(&spec.file), privacy, spec };
        let before = problems.len();
        match source.read(problems) {
            Ok(mut numbers) => {
                // A list of nothing but bad entries has been told about.
                if numbers.is_empty() && problems.len() == before {
                    let message = format!("{} has no entries: nobody is left out", source.shown.display());
                    problems.push(source.problem(Code::DenyListEmpty, message).help("check that its export worked"));
                }
                numbers.sort_unstable();
                numbers.dedup();
                numbers.shrink_to_fit();
                Some(Self { numbers })
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    /// Whether a number is on the list, with or without its plus.
    pub(super) fn contains(&self, number: &str) -> bool {
        packed(number.trim_start_matches('+')).is_some_and(|number| self.numbers.binary_search(&number).is_ok())
    }
}

/// Digits as a number, with a one in front so that leading zeros count.
fn packed(digits: &str) -> Option<u64> {
    let fits = (1..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| digits.bytes().fold(1, |sum, byte| sum * 10 + u64::from(byte - b'0')))
}

/// An entry as people write numbers -> its digits, and whether it has its country code. `None`: it is no number.
fn digits_of(text: &str) -> Option<(String, bool)> {
    let text = text.trim().trim_start_matches('\'');
    let text = text.strip_prefix("tel:").unwrap_or(text).replace("(0)", "");
    let (international, rest) = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2011}' | '\u{2013}');
    let digits: String = rest.chars().filter(|c| !separator(*c)).collect();
    let sound = (SHORTEST..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some((digits, international))
}

struct Source<'a> {
    shown: PathBuf,
    found: PathBuf,
    privacy: NumberPrivacy,
    spec: &'a DenyFile,
}

impl Source<'_> {
    fn problem(&self, code: Code, message: impl Into<String>) -> Problem {
        Problem::at(code, self.spec.pointer, message)
    }

    fn unreadable(&self, reason: &str) -> Problem {
        let message = format!("{} cannot be read: {reason}", self.shown.display());
        self.problem(Code::DataUnreadable, message)
            .help("paths are relative to the runbook; without the list nothing is sent")
    }

    fn read(&self, problems: &mut Vec<Problem>) -> Result<Vec<u64>, Problem> {
        self.check_age()?;
        let delimiter = self.delimiter()?;
        let opened = File::open(&self.found).map_err(|error| self.unreadable(&error.to_string()))?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Lines { inner: opened, length: 0 });
        let mut record = ByteRecord::new();
        let (mut numbers, mut column, mut malformed) = (Vec::new(), None, 0usize);
        let mut local = None;
        while reader.read_byte_record(&mut record).map_err(|error| self.broken(&error))? {
            let Some(index) = column else {
                // The first record is a header, unless the file is a plain list of numbers.
                let plain = self.spec.column.is_none()
                    && record.len() == 1
                    && record.get(0).is_some_and(|cell| digits_of(&String::from_utf8_lossy(cell)).is_some());
                column = Some(if plain { 0 } else { self.column(&record)? });
                if plain {
                    numbers.extend(Self::entry(&record, 0, &mut local).and_then(|digits| packed(&digits)));
                }
                continue;
            };
            let cell = record.get(index).unwrap_or_default();
            if record.len() == 1 && (cell.trim_ascii().is_empty() || cell.starts_with(b"#")) {
                continue;
            }
            match Self::entry(&record, index, &mut local).and_then(|digits| packed(&digits)) {
                Some(number) if numbers.len() < MAX_ENTRIES => numbers.push(number),
                Some(_) => {
                    return Err(self.problem(Code::DenyListMalformed, "the list has more than 50 million entries"));
                }
                None => {
                    malformed += 1;
                    if malformed <= MAX_SHOWN {
                        problems.push(self.malformed(&record, index, delimiter));
                    }
                }
            }
        }
        if malformed > MAX_SHOWN {
            let message = format!("{} more entries of {} are no numbers", malformed - MAX_SHOWN, self.shown.display());
            problems.push(self.problem(Code::DenyListMalformed, message).help("is it the right file?"));
        }
        if let Some((line, index, offset, count)) = local {
            let place = self.place(line, offset, index, delimiter);
            let others = if count > 1 { format!(", nor have {} others", count - 1) } else { String::new() };
            let message =
                format!("this entry has no country code{others}: it stops only a number that is written like it");
            let problem = self.problem(Code::DenyEntryLocal, message).help("write `+` and the country code first");
            problems.push(problem.caused_by(place));
        }
        Ok(numbers)
    }

    /// The digits of an entry. `local` takes the place of the first one without its country code, and their number.
    fn entry(record: &ByteRecord, index: usize, local: &mut Option<(u64, usize, u64, u64)>) -> Option<String> {
        let cell = record.get(index).unwrap_or_default();
        let (digits, international) = digits_of(&String::from_utf8_lossy(cell))?;
        // Spreadsheets lose the plus: what is a valid number with it has its country code.
        let whole = international || digits.len() < 7 || phone::inspect(&format!("+{digits}")).valid == Some(true);
        if !whole {
            let (line, offset) = record.position().map_or((1, 0), |at| (at.line(), at.byte()));
            local.get_or_insert((line, index, offset, 0)).3 += 1;
        }
        Some(digits)
    }

    fn check_age(&self) -> Result<(), Problem> {
        let metadata = std::fs::metadata(&self.found).map_err(|error| self.unreadable(&error.to_string()))?;
        if !metadata.is_file() {
            return Err(self.unreadable("not a regular file"));
        }
        let Some(max) = self.spec.max_age else { return Ok(()) };
        // A copy is as old as the file that it was made of.
        let written = std::fs::metadata(&self.shown).unwrap_or(metadata).modified();
        let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok()).unwrap_or_default();
        if age <= max.get() {
            return Ok(());
        }
        let message = format!("{} was last written {} ago, max_age is {max}", self.shown.display(), in_words(age));
        Err(self
            .problem(Code::DenyListStale, message)
            .help("fetch a fresh list; an old one lacks who has opted out since"))
    }

    /// Lists come from spreadsheets of all countries.
    fn delimiter(&self) -> Result<u8, Problem> {
        let opened = File::open(&self.found).map_err(|error| self.unreadable(&error.to_string()))?;
        let mut line = Vec::new();
        let read = BufReader::new(opened).take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| self.unreadable(&error.to_string()))?;
        let fields = |delimiter: u8| line.split(|byte| *byte == delimiter).count();
        Ok(b";\t|".iter().copied().find(|delimiter| fields(*delimiter) > fields(b',')).unwrap_or(b','))
    }

    fn column(&self, header: &ByteRecord) -> Result<usize, Problem> {
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().trim_start_matches('\u{feff}').to_owned())
            .collect();
        let wanted = match &self.spec.column {
            Some(column) => column.as_str(),
            None if names.len() == 1 => return Ok(0),
            None => DEFAULT_COLUMN,
        };
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            let shown = self.privacy.text(&names.join(", "), 100);
            let message = format!("{} has no column `{wanted}`; its header: {shown}", self.shown.display());
            self.problem(Code::DenyListMalformed, message).help("name the column with the numbers: `column: NAME`")
        })
    }

    fn malformed(&self, record: &ByteRecord, index: usize, delimiter: u8) -> Problem {
        let (line, offset) = record.position().map_or((1, 0), |at| (at.line(), at.byte()));
        let what = if record.get(index).is_none_or(|cell| cell.trim_ascii().is_empty()) {
            "the entry is empty"
        } else {
            "the entry is no telephone number, so it stops nobody"
        };
        self.problem(Code::DenyListMalformed, what)
            .help("write numbers in E.164 form, `+` and country code first")
            .caused_by(self.place(line, offset, index, delimiter))
    }

    /// Reads the line again: done only for a diagnostic.
    fn place(&self, line: u64, offset: u64, index: usize, delimiter: u8) -> DataPlace {
        let mut bytes = Vec::new();
        if let Ok(mut opened) = File::open(&self.found)
            && opened.seek(SeekFrom::Start(offset)).is_ok()
        {
            let _ = opened.take(MAX_LINE).read_to_end(&mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        // A record begins where the one before ended, blank lines included.
        let blank = text.len() - text.trim_start_matches(['\r', '\n']).len();
        let line = line + text[..blank].matches('\n').count() as u64;
        let text = text[blank..].lines().next().unwrap_or_default();
        let (mut start, mut quoted, mut cell, mut end) = (0, false, 0, text.len());
        for (at, c) in text.char_indices() {
            match c {
                '"' => quoted = !quoted,
                c if c == char::from(delimiter) && !quoted && cell == index => {
                    end = at;
                    break;
                }
                c if c == char::from(delimiter) && !quoted => (cell, start) = (cell + 1, at + 1),
                _ => {}
            }
        }
        let entry = &text[start..end];
        let start = start + entry.len() - entry.trim_start().len();
        DataPlace {
            file: self.shown.clone(),
            line,
            column: text[..start].chars().count() as u64 + 1,
            width: entry.trim().chars().count().max(1) as u64,
            skipped: 0,
            text: self.privacy.mask(text),
        }
    }

    fn broken(&self, error: &csv::Error) -> Problem {
        match error.kind() {
            csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                let message = format!("{} is no list of numbers: {error}", self.shown.display());
                self.problem(Code::DenyListMalformed, message).help("one number a line, or CSV with a header")
            }
            _ => self.unreadable(&error.to_string()),
        }
    }
}

fn in_words(age: Duration) -> String {
    let (days, hours) = (age.as_secs() / 86_400, age.as_secs() / 3600);
    match (days, hours) {
        (0, 0) => format!("{} minutes", age.as_secs() / 60),
        (0, hours) => format!("{hours} hours"),
        (days, _) => format!("{days} days"),
    }
}

/// Refuses lines beyond all measure before they are in memory.
struct Lines<R> {
    inner: R,
    /// Bytes of the line so far.
    length: u64,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in &buffer[..read] {
            self.length = if *byte == b'\n' { 0 } else { self.length + 1 };
            if self.length > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 64 KiB"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_people_write_numbers() {
        for (text, digits, international) in [
            ("+12025550104", "12025550104", true),
            (" +1 (202) 555-0104 ", "12025550104", true),
            ("tel:+1-202-555-0104", "12025550104", true),
            ("0044 20 7946 0123", "442079460123", true),
            ("+44 (0)20 7946 0123", "442079460123", true),
            ("'12025550104", "12025550104", false),
            ("2025550104", "2025550104", false),
            ("911", "911", false),
        ] {
            assert_eq!(digits_of(text), Some((digits.to_owned(), international)), "{text}");
        }
        for text in ["", "n/a", "+1202555o104", "+1 202 555 0104 ext 5", "1", "+1234567890123456"] {
            assert_eq!(digits_of(text), None, "{text}");
        }
    }

    #[test]
    fn leading_zeros_count() {
        let list = DenyList { numbers: vec![packed("000").unwrap_or_default()] };
        assert!(list.contains("000") && !list.contains("0") && !list.contains("0000") && !list.contains("+1"));
    }
}
