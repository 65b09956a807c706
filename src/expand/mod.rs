//! Runbook -> stream of jobs: rows, templates, the profile's checks, guards.
//!
//! A million rows never sit in memory: each set is a stream that can be opened again. The first pass checks every row
//! and keeps only counts, the second feeds the dispatcher; both take the same path.

mod ahead;
mod blame;
mod census;
mod compile;
mod culprit;
mod deny_list;
mod files;
mod guards;
mod order;
mod plan_row;
mod rows;
mod stream;
mod strict_json;
mod turns;

pub use ahead::{Ahead, ahead};
pub use census::{Census, Destination, SetCensus};
pub use compile::{Expander, Selection};
pub use files::Files;
pub use stream::JobStream;
