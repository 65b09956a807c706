//! The ledger: every request that reached the bridge endpoint, and whether it bridged its call.
//!
//! This is the truth that a run is judged against. Invariants: an entry is complete when it is written and never
//! changes; sequence numbers start at 1 and have no gaps; no token and no credential is ever in it. Everything stays
//! in memory: it is made for rehearsals and tests, not for days of load.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened at the simulator. Clones share one book, which the server writes and anyone may read.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

/// One request to the bridge endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The place in the order of decision, from 1.
    pub sequence: u64,
    /// When it was decided, by the wall clock (RFC 3339, UTC).
    pub timestamp: Timestamp,
    /// The call that the request names, decoded.
    pub call_id: String,
    /// The header with the request id: `X-CXone-Request-ID` of the reference API.
    pub request_id: Option<String>,
    /// Which of the issued tokens came with it, from 1, even if it had expired; `None` if missing or not issued here.
    pub token_generation: Option<u64>,
    /// The body, if it was JSON or a form. Phone numbers are not masked: the simulator never sees real ones.
    pub payload: Option<serde_json::Value>,
    /// The scripted fault that it met, such as `answer_429` or `reset_after_effect`.
    pub fault: Option<String>,
    /// The status that the server set out to answer; `None` if it never answers.
    pub status: Option<u16>,
    /// Whether this request bridged the call.
    pub effect: bool,
}

/// Totals, as `GET /_simulator/stats` shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests to the token endpoint, refused ones included.
    pub token_requests: u64,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Requests to the bridge endpoint that are in the ledger.
    pub bridge_requests: u64,
    /// Bridges made.
    pub effects: u64,
    /// The most bridge requests that were open at the same time, those still sending or hanging included.
    pub max_concurrent_bridge_requests: u64,
    /// Requests by the fault that they met.
    pub faults: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<LedgerEntry>,
    effects: HashMap<String, usize>,
    stats: Stats,
    open_requests: u64,
    file: Option<File>,
}

impl Ledger {
    /// All entries, in sequence.
    pub fn entries(&self) -> Vec<LedgerEntry> {
        self.book().entries.clone()
    }

    /// The number of bridges made.
    pub fn effects(&self) -> usize {
        self.book().effects.values().sum()
    }

    /// The number of bridges made of one call.
    pub fn effects_of(&self, call_id: &str) -> usize {
        self.book().effects.get(call_id).copied().unwrap_or(0)
    }

    /// The number of requests to the token endpoint, refused ones included.
    pub fn token_requests(&self) -> u64 {
        self.book().stats.token_requests
    }

    /// The number of tokens issued.
    pub fn tokens_issued(&self) -> u64 {
        self.book().stats.tokens_issued
    }

    /// All totals.
    pub fn stats(&self) -> Stats {
        self.book().stats.clone()
    }

    /// Appends every later entry to a file as well, one JSON line each. The file is made if it does not exist.
    pub fn append_to(&self, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.book().file = Some(file);
        Ok(())
    }

    /// Counts a request to the token endpoint.
    pub(super) fn count_token(&self, issued: bool) {
        let stats = &mut self.book().stats;
        stats.token_requests += 1;
        stats.tokens_issued += u64::from(issued);
    }

    /// Enters a request, giving it its sequence number.
    pub(super) fn enter(&self, mut entry: LedgerEntry) {
        let mut book = self.book();
        book.stats.bridge_requests += 1;
        entry.sequence = book.stats.bridge_requests;
        if entry.effect {
            book.stats.effects += 1;
            *book.effects.entry(entry.call_id.clone()).or_default() += 1;
        }
        if let Some(fault) = &entry.fault {
            *book.stats.faults.entry(fault.clone()).or_default() += 1;
        }
        if let Some(file) = &mut book.file
            && let Err(error) = append(file, &entry)
        {
            // The book in memory stays right; a rehearsal is no reason to stop answering.
            tracing::warn!(%error, "the simulator's ledger file is incomplete");
        }
        book.entries.push(entry);
    }

    /// Counts a bridge request as open until the guard is dropped.
    pub(super) fn open_request(&self) -> OpenRequest {
        let mut book = self.book();
        book.open_requests += 1;
        book.stats.max_concurrent_bridge_requests = book.stats.max_concurrent_bridge_requests.max(book.open_requests);
        OpenRequest(self.clone())
    }

    /// Every change of the book is complete before anything can panic, so a poisoned lock holds good data.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One write a line, so that the file ends at a line whatever happens to the process.
fn append(file: &mut File, entry: &LedgerEntry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// A bridge request that has not ended yet.
pub(super) struct OpenRequest(Ledger);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.book().open_requests -= 1;
    }
}
