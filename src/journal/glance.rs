//! A look at an audit file without reading it: its first line, and its last ones from the closing record on.
//!
//! What a glance gives is what the file says of itself. That it is so only [`super::verify()`] can tell: here only the first
//! line and the last ones are held against the chain.

use super::chain::Head;
use super::decode;
use crate::event::{Event, FORMAT_VERSION, Record};
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
    glance.damage = glance.damage.take().or_else(|| glance.mismatch());
    Ok(glance)
}

/// Whether what stands in front of it need not be looked at.
fn is_enough(event: &Event) -> bool {
    !matches!(event, Event::Signed(_) | Event::Reconciled(_) | Event::ReconciliationFinished(_))
}

impl Glance {
    /// Whether these lines are of one file in the format that is known here.
    fn mismatch(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        let all = || std::iter::once(first).chain(&self.last);
        if let Some(record) = all().find(|record| record.v != FORMAT_VERSION) {
            return Some(format!("format version {} is not known, only {FORMAT_VERSION}", record.v));
        }
        if let Some(record) = self.last.iter().find(|record| record.run_id != first.run_id) {
            return Some(format!("line {} belongs to run {}", record.seq, record.run_id));
        }
        let follows = |pair: &[Record]| pair[0].seq.checked_add(1) == Some(pair[1].seq);
        let in_order = first.seq == 1 && self.last.windows(2).all(follows);
        (!in_order).then(|| "its lines are not numbered as they were written".to_owned())
    }

    /// Reads the end of a file backwards; false: it does not reach far enough.
    fn take_tail(&mut self, tail: &[u8], is_all: bool) -> bool {
        let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.torn = end < tail.len();
        self.last.clear();
        let mut lines = tail[..end].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
        // The first one may have lost its beginning; it still says which hash it has, or has lost that, too.
        let before = if is_all { None } else { lines.next() };
        let lines: Vec<&[u8]> = lines.collect();
        let mut found = Vec::new();
        let mut damage = None;
        for (at, line) in lines.iter().enumerate().rev() {
            let head = match at.checked_sub(1).and_then(|at| lines.get(at).copied()).or(before) {
                Some(previous) => Head::said_by(previous),
                None => Some(Head::START),
            };
            if head.is_none() && at == 0 && before.is_some() {
                break;
            }
            let Ok(record) = decode::record(line) else {
                damage = Some("one of its last lines is not an audit record".to_owned());
                break;
            };
            if head.and_then(|head| head.check_line(line)).is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// An audit file with these events, and with a chain that holds.
    fn file(events: &[Value]) -> tempfile::NamedTempFile {
        let (mut bytes, mut head) = (Vec::new(), Head::START);
        for (seq, event) in (1..).zip(events) {
            let start = bytes.len();
            let mut line = json!({"v": 1, "seq": seq, "timestamp": "2026-11-22T08:01:02.000000Z", "run_id": "r"});
            let fields = event.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
            line.as_object_mut().into_iter().for_each(|line| line.extend(fields.clone()));
            bytes.extend_from_slice(line.to_string().as_bytes());
            head = head.seal_line(&mut bytes, start);
        }
        let file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(file.path(), bytes).unwrap_or_else(|error| panic!("{error}"));
        file
    }

    fn seal() -> Value {
        json!({"event_type": "seal", "lines": 0, "head": "0".repeat(64)})
    }

    fn finished() -> Value {
        let counts = json!({"jobs": 0, "succeeded": 0, "accepted": 0, "rejected": 0, "not_sent": 0, "unknown": 0, "skipped": 0, "not_attempted": 0});
        json!({"event_type": "run_finished", "ending": "completed", "verdict": "passed", "exit_code": 0, "totals": counts, "sets": [], "attempts": 0, "criteria": []})
    }

    fn reconciled(reason: usize) -> Value {
        json!({"event_type": "reconciled", "job": 1, "set": "a", "key": "k", "call_id": "c", "from": "unknown", "outcome": "succeeded", "by": "operator", "reason": "x".repeat(reason)})
    }

    #[test]
    fn the_closing_record_is_found_wherever_a_block_begins() {
        // The block of 16 KiB begins in every place of the line before the closing record, and of that record.
        for pad in 0..900 {
            let file = file(&[seal(), seal(), seal(), finished(), reconciled(15_000 + pad)]);
            let glance = glance(file.path()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(glance.damage, None, "{pad}");
            assert!(matches!(glance.last.first().map(|record| &record.event), Some(Event::RunFinished(_))), "{pad}");
            assert_eq!((glance.first.map(|record| record.seq), glance.last.len(), glance.torn), (Some(1), 2, false));
        }
    }

    #[test]
    fn of_a_run_that_is_not_closed_only_the_last_line_is_read() {
        let file = file(&vec![seal(); 1_000]);
        let glance = glance(file.path()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(glance.last.iter().map(|record| record.seq).collect::<Vec<_>>(), [1_000]);
    }
}
