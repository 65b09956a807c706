//! The file: an `SQLite` database, private, with a version of its own.
//!
//! Write-ahead logging with `synchronous=FULL`: a transaction that was answered survives a power cut. Several processes use
//! it at once; `SQLite` puts their transactions in order, and each waits for its turn for a while. Local disks only: its locks
//! are no better than those of the file system.

use super::error::StoreError;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a transaction waits for its turn: others take milliseconds each.
const TURN: Duration = Duration::from_secs(10);
/// `PRAGMA application_id`: four letters of this program. Tells this database from others.
const APPLICATION: i64 = 0x4242_6f6b;
/// `PRAGMA user_version`. 1: the first.
pub(super) const VERSION: i64 = 1;

/// One row a call and job. `outcome` null: claimed. The partial index holds what a repair looks for.
const TABLES: &str = "
    CREATE TABLE apis (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE runs (id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, runbook TEXT NOT NULL, dir TEXT NOT NULL) STRICT;
    CREATE TABLE calls (
        api INTEGER NOT NULL REFERENCES apis, call_id TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs,
        set_name TEXT NOT NULL, job_key TEXT NOT NULL,
        outcome TEXT CHECK (outcome IN ('succeeded', 'accepted', 'unknown')), at TEXT NOT NULL,
        PRIMARY KEY (api, call_id, run, set_name, job_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX open_calls ON calls (run) WHERE outcome IS NULL OR outcome = 'unknown';
";

/// An open register.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: PathBuf,
    pub(super) database: Connection,
}

/// A file beside the register.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What a rebuild writes, until it takes the register's place: while it is there the register is not to be trusted.
pub(super) fn being_rebuilt(path: &Path) -> PathBuf {
    beside(path, ".rebuild")
}

impl Store {
    /// Makes a new one, in the place of what a cut off attempt has left.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        for end in ["", "-wal", "-shm", "-journal"] {
            match std::fs::remove_file(beside(path, end)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::io(path, error)),
                _ => {}
            }
        }
        // SQLite gives its files beside this one the same permissions.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        drop(file.map_err(|error| StoreError::io(path, error))?);
        let store = Self::connect(path)?;
        let tables =
            format!("PRAGMA application_id = {APPLICATION}; BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
        store.database.execute_batch(&tables).map_err(|error| StoreError::of(path, &error))?;
        Ok(store)
    }

    /// Opens one that is there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        check_file(path)?;
        let store = Self::connect(path)?;
        check_kind(path, &store.database)?;
        Ok(store)
    }

    fn connect(path: &Path) -> Result<Self, StoreError> {
        let failed = |error: rusqlite::Error| StoreError::of(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags).map_err(failed)?;
        database.busy_timeout(TURN).map_err(failed)?;
        database.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        database.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let read_only = database.is_readonly("main").map_err(failed)?;
        if read_only {
            return Err(StoreError::io(path, "it cannot be written"));
        }
        Ok(Self { path: path.to_owned(), database })
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, error)
    }

    /// The number of an API, noted if need be. Within a transaction.
    pub(super) fn api(database: &Connection, name: &str) -> rusqlite::Result<i64> {
        database.execute("INSERT INTO apis (name) VALUES (?1) ON CONFLICT DO NOTHING", [name])?;
        database.query_row("SELECT id FROM apis WHERE name = ?1", [name], |row| row.get(0))
    }

    /// The number of a run, noted if need be. Within a transaction.
    pub(super) fn run(database: &Connection, run_id: &str, runbook: &str, dir: &Path) -> rusqlite::Result<i64> {
        let insert = "INSERT INTO runs (run_id, runbook, dir) VALUES (?1, ?2, ?3) \
                      ON CONFLICT (run_id) DO UPDATE SET dir = excluded.dir";
        database.execute(insert, params![run_id, runbook, dir.to_string_lossy()])?;
        database.query_row("SELECT id FROM runs WHERE run_id = ?1", [run_id], |row| row.get(0))
    }

    /// The directory of a run that may not be known.
    pub(super) fn dir_of(database: &Connection, run_id: &str) -> rusqlite::Result<Option<PathBuf>> {
        let select = "SELECT dir FROM runs WHERE run_id = ?1";
        database.query_row(select, [run_id], |row| row.get::<_, String>(0)).optional().map(|dir| dir.map(PathBuf::from))
    }

    /// The number of a run that may not be known.
    pub(super) fn known_run(database: &Connection, run_id: &str) -> rusqlite::Result<Option<i64>> {
        database.query_row("SELECT id FROM runs WHERE run_id = ?1", [run_id], |row| row.get(0)).optional()
    }
}

/// Refuses what is no file of its own, and a register that a rebuild was cut off from.
pub(super) fn check_file(path: &Path) -> Result<(), StoreError> {
    let metadata = path.symlink_metadata().map_err(|error| StoreError::io(path, error))?;
    if !metadata.is_file() {
        return Err(StoreError::io(path, "not a regular file"));
    }
    if being_rebuilt(path).symlink_metadata().is_ok() {
        return Err(StoreError::CutOff(path.to_owned()));
    }
    Ok(())
}

/// Refuses other databases, and versions that are not known.
pub(super) fn check_kind(path: &Path, database: &Connection) -> Result<(), StoreError> {
    let pragma = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    if pragma("application_id").map_err(failed)? != APPLICATION {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    match pragma("user_version").map_err(failed)? {
        VERSION => Ok(()),
        found if found > VERSION => Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION }),
        _ => Err(StoreError::Foreign(path.to_owned())),
    }
}

/// A register in use: a rebuild must not take its place.
#[derive(Debug)]
pub(super) struct InUse {
    _file: File,
}

impl InUse {
    /// Shared by all users; waits for a rebuild.
    pub(super) fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = Self::file(path)?;
        file.lock_shared().map_err(|error| StoreError::io(path, error))?;
        Ok(Self { _file: file })
    }

    /// For one alone; `None`: somebody uses it.
    pub(super) fn alone(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = Self::file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(StoreError::io(path, error)),
        }
    }

    fn file(path: &Path) -> Result<File, StoreError> {
        let lock = beside(path, ".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&lock).map_err(|error| StoreError::io(&lock, error))
    }
}
