//! Whether an audit file stands in the directory of its own run: by what the directory says, and by the digests of the copies
//! beside it.

use super::chain::sha256_of;
use super::snapshot::{SnapshotError, write_private};
use crate::event::{Event, FileDigest, Record};
use crate::model::RunId;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

/// Collects what a directory must hold, record by record.
#[derive(Debug, Default)]
pub struct DirectoryCheck {
    run_id: Option<RunId>,
    files: Vec<FileDigest>,
    profile: Option<String>,
}

impl DirectoryCheck {
    /// Takes the next record in.
    pub fn take(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted(started) => {
                self.run_id = Some(record.run_id.clone());
                self.files.clone_from(&started.inputs);
                self.profile = Some(started.profile_sha256.clone());
            }
            Event::ReconciliationFinished(closing) => self.files.extend(closing.records.clone()),
            _ => {}
        }
    }

    /// What does not fit, in words. The directory's own path must be a real one, without `.` at its end.
    pub fn findings(&self, run_dir: &Path) -> Vec<String> {
        let Some(run_id) = &self.run_id else { return Vec::new() };
        let name = || run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut findings = Vec::new();
        // A copy may have any name; a directory from before the marker is known by its name alone.
        let owner = marked(run_dir).unwrap_or_else(name);
        if owner != run_id.as_str() {
            findings.push(format!("the file is that of run {run_id}, the directory is that of {owner}"));
        }
        findings.extend(self.files.iter().filter_map(|file| differs(run_dir, &file.snapshot, &file.sha256)));
        let profile = self.profile.as_ref();
        findings.extend(profile.and_then(|sha256| differs(run_dir, "inputs/profile.yaml", sha256)));
        findings
    }
}

/// Where a directory says whose it is.
const MARKER: &str = "inputs/run.id";

/// Says in a run's directory whose it is.
pub fn mark(run_dir: &Path, run_id: &RunId) -> Result<(), SnapshotError> {
    write_private(&run_dir.join(MARKER), run_id.as_str().as_bytes())
}

/// Whose directory it is, as it says itself.
fn marked(run_dir: &Path) -> Option<String> {
    let path = run_dir.join(MARKER);
    path.symlink_metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() < 1024)?;
    std::fs::read_to_string(path).ok()
}

/// What is wrong with one copy, in words. Its name comes from the file, which may be a stranger's.
pub fn differs(run_dir: &Path, snapshot: &str, sha256: &str) -> Option<String> {
    let path = PathBuf::from(snapshot);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) || snapshot.is_empty() {
        return Some(format!("{snapshot:?} is no name of a copy in the directory"));
    }
    let path = run_dir.join(path);
    let digest = match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => return Some(format!("{snapshot} is no regular file")),
        Ok(_) => File::open(&path).and_then(sha256_of),
        Err(error) => Err(error),
    };
    match digest {
        Ok(digest) if digest == sha256 => None,
        Ok(_) => Some(format!("{snapshot} is not the copy that the run has made")),
        Err(error) => Some(format!("{snapshot}: {error}")),
    }
}
