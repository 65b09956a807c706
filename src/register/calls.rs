//! The one transaction of a run: what has ended is noted, then what is asked for is claimed or refused.

use super::past::PastCall;
use crate::event::{CallBatch, CallNote, Claimed};
use crate::model::{Outcome, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::time::Duration;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) api: i64,
    pub(super) run: i64,
    /// How far back other runs count.
    pub(super) window: Duration,
}

/// Another run's call, as far as it is told.
struct Other {
    run_id: String,
    runbook: String,
    outcome: Option<String>,
    at: String,
}

/// The word for an outcome that keeps a call.
pub(super) fn word(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Succeeded => Some("succeeded"),
        Outcome::Accepted => Some("accepted"),
        Outcome::Unknown => Some("unknown"),
        Outcome::Rejected | Outcome::NotSent | Outcome::NotBridged => None,
    }
}

impl Asker {
    /// Does what some batches say; the answers of those that have claims. All of it is durable, or nothing is done.
    pub(super) fn commit(self, database: &mut Connection, group: &[CallBatch]) -> rusqlite::Result<Vec<Vec<Claimed>>> {
        // The place in front is taken at once: a transaction that reads first could find that it comes too late.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::new();
        for batch in group {
            for (note, outcome) in &batch.ended {
                self.end(&transaction, note, *outcome)?;
            }
            if !batch.claims.is_empty() {
                answers.push(batch.claims.iter().map(|note| self.claim(&transaction, note)).collect::<Result<_, _>>()?);
            }
        }
        transaction.commit()?;
        Ok(answers)
    }

    fn claim(self, transaction: &Transaction<'_>, note: &CallNote) -> rusqlite::Result<Claimed> {
        // A run's clock stands still while its machine sleeps.
        let now = note.at.max(Timestamp::now());
        if let Some(other) = self.other(transaction, &note.call_id, now)? {
            return Ok(Claimed::Taken(other.words()));
        }
        let mut insert = transaction.prepare_cached(
            "INSERT INTO calls (api, call_id, run, set_name, job_key, outcome, at) VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6) \
             ON CONFLICT DO UPDATE SET outcome = NULL, at = max(at, excluded.at) \
             WHERE outcome IS NULL OR outcome = 'unknown'",
        )?;
        let (set, key) = (note.set.as_str(), note.key.as_str());
        let claimed = insert.execute(params![self.api, note.call_id, self.run, set, key, note.at.to_string()])?;
        // No run asks for a job of its own that has succeeded, unless its audit file is not the one that says so.
        let taken = || Claimed::Taken("done by this run already, which its audit file here does not know".to_owned());
        Ok(if claimed == 0 { taken() } else { Claimed::Granted })
    }

    /// The run that keeps a call from being sent; a claim does at any age, an outcome within the window.
    fn other(self, database: &Connection, call_id: &str, now: Timestamp) -> rusqlite::Result<Option<Other>> {
        let mut select = database.prepare_cached(
            "SELECT run_id, runbook, outcome, at FROM calls JOIN runs ON runs.id = calls.run \
             WHERE api = ?1 AND call_id = ?2 AND run != ?3 AND (outcome IS NULL OR at > ?4) \
             ORDER BY outcome IS NULL DESC, at DESC LIMIT 1",
        )?;
        let from = now.minus(self.window).to_string();
        select
            .query_row(params![self.api, call_id, self.run, from], |row| {
                Ok(Other { run_id: row.get(0)?, runbook: row.get(1)?, outcome: row.get(2)?, at: row.get(3)? })
            })
            .optional()
    }

    /// Whether another run keeps a call from being sent.
    pub(super) fn is_taken(self, database: &Connection, call_id: &str, now: Timestamp) -> rusqlite::Result<bool> {
        self.other(database, call_id, now).map(|other| other.is_some())
    }

    fn end(self, transaction: &Transaction<'_>, note: &CallNote, outcome: Option<Outcome>) -> rusqlite::Result<()> {
        put(transaction, self.api, self.run, &PastCall { note: note.clone(), outcome })
    }
}

/// Notes how a job has ended. The later of claim and end counts.
pub(super) fn put(transaction: &Connection, api: i64, run: i64, call: &PastCall) -> rusqlite::Result<()> {
    let PastCall { note, outcome } = call;
    let (set, key) = (note.set.as_str(), note.key.as_str());
    let Some(word) = outcome.and_then(word) else {
        let mut delete = transaction.prepare_cached(
            "DELETE FROM calls WHERE api = ?1 AND call_id = ?2 AND run = ?3 AND set_name = ?4 AND job_key = ?5",
        )?;
        return delete.execute(params![api, note.call_id, run, set, key]).map(drop);
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO calls (api, call_id, run, set_name, job_key, outcome, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT DO UPDATE SET outcome = excluded.outcome, at = max(at, excluded.at)",
    )?;
    insert.execute(params![api, note.call_id, run, set, key, word, note.at.to_string()]).map(drop)
}

impl Other {
    fn words(&self) -> String {
        let Self { run_id, runbook, outcome, .. } = self;
        // To the second: reports keep each wording once.
        let at = self.at.split_once('.').map_or(self.at.clone(), |(second, _)| format!("{second}Z"));
        match outcome.as_deref() {
            None => format!("claimed by run {run_id} of {runbook} at {at}; its outcome is not known yet"),
            Some("unknown") => format!("unknown in run {run_id} of {runbook} at {at}: it may be bridged"),
            Some(word) => format!("{word} in run {run_id} of {runbook} at {at}"),
        }
    }
}
