//! Opening what rows are read from, with clear words when it is not what it should be.

use super::record::Record;
use crate::expand::files::Files;
use crate::model::{Code, DurationSpec, Problem, RowFormat, RowSource, Rows};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// A file that is read from its beginning, whoever else reads it: standard input's copy is open once and read twice.
pub(in crate::expand) struct Input {
    file: Arc<File>,
    at: u64,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// An open data file and its name for people.
pub(in crate::expand) struct Opened {
    pub(in crate::expand) input: BufReader<Input>,
    pub(in crate::expand) shown: PathBuf,
}

/// Opens a file with rows beside the runbook.
pub(super) fn file(path: &Path, format: &RowFormat, files: &Files) -> Result<Opened, Problem> {
    open(path, files, format!("write `stdin: {}` to read standard input", format.name()))
}

/// Opens a text file beside the runbook. `no_file` is the remedy for what is no file, such as a pipe.
pub(in crate::expand) fn open(path: &Path, files: &Files, no_file: String) -> Result<Opened, Problem> {
    let shown = files.shown(path);
    let unreadable = |reason: String, help: String| {
        let message = format!("{} cannot be read: {reason}", shown.display());
        Problem::at(Code::DataUnreadable, "", message).help(help)
    };
    let relative = "paths are relative to the runbook".to_owned();
    let means_stdin = matches!(path.to_str(), Some("-" | "/dev/stdin"));
    let found = files.found(path);
    // Asked before opening: opening a FIFO would wait for its writer.
    let opened = match std::fs::metadata(&found) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(unreadable("it is a directory".to_owned(), "name the file in it".to_owned()));
        }
        Ok(metadata) if !metadata.is_file() => return Err(unreadable("not a regular file".to_owned(), no_file)),
        Err(error) => return Err(unreadable(error.to_string(), if means_stdin { no_file } else { relative })),
        Ok(_) => File::open(&found).map_err(|error| unreadable(error.to_string(), relative))?,
    };
    text(Arc::new(opened), shown)
}

/// Takes the copy of standard input.
pub(super) fn stdin(format: &RowFormat, files: &Files) -> Result<Opened, Problem> {
    let Some(file) = &files.stdin else {
        let message = "standard input is a terminal: nobody would type the rows";
        let help = format!("feed the rows in: `bridgebook ... < rows.{}`", format.name());
        return Err(Problem::at(Code::StdinMissing, "", message).help(help));
    };
    text(Arc::clone(file), PathBuf::from(Files::STDIN))
}

/// Files that are often taken for text: how they begin, what they are, and the remedy.
const NOT_TEXT: [(&[u8], &str, &str); 5] = [
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (b"PK\x03\x04", "a workbook or another zip archive", "save the sheet as CSV, in UTF-8"),
    (b"\x1f\x8b", "compressed", "unpack it first"),
    (b"%PDF", "a PDF", "export the table as CSV"),
];

/// Steps over a byte order mark, and refuses what is known not to be UTF-8 text.
fn text(file: Arc<File>, shown: PathBuf) -> Result<Opened, Problem> {
    let mut input = BufReader::with_capacity(BUFFER, Input { file, at: 0 });
    let start = input.fill_buf().map_err(|error| unreadable(&shown, &error))?;
    if let Some((_, what, help)) = NOT_TEXT.iter().find(|(begin, ..)| start.starts_with(begin)) {
        let place = Record { line: 1, ..Record::default() }.place(&shown, None);
        let message = format!("{} is not UTF-8 text: it is {what}", shown.display());
        return Err(Problem::at(Code::DataNotText, "", message).help(*help).caused_by(place));
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(Opened { input, shown })
}

/// A file that is there and fails while it is read.
pub(super) fn unreadable(shown: &Path, error: &io::Error) -> Problem {
    Problem::at(Code::DataUnreadable, "", format!("{} cannot be read: {error}", shown.display()))
}

/// A record with bytes that are not UTF-8, or with a NUL; `None`: it is text. One is enough: the rest of the file is
/// written the same way.
pub(in crate::expand) fn not_text(record: &Record, shown: &Path) -> Option<Problem> {
    let (at, what) = if let Some(at) = record.raw.iter().position(|byte| *byte == 0) {
        (at, "a NUL byte".to_owned())
    } else {
        let at = std::str::from_utf8(&record.raw).err()?.valid_up_to();
        (at, format!("the byte 0x{:02X}, which is not UTF-8", record.raw.get(at).copied().unwrap_or_default()))
    };
    let message = format!("here stands {what}");
    let problem = Problem::at(Code::DataNotText, "", message).help("save the file as UTF-8");
    Some(problem.caused_by(record.place(shown, Some(at..at + 1))))
}

/// Whether the file is older than the runbook allows.
pub(in crate::expand) fn stale(rows: &Rows, files: &Files) -> Option<Problem> {
    let (RowSource::File(path, _), Some(max_age)) = (&rows.source, rows.max_age) else { return None };
    let message = too_old(path, max_age, files)?;
    Some(Problem::at(Code::StaleInput, "/max_age", message).help("export the data again: live calls do not wait"))
}

/// How much too old a file is, in words. A copy is as old as the file that it was made of.
pub(in crate::expand) fn too_old(path: &Path, max_age: DurationSpec, files: &Files) -> Option<String> {
    let modified = std::fs::metadata(files.found(path)).and_then(|metadata| metadata.modified()).ok()?;
    // A time to come is a clock that differs, not an old file.
    let age = SystemTime::now().duration_since(modified).unwrap_or_default();
    (age > max_age.get()).then(|| {
        let age = DurationSpec::from(Duration::from_secs(age.as_secs()));
        format!("{} was written {age} ago, max_age allows {max_age}", files.shown(path).display())
    })
}
