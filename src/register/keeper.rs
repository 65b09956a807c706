//! The register beside an engine: a thread that does whole batches, as the audit file's writer does.
//!
//! Everything that waits when the disk is free again goes into one transaction; then every batch in it is answered. After
//! the first error nothing more is done or answered.

use super::alive::Alive;
use super::api::Api;
use super::calls::Asker;
use super::error::StoreError;
use super::rebuild::open_or_make;
use super::repair::{Left, settle, settle_the_dead};
use super::store::{InUse, Store};
use crate::event::{CallBatch, CallRegister, Claimed, RegisterError};
use crate::model::RunId;
use rusqlite::TransactionBehavior;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc as answers;

/// Batches in one transaction at most, so that an answer is never held back for long.
const MAX_GROUP: usize = 256;

/// A run that uses the register.
#[derive(Clone, Copy, Debug)]
pub struct RunOfCalls<'a> {
    /// Its id.
    pub run_id: &'a RunId,
    /// Its runbook's name.
    pub runbook: &'a str,
    /// What it sends to.
    pub api: &'a Api,
    /// Its directory as it is called now: it may get another name while it is open.
    pub dir: &'a Path,
    /// The name under which its audit file will be found.
    pub final_dir: &'a Path,
    /// The output directory, whose audit files a register is made from that is not there yet.
    pub out: &'a Path,
    /// How far back other runs count.
    pub window: Duration,
}

/// The register of calls as a [`CallRegister`]. Dropping it waits until everything that was handed over is done.
#[derive(Debug)]
pub struct Keeper {
    batches: Option<mpsc::Sender<CallBatch>>,
    answers: answers::UnboundedReceiver<Result<Vec<Claimed>, RegisterError>>,
    thread: Option<JoinHandle<()>>,
    _in_use: InUse,
    /// Let go last: from then on the claims of this run may be settled by others.
    _alive: Alive,
}

impl Keeper {
    /// Opens the register for a run, made from the audit files if it is not there, and settles what dead runs have left. A
    /// run that is resumed takes its own claims over: those of which its audit file says nothing are free again.
    pub fn open(path: &Path, run: RunOfCalls<'_>) -> Result<Self, StoreError> {
        let alive = Alive::hold(run.dir).map_err(|error| StoreError::io(run.dir, error))?;
        let (in_use, mut store) = open_or_make(path, run.out)?;
        is_the_only_one(&store, run)?;
        settle_the_dead(&mut store, run.run_id.as_str())?;
        settle(&mut store, run.run_id.as_str(), run.dir, Left::Claimed)?;
        let asker = asker(&mut store, run).map_err(|error| store.failed(&error))?;
        let (batches, queue) = mpsc::channel();
        let (answer, answers) = answers::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("register".to_owned())
            .spawn(move || keep(store, asker, &queue, &answer))
            .map_err(|error| StoreError::io(path, error))?;
        Ok(Self { batches: Some(batches), answers, thread: Some(thread), _in_use: in_use, _alive: alive })
    }
}

/// A copy of a run's directory does not know what the run itself has done since.
fn is_the_only_one(store: &Store, run: RunOfCalls<'_>) -> Result<(), StoreError> {
    let known = Store::dir_of(&store.database, run.run_id.as_str()).map_err(|error| store.failed(&error))?;
    let Some(dir) = known else { return Ok(()) };
    let file = |dir: &Path| dir.join("audit.jsonl").metadata().map(|file| (file.dev(), file.ino())).ok();
    match (file(&dir), file(run.dir)) {
        (Some(there), here) if here != Some(there) => Err(StoreError::Elsewhere { run_id: run.run_id.clone(), dir }),
        _ => Ok(()),
    }
}

fn asker(store: &mut Store, run: RunOfCalls<'_>) -> rusqlite::Result<Asker> {
    let transaction = store.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let api = Store::api(&transaction, run.api.as_str())?;
    let run_number = Store::run(&transaction, run.run_id.as_str(), run.runbook, run.final_dir)?;
    transaction.commit()?;
    Ok(Asker { api, run: run_number, window: run.window })
}

fn keep(
    mut store: Store,
    asker: Asker,
    queue: &mpsc::Receiver<CallBatch>,
    answer: &answers::UnboundedSender<Result<Vec<Claimed>, RegisterError>>,
) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(MAX_GROUP - 1));
        match asker.commit(&mut store.database, &group) {
            // An engine that is closed no longer asks.
            Ok(answers) => answers.into_iter().for_each(|answers| drop(answer.send(Ok(answers)))),
            Err(error) => {
                let error = store.failed(&error);
                tracing::error!(%error, "the register of calls is not written any more");
                let _ = answer.send(Err(RegisterError(error.to_string())));
                break;
            }
        }
    }
}

fn stopped() -> RegisterError {
    RegisterError("its writer has stopped".to_owned())
}

impl CallRegister for Keeper {
    fn submit(&mut self, batch: CallBatch) -> Result<(), RegisterError> {
        self.batches.as_ref().ok_or_else(stopped)?.send(batch).map_err(|_| stopped())
    }

    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Claimed>, RegisterError>> {
        self.answers.poll_recv(context).map(|answer| answer.unwrap_or_else(|| Err(stopped())))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has committed nothing after that; the audit file knows the rest.
            let _ = thread.join();
        }
    }
}
