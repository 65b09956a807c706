//! One run at a time for a runbook and an output directory.
//!
//! The kernel holds the lock (`flock`) and drops it with the process, however that ends; the file's text only says who
//! holds it. On network file systems `flock` may be local to the machine: keep output directories on a local disk.

use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Who holds a lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Holder {
    run_id: String,
    host: String,
    pid: u32,
    since: String,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run holds {path}{holder}")]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who, as far as it says.
        holder: String,
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
    _file: File,
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
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                let holder = serde_json::from_str::<Holder>(&text).map_or_else(
                    |_| String::new(),
                    |holder| {
                        format!(
                            ": run {}, process {} on {}, since {}",
                            holder.run_id, holder.pid, holder.host, holder.since
                        )
                    },
                );
                return Err(LockError::Held { path, holder });
            }
        }
        // A lock on a file that was deleted or replaced meanwhile keeps nobody out.
        let same = |metadata: std::fs::Metadata| Ok((metadata.dev(), metadata.ino()));
        if file.metadata().and_then(same).map_err(io)? != path.metadata().and_then(same).map_err(io)? {
            return Err(io(std::io::Error::other("the lock file was replaced")));
        }
        let holder = Holder {
            run_id: run_id.to_owned(),
            host: host.to_owned(),
            pid: std::process::id(),
            since: since.to_owned(),
        };
        let text = serde_json::to_vec(&holder).map_err(|error| io(error.into()))?;
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text)).map_err(io)?;
        Ok(Self { _file: file })
    }
}
