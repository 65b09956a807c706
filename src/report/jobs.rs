//! One compact row a job: what results.csv says of it and the tally does not hold.
//!
//! Cost: 80 bytes a job, plus its texts in one arena. A request id holds its call id, and a key often is the call id,
//! so the three take little more than the request id alone: together about 140 bytes a job.
//! Messages are kept once each. A row describes the job's last attempt; attempts before it live in the tallies only.
//!
//! Invariant: a method is called only for a record that [`RunState`] took, so its job number is one of the plan's.

use crate::event::{BridgeAttempt, BridgeIntent, JobNotAttempted, JobSkipped, ReconciledBy};
use crate::model::{Evidence as Proof, JobKey, JobNumber, Latency, Outcome, SkipReason, Timestamp};
use crate::state::{JobState, RunState};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// A stretch of the arena, counted from the row's first byte.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u32,
    len: u32,
}

impl Piece {
    const NONE: Self = Self { at: u32::MAX, len: 0 };
}

/// No moment: 584,000 years after the run began.
const NEVER: u64 = u64::MAX;

/// Why a job stands where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// The evidence of its last attempt.
    Attempt(Proof),
    /// The reason for which it was left out.
    Skip(SkipReason),
}

#[derive(Clone, Debug)]
struct Row {
    texts: usize,
    /// Microseconds after the run began. Records never go back in time (`RunClock`), so nothing is lost.
    first_sent: u64,
    last_answer: u64,
    latency: Latency,
    queue: Latency,
    request: Piece,
    call: Piece,
    key: Piece,
    attempts: u32,
    /// Index of the message plus one; 0 for none.
    message: u32,
    status: Option<u16>,
    cause: Option<Cause>,
}

impl Row {
    fn empty() -> Self {
        Self {
            texts: 0,
            first_sent: NEVER,
            last_answer: NEVER,
            latency: Latency::default(),
            queue: Latency::default(),
            request: Piece::NONE,
            call: Piece::NONE,
            key: Piece::NONE,
            attempts: 0,
            message: 0,
            status: None,
            cause: None,
        }
    }
}

/// Every job's row.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    began: Option<Timestamp>,
    rows: Vec<Row>,
    arena: String,
    messages: Messages,
    /// The vendor's ids of exchanges with an unknown outcome: what one looks them up by.
    correlation: BTreeMap<JobNumber, String>,
    /// Jobs with an attempt in doubt; true: it is not the last one.
    doubts: BTreeMap<JobNumber, bool>,
    /// What resolved an unknown.
    reconciled: BTreeMap<JobNumber, ReconciledBy>,
    /// Warnings about successes: how many jobs have one, and the first of them in plan order.
    warnings: BTreeMap<String, (u64, BTreeSet<JobNumber>)>,
}

/// Texts, each kept once.
#[derive(Debug, Default)]
struct Messages {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Messages {
    /// The message's number, from 1.
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.ids.get(text) {
            return *number;
        }
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        let number = u32::try_from(self.texts.len()).unwrap_or(0);
        self.ids.insert(text, number);
        number
    }

    fn get(&self, number: u32) -> Option<&str> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.texts.get(at).map(AsRef::as_ref)
    }
}

/// A job as results.csv shows it.
#[derive(Debug)]
pub(super) struct JobView<'a> {
    pub(super) job: JobNumber,
    pub(super) set: &'a str,
    pub(super) state: JobState,
    pub(super) key: Option<&'a str>,
    pub(super) call_id: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) correlation_id: Option<&'a str>,
    pub(super) attempts: u32,
    pub(super) first_sent: Option<Timestamp>,
    pub(super) last_answer: Option<Timestamp>,
    pub(super) status: Option<u16>,
    /// Of the last attempt; `None` while it has no outcome.
    pub(super) times: Option<(Latency, Latency)>,
    pub(super) cause: Option<Cause>,
    pub(super) message: Option<&'a str>,
    /// An attempt before the last one is in doubt, and the last one by itself is not.
    pub(super) doubted: bool,
    /// What resolved an unknown.
    pub(super) reconciled: Option<ReconciledBy>,
}

