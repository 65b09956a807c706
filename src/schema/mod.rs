//! JSON Schema (draft 2020-12) checks whose findings read like advice.
//!
//! One slip gives one [`Problem`](crate::model::Problem): our schemas have no `oneOf`, and a missing key that stands there misspelt is not
//! reported twice. Problems carry pointers only; `load` knows the places.

mod shape;
mod translate;

pub use shape::{address, describe, strict};
pub use translate::{Checker, prune};
