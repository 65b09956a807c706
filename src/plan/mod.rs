//! The saved plan: everything that decides what a run sends, by content, under one id.
//!
//! Who approves a plan approves its id. A run that is told to keep to it sends nothing when anything differs, and names
//! what. This module compares; it reads no file and expands no row.

mod basis;
mod saved;

pub use basis::{Basis, FileRole, FileSum, PayloadDigest};
pub use saved::{SavedPlan, SavedPlanError};
