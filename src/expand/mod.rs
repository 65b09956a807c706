//! Runbook -> stream of jobs: rows, templates, the profile's checks, guards.
//!
//! A million rows never sit in memory: each set is a stream that can be opened again. The first pass checks every row
//! and keeps only counts, the second feeds the dispatcher; both take the same path.

mod again;
mod ahead;
mod blame;
mod census;
mod compile;
mod culprit;
mod deny_list;
mod files;
mod guards;
mod link_again;
mod order;
mod plan_row;
mod rows;
mod source_rows;
mod stream;
mod strict_json;
mod turns;

pub use again::sets_again;
pub use ahead::{Ahead, ahead, make_way};
pub use census::{Census, Destination, SetCensus};
pub use compile::{Expander, Selection};
pub use files::Files;
pub use source_rows::SourceRows;
pub use stream::JobStream;
