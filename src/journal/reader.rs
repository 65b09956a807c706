//! Reading an audit file back, line by line, with its chain.

use super::chain::Head;
use super::decode;
use crate::event::{Event, Record};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line that is taken for one of ours. The opening record is the longest and stays far below.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Bytes that are read at once: about a hundred lines.
const READ_AHEAD: usize = 64 * 1024;
/// Bytes of a line of a job, and some more.
const LIKELY_LINE: usize = 512;

/// Why an audit file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read: {source}")]
pub struct ReadError {
    path: PathBuf,
    source: std::io::Error,
}

/// One line.
#[derive(Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// The hash of the line before.
    pub before: Head,
    /// Its own hash where it is intact, else that of the last line that is.
    pub head: Head,
    /// Whether its own hash is right.
    pub intact: bool,
    /// Whether a newline ends it.
    pub whole: bool,
    /// Its bytes, with the newline.
    pub bytes: u64,
    /// What it says; or why it is no record.
    pub record: Result<Record, String>,
}

/// Streams the lines of an audit file, from its first byte to its last: nothing is looked for further on or behind.
#[derive(Debug)]
pub struct Reader<R = File> {
    path: PathBuf,
    input: BufReader<R>,
    /// The line that is being read.
    bytes: Vec<u8>,
    lines: u64,
    head: Head,
}

impl Reader {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError { path: path.to_owned(), source };
        // A pipe would wait for its writer, and a device has no end.
        if !path.metadata().map_err(unreadable)?.is_file() {
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        let input = File::open(path).map_err(unreadable)?;
        Ok(Self::of(input, path))
    }
}

impl<R: Read> Reader<R> {
    /// Reads what comes from elsewhere; `name` is what errors call it.
    pub fn of(input: R, name: &Path) -> Self {
        Self {
            path: name.to_owned(),
            input: BufReader::with_capacity(READ_AHEAD, input),
            bytes: Vec::with_capacity(LIKELY_LINE),
            lines: 0,
            head: Head::START,
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = &mut self.bytes;
        bytes.clear();
        match self.input.by_ref().take(MAX_LINE).read_until(b'\n', bytes) {
            Err(source) => return Some(Err(ReadError { path: self.path.clone(), source })),
            Ok(0) => return None,
            Ok(_) => {}
        }
        let whole = bytes.last() == Some(&b'\n');
        let length = bytes.len() as u64;
        if whole {
            bytes.pop();
        }
        let before = self.head;
        let after = before.check_line(bytes);
        self.head = after.unwrap_or(before);
        self.lines += 1;
        let record = decode::record(bytes);
        let (number, head, intact) = (self.lines, self.head, after.is_some());
        Some(Ok(Line { number, before, head, intact, whole, bytes: length, record }))
    }
}

/// Longest closing record that is looked for at the end of a file.
const TAIL: u64 = 1024 * 1024;

/// The name of the last run in a runbook's folder, if its audit file has no closing record.
pub fn unfinished(folder: &Path) -> Option<String> {
    let runs = std::fs::read_dir(folder).ok()?.flatten().filter(|entry| entry.path().join("audit.jsonl").is_file());
    let last = runs.map(|entry| entry.file_name().to_string_lossy().into_owned()).max()?;
    let mut file = File::open(folder.join(&last).join("audit.jsonl")).ok()?;
    // An empty file is a run that ended before its first record: it has sent nothing.
    let length = file.metadata().ok().map(|metadata| metadata.len()).filter(|length| *length > 0)?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let line = tail.strip_suffix(b"\n").unwrap_or(&tail).rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let closed = serde_json::from_slice::<Record>(line).is_ok_and(|record| {
        matches!(record.event, Event::RunFinished(_) | Event::ReconciliationFinished(_) | Event::Signed(_))
    });
    (!closed).then_some(last)
}
