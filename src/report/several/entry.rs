//! What is taken from one finished report.

use super::merged::Merged;
use crate::report::output::Report;
use crate::report::summary::Summary;
use std::time::Duration;

/// One run: its summary without the long lists, and its figures, ready to be merged.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(in crate::report) summary: Summary,
    pub(super) figures: Merged,
}

impl Report {
    /// What reports of several runs need of this one; the jobs are let go.
    pub fn into_entry(self) -> Entry {
        let Self { mut summary, run, .. } = self;
        summary.unknown.jobs = Vec::new();
        summary.reconciliation.jobs = Vec::new();
        let duration = run.last().map_or(Duration::ZERO, |last| run.duration(last));
        Entry { figures: Merged::of(&run, duration), summary }
    }
}

impl Entry {
    /// The run's summary, without its lists of jobs.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Its figures, to be merged with those of others.
    pub fn figures(&self) -> &Merged {
        &self.figures
    }
}
