//! The first line: who runs what, from which inputs, with which settings.

use crate::model::{NumberPrivacy, SetName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file and its digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileDigest {
    /// The file as the runbook or the operator named it.
    pub file: String,
    /// Its copy in the run directory.
    pub snapshot: String,
    /// SHA-256 of its bytes.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A setting in effect, and where it came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its name: `concurrency`, `retry.max_attempts`, ...
    pub name: String,
    /// Its value, as it would be written.
    pub value: String,
    /// Which layer won.
    pub source: SettingSource,
}

/// Where a setting came from. A flag beats the environment, the environment the runbook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// The tool's default.
    Default,
    /// The runbook.
    Runbook,
    /// A `BRIDGEBOOK_*` environment variable.
    Environment,
    /// The command line.
    Flag,
}

/// A set and the rows that the plan counted in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetPlan {
    /// Its name.
    pub name: SetName,
    /// Its rows, skipped ones included.
    pub jobs: u64,
}

/// Who started the run, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Operator {
    /// The account that the process runs as.
    pub user: String,
    /// The account that called `sudo`, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
}

/// See [`super::Event::RunStarted`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// The runbook's name.
    pub runbook: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The runbook's text and every input file.
    pub inputs: Vec<FileDigest>,
    /// The profile's name.
    pub profile: String,
    /// SHA-256 of the profile's text.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub profile_sha256: String,
    /// Name and version of the tool.
    pub tool: String,
    /// Who, where.
    pub operator: Operator,
    /// The run's own directory. Absent in files of before this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_dir: Option<String>,
    /// What tells one start of the machine from the next, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The working directory: names of inputs are relative to it. Absent in files of before this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// True when the built-in simulator answers, not a real API.
    pub sandbox: bool,
    /// In front of every request path; absent where it comes with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The token endpoint; absent where none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// Settings in effect.
    pub settings: Vec<Setting>,
    /// The id of the saved plan that the run keeps to, if it was told to keep to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plan_id: Option<String>,
    /// The register of calls that `guards.once_per` asks; absent where it asks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once_store: Option<String>,
    /// How numbers are written in this file.
    pub numbers: NumberPrivacy,
    /// Which key its pseudonyms are made with; with `keyed` only. Runs of the same id can be joined: the same number has the
    /// same pseudonym in all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{8}$"))]
    pub number_key_id: Option<String>,
    /// Jobs of the whole plan: every later state sums up to this.
    pub jobs: u64,
    /// The sets in order.
    pub sets: Vec<SetPlan>,
    /// The success criteria.
    pub criteria: Vec<String>,
}
