//! Standard input as rows. Every row is read twice, so what comes in is kept in a file.

use super::exit::Exit;
use super::failure::Failure;
use crate::expand::{Files, Selection};
use crate::model::{RowFormat, Runbook};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;

/// Most bytes of standard input. It is copied to disk, and some pipes never end.
const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes that are copied at once.
const BUFFER: usize = 64 * 1024;

/// The copy of standard input: without a name, for nobody else, gone with the process. Several runbooks share it.
#[derive(Default)]
pub(super) struct Spool(Option<Arc<File>>);

impl Spool {
    /// The copy, if one of the selected sets asks for it and somebody feeds it; made the first time.
    pub(super) fn file(&mut self, runbook: &Runbook, selection: &Selection) -> Result<Option<Arc<File>>, Failure> {
        if format(runbook, selection).is_none() || is_terminal() {
            return Ok(None);
        }
        if self.0.is_none() {
            let failed = |error: io::Error| {
                Failure::new(Exit::CannotCreate, format!("standard input cannot be kept: {error}"))
                    .help("make room in the directory for temporary files, or set TMPDIR")
            };
            let mut file = tempfile::tempfile().map_err(failed)?;
            let mut input = Stdin::new();
            let mut buffer = vec![0; BUFFER];
            loop {
                let read = input.read(&mut buffer).map_err(|error| unreadable(&error))?;
                if read == 0 {
                    break;
                }
                file.write_all(&buffer[..read]).map_err(failed)?;
            }
            self.0 = Some(Arc::new(file));
        }
        Ok(self.0.clone())
    }
}

/// The format in which one of the selected sets reads standard input.
pub(super) fn format<'a>(runbook: &'a Runbook, selection: &Selection) -> Option<&'a RowFormat> {
    let selected = |name| selection.only.is_empty() || selection.only.contains(name);
    runbook.sets.iter().filter(|set| selected(&set.name)).find_map(|set| set.rows.stdin())
}

/// Whether there is nobody but a person to feed it.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Standard input cannot be read, or has no end.
pub(super) fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::InputMissing, format!("{}: {error}", Files::STDIN))
}

/// Standard input with an end.
pub(super) struct Stdin {
    input: io::StdinLock<'static>,
    left: u64,
}

impl Stdin {
    pub(super) fn new() -> Self {
        Self { input: io::stdin().lock(), left: MAX_BYTES }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("more than 4 GiB: put the rows into a file")),
        }
        Ok(read)
    }
}
