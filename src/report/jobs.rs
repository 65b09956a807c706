//! One row a job: what results.csv says of it and the tally does not hold.
//!
//! Cost: 8 bytes of memory a job, the place of its row in a [`Spill`]. Rows of jobs that have not ended are in memory; there
//! are few of them, unless the file is a cut one. Messages are kept once each. A row describes the job's last attempt;
//! attempts before it live in the tallies only.
//!
//! Invariant: a method is called only for a record that [`RunState`] took, so its job number is one of the plan's.

use super::row::{Row, Wording};
use super::spill::{Reads, Spill};
use crate::event::{BridgeAttempt, BridgeIntent, JobNotAttempted, JobSkipped, ReconciledBy};
use crate::model::{Evidence as Proof, JobKey, JobNumber, Latency, Outcome, SkipReason, Timestamp};
use crate::state::{JobState, RunState};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// No moment: 584,000 years after the run began.
pub(super) const NEVER: u64 = u64::MAX;
/// Places beyond the last known one that are made ready at once, so that the list does not double.
const AHEAD: usize = 64 * 1024;

/// Why a job stands where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// The evidence of its last attempt.
    Attempt(Proof),
    /// The reason for which it was left out.
    Skip(SkipReason),
}

/// Every job's row.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    began: Option<Timestamp>,
    /// Rows of jobs that have not ended.
    open: HashMap<JobNumber, Row>,
    /// The place of each other job's row, plus one; 0: it has none.
    places: Vec<u64>,
    ended: Spill,
    wording: Wording,
    /// A row could not be read back.
    unreadable: AtomicBool,
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
    pub(super) key: Option<Arc<str>>,
    pub(super) call_id: Option<Arc<str>>,
    pub(super) request_id: Option<Arc<str>>,
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
        let moment = self.moment(at);
        let row = self.row(intent.job);
        row.name(Some(&intent.request_id), Some(&intent.call_id), Some(intent.key.as_str()));
        row.attempts = row.attempts.saturating_add(1);
        row.first_sent = row.first_sent.min(moment);
        (row.last_answer, row.status, row.cause, row.message) = (NEVER, None, None, 0);
    }

    /// What became of it.
    pub(super) fn attempt(&mut self, at: Timestamp, attempt: &BridgeAttempt) {
        let moment = self.moment(at);
        let message = attempt.error_message.as_deref().map_or(0, |message| self.messages.number(message));
        let row = self.row(attempt.job);
        row.last_answer = moment;
        (row.latency, row.queue) = (attempt.latency_ms, attempt.queue_ms);
        (row.status, row.cause, row.message) = (attempt.status_code, Some(Cause::Attempt(attempt.evidence)), message);
        if attempt.is_final {
            self.ended(attempt.job);
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
        let detail = skipped.detail.as_deref().map_or(0, |detail| self.messages.number(detail));
        let row = self.row(skipped.job);
        row.name(None, skipped.call_id.as_deref(), skipped.key.as_ref().map(JobKey::as_str));
        (row.cause, row.message) = (Some(Cause::Skip(skipped.reason)), detail);
        self.ended(skipped.job);
    }

    /// An unknown was resolved.
    pub(super) fn reconciled(&mut self, job: JobNumber, by: ReconciledBy) {
        self.reconciled.insert(job, by);
    }

    /// The run ended before the job's turn.
    pub(super) fn not_attempted(&mut self, job: &JobNotAttempted) {
        self.row(job.job).name(None, job.call_id.as_deref(), job.key.as_ref().map(JobKey::as_str));
        self.ended(job.job);
    }

    /// A job has ended: its row leaves the memory, until somebody asks for it.
    pub(super) fn ended(&mut self, job: JobNumber) {
        let Some(at) = place(job) else { return };
        let Some(row) = self.open.remove(&job) else { return };
        if self.places.len() <= at {
            if self.places.capacity() <= at {
                self.places.reserve_exact(at + AHEAD - self.places.len());
            }
            self.places.resize(at + 1, 0);
        }
        self.places[at] = self.ended.push(self.wording.encode(&row)) + 1;
    }

    /// The jobs of the plan in plan order, with or without an event, whose state is wanted.
    pub(super) fn views<'a>(
        &'a self,
        run: &'a RunState,
        wanted: impl Fn(JobState) -> bool + 'a,
    ) -> impl Iterator<Item = JobView<'a>> {
        let sets = run.by_set().flat_map(|(set, tally)| {
            std::iter::repeat_n(set.as_str(), usize::try_from(tally.jobs).unwrap_or(usize::MAX))
        });
        // A forged opening record may count more jobs than its sets have: the rest belongs to no set.
        let sets = sets.chain(std::iter::repeat(""));
        let mut reads = self.ended.reads();
        (1..=run.total().jobs).zip(sets).filter_map(move |(job, set)| {
            let state = run.job(job).unwrap_or(JobState::Pending);
            wanted(state).then(|| self.view(job, set, state, &mut reads))
        })
    }

    /// Whether a row could not be read back: then what was made of the rows is not what the records say.
    pub(super) fn is_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// The warnings, each with its count and first jobs.
    pub(super) fn warnings(&self) -> impl Iterator<Item = (&str, u64, Vec<JobNumber>)> {
        self.warnings.iter().map(|(text, (count, first))| (text.as_str(), *count, first.iter().copied().collect()))
    }

    fn view<'a>(&'a self, job: JobNumber, set: &'a str, state: JobState, reads: &mut Reads<'_>) -> JobView<'a> {
        let row = self.open.get(&job).cloned().or_else(|| self.back(job, reads)).unwrap_or_default();
        JobView {
            job,
            set,
            state,
            key: row.key,
            call_id: row.call,
            request_id: row.request,
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

    /// The row of a job that has not ended, or goes on after all.
    fn row(&mut self, job: JobNumber) -> &mut Row {
        if !self.open.contains_key(&job) {
            let row = self.back(job, &mut self.ended.reads()).unwrap_or_default();
            self.open.insert(job, row);
        }
        self.open.entry(job).or_default()
    }

    /// The row of a job that has ended.
    fn back(&self, job: JobNumber, reads: &mut Reads<'_>) -> Option<Row> {
        let place = self.places.get(place(job)?)?.checked_sub(1)?;
        let row = reads.at(place).ok().and_then(|entry| self.wording.decode(entry));
        self.unreadable.fetch_or(row.is_none(), Ordering::Relaxed);
        row
    }

    fn moment(&self, at: Timestamp) -> u64 {
        let began = self.began.unwrap_or(at);
        u64::try_from(at.since(began).as_micros()).unwrap_or(NEVER)
    }

    fn timestamp(&self, moment: u64) -> Option<Timestamp> {
        (moment != NEVER).then_some(self.began?.plus(Duration::from_micros(moment)))
    }
}

fn place(job: JobNumber) -> Option<usize> {
    usize::try_from(job.checked_sub(1)?).ok()
}