impl Jobs {
    /// The run's first moment.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.began = Some(at);
    }

    /// A request was cleared to leave. What an earlier attempt left no longer describes the job.
    pub(super) fn intent(&mut self, at: Timestamp, intent: &BridgeIntent) {
        self.name(intent.job, Some(&intent.request_id), Some(&intent.call_id), Some(intent.key.as_str()));
        let moment = self.moment(at);
        if let Some(row) = self.row(intent.job) {
            row.attempts = row.attempts.saturating_add(1);
            row.first_sent = row.first_sent.min(moment);
            (row.last_answer, row.status, row.cause, row.message) = (NEVER, None, None, 0);
        }
    }

    /// What became of it.
    pub(super) fn attempt(&mut self, at: Timestamp, attempt: &BridgeAttempt) {
        let moment = self.moment(at);
        let message = attempt.error_message.as_deref().map_or(0, |message| self.messages.number(message));
        if let Some(row) = self.row(attempt.job) {
            row.last_answer = moment;
            (row.latency, row.queue) = (attempt.latency_ms, attempt.queue_ms);
            (row.status, row.cause, row.message) =
                (attempt.status_code, Some(Cause::Attempt(attempt.evidence)), message);
        }
        if attempt.outcome == Outcome::Unknown {
            self.doubts.insert(attempt.job, false);
        } else if let Some(before) = self.doubts.get_mut(&attempt.job) {
            *before = true;
        }
        if let (Outcome::Unknown, Some(id)) = (attempt.outcome, &attempt.correlation_id) {
            self.correlation.insert(attempt.job, id.clone());
        }
        if let Some(warning) = &attempt.warning {
            let (count, first) = self.warnings.entry(warning.clone()).or_default();
            *count += 1;
            first.insert(attempt.job);
            if first.len() > super::errors::FIRST_JOBS {
                first.pop_last();
            }
        }
    }

    /// A row was left out.
    pub(super) fn skipped(&mut self, skipped: &JobSkipped) {
        self.name(skipped.job, None, skipped.call_id.as_deref(), skipped.key.as_ref().map(JobKey::as_str));
        let detail = skipped.detail.as_deref().map_or(0, |detail| self.messages.number(detail));
        if let Some(row) = self.row(skipped.job) {
            row.message = detail;
            row.cause = Some(Cause::Skip(skipped.reason));
        }
    }

    /// An unknown was resolved.
    pub(super) fn reconciled(&mut self, job: JobNumber, by: ReconciledBy) {
        self.reconciled.insert(job, by);
    }

    /// The run ended before the job's turn.
    pub(super) fn not_attempted(&mut self, job: &JobNotAttempted) {
        self.name(job.job, None, job.call_id.as_deref(), job.key.as_ref().map(JobKey::as_str));
    }

    /// Every job of the plan in plan order, with or without an event.
    pub(super) fn views<'a>(&'a self, run: &'a RunState) -> impl Iterator<Item = JobView<'a>> {
        let sets = run.by_set().flat_map(|(set, tally)| {
            std::iter::repeat_n(set.as_str(), usize::try_from(tally.jobs).unwrap_or(usize::MAX))
        });
        // A forged opening record may count more jobs than its sets have: the rest belongs to no set.
        let sets = sets.chain(std::iter::repeat(""));
        (1..=run.total().jobs).zip(sets).map(|(job, set)| self.view(job, set, run))
    }

    /// The warnings, each with its count and first jobs.
    pub(super) fn warnings(&self) -> impl Iterator<Item = (&str, u64, Vec<JobNumber>)> {
        self.warnings.iter().map(|(text, (count, first))| (text.as_str(), *count, first.iter().copied().collect()))
    }

    fn view<'a>(&'a self, job: JobNumber, set: &'a str, run: &RunState) -> JobView<'a> {
        let empty = Row::empty();
        let row = place(job).and_then(|at| self.rows.get(at)).unwrap_or(&empty);
        JobView {
            job,
            set,
            state: run.job(job).unwrap_or(JobState::Pending),
            key: self.text(row, row.key),
            call_id: self.text(row, row.call),
            request_id: self.text(row, row.request),
            correlation_id: self.correlation.get(&job).map(String::as_str),
            attempts: row.attempts,
            first_sent: self.timestamp(row.first_sent),
            last_answer: self.timestamp(row.last_answer),
            status: row.status,
            times: (row.last_answer != NEVER).then_some((row.latency, row.queue)),
            cause: row.cause,
            message: self.messages.get(row.message),
            doubted: self.doubts.get(&job).copied().unwrap_or_default(),
            reconciled: self.reconciled.get(&job).copied(),
        }
    }

    fn row(&mut self, job: JobNumber) -> Option<&mut Row> {
        let at = place(job)?;
        if self.rows.len() <= at {
            self.rows.resize_with(at + 1, Row::empty);
        }
        self.rows.get_mut(at)
    }

    /// Writes a job's names down, unless they stand there from an attempt before.
    fn name(&mut self, job: JobNumber, request: Option<&str>, call: Option<&str>, key: Option<&str>) {
        let known = place(job).and_then(|at| self.rows.get(at)).is_some_and(|row| {
            self.text(row, row.request) == request && self.text(row, row.call) == call && self.text(row, row.key) == key
        });
        if known {
            return;
        }
        let start = self.arena.len();
        let mut piece = |text: Option<&str>| text.map_or(Piece::NONE, |text| append(&mut self.arena, start, text));
        let (request, call, key) = (piece(request), piece(call), piece(key));
        if let Some(row) = self.row(job) {
            (row.texts, row.request, row.call, row.key) = (start, request, call, key);
        }
    }

    fn text(&self, row: &Row, piece: Piece) -> Option<&str> {
        if piece.at == Piece::NONE.at {
            return None;
        }
        let start = row.texts + usize::try_from(piece.at).ok()?;
        self.arena.get(start..start + usize::try_from(piece.len).ok()?)
    }

    fn moment(&self, at: Timestamp) -> u64 {
        let began = self.began.unwrap_or(at);
        u64::try_from(at.since(began).as_micros()).unwrap_or(NEVER)
    }

    fn timestamp(&self, moment: u64) -> Option<Timestamp> {
        (moment != NEVER).then_some(self.began?.plus(Duration::from_micros(moment)))
    }
}

/// Where `text` stands in the arena from `start` on; it is added when it does not stand there yet.
fn append(arena: &mut String, start: usize, text: &str) -> Piece {
    let at = arena[start..].find(text).unwrap_or_else(|| {
        let end = arena.len() - start;
        arena.push_str(text);
        end
    });
    match (u32::try_from(at), u32::try_from(text.len())) {
        (Ok(at), Ok(len)) => Piece { at, len },
        _ => Piece::NONE,
    }
}

fn place(job: JobNumber) -> Option<usize> {
    usize::try_from(job.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Row, append};

    #[test]
    fn a_row_costs_what_its_documentation_says() {
        assert_eq!(size_of::<Row>(), 80);
    }

    #[test]
    fn texts_of_one_row_share_their_bytes_and_those_of_another_do_not() {
        let mut arena = "call-1".to_owned();
        let start = arena.len();
        let request = append(&mut arena, start, "bridge-call-1-7f");
        let call = append(&mut arena, start, "call-1");
        assert_eq!((request.at, request.len, call.at, call.len), (0, 16, 7, 6));
        assert_eq!(arena, "call-1bridge-call-1-7f");
    }
}
