//! One CSV cell that a spreadsheet may open.
//!
//! RFC 4180 quoting is the `csv` crate's work and does not help here: a spreadsheet runs `"=cmd|..."` quoted or not
//! (CWE-1236, OWASP ASVS 5 section 1.2.10). Only text of others passes through here; numbers and words that the
//! reports make themselves do not start with such a character. The unmodified text stands in the audit file.

use crate::model::{printable, starts_formula};
use csv::{Terminator, Writer, WriterBuilder};
use std::borrow::Cow;
use std::io::Write;

/// A writer as RFC 4180 wants it: comma, CRLF, quotes where needed.
pub(super) fn writer<W: Write>(out: W) -> Writer<W> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out)
}

/// The bytes that were written.
pub(super) fn finish(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Text of others, made harmless: a `'` before what could start a formula, U+FFFD for what a terminal would obey.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    let formula = starts_formula(text);
    if !formula && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mark = formula.then_some('\'');
    Cow::Owned(mark.into_iter().chain(text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' })).collect())
}

/// The same rule as everywhere else, asked for one character: blanks and U+FFFD itself stay. ASCII, which is nearly
/// everything, takes the short way.
fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let blank = c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    blank || c == '\u{fffd}' || printable(c.encode_utf8(&mut [0; 4]), 1).starts_with(c)
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn a_cell_never_starts_a_formula_and_never_drives_a_terminal() {
        for text in
            ["=cmd|' /C calc'!A0", "+12025550104", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠1", " =1"]
        {
            assert!(safe(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(safe("plain, \"quoted\"  text"), "plain, \"quoted\"  text");
        assert_eq!(safe("no\u{a0}break"), "no\u{a0}break");
        assert_eq!(safe("\u{1b}[31mred\u{202e}"), "\u{fffd}[31mred\u{fffd}");
    }
}
