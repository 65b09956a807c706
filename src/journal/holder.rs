//! Whether somebody is at work in a runbook's folder, and who. Reads only.

use super::lock::LockHolder;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek};
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
/// somebody has died with the lock: ask only about a run that has not ended.
pub fn holder(folder: &Path) -> Option<LockHolder> {
    let mut file = open(folder)?;
    // Who ends in an orderly way leaves no text: then there is nothing to ask the lock about.
    read(&mut file)?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    file.rewind().ok()?;
    read(&mut file)
}

/// Who was the last to take the lock and has not given it back in an orderly way; the lock itself is not touched.
pub fn left_there(folder: &Path) -> Option<LockHolder> {
    read(&mut open(folder)?)
}

fn open(folder: &Path) -> Option<File> {
    let path = folder.join(".lock");
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    File::open(path).ok()
}

fn read(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
