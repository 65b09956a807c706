//! What a run depends on, and how two such things differ.

use crate::model::Job;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a file is to a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// The runbook itself.
    Runbook,
    /// A file that it includes.
    Include,
    /// A file of variables from the command line.
    Vars,
    /// The profile, when it is a file.
    Profile,
    /// Rows, or a list of numbers.
    Input,
    /// A file from the command line in the place of all rows.
    Rows,
}

impl FileRole {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Include => "included file",
            Self::Vars => "file of variables",
            Self::Profile => "profile",
            Self::Input => "input",
            Self::Rows => "file of rows",
        }
    }
}

/// A file by content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSum {
    /// What it is.
    pub role: FileRole,
    /// Its name: relative to the runbook's folder, or as on the command line for a file of variables.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// Everything that decides what a run sends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The runbook's name.
    pub runbook: String,
    /// Every file.
    pub files: Vec<FileSum>,
    /// The profile's name.
    pub profile: String,
    /// SHA-256 of the profile's text.
    pub profile_sha256: String,
    /// In front of every request path; empty where the token's answer names it.
    pub base_url: String,
    /// The token endpoint; empty where none is asked.
    pub token_url: String,
    /// Settings in effect, by name.
    pub settings: BTreeMap<String, String>,
    /// Jobs to run.
    pub jobs: u64,
    /// Rows that are left out.
    pub skipped: u64,
    /// See [`PayloadDigest`].
    pub payloads_sha256: String,
}

impl Basis {
    /// The plan's id: SHA-256 of its canonical JSON.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }

    /// Everything in which `now` is another one, each in a line.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, planned: &str, now: &str| {
            if planned != now {
                found.push(format!("{what}: planned {planned}, now {now}"));
            }
        };
        compare("runbook", &self.runbook, &now.runbook);
        compare("profile", &self.profile, &now.profile);
        compare("base URL", &self.base_url, &now.base_url);
        compare("token URL", &self.token_url, &now.token_url);
        let names = self.settings.keys().chain(now.settings.keys().filter(|name| !self.settings.contains_key(*name)));
        for name in names {
            let value =
                |settings: &BTreeMap<String, String>| settings.get(name).cloned().unwrap_or("nothing".to_owned());
            compare(&format!("setting {name}"), &value(&self.settings), &value(&now.settings));
        }
        compare("jobs", &self.jobs.to_string(), &now.jobs.to_string());
        compare("skipped rows", &self.skipped.to_string(), &now.skipped.to_string());
        let mut files = self.changed_files(&now.files);
        if self.profile_sha256 != now.profile_sha256 && !files.iter().any(|line| line.starts_with("profile ")) {
            files.push(format!("profile {}: its content has changed", self.profile));
        }
        if files.is_empty() && found.is_empty() && self.payloads_sha256 != now.payloads_sha256 {
            files.push(
                "the payloads: a variable of the command line or of the environment has another value".to_owned(),
            );
        }
        files.append(&mut found);
        files
    }

    /// Files that have another content now, that are gone, and that are new.
    pub fn changed_files(&self, now: &[FileSum]) -> Vec<String> {
        let same = |a: &FileSum, b: &FileSum| a.role == b.role && a.file == b.file;
        let mut lines = Vec::new();
        for planned in &self.files {
            let (role, file) = (planned.role.name(), &planned.file);
            match now.iter().find(|sum| same(planned, sum)) {
                None => lines.push(format!("{role} {file}: the run does not use it, or it cannot be read")),
                Some(sum) if sum.sha256 != planned.sha256 => lines.push(format!(
                    "{role} {file}: its content has changed (SHA-256 planned {}, now {})",
                    short(&planned.sha256),
                    short(&sum.sha256)
                )),
                Some(_) => {}
            }
        }
        let new = now.iter().filter(|sum| !self.files.iter().any(|planned| same(planned, sum)));
        lines.extend(new.map(|sum| format!("{} {}: the plan does not know it", sum.role.name(), sum.file)));
        lines
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// A digest of all payloads in plan order: of each job its set, key, call, path, and body, each with its length.
#[derive(Clone, Debug, Default)]
pub struct PayloadDigest(Sha256);

impl PayloadDigest {
    /// Adds a job.
    pub fn add(&mut self, job: &Job) {
        let parts = [
            job.set.as_str().as_bytes(),
            job.key.as_str().as_bytes(),
            job.call_id.as_str().as_bytes(),
            job.request.path.as_bytes(),
            &job.request.body,
        ];
        for part in parts {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// The digest in lower-case hex.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
