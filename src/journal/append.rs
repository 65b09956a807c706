//! Adding lines to an audit file that is whole: the chain goes on where it ended, and all lines are written and synced at
//! once, or none.

use super::chain::Head;
use super::signature::SigningKey;
use super::verify::{Torn, Verification};
use super::writer::Appender;
use crate::event::{Event, Happened};
use crate::model::RunId;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Where a file ends.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The run's identity.
    pub run_id: RunId,
    /// Its whole lines.
    pub lines: u64,
    /// The hash of the last one.
    pub head: Head,
    /// Its length in bytes when it was read.
    pub bytes: u64,
    /// Its last line, where that is torn.
    pub torn: Option<Torn>,
}

impl Tail {
    /// Where a file of this length ends that was found without serious damage; `None`: it has no whole line.
    pub fn of(checked: &Verification, bytes: u64) -> Option<Self> {
        let (run_id, torn) = (checked.run_id.clone()?, checked.torn);
        let lines = checked.lines - u64::from(torn.is_some_and(|torn| !torn.is_whole));
        Some(Self { run_id, lines, head: checked.head, bytes, torn })
    }

    /// Bytes that are cut off before anything is added.
    pub fn torn_bytes(&self) -> u64 {
        self.torn.filter(|torn| !torn.is_whole).map_or(0, |torn| torn.bytes)
    }

    /// Opens the file at its end, as it was read: a torn line is cut off, a missing newline added.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        // What somebody has put there in its place meanwhile is not ours to write to.
        if path.symlink_metadata()?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link"));
        }
        let mut file = OpenOptions::new().append(true).open(path)?;
        if file.metadata()?.len() != self.bytes {
            return Err(io::Error::other("the file has changed since it was read"));
        }
        match self.torn {
            None => {}
            Some(torn) if torn.is_whole => file.write_all(b"\n")?,
            Some(torn) => file.set_len(self.bytes - torn.bytes)?,
        }
        Ok(file)
    }
}

/// Appends lines, signed where there is a key and the last one closes, and gives the new head. The caller holds the run's lock. `reconciliation_finished` gets its `head` here.
pub fn append(path: &Path, tail: Tail, lines: &[Happened], key: Option<&SigningKey>) -> io::Result<Head> {
    let mut file = tail.open(path)?;
    let end = file.metadata()?.len();
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
    let closed = |event: &Event| matches!(event, Event::RunFinished(_) | Event::ReconciliationFinished(_));
    if let (Some(key), Some(last)) = (key, lines.last().filter(|last| closed(&last.event))) {
        appender.sign(last.at, key)?;
    }
    if let Err(error) = file.write_all(appender.bytes()).and_then(|()| file.sync_data()) {
        // A torn line would make a whole file a damaged one.
        let _ = file.set_len(end).and_then(|()| file.sync_data());
        return Err(error);
    }
    Ok(appender.head())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(bytes: u64) -> Tail {
        Tail { run_id: RunId::new("run"), lines: 0, head: Head::START, bytes, torn: None }
    }

    fn seal() -> Happened {
        let event = Event::Seal(crate::event::Seal { lines: 0, head: Head::START.to_string() });
        Happened { at: crate::model::Timestamp::now(), event }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error() {
        let error = append(Path::new("/dev/full"), tail(0), &[seal()], None).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_file_that_has_grown_since_it_was_read_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(file.path(), "x\n").unwrap_or_else(|error| panic!("{error}"));
        assert!(append(file.path(), tail(0), &[seal()], None).is_err());
        assert_eq!(std::fs::read(file.path()).unwrap_or_default(), b"x\n");
        assert!(append(file.path(), tail(2), &[seal()], None).is_ok());
    }
}
