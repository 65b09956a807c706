//! A look at the register that changes nothing and makes no file: for plans.

use super::api::Api;
use super::calls::Asker;
use super::error::StoreError;
use super::store::{beside, check_file, check_kind};
use crate::model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No run has this number.
const NOBODY: i64 = -1;

/// A register that is only looked at.
#[derive(Debug)]
pub struct Glance {
    path: PathBuf,
    database: Connection,
    /// `None`: no run has asked this API.
    asker: Option<Asker>,
}

impl Glance {
    /// Opens a register; `None`: there is none.
    pub fn open(path: &Path, api: &Api, window: Duration) -> Result<Option<Self>, StoreError> {
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        check_file(path)?;
        let failed = |error: rusqlite::Error| StoreError::of(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        // Without a log beside it nobody writes, and SQLite need not make the files that it shares with writers.
        let in_use = beside(path, "-wal").exists();
        let database = Connection::open_with_flags(uri(path, !in_use), flags).map_err(failed)?;
        check_kind(path, &database)?;
        let known = "SELECT id FROM apis WHERE name = ?1";
        let api = database.query_row(known, [api.as_str()], |row| row.get(0)).optional().map_err(failed)?;
        let asker = api.map(|api| Asker { api, run: NOBODY, window });
        Ok(Some(Self { path: path.to_owned(), database, asker }))
    }

    /// Whether a call would be skipped now.
    pub fn is_taken(&self, call_id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some(asker) = self.asker else { return Ok(false) };
        asker.is_taken(&self.database, call_id, now).map_err(|error| StoreError::of(&self.path, &error))
    }
}

/// `SQLite`'s name for a file: percent-encoded, so that no character of a path means anything else.
fn uri(path: &Path, immutable: bool) -> String {
    use std::os::unix::ffi::OsStrExt;
    const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    let path = percent_encode(path.as_os_str().as_bytes(), PATH).to_string();
    format!("file:{path}{}", if immutable { "?immutable=1" } else { "" })
}
