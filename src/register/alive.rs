//! Whether a run goes on: it holds a lock in its directory, and the kernel drops that with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file in a run's directory. It stays: a lock on a file that may go away keeps nobody out.
const NAME: &str = ".running";

/// A run's sign of life; dropping it ends that.
#[derive(Debug)]
pub(super) struct Alive {
    _file: File,
}

impl Alive {
    /// Takes it. Waits for those who look at the run just now: they are quick.
    pub(super) fn hold(run_dir: &Path) -> io::Result<Self> {
        let file = open(run_dir)?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// That a run is dead. As long as this is kept nobody resumes it.
#[derive(Debug)]
pub(super) struct Dead {
    _file: Option<File>,
}

/// Looks at a run; `None`: it goes on, or nobody can tell.
pub(super) fn dead(run_dir: &Path) -> Option<Dead> {
    let file = match open(run_dir) {
        // Where the directory is gone nobody can go on with the run.
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(Dead { _file: None }),
        opened => opened.ok()?,
    };
    match file.try_lock_shared() {
        Ok(()) => Some(Dead { _file: Some(file) }),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

/// An archived directory may take no new file; what is there can be locked all the same.
fn open(run_dir: &Path) -> io::Result<File> {
    let path = run_dir.join(NAME);
    match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)
        }
        opened => opened,
    }
}
