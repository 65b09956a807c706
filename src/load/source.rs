//! Reading a small text file that people wrote, with clear words when it is something else.

use crate::model::{Code, Source};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest runbook. Rows belong into data files, which have no such limit.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why a runbook cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not there, or no permission.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory, a FIFO, a device.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// Too large.
    #[error("{0} is larger than 1 MiB; put rows into a data file")]
    TooLarge(PathBuf),
    /// Not UTF-8, or with NUL bytes: the first such byte and its place.
    #[error("{path}:{line}:{column}: here stands {}", byte_in_words(*byte))]
    NotText {
        /// The path.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// Its column, from 1, in characters.
        column: usize,
        /// Itself.
        byte: u8,
    },
}

impl SourceError {
    /// The code for it: `missing` when it is not there, [`Code::Unreadable`] when it is and is not what it should be.
    pub fn code(&self, missing: Code) -> Code {
        match self {
            Self::Io { .. } => missing,
            Self::NotAFile(_) | Self::TooLarge(_) | Self::NotText { .. } => Code::Unreadable,
        }
    }

    /// The place in the file, from 1.
    pub(super) fn place(&self) -> (usize, usize) {
        match self {
            Self::NotText { line, column, .. } => (*line, *column),
            Self::Io { .. } | Self::NotAFile(_) | Self::TooLarge(_) => (1, 1),
        }
    }
}

/// What a byte is that stands in no text.
pub(super) fn byte_in_words(byte: u8) -> String {
    if byte == 0 { "a NUL byte".to_owned() } else { format!("the byte 0x{byte:02X}, which is not UTF-8") }
}

/// Reads the text of a runbook, or of another small file that people write.
pub fn read(path: &Path) -> Result<Source, SourceError> {
    let io = |source| SourceError::Io { path: path.to_owned(), source };
    // Asked before opening: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(SourceError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SourceError::TooLarge(path.to_owned()));
    }
    let not_text = |at: usize, bytes: &[u8]| {
        let before = String::from_utf8_lossy(&bytes[..at]);
        let before = before.strip_prefix('\u{feff}').unwrap_or(&before);
        let (line, column) = before.split('\n').enumerate().last().unwrap_or_default();
        let byte = bytes.get(at).copied().unwrap_or_default();
        SourceError::NotText { path: path.to_owned(), line: line + 1, column: column.chars().count() + 1, byte }
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(not_text(at, &bytes));
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let path = path.to_owned();
            Ok(match text.strip_prefix('\u{feff}') {
                Some(rest) => Source { path, text: rest.to_owned(), marked: true },
                None => Source { path, text, marked: false },
            })
        }
        Err(error) => Err(not_text(error.utf8_error().valid_up_to(), error.as_bytes())),
    }
}
