//! A look at an audit file without reading it: its first line, and its last ones from the closing record on.
//!
//! What a glance gives is what the file says of itself. That it is so only [`super::verify()`] can tell: here only the first
//! line and the last ones are held against the chain.

use super::chain::Head;
use super::decode;
use crate::event::{Event, Record};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest first line that is read.
const MAX_FIRST: u64 = 16 * 1024 * 1024;
/// Bytes that are read from the end, as far as they are needed: enough for the end of most runs; for a closing record with
/// histograms; for the largest one with thousands of reconciled jobs behind it.
const TAILS: [u64; 4] = [16 * 1024, 128 * 1024, 1024 * 1024, 4 * 1024 * 1024];

/// What stands at both ends of an audit file.
#[derive(Debug, Default)]
pub struct Glance {
    /// The first line; `None`: there is no whole one.
    pub first: Option<Record>,
    /// The last lines in their order: from the last `run_finished` on, or only the very last where the run is not closed.
    pub last: Vec<Record>,
    /// The last line has no end: the writer is at it, or was cut off.
    pub torn: bool,
    /// What does not fit, of these few lines.
    pub damage: Option<String>,
}

/// Looks at a file. Nothing is locked and nothing written; a file that grows meanwhile is seen as it was at some moment.
pub fn glance(path: &Path) -> io::Result<Glance> {
    // A pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut glance = Glance::default();
    let mut line = Vec::new();
    BufReader::new(&file).take(MAX_FIRST).read_until(b'\n', &mut line)?;
    glance.torn = line.last() != Some(&b'\n') && length > 0;
    if glance.torn || length == 0 {
        return Ok(glance);
    }
    line.pop();
    match decode::record(&line) {
        Ok(record) => glance.first = Some(record),
        Err(_) => glance.damage = Some("line 1 is not an audit record".to_owned()),
    }
    if Head::START.check_line(&line).is_none() {
        glance.damage.get_or_insert_with(|| "line 1 was changed".to_owned());
    }
    for most in TAILS {
        let start = length.saturating_sub(most);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.by_ref().take(most).read_to_end(&mut tail)?;
        if glance.take_tail(&tail, start == 0) {
            break;
        }
    }
    Ok(glance)
}

/// Whether what stands in front of it need not be looked at.
fn is_enough(event: &Event) -> bool {
    !matches!(event, Event::Signed(_) | Event::Reconciled(_) | Event::ReconciliationFinished(_))
}

impl Glance {
    /// Reads the end of a file backwards; false: it does not reach far enough.
    fn take_tail(&mut self, tail: &[u8], is_all: bool) -> bool {
        let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.torn = end < tail.len();
        self.last.clear();
        let mut lines = tail[..end].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
        // The first one may have lost its beginning; it still says which hash it has.
        let mut before = if is_all { None } else { lines.next() };
        let lines: Vec<&[u8]> = lines.collect();
        let mut found = Vec::new();
        let mut damage = None;
        for at in (0..lines.len()).rev() {
            let Ok(record) = decode::record(lines[at]) else {
                damage = Some("one of its last lines is not an audit record".to_owned());
                break;
            };
            let previous = if at > 0 { lines.get(at - 1).copied() } else { before.take() };
            let chained = previous.map_or(Some(Head::START), Head::said_by).and_then(|head| head.check_line(lines[at]));
            if chained.is_none() {
                damage = Some(format!("line {} was changed, or lines before it were", record.seq));
            }
            let enough = is_enough(&record.event);
            found.push(record);
            if enough || damage.is_some() {
                break;
            }
        }
        let reached = damage.is_some() || found.last().is_some_and(|record| is_enough(&record.event)) || is_all;
        if reached {
            self.damage = self.damage.take().or(damage);
        }
        found.reverse();
        self.last = found;
        reached
    }
}
