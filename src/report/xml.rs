//! Text of others in an XML 1.0 document: every character is legal there, none of it is markup, and it is cut.
//!
//! A parser must refuse a whole document for one illegal character (XML 1.0 section 2.2), an escaped one too. `printable` takes them
//! all out; the test below goes through every character that there is.

use crate::model::printable;
use std::fmt::Write as _;

/// The text for an attribute or an element, at most so many characters of it.
pub(super) fn xml(text: &str, limit: usize) -> String {
    let text = printable(text, limit);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            // Not only for symmetry: "]]>" must not stand in the text of an element.
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// ` name="value"`, the value as it is: ours, and nothing to escape in it.
pub(super) fn plain(name: &str, value: impl std::fmt::Display) -> String {
    let mut out = String::new();
    // Writing to memory does not fail.
    let _ = write!(out, " {name}=\"{value}\"");
    out
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn nothing_is_markup_and_nothing_is_illegal() {
        assert_eq!(
            xml("a]]>b <i a='1' b=\"2\"> & c", 100),
            "a]]&gt;b &lt;i a=&apos;1&apos; b=&quot;2&quot;&gt; &amp; c"
        );
        assert_eq!(xml("\u{fffe}x\u{ffff} \0\u{1b}[31m\u{202e}y\r\n\u{85}z", 100), "x [31m y z");
        assert_eq!(xml("&&&&", 3), "&amp;&amp;…");
        let all: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let legal = |c: char| matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
        assert!(xml(&all, usize::MAX).chars().all(legal));
    }
}
