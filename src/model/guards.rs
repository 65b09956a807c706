//! `guards:` of a runbook: what a run must not do, whatever its rows say.

use super::{DurationSpec, RiskyKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What becomes of a job whose call id stands in the plan already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The run is refused.
    #[default]
    Refuse,
    /// The first stays, the others are skipped.
    Skip,
    /// Each is run, one after the other in plan order.
    Allow,
}

/// What a job does that a guard does not let pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnViolation {
    /// The run is refused.
    #[default]
    Refuse,
    /// The job is skipped, with the reason.
    Skip,
}

/// A list of numbers that are never called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DenyFile {
    /// The file, relative to the runbook.
    pub file: PathBuf,
    /// The column of its header; `None`: the only one, or `number`.
    pub column: Option<String>,
    /// Older than this it is refused.
    pub max_age: Option<DurationSpec>,
    /// Where the runbook names the file.
    pub pointer: &'static str,
}

/// The guards of a runbook.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Guards {
    /// Jobs at most; `None`: no bound.
    pub max_jobs: Option<u64>,
    /// A number must begin with one of these, plus included; empty: with any.
    pub allow_prefixes: Vec<String>,
    /// A number must belong to one of these regions; empty: to any.
    pub allow_regions: Vec<String>,
    /// No number may begin with one of these.
    pub deny_prefixes: Vec<String>,
    /// Numbers that are never called.
    pub deny_numbers: Option<DenyFile>,
    /// Risky kinds that may be called.
    pub allow: Vec<RiskyKind>,
    /// What becomes of a call that stands in the plan already.
    pub duplicates: Duplicates,
    /// Jobs at most by prefix of their numbers; the longest prefix counts.
    pub max_per_prefix: Vec<(String, u64)>,
    /// What becomes of a job that a guard does not let pass.
    pub on_violation: OnViolation,
    /// A call that is bridged, in flight or unknown within this time is not sent again; `None`: other runs do not count.
    pub once_per: Option<DurationSpec>,
    /// Where the register of calls stands, relative to the runbook; `None`: in the output directory.
    pub once_store: Option<PathBuf>,
}
