//! Why a register of calls cannot be used.

use crate::model::RunId;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why a register of calls cannot be used. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer program has written it.
    #[error("{path} is of version {found}, and this bridgebook knows versions up to {known}: use a newer one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// It is something else.
    #[error("{0} is no register of calls")]
    Foreign(PathBuf),
    /// Its content is broken.
    #[error("{0} is damaged")]
    Damaged(PathBuf),
    /// A rebuild did not come to its end.
    #[error("the register {0} was being rebuilt, and that was cut off")]
    CutOff(PathBuf),
    /// There is none, and not all of it can be made.
    #[error("there is no {path}, and {audit}, from which it would be made, is damaged: calls would be missing")]
    Partial {
        /// The register.
        path: PathBuf,
        /// The first audit file that cannot be read to its end.
        audit: PathBuf,
    },
    /// The run was seen elsewhere, and is still there.
    #[error("the register knows run {run_id} in {dir}, which is still there: only one of two copies goes on")]
    Elsewhere {
        /// The run.
        run_id: RunId,
        /// The other directory.
        dir: PathBuf,
    },
    /// Others use it, and it must not be used now.
    #[error("{0} is in use by a run")]
    InUse(PathBuf),
    /// Others held it for too long.
    #[error("{0} is locked by somebody else for too long")]
    Busy(PathBuf),
    /// It cannot be read or written.
    #[error("{path}: {why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl StoreError {
    /// What `SQLite` says, in words of this program.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            _ => Self::Io { path, why: error.to_string() },
        }
    }

    /// The same for the file itself.
    pub(super) fn io(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), why: error.to_string() }
    }

    /// Whether making it anew from the audit files helps.
    pub fn calls_for_a_rebuild(&self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Damaged(_) | Self::CutOff(_))
    }
}
