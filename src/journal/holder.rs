//! Whether somebody is at work in a runbook's folder, and who. Reads only.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;

/// Longest text of a lock file that is looked at.
const MAX_TEXT: u64 = 64 * 1024;

/// Who holds the lock of a folder, as the lock file says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockHolder {
    /// The run; in front of it `resume` or `reconcile`, where it is that.
    pub run_id: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Since when.
    pub since: String,
}

impl LockHolder {
    /// Whether it is at work on this run.
    pub fn is_of(&self, run_id: &str) -> bool {
        self.run_id.rsplit(' ').next() == Some(run_id)
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run_id, host, pid, since } = self;
        write!(f, "run {run_id}, process {pid} on {host}, since {since}")
    }
}

/// Who holds the lock of a runbook's folder; `None`: nobody, or it cannot be told. For a moment a shared lock is held where
/// nobody has any: ask only about a run that has not ended.
pub fn holder(folder: &Path) -> Option<LockHolder> {
    let path = folder.join(".lock");
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    let mut text = String::new();
    file.by_ref().take(MAX_TEXT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
