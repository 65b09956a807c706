//! The list of numbers that are never called: read once, kept as sorted integers of eight bytes each.

use super::files::Files;
use super::rows::{Opened, Records, not_text, open, too_old, unmarked, value};
use crate::model::{Code, DataPlace, DenyFile, Numbers, Problem};
use crate::phone;
use crate::template::shown_names;
use std::borrow::Cow;
use std::io::BufRead;
use std::ops::Range;
use std::path::PathBuf;

/// Entries at most: the largest national registers have a quarter of a billion, a caller's own list never a tenth of this.
const MAX_ENTRIES: usize = 50_000_000;
/// Bad entries that are shown one by one.
const MAX_SHOWN: usize = 20;
/// The column when there are several and the runbook does not say.
const DEFAULT_COLUMN: &str = "number";
/// E.164: a number has at most so many digits.
const LONGEST: usize = 15;
/// Digits that an entry must have to be a number at all: emergency numbers have three, some services two.
const SHORTEST: usize = 2;

/// The numbers, by their digits.
#[derive(Default)]
pub(super) struct DenyList {
    numbers: Vec<u64>,
}

impl std::fmt::Debug for DenyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DenyList({} numbers)", self.numbers.len())
    }
}

impl DenyList {
    /// Reads the list. What cannot be read or understood is a problem: a number that was not understood would be called.
    pub(super) fn read(spec: &DenyFile, files: &Files, privacy: &Numbers, problems: &mut Vec<Problem>) -> Option<Self> {
        let source = Source { spec, files, privacy, shown: files.shown(&spec.file) };
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

/// Entries without their country code.
struct Local {
    /// The first one's place.
    place: DataPlace,
    entries: u64,
}

struct Source<'a> {
    spec: &'a DenyFile,
    files: &'a Files,
    privacy: &'a Numbers,
    shown: PathBuf,
}

impl Source<'_> {
    fn problem(&self, code: Code, message: impl Into<String>) -> Problem {
        Problem::at(code, self.spec.pointer, message)
    }

    /// A problem of the file at the runbook's place, its text masked.
    fn of_file(&self, problem: Problem) -> Problem {
        let data = problem.data.map(|place| Box::new(self.masked(*place)));
        Problem { pointer: self.spec.pointer.to_owned(), data, ..problem }
    }

    fn masked(&self, place: DataPlace) -> DataPlace {
        self.privacy.excerpt(place)
    }

    fn read(&self, problems: &mut Vec<Problem>) -> Result<Vec<u64>, Problem> {
        if let Some(message) = self.spec.max_age.and_then(|max_age| too_old(&self.spec.file, max_age, self.files)) {
            let help = "fetch a fresh list; an old one lacks who has opted out since";
            return Err(self.problem(Code::DenyListStale, message).help(help));
        }
        let opened = open(&self.spec.file, self.files, "write the list into a file".to_owned());
        let Opened { mut input, .. } = opened.map_err(|problem| self.of_file(problem))?;
        let delimiter = delimiter(input.fill_buf().unwrap_or_default());
        let mut records = Records::new(input, delimiter);
        let (mut numbers, mut column, mut malformed, mut local) = (Vec::new(), None, 0usize, None);
        loop {
            match records.advance() {
                Ok(false) => break,
                Ok(true) => {}
                // A list that was not read to its end would let somebody be called.
                Err(fault) => return Err(self.of_file(fault.problem(&records.record, &self.shown))),
            }
            if let Some(problem) = not_text(&records.record, &self.shown) {
                return Err(self.of_file(problem));
            }
            let cells =
                Cells { text: std::str::from_utf8(&records.record.raw).unwrap_or_default(), cells: &records.cells };
            let Some(index) = column else {
                // The first record is a header, unless the file is a plain list of numbers.
                let plain = self.spec.column.is_none() && cells.cells.len() == 1 && digits_of(&cells.get(0)).is_some();
                column = Some(if plain { 0 } else { self.column(&cells)? });
                if plain {
                    numbers.extend(self.entry(&records, &cells, 0, &mut local));
                }
                continue;
            };
            if cells.cells.len() == 1 && (cells.text.trim().is_empty() || cells.text.starts_with('#')) {
                continue;
            }
            match self.entry(&records, &cells, index, &mut local) {
                Some(number) if numbers.len() < MAX_ENTRIES => numbers.push(number),
                Some(_) => {
                    return Err(self.problem(Code::DenyListMalformed, "the list has more than 50 million entries"));
                }
                None => {
                    malformed += 1;
                    if malformed <= MAX_SHOWN {
                        problems.push(self.malformed(&records, &cells, index));
                    }
                }
            }
        }
        if malformed > MAX_SHOWN {
            let message = format!("{} more entries of {} are no numbers", malformed - MAX_SHOWN, self.shown.display());
            problems.push(self.problem(Code::DenyListMalformed, message).help("is it the right file?"));
        }
        problems.extend(local.map(|local| self.without_country(local)));
        Ok(numbers)
    }

