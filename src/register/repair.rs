//! What runs have left behind: claims without an outcome, whose run is dead, settled from that run's audit file.

use super::alive::dead;
use super::calls::put;
use super::error::StoreError;
use super::past::{self, PastCall, Told};
use super::store::{InUse, Store};
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A row that has no end yet: call, set, key.
type Open = (String, String, String);

/// Settles what dead runs have left. A run that cannot be told to be dead keeps its claims.
pub(super) fn settle_the_dead(store: &mut Store, but: &str) -> Result<(), StoreError> {
    for (run_id, dir) in claiming(&store.database).map_err(|error| store.failed(&error))? {
        if run_id == but {
            continue;
        }
        // Kept until its rows are settled: who resumes the run waits for it.
        let Some(_dead) = dead(&dir) else { continue };
        settle(store, &run_id, &dir, Left::Claimed)?;
    }
    Ok(())
}

/// Runs with claims that have no outcome, and their directories.
fn claiming(database: &Connection) -> rusqlite::Result<Vec<(String, PathBuf)>> {
    let mut select = database.prepare(
        "SELECT run_id, dir FROM runs WHERE id IN (SELECT run FROM calls WHERE outcome IS NULL) ORDER BY run_id",
    )?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, PathBuf::from(row.get::<_, String>(1)?))))?;
    rows.collect()
}

/// Which rows of a run are settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// Claims without an outcome.
    Claimed,
    /// Unknown ones as well: they may have been found out.
    Unknown,
}

/// Brings the rows of a run that are open to what its audit file says. Without a word there, a claim was not sent; where the
/// file cannot be trusted to say all, it is unknown.
pub(super) fn settle(store: &mut Store, run_id: &str, dir: &Path, left: Left) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of(&store.path, &error);
    let Some(run) = Store::known_run(&store.database, run_id).map_err(failed)? else { return Ok(()) };
    let open = open_rows(&store.database, run, left).map_err(failed)?;
    if open.is_empty() {
        return Ok(());
    }
    let mut said: HashMap<Open, PastCall> = HashMap::new();
    let audit = dir.join("audit.jsonl");
    let read = past::read(&audit, |_, call| {
        let row = (call.note.call_id.clone(), call.note.set.to_string(), call.note.key.to_string());
        if open.contains_key(&row) {
            said.insert(row, call);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    let complete = match read {
        Ok(Ok(Told::Run(past))) if past.run_id.as_str() == run_id => past.is_complete,
        Ok(Ok(Told::Nothing)) => true,
        Ok(_) | Err(_) => false,
    };
    if !complete {
        tracing::warn!(run_id, audit = %audit.display(), "cannot be trusted to say all: claims without a word count as unknown");
    }
    let transaction = store.database.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    for (row, (api, claimed)) in &open {
        match said.get(row) {
            Some(call) => put(&transaction, *api, run, call).map_err(failed)?,
            None if *claimed => forget(&transaction, *api, run, row, !complete).map_err(failed)?,
            // It was unknown, and the file no longer says a word about it: it stays so.
            None => {}
        }
    }
    transaction.commit().map_err(failed)?;
    tracing::info!(run_id, calls = open.len(), "settled what a run has left");
    Ok(())
}

/// Open rows of a run, each with its API and whether it is claimed.
fn open_rows(database: &Connection, run: i64, left: Left) -> rusqlite::Result<HashMap<Open, (i64, bool)>> {
    let mut select = database.prepare(
        "SELECT call_id, set_name, job_key, api, outcome IS NULL FROM calls \
         WHERE run = ?1 AND (outcome IS NULL OR outcome = 'unknown') AND (outcome IS NULL OR ?2)",
    )?;
    let rows = select.query_map(params![run, left == Left::Unknown], |row| {
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)))
    })?;
    rows.collect()
}

/// A claim of which the audit file says nothing.
fn forget(database: &Connection, api: i64, run: i64, row: &Open, doubt: bool) -> rusqlite::Result<()> {
    let what = if doubt { "UPDATE calls SET outcome = 'unknown'" } else { "DELETE FROM calls" };
    let rest = "WHERE api = ?1 AND call_id = ?2 AND run = ?3 AND set_name = ?4 AND job_key = ?5";
    database.execute(&format!("{what} {rest}"), params![api, row.0, run, row.1, row.2]).map(drop)
}

/// Brings the register to what the audit file of a run says now: after a reconciliation. The caller holds the runbook's lock,
/// so the run is not alive.
pub fn settle_run(path: &Path, run_id: &str, run_dir: &Path) -> Result<(), StoreError> {
    let _in_use = InUse::shared(path)?;
    let mut store = Store::open(path)?;
    settle(&mut store, run_id, run_dir, Left::Unknown)
}
