//! What a run's events add up to: one transition table and one fold, shared by dispatcher, verify and reports.

mod criteria;
mod effect;
mod histograms;
mod job;
mod run;
mod tally;
mod waves;

pub use criteria::{broken, judge, judge_wave, lost};
pub use job::{IllegalStep, JobState, Step};
pub use run::{Imbalance, RunState, StateError};
pub use tally::Tally;
