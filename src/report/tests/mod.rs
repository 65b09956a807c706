//! Whole reports from records written by hand.

mod complete;
mod course;
mod hostile;
mod incomplete;
mod machine;
mod scale;
mod several;
mod support;
