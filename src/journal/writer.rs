//! The writer: a thread that encodes, chains, appends and syncs whole batches.
//!
//! Group commit: everything that waits when the disk is free again goes into one write and one `fdatasync`; then every
//! batch in it is acknowledged. Where the runbook says `durability: process` the write alone counts, up to the end of the run. The engine never touches the file, the thread never touches the engine's state. After
//! the first error nothing more is written or acknowledged.

use super::append::Tail;
use super::chain::Head;
use super::signature::{PublicKey, SigningKey};
use crate::event::{Event, FORMAT_VERSION, Happened, Ledger, LedgerError, Seal};
use crate::model::{Durability, RunId, Timestamp};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::mpsc as acks;

/// A check point after this many lines: often enough to publish, rare enough to cost nothing.
const SEAL_EVERY: u64 = 1000;
/// Batches in one group commit at most, so that an acknowledgement is never held back for long.
const MAX_GROUP: usize = 256;

/// How a file is kept.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// What a line has survived when it is acknowledged.
    pub durability: Durability,
    /// Who signs it at its end.
    pub key: Option<SigningKey>,
}

/// A file as its writer has left it, durable to the last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// The hash of its last line.
    pub head: Head,
    /// Its lines.
    pub lines: u64,
    /// Its length.
    pub bytes: u64,
    /// Whose signature its last line is.
    pub signed_by: Option<PublicKey>,
}

/// The audit file as a [`Ledger`].
#[derive(Debug)]
pub struct FileLedger {
    batches: Option<mpsc::Sender<Arc<[Happened]>>>,
    durable: acks::UnboundedReceiver<Result<(), LedgerError>>,
    thread: Option<JoinHandle<Option<Written>>>,
}

impl FileLedger {
    /// Creates the audit file, which must not exist yet; only its owner may read it.
    pub fn create(path: &Path, run_id: RunId, keeping: Keeping) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        if let Some(directory) = path.parent() {
            // The name must survive a power cut as the lines do.
            File::open(directory)?.sync_all()?;
        }
        Self::start(file, Appender::after(run_id, 0, Head::START), keeping)
    }

    /// Goes on with the audit file of a run, behind what was read of it. The caller holds the run's lock.
    pub fn reopen(path: &Path, tail: Tail, keeping: Keeping) -> io::Result<Self> {
        let file = tail.open(path)?;
        file.sync_all()?;
        Self::start(file, Appender::after(tail.run_id, tail.lines, tail.head), keeping)
    }

    fn start(file: File, appender: Appender, keeping: Keeping) -> io::Result<Self> {
        let output = Output::new(file, keeping.durability)?;
        let (batches, queue) = mpsc::channel();
        let (acknowledge, durable) = acks::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || appender.run(output, keeping.key.as_ref(), &queue, &acknowledge))?;
        Ok(Self { batches: Some(batches), durable, thread: Some(thread) })
    }
}

impl FileLedger {
    /// Why the writer has stopped: it says so behind its last acknowledgement, before it takes nothing more.
    fn last_words(&mut self) -> LedgerError {
        while let Ok(word) = self.durable.try_recv() {
            if let Err(error) = word {
                return error;
            }
        }
        LedgerError("its writer has stopped".to_owned())
    }
}

impl FileLedger {
    /// Waits until everything that was handed over is written; `None`: not all of it could be.
    pub fn close(mut self) -> Option<Written> {
        self.end()
    }

    fn end(&mut self) -> Option<Written> {
        self.batches = None;
        // A writer that panicked has written nothing after that; the audit file says so by itself.
        self.thread.take().and_then(|thread| thread.join().ok().flatten())
    }
}

impl Drop for FileLedger {
    /// Waits until everything that was handed over is written, however the run ends.
    fn drop(&mut self) {
        self.end();
    }
}

impl Ledger for FileLedger {
    fn submit(&mut self, batch: Arc<[Happened]>) -> Result<(), LedgerError> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_ok());
        if sent { Ok(()) } else { Err(self.last_words()) }
    }

    async fn durable(&mut self) -> Result<(), LedgerError> {
        self.durable.recv().await.unwrap_or_else(|| Err(LedgerError("its writer has stopped".to_owned())))
    }
}

