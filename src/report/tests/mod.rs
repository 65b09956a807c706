//! Whole reports from records written by hand.

mod complete;
mod hostile;
mod incomplete;
mod scale;
mod several;
mod support;
