//! The jobs of a run whose effect nobody knows, with everything that the audit file says of them.

use crate::event::{Event, Record};
use crate::model::{Evidence, JobKey, JobNumber, Outcome, SetName, Timestamp};
use crate::state::{JobState, RunState};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Vendor's ids of one job that are kept; a job has few attempts.
const MAX_CORRELATIONS: usize = 20;

/// A job with an intent that is not known to be harmless or done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenJob {
    /// Its number in plan order.
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call.
    pub call_id: String,
    /// The request id that every attempt carried.
    pub request_id: String,
    /// Its attempts.
    pub attempts: u32,
    /// The vendor's ids of its exchanges.
    pub correlation_ids: Vec<String>,
    /// When its last attempt was begun or ended.
    pub last: Timestamp,
    /// An attempt may have had its effect.
    doubt: bool,
    /// The vendor's ids of the attempts that may have had their effect.
    doubtful_ids: Vec<String>,
    /// One of those attempts has no id.
    nameless: bool,
    /// The last attempt has not ended, for all that is on record.
    is_open: bool,
    /// Attempts that the retry policy does not count: for a fresh token, or withdrawn before they left.
    pub uncounted: u32,
    /// What its last attempt came to.
    pub last_outcome: Option<Outcome>,
}

impl OpenJob {
    /// The vendor's ids of every attempt that may have had its effect; `None`: it has none of one of them.
    pub fn doubtful_ids(&self) -> Option<&[String]> {
        let named = !self.nameless && !self.is_open && !self.doubtful_ids.is_empty();
        named.then_some(self.doubtful_ids.as_slice())
    }
}

/// The open jobs of a run; memory grows with them, and by some 30 bytes with each job that was begun.
#[derive(Debug, Default)]
pub struct OpenJobs {
    jobs: BTreeMap<JobNumber, OpenJob>,
    /// By a hash of the call: who was the first with it, and whether there was another one. Two calls with one hash count as
    /// one, which leaves a job unknown and does no harm.
    calls: HashMap<u64, (JobNumber, bool)>,
}

/// Whether an id stands in the audit file as the vendor gave it: what looks like a telephone number in it was masked, what was
/// too long cut.
fn is_whole(id: &str) -> bool {
    !id.contains(['*', '\u{2026}'])
}

impl OpenJobs {
    /// Takes the next record in.
    pub fn take(&mut self, record: &Record) {
        match &record.event {
            Event::BridgeIntent(intent) => {
                let call = self.calls.entry(hash(&intent.call_id)).or_insert((intent.job, false));
                call.1 |= call.0 != intent.job;
                let open = self.jobs.entry(intent.job).or_insert_with(|| OpenJob {
                    job: intent.job,
                    set: intent.set.clone(),
                    key: intent.key.clone(),
                    call_id: intent.call_id.clone(),
                    request_id: intent.request_id.clone(),
                    attempts: 0,
                    correlation_ids: Vec::new(),
                    last: record.timestamp,
                    doubt: false,
                    doubtful_ids: Vec::new(),
                    nameless: false,
                    is_open: true,
                    uncounted: 0,
                    last_outcome: None,
                });
                (open.attempts, open.last, open.is_open) = (intent.attempt, record.timestamp, true);
            }
            Event::BridgeAttempt(attempt) => {
                let Some(open) = self.jobs.get_mut(&attempt.job) else { return };
                let doubt = attempt.outcome == Outcome::Unknown;
                open.doubt |= doubt;
                (open.last, open.is_open) = (record.timestamp, false);
                open.last_outcome = Some(attempt.outcome);
                open.uncounted += u32::from(matches!(attempt.evidence, Evidence::Withdrawn | Evidence::TokenRefused));
                let id = attempt.correlation_id.as_ref().filter(|_| open.correlation_ids.len() < MAX_CORRELATIONS);
                open.nameless |= doubt && !id.is_some_and(|id| is_whole(id));
                open.correlation_ids.extend(id.cloned());
                open.doubtful_ids.extend(id.filter(|_| doubt).cloned());
                if attempt.is_final && (attempt.outcome.is_success() || !open.doubt) {
                    self.jobs.remove(&attempt.job);
                }
            }
            Event::Reconciled(found) => drop(self.jobs.remove(&found.job)),
            _ => {}
        }
    }

    /// Those that are unknown by the state of their run, or were in flight when it was cut off, in plan order.
    pub fn unknown<'a>(&'a self, run: &'a RunState) -> impl Iterator<Item = &'a OpenJob> {
        self.jobs.values().filter(|open| {
            let state = run.job(open.job);
            state.is_some_and(|state| state == JobState::Unknown || state.after_crash() == Some(JobState::Unknown))
        })
    }

    /// One of them.
    pub fn get(&self, job: JobNumber) -> Option<&OpenJob> {
        self.jobs.get(&job)
    }

    /// Whether a job of the run was begun for this call.
    pub fn knows_call(&self, call_id: &str) -> bool {
        self.calls.contains_key(&hash(call_id))
    }

    /// Whether another job of the run was begun for the same call: what is known about the call may be about that one.
    pub fn shares_its_call(&self, open: &OpenJob) -> bool {
        self.calls.get(&hash(&open.call_id)).is_some_and(|(_, shared)| *shared)
    }
}

fn hash(call_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    call_id.hash(&mut hasher);
    hasher.finish()
}