/// The file, and how far it is good.
struct Output {
    file: File,
    durability: Durability,
    /// Its length after the last group that was acknowledged.
    good: u64,
}

impl Output {
    fn new(file: File, durability: Durability) -> io::Result<Self> {
        let good = file.metadata()?.len();
        Ok(Self { file, durability, good })
    }

    /// Writes a group: all of it, or nothing that is left where that can be helped.
    fn write(&mut self, group: &[u8], ends: bool) -> io::Result<()> {
        let written = self.write_and_sync(group, ends);
        match &written {
            Ok(()) => self.good += group.len() as u64,
            Err(_) => {
                // Nothing was sent on the strength of these lines. A disk that takes no more often gives back.
                let _ = self.file.set_len(self.good).and_then(|()| self.file.sync_data());
            }
        }
        written
    }

    fn write_and_sync(&mut self, group: &[u8], ends: bool) -> io::Result<()> {
        // Writing to a file without a name succeeds, and nobody would ever read it.
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was removed while the run wrote to it"));
        }
        self.file.write_all(group)?;
        if self.durability == Durability::Disk || ends { self.file.sync_data() } else { Ok(()) }
    }
}

/// Encodes lines and chains them.
pub(super) struct Appender {
    run_id: RunId,
    lines: u64,
    head: Head,
    /// Whether the last line is a signature.
    signed: bool,
    buffer: Vec<u8>,
}

impl Appender {
    /// Goes on behind so many lines.
    pub(super) fn after(run_id: RunId, lines: u64, head: Head) -> Self {
        Self { run_id, lines, head, signed: false, buffer: Vec::new() }
    }

    /// The hash of the last line.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// What was encoded and not taken yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    fn run(
        mut self,
        mut output: Output,
        key: Option<&SigningKey>,
        queue: &mpsc::Receiver<Arc<[Happened]>>,
        acknowledge: &acks::UnboundedSender<Result<(), LedgerError>>,
    ) -> Option<Written> {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(MAX_GROUP - 1));
            let count = group.len();
            if let Err(error) = self.commit(&mut output, key, &group) {
                let _ = acknowledge.send(Err(LedgerError(error.to_string())));
                return None;
            }
            for _ in 0..count {
                // A closed engine no longer asks; what is written stays written.
                let _ = acknowledge.send(Ok(()));
            }
        }
        let signed_by = self.signed.then(|| key.map(SigningKey::public)).flatten();
        Some(Written { head: self.head, lines: self.lines, bytes: output.good, signed_by })
    }

    fn commit(&mut self, output: &mut Output, key: Option<&SigningKey>, group: &[Arc<[Happened]>]) -> io::Result<()> {
        self.buffer.clear();
        let mut ends = false;
        for happened in group.iter().flat_map(|batch| batch.iter()) {
            let closes = matches!(happened.event, Event::RunFinished(_));
            if closes || (self.lines > 0 && self.lines.is_multiple_of(SEAL_EVERY)) {
                let seal = Seal { lines: self.lines, head: self.head.to_string() };
                self.encode(happened.at, &Event::Seal(seal))?;
            }
            self.encode(happened.at, &happened.event)?;
            if let Some(key) = key.filter(|_| closes) {
                self.sign(happened.at, key)?;
            }
            ends |= closes;
        }
        output.write(&self.buffer, ends)
    }

    /// Adds a signature over what is there.
    pub(super) fn sign(&mut self, at: Timestamp, key: &SigningKey) -> io::Result<()> {
        let signed = key.sign(self.head);
        self.encode(at, &Event::Signed(Box::new(signed)))?;
        self.signed = true;
        Ok(())
    }

    /// Adds a line.
    pub(super) fn encode(&mut self, timestamp: Timestamp, event: &Event) -> io::Result<()> {
        let start = self.buffer.len();
        let body = Body { v: FORMAT_VERSION, seq: self.lines + 1, timestamp, run_id: &self.run_id, event };
        serde_json::to_writer(&mut self.buffer, &body)?;
        self.head = self.head.seal_line(&mut self.buffer, start);
        self.lines += 1;
        self.signed = false;
        Ok(())
    }
}

/// A [`crate::event::Record`] in front of its hash.
#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    seq: u64,
    timestamp: Timestamp,
    run_id: &'a RunId,
    #[serde(flatten)]
    event: &'a Event,
}
