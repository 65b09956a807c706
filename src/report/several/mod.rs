//! Reports of several runs: their figures together, their trend, two of them side by side.
//!
//! Pure functions of finished reports, as those are of records. Figures are merged as runs come, and of
//! each run only its summary is kept, without lists of jobs: some kilobytes a run, whatever its number of jobs.
//!
//! Rules, which `docs/runs.md` tells in the same words:
//!
//! - Runs are grouped by runbook, rehearsals in the sandbox apart from real runs; nothing is added over groups.
//! - A run that is not complete stands in the trend and in no sum, and later runs are not measured against it.
//! - Counts are added and histograms merged, so a percentile is that of all answers, exactly. Throughput is attempted jobs by the sum of durations.
//! - A run that is given twice counts once; two different files of one run are refused.

mod compare;
mod compare_text;
mod csv;
mod entry;
mod gather;
mod html;
mod merged;
mod regression;
mod text;
mod trend;

pub use compare::{
    ComparedRun, Comparison, CriterionChange, CriterionDifference, Difference, ErrorDifference, InputDifference,
    SettingDifference,
};
pub use entry::Entry;
pub use gather::{Conflict, Several};
pub use merged::Merged;
pub use regression::{Regression, RegressionKind};
pub use trend::{MergedFigures, Trend, TrendGroup, TrendRun};
