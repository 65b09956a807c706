//! The time of a run that the charts show: without the time in which no process was at work on it.

use crate::model::Timestamp;
use std::time::Duration;

/// Times without a process that are cut out. A run is resumed a few times; a forged file may say more.
const MAX_GAPS: usize = 1_000;

/// When the run began, and what is cut out since.
#[derive(Debug, Default)]
pub(in crate::report) struct Clock {
    began: Option<Timestamp>,
    /// The moments at which a process went on, each with all the time cut out until then.
    gaps: Vec<(Timestamp, Duration)>,
}

impl Clock {
    /// The run began.
    pub(in crate::report) fn begin(&mut self, at: Timestamp) {
        self.began = Some(at);
    }

    /// A process went on at a moment; the one before it had said its last word at another.
    pub(in crate::report) fn resume(&mut self, at: Timestamp, before: Timestamp) {
        if self.gaps.len() < MAX_GAPS {
            let until_now = self.gaps.last().map(|(_, idle)| *idle).unwrap_or_default();
            self.gaps.push((at, until_now.saturating_add(at.since(before))));
        }
    }

    /// The run's time from its beginning to a moment.
    pub(in crate::report) fn at(&self, at: Timestamp) -> Duration {
        let Some(began) = self.began else { return Duration::ZERO };
        let passed = self.gaps.partition_point(|(resumed, _)| *resumed <= at);
        let idle = passed.checked_sub(1).and_then(|last| self.gaps.get(last)).map(|(_, idle)| *idle);
        at.since(began).saturating_sub(idle.unwrap_or_default())
    }

    /// The same in milliseconds.
    pub(in crate::report) fn millis(&self, at: Timestamp) -> u64 {
        u64::try_from(self.at(at).as_millis()).unwrap_or(u64::MAX)
    }
}
