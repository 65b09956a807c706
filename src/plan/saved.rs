//! The file that a plan is saved in.

use super::basis::Basis;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the file's format.
const VERSION: u32 = 1;

/// Why a text is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// Not the JSON of a saved plan.
    #[error("it is not a saved plan: {0}")]
    Shape(#[from] serde_json::Error),
    /// Of a later version of the tool.
    #[error("it has plan_version {0}; this tool reads {VERSION}")]
    Version(u32),
    /// Changed after it was saved.
    #[error("its content does not have the id that it says: it was changed after it was saved")]
    Changed,
}

/// A plan as it is saved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    plan_version: u32,
    /// SHA-256 of `basis` as compact JSON: what an approval should name.
    plan_id: String,
    created: Timestamp,
    tool: String,
    basis: Basis,
}

impl SavedPlan {
    /// Wraps what a plan depends on.
    pub fn new(basis: Basis, created: Timestamp, tool: &str) -> Self {
        Self { plan_version: VERSION, plan_id: basis.id(), created, tool: tool.to_owned(), basis }
    }

    /// Reads the text of a saved plan.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let plan: Self = serde_json::from_str(text)?;
        if plan.plan_version != VERSION {
            return Err(SavedPlanError::Version(plan.plan_version));
        }
        if plan.basis.id() == plan.plan_id { Ok(plan) } else { Err(SavedPlanError::Changed) }
    }

    /// The plan's id.
    pub fn id(&self) -> &str {
        &self.plan_id
    }

    /// What it depends on.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }
}
