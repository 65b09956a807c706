//! The two places that write: results to stdout, words to stderr. A closed pipe ends a command in silence.

use super::args::{OutputArgs, When};
use super::exit::Exit;
use super::failure::Failure;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints a result.
pub(super) fn text(text: &str) -> Result<u8, Failure> {
    bytes(text.as_bytes())
}

/// Prints a result.
pub(super) fn bytes(bytes: &[u8]) -> Result<u8, Failure> {
    with(|out| out.write_all(bytes))
}

/// Prints a result that need not fit into memory.
pub(super) fn with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<u8, Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::CannotCreate, format!("stdout: {error}")))
        }
        _ => Ok(Exit::Success.code()),
    }
}

/// `1 job`, `2 jobs`.
pub(super) fn plural(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Prints a JSON value as a result.
pub(super) fn json(value: &impl serde::Serialize) -> Result<u8, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    text.push('\n');
    self::text(&text)
}

/// Prints words for people.
pub(super) fn note(text: &str) {
    // Nobody can be told that stderr is gone.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints why a command failed.
pub(super) fn error(failure: &Failure, output: OutputArgs) {
    let (on, off) = if colours(output) { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
    note(&format!("{on}error{off}: {failure}\n"));
}

/// Whether stderr is shown in colour.
pub(super) fn colours(output: OutputArgs) -> bool {
    match output.color {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
        }
    }
}
