//! The figures of any number of runs together.

use crate::model::SetName;
use crate::report::figures::figures;
use crate::report::summary::Figures;
use crate::state::{RunState, Tally};
use std::collections::BTreeMap;
use std::time::Duration;

/// Figures of several runs. Merging is associative and commutative, the default is its neutral element, and nothing is lost:
/// what comes out is what one fold over the records of all runs would have counted.
#[derive(Clone, Debug)]
pub struct Merged {
    runs: u64,
    total: Tally,
    sets: BTreeMap<SetName, Tally>,
    duration: Duration,
}

impl Default for Merged {
    fn default() -> Self {
        Self { runs: 0, total: Tally::new(0), sets: BTreeMap::new(), duration: Duration::ZERO }
    }
}

impl Merged {
    /// One run, which took this long.
    pub fn of(run: &RunState, duration: Duration) -> Self {
        let sets = run.by_set().map(|(set, tally)| (set.clone(), tally.clone())).collect();
        Self { runs: 1, total: run.total().clone(), sets, duration }
    }

    /// Both together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.runs += other.runs;
        self.total.add(&other.total);
        for (set, tally) in other.sets {
            self.sets.entry(set).or_insert_with(|| Tally::new(0)).add(&tally);
        }
        self.duration += other.duration;
        self
    }

    /// How many runs.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The time that the runs took, one after the other.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The figures of all jobs of all runs.
    pub fn total(&self) -> Figures {
        figures(None, &self.total, self.duration)
    }

    /// Those of each set, by name: sets of one name are one set.
    pub fn sets(&self) -> Vec<Figures> {
        self.sets.iter().map(|(set, tally)| figures(Some(set), tally, self.duration)).collect()
    }
}

impl FromIterator<Merged> for Merged {
    fn from_iter<I: IntoIterator<Item = Merged>>(runs: I) -> Self {
        runs.into_iter().fold(Self::default(), Self::merge)
    }
}
