//! How many jobs may be on record ahead of a free place: as many as get free while the disk makes a record durable. Pure.
//!
//! A request leaves only after its intent is durable. If a job's turn came no earlier than its place, every place would stand
//! empty for the time of one commit; next to an API that answers in less than that, half of them would. By Little's law
//! `concurrency * commit / answer` places get free during a commit, and so many intents are written ahead. Beside a slow API
//! that is none: there no intent is older than its request, and a crash leaves none behind that was not sent.

use std::time::Duration;

/// The part of a measurement in the mean: commits and answers of the last moments count, not those of a minute ago.
const PART: f64 = 1.0 / 16.0;

/// Places below which nothing is written ahead: a run that sends so few at once is not after throughput, and after a crash its
/// operator looks up as few calls as there were places.
const LEAST: usize = 32;

/// What the run has seen of disk and API, in seconds.
#[derive(Debug, Default)]
pub(super) struct Lead {
    commit: Option<f64>,
    answer: Option<f64>,
}

impl Lead {
    /// A batch became durable after this time.
    pub(super) fn committed(&mut self, took: Duration) {
        take(&mut self.commit, took);
    }

    /// A request was answered after this time.
    pub(super) fn answered(&mut self, took: Duration) {
        take(&mut self.answer, took);
    }

    /// Jobs beyond `concurrency`, at most half as many as that.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "concurrency is at most 1024, the share between 0 and 0.5"
    )]
    pub(super) fn jobs(&self, concurrency: usize) -> usize {
        let share = match (self.commit, self.answer) {
            (Some(commit), Some(answer)) if answer > 0.0 && concurrency >= LEAST => (commit / answer).min(0.5),
            _ => 0.0,
        };
        (concurrency as f64 * share) as usize
    }
}

fn take(mean: &mut Option<f64>, took: Duration) {
    let took = took.as_secs_f64();
    *mean = Some(mean.map_or(took, |mean| mean + (took - mean) * PART));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(commit_us: u64, answer_us: u64) -> Lead {
        let mut lead = Lead::default();
        lead.committed(Duration::from_micros(commit_us));
        lead.answered(Duration::from_micros(answer_us));
        lead
    }

    #[test]
    fn as_many_are_ahead_as_get_free_during_a_commit() {
        assert_eq!(Lead::default().jobs(64), 0, "nothing is known yet");
        assert_eq!(after(400, 100_000).jobs(64), 0, "an API on the other side of the sea");
        assert_eq!(after(400, 1_600).jobs(64), 16);
        assert_eq!(after(400, 100).jobs(64), 32, "never more than half as many as there are places");
        assert_eq!(after(400, 400).jobs(LEAST - 1), 0, "few places");
        assert_eq!(after(400, 0).jobs(64), 0);
    }

    #[test]
    fn it_follows_what_it_sees() {
        let mut lead = after(400, 400);
        for _ in 0..200 {
            lead.answered(Duration::from_millis(80));
        }
        assert_eq!(lead.jobs(64), 0);
    }
}
