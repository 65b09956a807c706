//! Whether somebody is at work in a runbook's folder, and who. Reads only.

use super::lock::LockHolder;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;

/// Longest text of a lock file that is looked at.
const MAX_TEXT: u64 = 64 * 1024;

impl LockHolder {
    /// Whether it is at work on this run: `resume` or `reconcile` may stand in front of it.
    pub fn is_of(&self, run_id: &str) -> bool {
        self.run_id.rsplit(' ').next() == Some(run_id)
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
