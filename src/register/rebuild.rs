//! A register made from audit files: on demand, and when the first run with `once_per` finds none.

use super::calls::put;
use super::error::StoreError;
use super::past::{self, Told};
use super::store::{InUse, Store, being_rebuilt, beside, check_file};
use rusqlite::{Transaction, TransactionBehavior};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Waits for others who make the register just now.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// How often: five seconds, then the register is gone from under a run that still uses it.
const PAUSES: u32 = 100;

/// What a register was made from.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Audit files that were read.
    pub runs: u64,
    /// Calls that must not be sent again, whatever their age: each once for each job.
    pub calls: u64,
    /// Audit files that cannot be read to their end, and why. Calls behind that are not in the register.
    pub damaged: Vec<(PathBuf, String)>,
    /// Whether the register was put in its place: one with calls missing only where that was wanted.
    pub made: bool,
}

/// Makes the register anew from all audit files below these output directories. Runs that use it must be over. Damaged audit
/// files leave it as it is, unless a `partial` one is wanted.
pub fn rebuild(path: &Path, outs: &[PathBuf], partial: bool) -> Result<Rebuilt, StoreError> {
    let Some(_alone) = InUse::alone(path)? else { return Err(StoreError::InUse(path.to_owned())) };
    if let Ok(metadata) = path.symlink_metadata()
        && !metadata.is_file()
    {
        return Err(StoreError::io(path, "not a regular file"));
    }
    make(path, outs, partial)
}

/// Opens a register; the first to find none makes it.
pub(super) fn open_or_make(path: &Path, out: &Path) -> Result<(InUse, Store), StoreError> {
    for _ in 0..PAUSES {
        let in_use = InUse::shared(path)?;
        if path.symlink_metadata().is_ok() {
            return Ok((in_use, Store::open(path)?));
        }
        drop(in_use);
        if let Some(_alone) = InUse::alone(path)? {
            if path.symlink_metadata().is_err() {
                let made = make(path, &[out.to_owned()], false)?;
                if let Some((audit, _)) = made.damaged.first() {
                    return Err(StoreError::Partial { path: path.to_owned(), audit: audit.clone() });
                }
                tracing::info!(path = %path.display(), runs = made.runs, calls = made.calls, "made the register of calls");
            }
        } else {
            std::thread::sleep(PAUSE);
        }
    }
    Err(StoreError::InUse(path.to_owned()))
}

/// Writes beside the register and puts it in its place when it is whole. The caller is alone.
fn make(path: &Path, outs: &[PathBuf], partial: bool) -> Result<Rebuilt, StoreError> {
    let failed = |error: std::io::Error| StoreError::io(path, error);
    let draft = beside(path, ".new");
    let mut store = Store::create(&draft)?;
    let mut rebuilt = fill(&mut store, outs)?;
    if !rebuilt.damaged.is_empty() && !partial {
        drop(store);
        // A draft is in nobody's way.
        let _ = std::fs::remove_file(&draft);
        return Ok(rebuilt);
    }
    let Store { database, .. } = store;
    database
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|error| StoreError::of(&draft, &error))?;
    database.close().map_err(|(_, error)| StoreError::of(&draft, &error))?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(failed)?;
    // An old write-ahead log must not meet the new register; between these steps nobody may open it.
    let whole = being_rebuilt(path);
    std::fs::rename(&draft, &whole).map_err(failed)?;
    sync_folder(path).map_err(failed)?;
    for end in ["-wal", "-shm", "-journal"] {
        match std::fs::remove_file(beside(path, end)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    std::fs::rename(&whole, path).map_err(failed)?;
    sync_folder(path).map_err(failed)?;
    check_file(path)?;
    rebuilt.made = true;
    Ok(rebuilt)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn fill(store: &mut Store, outs: &[PathBuf]) -> Result<Rebuilt, StoreError> {
    let Store { path, database } = store;
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    let mut rebuilt = Rebuilt::default();
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    for audit in outs.iter().flat_map(|out| audits(out)) {
        match add(&transaction, &audit).map_err(failed)? {
            Ok(false) => {}
            Ok(true) => rebuilt.runs += 1,
            Err(why) => rebuilt.damaged.push((audit, why)),
        }
    }
    let count = transaction.query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, i64>(0)).map_err(failed)?;
    rebuilt.calls = count.unsigned_abs();
    transaction.commit().map_err(failed)?;
    Ok(rebuilt)
}

/// Adds a run; true when it counts. The inner error says why its audit file is not read to the end.
fn add(transaction: &Transaction<'_>, audit: &Path) -> rusqlite::Result<Result<bool, String>> {
    let dir = audit.parent().unwrap_or(Path::new("."));
    let mut numbers = None;
    let read = past::read(audit, |past, call| {
        let Some(api) = &past.api else { return Ok(()) };
        let (api, run) = match numbers {
            Some(known) => known,
            None => *numbers.insert((
                Store::api(transaction, api.as_str())?,
                Store::run(transaction, past.run_id.as_str(), &past.runbook, dir)?,
            )),
        };
        put(transaction, api, run, &call)
    });
    match read {
        Err(error) => Ok(Err(error.to_string())),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Told::Nothing)) => Ok(Ok(false)),
        Ok(Ok(Told::NoRun)) => Ok(Err("line 1 is no opening record of a run".to_owned())),
        Ok(Ok(Told::Run(past))) => match past.damage {
            Some(line) => Ok(Err(format!("line {line} is not as it was written"))),
            None => Ok(Ok(past.api.is_some())),
        },
    }
}

/// The audit files below an output directory, in order: `{out}/{runbook}/{run}/audit.jsonl`.
fn audits(out: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let runs = below(out).into_iter().flat_map(|runbook| below(&runbook));
    runs.map(|run| run.join("audit.jsonl")).filter(|audit| audit.is_file()).collect()
}
