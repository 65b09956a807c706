//! Adding lines to an audit file that is whole: the chain goes on where it ended, and all lines are written and synced at
//! once, or none.

use super::chain::Head;
use super::writer::Appender;
use crate::event::{Event, Happened};
use crate::model::RunId;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Where a file ends.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The run's identity.
    pub run_id: RunId,
    /// Its lines.
    pub lines: u64,
    /// The hash of the last one.
    pub head: Head,
    /// Its length in bytes when it was read.
    pub bytes: u64,
}

/// Appends lines, and gives the new head. The caller holds the run's lock. `reconciliation_finished` gets its `head` here.
pub fn append(path: &Path, tail: Tail, lines: &[Happened]) -> io::Result<Head> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    if file.metadata()?.len() != tail.bytes {
        return Err(io::Error::other("the file has changed since it was read"));
    }
    let mut appender = Appender::after(tail.run_id, tail.lines, tail.head);
    for happened in lines {
        match &happened.event {
            Event::ReconciliationFinished(closing) => {
                let mut closing = closing.clone();
                closing.head = appender.head().to_string();
                appender.encode(happened.at, &Event::ReconciliationFinished(closing))?;
            }
            event => appender.encode(happened.at, event)?,
        }
    }
    if let Err(error) = file.write_all(appender.bytes()).and_then(|()| file.sync_data()) {
        // A torn line would make a whole file a damaged one.
        let _ = file.set_len(tail.bytes).and_then(|()| file.sync_data());
        return Err(error);
    }
    Ok(appender.head())
}
