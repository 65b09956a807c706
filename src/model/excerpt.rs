//! What a message may show of other people's data: figures, with numbers hidden elsewhere, and no other text.
//!
//! A data file holds names, addresses and remarks beside the few fields that a call needs, and messages go to logs of many
//! readers. Where a value stands is said exactly, by file, line, column and name; what it is can be looked up there.

use super::{DataPlace, Numbers};

/// What stands in a text's place.
const HIDDEN: &str = "***";
/// Words that say nothing of anybody, and that people take for others: `yes` for `true`.
const PLAIN: [&str; 12] = ["true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "null", "none"];

/// A text of a row as a message may show it: figures as they are, since they are masked by [`Numbers`] with the rest of the
/// message; anything else not at all.
pub fn shown_text(text: &str) -> &str {
    if is_figure(text) || text.trim().is_empty() || is_plain(text) { text } else { HIDDEN }
}

/// A number, a date, a moment: at least as many digits as letters.
fn is_figure(text: &str) -> bool {
    let count = |kind: fn(char) -> bool| text.chars().filter(|c| kind(*c)).count();
    let digits = count(char::is_numeric);
    digits > 0 && digits >= count(char::is_alphabetic)
}

fn is_plain(text: &str) -> bool {
    PLAIN.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

impl Numbers {
    /// A place of a data file as it may be shown: a star for every letter and digit but those of the value at the place,
    /// where that is a figure, its numbers masked. What separates values stays, and every column is where it was.
    #[must_use]
    pub fn excerpt(&self, place: DataPlace) -> DataPlace {
        let start = place.column.saturating_sub(1).saturating_sub(place.skipped);
        let marked = start..start + place.width;
        let value: String =
            (0u64..).zip(place.text.chars()).filter(|(at, _)| marked.contains(at)).map(|(_, c)| c).collect();
        let mut value =
            if is_figure(&value) { self.mask(&value) } else { starred(&value) }.chars().collect::<Vec<_>>().into_iter();
        let shown = (0u64..)
            .zip(place.text.chars())
            .map(|(at, c)| if marked.contains(&at) { value.next().unwrap_or('*') } else { star(c) });
        DataPlace { text: shown.collect(), ..place }
    }
}

fn starred(text: &str) -> String {
    text.chars().map(star).collect()
}

/// What is neither letter nor digit nor mark separates values, and says nothing by itself.
fn star(c: char) -> char {
    if c.is_ascii_punctuation() || c.is_whitespace() { c } else { '*' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, column: u64, width: u64, skipped: u64) -> String {
        Numbers::default()
            .excerpt(DataPlace { text: text.to_owned(), column, width, skipped, ..DataPlace::default() })
            .text
    }

    #[test]
    fn of_a_row_only_a_figure_at_the_place_is_shown() {
        let row = "call-1,+12025550137x,Zo\u{e9} Canary";
        assert_eq!(excerpt(row, 8, 13, 0), "****-*,+1202*****37x,*** ******");
        assert_eq!(excerpt(row, 22, 10, 0), "****-*,+************,*** ******");
        assert_eq!(excerpt("\u{65e5}\u{672c},12", 4, 2, 0), "**,12");
        assert_eq!(excerpt("{\"n\": \"+12025550137\"}", 5008, 14, 5000), "{\"*\": \"+1202*****37\"}");
    }

    #[test]
    fn texts_are_not_repeated_and_figures_are() {
        for text in ["2026-11-22T25:00:00Z", "+12025550137x", "42", "", " ", "Yes", "TRUE"] {
            assert_eq!(shown_text(text), text);
        }
        for text in ["Zoe Canary", "zoe", "waiting", "s3cr3t", "\u{65e5}\u{672c}"] {
            assert_eq!(shown_text(text), HIDDEN, "{text}");
        }
    }
}
