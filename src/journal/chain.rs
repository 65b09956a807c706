//! The SHA-256 chain over the exact bytes of the lines.

use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read};

/// The bytes in front of the digits at the end of a line.
const MARK: &[u8] = b",\"hash\":\"";
/// The bytes after the digits.
const END: &[u8] = b"\"}";
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Hex digits of a SHA-256.
const DIGITS: usize = 64;

/// The hash of a line; of the last line: the head of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head([u8; 32]);

impl Head {
    /// What stands before the first line.
    pub const START: Self = Self([0; 32]);

    /// As it stands in the file: lower-case hex.
    fn digits(self) -> [u8; DIGITS] {
        let mut digits = [0; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        digits
    }

    /// The head after one more line; `body` is the line in front of its hash.
    fn after(self, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.digits());
        hash.update(body);
        Self(hash.finalize().into())
    }

    /// Turns the JSON object that begins at `start` of the buffer into a line with its hash, and gives the new head.
    pub(super) fn seal_line(self, buffer: &mut Vec<u8>, start: usize) -> Self {
        buffer.pop();
        let head = self.after(&buffer[start..]);
        buffer.extend_from_slice(MARK);
        buffer.extend_from_slice(&head.digits());
        buffer.extend_from_slice(END);
        buffer.push(b'\n');
        head
    }

    /// The head that a line says to be after it, right or wrong; the line may lack its beginning.
    pub(super) fn said_by(line: &[u8]) -> Option<Self> {
        let digits = line.strip_suffix(END)?;
        let digits = digits.get(digits.len().checked_sub(DIGITS)?..)?;
        let mut head = [0; 32];
        for (byte, pair) in head.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(head))
    }

    /// The head after a line as it was read (without its newline); `None` when the line's hash is not what it must be.
    pub(super) fn check_line(self, line: &[u8]) -> Option<Self> {
        let body = line.len().checked_sub(MARK.len() + DIGITS + END.len())?;
        let head = self.after(&line[..body]);
        let digits = line[body..].strip_prefix(MARK)?.strip_suffix(END)?;
        (digits == head.digits()).then_some(head)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// SHA-256 of some bytes in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of everything that a reader gives.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Lower-case hex.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(HEX[usize::from(digit)])).collect()
}
