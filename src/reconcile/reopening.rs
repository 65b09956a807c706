//! From a run that was cut off, stopped or interrupted to the lines with which it goes on, each applied to its state.
//!
//! What may have had an effect ends `unknown` before anything else happens; only somebody's word sends it again.

use super::OpenJobs;
use super::closing::{Lines, crashes};
use crate::event::{Event, Happened, JobNotAttempted, JobReopened, RunResumed};
use crate::model::Timestamp;
use crate::state::{JobState, RunState, StateError};

/// How many jobs of a run may have had an effect that nobody knows of, and how many may yet be sent.
pub fn left(run: &RunState) -> (u64, u64) {
    let count = |state| run.total().count(state);
    let open = count(JobState::InFlight) + count(JobState::InFlightDoubtful) + count(JobState::Doubtful);
    (open, count(JobState::Pending) + count(JobState::NotAttempted))
}

/// The lines. `resend`: unknown jobs are sent again.
pub fn reopen_run(
    run: &mut RunState,
    open: &OpenJobs,
    resumed: RunResumed,
    resend: bool,
    at: Timestamp,
) -> Result<Vec<Happened>, StateError> {
    let mut lines = Lines::at(at);
    lines.add(run, Event::RunResumed(Box::new(resumed)))?;
    for crash in crashes(run, open) {
        lines.add(run, crash)?;
    }
    // Their idempotency keys may be forgotten by now.
    let doubtful: Vec<_> =
        open.unknown(run).filter(|job| run.job(job.job) == Some(JobState::Doubtful)).cloned().collect();
    for job in doubtful {
        let (key, call_id) = (Some(job.key), Some(job.call_id));
        lines.add(
            run,
            Event::JobNotAttempted(JobNotAttempted {
                job: job.job,
                set: job.set,
                key,
                call_id,
                attempts: job.attempts,
            }),
        )?;
    }
    if resend {
        let unknown: Vec<_> = open.unknown(run).cloned().collect();
        for job in unknown {
            let reopened = JobReopened { job: job.job, set: job.set, key: job.key, call_id: job.call_id };
            lines.add(run, Event::JobReopened(reopened))?;
        }
    }
    Ok(lines.into_inner())
}
