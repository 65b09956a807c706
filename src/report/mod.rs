//! What a run's audit file says, for people and for machines: the summary, the tables, the page, the terminal lines.
//!
//! A report is a pure function of the records and of what their reader knows beyond them ([`Evidence`]): no clock, no
//! hash order, no environment. So the files written at the end of a run and those made again later from the audit
//! file alone are equal byte for byte. Rows follow the plan, never the order in which answers came.
//!
//! This module writes no report itself, opens none of the run's files, and knows nothing of execution. It does not judge: criteria and verdict
//! are those of `run_finished`, or of the last `reconciliation_finished`. What it adds is the question whether the file is
//! whole; a file that is not gives a report that says INCOMPLETE before anything else.
//!
//! ```text
//! records -> ReportBuilder (RunState + the place of one row a job) -> Report -> summary.json   \
//!                                                                       -> summary.csv     > one small file each
//!                                                                       -> results.csv    /
//!                                                                       -> report.html  (html/, charts/)
//!                                                                       -> junit.xml, summary.md, metrics.prom
//!                                                                       -> text()       (the terminal)
//! ```
//!
//! Finished reports of several runs make a trend or a comparison (`several/`), by the same rules.
//!
//! Memory: a few bytes a job (see `jobs.rs`), whatever the number of attempts and the length of the names; the rest is in a
//! temporary file without a name. The page and the summary are bounded: lists are cut, say how much they leave out, and results.csv has it all.

mod builder;
mod cell;
mod charts;
mod course;
mod errors;
mod figures;
mod html;
mod jobs;
mod junit;
mod left;
mod listing;
mod markdown;
mod number;
mod output;
mod prometheus;
mod reconciliation;
mod remedies;
mod results_csv;
mod resumption;
mod row;
mod several;
mod skips;
mod slowest;
mod spill;
mod summarise;
mod summary;
mod summary_csv;
mod table;
mod text;
mod unknown;
mod xml;

#[cfg(test)]
mod tests;

pub use builder::ReportBuilder;
pub use course::{RunEvent, RunEventKind};
pub use left::{InputColumns, Left, LeftJob, LeftWriter};
pub use listing::{ListedRun, ListedState, RunGlance, RunList};
pub use number::span;
pub use output::{Evidence, Report, ReportFile};
pub use several::{
    ComparedRun, Comparison, Conflict, CriterionChange, CriterionDifference, Difference, Entry, ErrorDifference,
    InputDifference, Merged, MergedFigures, Regression, RegressionKind, SettingDifference, Several, Trend, TrendGroup,
    TrendRun,
};
pub use skips::SkipGroup;
pub use slowest::SlowJob;
pub use summary::{
    AuditSummary, CriterionSummary, ErrorGroup, Figures, InputSummary, LatencyFigures, OperatorSummary, ProfileSummary,
    QueueFigures, ReconciledJob, ReconciliationSummary, ResumptionSummary, StopSummary, Summary, TokenSummary,
    UnknownJob, UnknownSummary, WarningGroup, WaveSummary,
};
pub use table::Table;
