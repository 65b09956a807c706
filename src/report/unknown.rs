//! The jobs that somebody must look up: unknown outcomes, and intents that a crash left without one.

use super::errors::evidence_words;
use super::jobs::{Cause, JobView, Jobs};
use super::summary::{UnknownJob, UnknownSummary};
use crate::model::Outcome;
use crate::state::{JobState, RunState};

/// Rows of the list. More are no longer looked up by hand, and results.csv has every one.
const MAX_LISTED: usize = 1_000;

/// The list, in plan order.
pub(super) fn list(jobs: &Jobs, run: &RunState, in_flight: u64) -> UnknownSummary {
    let count = run.total().count(JobState::Unknown) + run.in_flight();
    let listed: Vec<UnknownJob> = if count == 0 {
        Vec::new()
    } else {
        let open = |state| matches!(state, JobState::Unknown | JobState::InFlight | JobState::InFlightDoubtful);
        jobs.views(run, open).take(MAX_LISTED).map(|view| unknown(&view)).collect()
    };
    let left_out = count.saturating_sub(u64::try_from(listed.len()).unwrap_or(u64::MAX));
    UnknownSummary { count, in_flight, jobs: listed, left_out }
}

fn unknown(view: &JobView<'_>) -> UnknownJob {
    UnknownJob {
        job: view.job,
        set: view.set.to_owned(),
        key: view.key.as_deref().map(str::to_owned),
        call_id: view.call_id.as_deref().map(str::to_owned),
        request_id: view.request_id.as_deref().map(str::to_owned),
        correlation_id: view.correlation_id.map(str::to_owned),
        why: why(view),
    }
}

pub(super) fn why(view: &JobView<'_>) -> String {
    let Some(Cause::Attempt(evidence)) = view.cause.filter(|_| view.state == JobState::Unknown) else {
        return "the file has its intent and no outcome: the request may have left".to_owned();
    };
    let status = view.status.map(|status| format!(", status {status}")).unwrap_or_default();
    let message = view.message.map(|message| format!(": {message}")).unwrap_or_default();
    if view.doubted {
        // What the last attempt proves is about that attempt alone.
        return format!(
            "an attempt before the last one is in doubt; the last one: {}{status}{message}",
            evidence_words(Outcome::Rejected, evidence)
        );
    }
    format!("{}{status}{message}", evidence_words(Outcome::Unknown, evidence))
}
