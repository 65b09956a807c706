//! A job's row, and its shape in a [`super::spill::Spill`].

use super::jobs::{Cause, NEVER};
use crate::model::Latency;
use std::sync::Arc;

/// What is known about a job.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    /// Microseconds after the run began. Records never go back in time (`RunClock`), so nothing is lost.
    pub(super) first_sent: u64,
    pub(super) last_answer: u64,
    pub(super) latency: Latency,
    pub(super) queue: Latency,
    pub(super) attempts: u32,
    /// The number of its message; 0 for none.
    pub(super) message: u32,
    pub(super) status: Option<u16>,
    pub(super) cause: Option<Cause>,
    pub(super) request: Option<Arc<str>>,
    pub(super) call: Option<Arc<str>>,
    pub(super) key: Option<Arc<str>>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            first_sent: NEVER,
            last_answer: NEVER,
            latency: Latency::default(),
            queue: Latency::default(),
            attempts: 0,
            message: 0,
            status: None,
            cause: None,
            request: None,
            call: None,
            key: None,
        }
    }
}

impl Row {
    /// Writes the job's names down.
    pub(super) fn name(&mut self, request: Option<&str>, call: Option<&str>, key: Option<&str>) {
        for (old, new) in [(&mut self.request, request), (&mut self.call, call), (&mut self.key, key)] {
            if old.as_deref() != new {
                *old = new.map(Arc::from);
            }
        }
        // Most keys are the call id.
        if self.key == self.call {
            self.key = self.call.clone();
        }
    }
}

/// No text; as the call.
const NONE: u32 = u32::MAX;
const AS_CALL: u32 = u32::MAX - 1;

/// Turns rows into bytes and back. Causes are numbered as they come: there are few.
#[derive(Debug, Default)]
pub(super) struct Wording {
    causes: Vec<Cause>,
    bytes: Vec<u8>,
}

impl Wording {
    /// A row's bytes.
    pub(super) fn encode(&mut self, row: &Row) -> &[u8] {
        let cause = row.cause.map_or(0, |cause| {
            let known = self.causes.iter().position(|known| *known == cause);
            let at = known.unwrap_or_else(|| {
                self.causes.push(cause);
                self.causes.len() - 1
            });
            u32::try_from(at + 1).unwrap_or(0)
        });
        let bytes = &mut self.bytes;
        bytes.clear();
        for number in [row.first_sent, row.last_answer, row.latency.micros(), row.queue.micros()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [row.attempts, row.message, row.status.map_or(NONE, u32::from), cause] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let key = row.key.as_ref().filter(|_| row.key != row.call);
        for (text, none) in [
            (row.request.as_ref(), NONE),
            (row.call.as_ref(), NONE),
            (key, if row.key.is_some() { AS_CALL } else { NONE }),
        ] {
            let length = text.map_or(none, |text| u32::try_from(text.len()).unwrap_or(NONE));
            bytes.extend_from_slice(&length.to_le_bytes());
            if length < AS_CALL {
                bytes.extend_from_slice(text.map(|text| text.as_bytes()).unwrap_or_default());
            }
        }
        bytes
    }

    /// The row of some bytes; `None`: they are none.
    pub(super) fn decode(&self, mut bytes: &[u8]) -> Option<Row> {
        let bytes = &mut bytes;
        let (first_sent, last_answer) = (long(bytes)?, long(bytes)?);
        let (latency, queue) = (Latency::from_micros(long(bytes)?), Latency::from_micros(long(bytes)?));
        let (attempts, message, status) = (short(bytes)?, short(bytes)?, u16::try_from(short(bytes)?).ok());
        let cause = match usize::try_from(short(bytes)?).ok()?.checked_sub(1) {
            Some(at) => Some(*self.causes.get(at)?),
            None => None,
        };
        let request = text(bytes, None).ok()?;
        let call = text(bytes, None).ok()?;
        let key = text(bytes, call.as_ref()).ok()?;
        Some(Row { first_sent, last_answer, latency, queue, attempts, message, status, cause, request, call, key })
    }
}

fn long(bytes: &mut &[u8]) -> Option<u64> {
    bytes.split_off(..8)?.try_into().ok().map(u64::from_le_bytes)
}

fn short(bytes: &mut &[u8]) -> Option<u32> {
    bytes.split_off(..4)?.try_into().ok().map(u32::from_le_bytes)
}

/// The bytes are none of a row.
struct Damaged;

fn text(bytes: &mut &[u8], call: Option<&Arc<str>>) -> Result<Option<Arc<str>>, Damaged> {
    match short(bytes).ok_or(Damaged)? {
        NONE => Ok(None),
        AS_CALL => Ok(call.cloned()),
        length => {
            let text = usize::try_from(length).ok().and_then(|length| bytes.split_off(..length)).ok_or(Damaged)?;
            std::str::from_utf8(text).map(|text| Some(text.into())).map_err(|_| Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Evidence, SkipReason};

    #[test]
    fn a_row_comes_back_as_it_was() {
        let text = |text: &str| Some(Arc::from(text));
        let full = Row {
            first_sent: 1,
            last_answer: u64::MAX - 1,
            latency: Latency::from_micros(52_832),
            queue: Latency::from_micros(1 << 40),
            attempts: u32::MAX,
            message: 7,
            status: Some(65_535),
            cause: Some(Cause::Attempt(Evidence::Timeout)),
            request: text("bridge-é-1"),
            call: text("é"),
            key: text("k"),
        };
        let rows = [
            Row::default(),
            Row { key: text("é"), status: Some(0), ..full.clone() },
            Row { key: None, call: None, cause: Some(Cause::Skip(SkipReason::When)), ..full.clone() },
            Row { key: text(""), call: text(""), request: None, cause: None, ..full.clone() },
            Row { key: text(""), call: None, ..full.clone() },
            full,
        ];
        let mut wording = Wording::default();
        let entries: Vec<Vec<u8>> = rows.iter().map(|row| wording.encode(row).to_vec()).collect();
        for (row, entry) in rows.iter().zip(&entries) {
            assert_eq!(wording.decode(entry).as_ref(), Some(row));
            assert_eq!(wording.decode(&entry[..entry.len() - 1]), None);
        }
    }
}
