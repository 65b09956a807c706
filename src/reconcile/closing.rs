//! From findings to the lines of the audit file, each applied to the state of the run as it will be read back.

use super::{Finding, OpenJob, OpenJobs};
use crate::event::{
    BridgeAttempt, Ending, Event, FileDigest, Happened, JobNotAttempted, Operator, Reconciled, ReconciliationFinished,
    RunFinished, Verdict,
};
use crate::model::{Criterion, Evidence, Latency, Numbers, Outcome, Timestamp};
use crate::state::{JobState, RunState, StateError, judge};

/// Longest reason in the audit file, in characters.
const MAX_REASON: usize = 300;

/// Who closes, and with what.
#[derive(Clone, PartialEq, Debug)]
pub struct Closing {
    /// Who, where.
    pub operator: Operator,
    /// Name and version of the tool.
    pub tool: String,
    /// The vendor's records, if they were asked.
    pub records: Option<FileDigest>,
}

/// Lines of one moment, each applied to the state of its run as it is made.
pub(super) struct Lines {
    at: Timestamp,
    lines: Vec<Happened>,
}

impl Lines {
    pub(super) fn at(at: Timestamp) -> Self {
        Self { at, lines: Vec::new() }
    }

    pub(super) fn add(&mut self, run: &mut RunState, event: Event) -> Result<(), StateError> {
        let happened = Happened { at: self.at, event };
        run.apply(&happened)?;
        self.lines.push(happened);
        Ok(())
    }

    pub(super) fn into_inner(self) -> Vec<Happened> {
        self.lines
    }
}

/// Closes a run that was cut off: what was in flight is unknown, what was not begun is not attempted.
pub fn close_run(
    run: &mut RunState,
    open: &OpenJobs,
    at: Timestamp,
    exit_code: u8,
) -> Result<Vec<Happened>, StateError> {
    let mut lines = Lines::at(at);
    for crash in crashes(run, open) {
        lines.add(run, crash)?;
    }
    for (job, set) in run.pending() {
        // One that was begun is known, and belongs to its wave.
        let begun = open.get(job);
        let (key, call_id) = (begun.map(|begun| begun.key.clone()), begun.map(|begun| begun.call_id.clone()));
        let attempts = begun.map_or(0, |begun| begun.attempts);
        lines.add(run, Event::JobNotAttempted(JobNotAttempted { job, set, key, call_id, attempts }))?;
    }
    let finished = RunFinished {
        ending: Ending::Interrupted,
        verdict: Verdict::Failed,
        exit_code,
        totals: run.total().counts(),
        sets: run.set_counts(),
        waves: run.wave_counts(),
        attempts: run.total().attempts,
        criteria: judge(&criteria(run), run, run.last().unwrap_or(at)),
        histograms: run.histograms(),
    };
    lines.add(run, Event::RunFinished(Box::new(finished)))?;
    Ok(lines.into_inner())
}

/// What was in flight when the process died is unknown.
pub(super) fn crashes(run: &RunState, open: &OpenJobs) -> Vec<Event> {
    let in_flight =
        |open: &&OpenJob| matches!(run.job(open.job), Some(JobState::InFlight | JobState::InFlightDoubtful));
    open.unknown(run).filter(in_flight).cloned().map(|open| Event::BridgeAttempt(crash(open))).collect()
}

fn crash(open: OpenJob) -> BridgeAttempt {
    BridgeAttempt {
        job: open.job,
        set: open.set,
        key: open.key,
        call_id: open.call_id,
        attempt: open.attempts,
        request_id: open.request_id,
        outcome: Outcome::Unknown,
        success: false,
        evidence: Evidence::Crash,
        status_code: None,
        latency_ms: Latency::default(),
        queue_ms: Latency::default(),
        error_message: Some("the process died while the request was in flight".to_owned()),
        correlation_id: None,
        is_final: true,
        retry_in_ms: None,
        warning: None,
    }
}

/// The lines of some findings.
pub fn resolve(
    run: &mut RunState,
    open: &OpenJobs,
    findings: &[Finding],
    operator: &Operator,
    at: Timestamp,
) -> Result<Vec<Happened>, StateError> {
    // The key of a keyed run is not at hand here: without it numbers are masked.
    let numbers = Numbers::from(run.started().map(|started| started.numbers).unwrap_or_default());
    let mut lines = Lines::at(at);
    for finding in findings {
        let Some(job) = open.get(finding.job) else { return Err(StateError::NoSuchJob(finding.job)) };
        let event = Event::Reconciled(Box::new(Reconciled {
            job: job.job,
            set: job.set.clone(),
            key: job.key.clone(),
            call_id: job.call_id.clone(),
            from: Outcome::Unknown,
            outcome: finding.outcome,
            by: finding.by,
            reason: numbers.text(&finding.reason, MAX_REASON),
            status_code: finding.status_code,
            operator: Some(operator.clone()),
        }));
        lines.add(run, event)?;
    }
    Ok(lines.into_inner())
}

/// The closing record: totals and verdict as they are now. Its `head` is for whoever writes it.
pub fn close_reconciliation(
    run: &RunState,
    findings: &[Finding],
    closing: Closing,
    at: Timestamp,
) -> ReconciliationFinished {
    let count = |wanted: Outcome| findings.iter().filter(|finding| finding.outcome == wanted).count() as u64;
    let criteria = judge(&criteria(run), run, run.ended().unwrap_or(at));
    let completed = run.finished().is_some_and(|finished| finished.ending == Ending::Completed);
    let passed = completed && criteria.iter().all(|criterion| criterion.met);
    ReconciliationFinished {
        operator: closing.operator,
        tool: closing.tool,
        records: closing.records,
        bridged: count(Outcome::Succeeded),
        not_bridged: count(Outcome::NotBridged),
        totals: run.total().counts(),
        sets: run.set_counts(),
        criteria,
        verdict: if passed { Verdict::Passed } else { Verdict::Failed },
        head: String::new(),
    }
}

/// The criteria as the opening record has them. One that cannot be read any more is of a newer tool, and is not judged.
fn criteria(run: &RunState) -> Vec<Criterion> {
    let written = run.started().into_iter().flat_map(|started| &started.criteria);
    written.filter_map(|text| text.parse().ok()).collect()
}
