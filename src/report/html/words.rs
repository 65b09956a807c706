//! Texts as they may stand on the page. Somebody else's text enters through [`clean`] and [`cell`] only.

use crate::model::{Timestamp, printable};
use crate::report::charts::escape;

/// Characters of one text.
const MAX_TEXT: usize = 300;
/// Characters of a text in one of very many cells.
const MAX_CELL: usize = 64;
/// Bytes of markup that a text of so many characters may become: what consists of escapes alone is cut sooner, so that the
/// size of the page is bounded and not only its length.
const BYTES_A_CHARACTER: usize = 2;

/// A text of others.
pub(super) fn clean(text: &str) -> String {
    bounded(text, MAX_TEXT)
}

/// A text of others in one of many cells.
pub(super) fn cell(text: &str) -> String {
    bounded(text, MAX_CELL)
}

/// A text of others, cut to so many characters.
pub(super) fn bounded(text: &str, most: usize) -> String {
    let text = printable(text, most);
    let mut room = most * BYTES_A_CHARACTER;
    let fits = text.char_indices().find(|(_, c)| {
        let cost = if matches!(c, '&' | '<' | '>' | '"' | '\'' | '`' | '=') { 6 } else { c.len_utf8() };
        match room.checked_sub(cost) {
            Some(left) => room = left,
            None => return true,
        }
        false
    });
    match fits {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// A text of ours as markup: what stands between backticks is code.
pub(super) fn marked(text: &str) -> String {
    let part = |(at, part): (usize, &str)| {
        let part = escape(part);
        if at % 2 == 1 { format!("<code>{part}</code>") } else { part }
    };
    text.split('`').enumerate().map(part).collect()
}

/// `2026-11-22 08:01:02`.
pub(super) fn second(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).map_or_else(|| text.clone(), |second| second.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_escapes_is_cut_before_it_becomes_large() {
        assert_eq!(clean(&"x".repeat(300)), "x".repeat(300));
        assert_eq!(clean(&"é".repeat(300)), "é".repeat(300));
        assert!(escape(&clean(&"&<\"".repeat(500))).len() <= 610);
        assert!(cell(&"'".repeat(64)).ends_with('…'));
    }

    #[test]
    fn code_is_marked_and_everything_else_escaped() {
        assert_eq!(marked("use `a < b` & go"), "use <code>a &lt; b</code> &amp; go");
    }
}
