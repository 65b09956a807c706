//! The waves of a run: which of them a job belongs to, and what has become of the jobs of each.

use crate::event::WaveCounts;
use crate::model::JobNumber;
use crate::state::{JobState, Tally};
use std::collections::HashMap;

/// The waves that have begun; the last one takes what happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Waves {
    tallies: Vec<Tally>,
    /// No wave meets further rows: the last one is over, or the run is stopping.
    rest: bool,
    /// The last one has been judged.
    is_over: bool,
    /// The wave of each unknown.
    of_unknown: HashMap<JobNumber, usize>,
}

impl Waves {
    /// Another one begins. What was reopened when the one before was over is sent in this one.
    pub(super) fn begin(&mut self) {
        let mut wave = Tally::new(0);
        if let Some(last) = self.tallies.last_mut() {
            last.hand_over(JobState::Doubtful, &mut wave);
        }
        self.tallies.push(wave);
        (self.rest, self.is_over) = (false, false);
    }

    /// The last one has been judged.
    pub(super) fn finish(&mut self) {
        (self.rest, self.is_over) = (true, true);
    }

    /// The run is stopping.
    pub(super) fn stop(&mut self) {
        self.rest = true;
    }

    /// The run goes on: what the last one had left out may be sent after all.
    pub(super) fn resume(&mut self) {
        self.rest = self.is_over;
        self.tallies.iter_mut().for_each(Tally::resume);
    }

    /// Whether no wave meets further rows.
    pub(super) fn rest(&self) -> bool {
        self.rest
    }

    /// Whether the last one has been judged.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// A job that has not been met before belongs to the wave that meets it.
    pub(super) fn join(&mut self, is_new: bool) {
        if let Some(wave) = self.tallies.last_mut().filter(|_| is_new) {
            wave.jobs += 1;
        }
    }

    /// What happens to a job happens in the wave that goes on; an unknown stays in the wave in which it became so, until it is
    /// sent again.
    pub(super) fn move_job(&mut self, job: JobNumber, before: JobState, after: JobState) {
        let Some(last) = self.tallies.len().checked_sub(1) else { return };
        let wave = if before == JobState::Unknown { self.of_unknown.remove(&job) } else { Some(last) };
        let Some(wave) = wave else { return };
        if after == JobState::Doubtful && wave != last {
            let own = &mut self.tallies[wave];
            own.move_job(before, JobState::Pending);
            own.jobs = own.jobs.saturating_sub(1);
            self.tallies[last].jobs += 1;
            self.tallies[last].move_job(JobState::Pending, after);
            return;
        }
        self.tallies[wave].move_job(before, after);
        if after == JobState::Unknown {
            self.of_unknown.insert(job, wave);
        }
    }

    /// What is left of the last one when a run was cut off: it was begun, and waited for another attempt.
    pub(super) fn give_up(&mut self) {
        if let Some(wave) = self.tallies.last_mut() {
            for _ in 0..wave.count(JobState::Pending) {
                wave.move_job(JobState::Pending, JobState::NotAttempted);
            }
        }
    }

    /// The figures of the last one.
    pub(super) fn last(&self) -> Option<&Tally> {
        self.tallies.last()
    }

    /// The same, to be counted in.
    pub(super) fn last_mut(&mut self) -> Option<&mut Tally> {
        self.tallies.last_mut()
    }

    /// Counts of each.
    pub(super) fn counts(&self) -> Vec<WaveCounts> {
        (1..).zip(&self.tallies).map(|(wave, tally)| WaveCounts { wave, counts: tally.counts() }).collect()
    }
}
