//! One run at a time for a runbook and an output directory.
//!
//! The kernel holds the lock (`flock`) and drops it with the process, however that ends; the file's text only says who
//! holds it. On network file systems `flock` may be local to the machine: keep output directories on a local disk.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest text that is taken for one of ours.
const MAX_TEXT: u64 = 64 * 1024;

/// Who holds a lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its run, or what else it does.
    pub run_id: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Since when, RFC 3339.
    pub since: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run_id, host, pid, since } = self;
        write!(f, "run {run_id}, process {pid} on {host}, since {since}")
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run holds {path}{}", holder.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who, as far as it says.
        holder: Option<LockHolder>,
    },
    /// The lock file cannot be made.
    #[error("{path} cannot be locked: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    holder: LockHolder,
    left_by: Option<LockHolder>,
}

impl RunLock {
    /// Takes the lock of a runbook's folder, or says who has it.
    pub fn take(folder: &Path, run_id: &str, host: &str, since: &str) -> Result<Self, LockError> {
        let path = folder.join(".lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        // Its text is written over: what somebody has put there in its place must not be.
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io(std::io::Error::other("not a regular file")));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(io(source)),
            Err(TryLockError::WouldBlock) => {
                let holder = read(&mut file);
                return Err(LockError::Held { path, holder });
            }
        }
        // A lock on a file that was deleted or replaced meanwhile keeps nobody out.
        let same = |metadata: std::fs::Metadata| Ok((metadata.dev(), metadata.ino()));
        if file.metadata().and_then(same).map_err(io)? != path.metadata().and_then(same).map_err(io)? {
            return Err(io(std::io::Error::other("the lock file was replaced")));
        }
        // Who ends in an orderly way leaves nothing here.
        let left_by = read(&mut file);
        let holder = LockHolder {
            run_id: run_id.to_owned(),
            host: host.to_owned(),
            pid: std::process::id(),
            since: since.to_owned(),
        };
        let text = serde_json::to_vec(&holder).map_err(|error| io(error.into()))?;
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text)).map_err(io)?;
        Ok(Self { file, holder, left_by })
    }

    /// Who holds it: this process.
    pub fn holder(&self) -> &LockHolder {
        &self.holder
    }

    /// The holder before, when it died with the lock.
    pub fn left_by(&self) -> Option<&LockHolder> {
        self.left_by.as_ref()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The kernel gives the lock back in any case; a text that stays only says that its writer died.
        let _ = self.file.set_len(0);
    }
}

fn read(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