    /// The number of an entry. `local` takes the place of the first one without its country code, and counts the others.
    fn entry<R: BufRead>(
        &self,
        records: &Records<R>,
        cells: &Cells<'_>,
        index: usize,
        local: &mut Option<Local>,
    ) -> Option<u64> {
        let (digits, international) = digits_of(&cells.get(index))?;
        // Spreadsheets lose the plus: what is a valid number with it has its country code.
        let whole = international || digits.len() < 7 || phone::inspect(&format!("+{digits}")).valid == Some(true);
        if !whole {
            let place = || self.masked(records.record.place(&self.shown, cells.range(index)));
            local.get_or_insert_with(|| Local { place: place(), entries: 0 }).entries += 1;
        }
        packed(&digits)
    }

    fn without_country(&self, Local { place, entries }: Local) -> Problem {
        let others = if entries > 1 { format!(", nor have {} others", entries - 1) } else { String::new() };
        let message = format!("this entry has no country code{others}: it stops only a number that is written like it");
        self.problem(Code::DenyEntryLocal, message).help("write `+` and the country code first").caused_by(place)
    }

    fn column(&self, header: &Cells<'_>) -> Result<usize, Problem> {
        let names: Vec<String> = (0..header.cells.len()).map(|index| header.get(index).trim().to_owned()).collect();
        let wanted = match &self.spec.column {
            Some(column) => column.as_str(),
            None if names.len() == 1 => return Ok(0),
            None => DEFAULT_COLUMN,
        };
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            let shown = shown_names(names.iter().map(String::as_str), 12);
            let message = format!("{} has no column `{wanted}`; its header: {shown}", self.shown.display());
            self.problem(Code::DenyListMalformed, message).help("name the column with the numbers: `column: NAME`")
        })
    }

    fn malformed<R: BufRead>(&self, records: &Records<R>, cells: &Cells<'_>, index: usize) -> Problem {
        let what = if cells.get(index).trim().is_empty() {
            "the entry is empty"
        } else {
            "the entry is no telephone number, so it stops nobody"
        };
        self.problem(Code::DenyListMalformed, what)
            .help("write numbers in E.164 form, `+` and country code first")
            .caused_by(self.masked(records.record.place(&self.shown, cells.range(index))))
    }
}

/// A record's cells with its text.
struct Cells<'a> {
    text: &'a str,
    cells: &'a [Range<usize>],
}

impl<'a> Cells<'a> {
    /// A cell's value; empty where the record has none.
    fn get(&self, index: usize) -> Cow<'a, str> {
        self.cells.get(index).map_or(Cow::Borrowed(""), |cell| unmarked(value(self.text, cell.clone())))
    }

    /// A cell without the blanks around it.
    fn range(&self, index: usize) -> Option<Range<usize>> {
        let cell = self.cells.get(index)?.clone();
        let text = &self.text[cell.clone()];
        let start = cell.start + text.len() - text.trim_start().len();
        Some(start..start + text.trim().len())
    }
}

/// Lists come from spreadsheets of all countries: what separates the cells of the first line.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let fields = |delimiter: u8| line.split(|byte| *byte == delimiter).count();
    b";\t|".iter().copied().find(|delimiter| fields(*delimiter) > fields(b',')).unwrap_or(b',')
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
