//! What may be shown: telephone numbers masked by type, hostile text made printable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// How telephone numbers are written into the audit file, logs, reports and progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberPrivacy {
    /// `+1202*****04`: enough to recognise, not enough to call.
    #[default]
    Masked,
    /// `num:` and sixteen letters: the same number gives the same letters under the same key, and without the key nobody
    /// finds the number.
    Keyed,
    /// The whole number.
    Full,
}

/// A run of this many digits in somebody else's text is taken for a telephone number.
const SHORTEST_NUMBER: usize = 7;
/// Separators in a row that a number may hold: `) ` and ` (`.
const LONGEST_GAP: usize = 2;
/// Digits in front of an area code in brackets; after more of them a bracket begins something else.
const LONGEST_COUNTRY_CODE: usize = 4;

impl NumberPrivacy {
    /// The word in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Keyed => "keyed",
            Self::Full => "full",
        }
    }
}

/// A telephone number. `Display` and `Debug` mask it: see [`super::Numbers::number`].
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Wraps a number as the payload has it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole number, for [`super::Numbers`] alone.
    pub(super) fn whole(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plus, digits) = match self.0.strip_prefix('+') {
            Some(digits) => ("+", digits),
            None => ("", self.0.as_str()),
        };
        f.write_str(plus)?;
        f.write_str(&mask(digits))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

/// Keeps the first four and last two characters of a long number, the last two of a short one.
pub(super) fn mask(digits: &str) -> String {
    let count = digits.chars().count();
    let head = if count > 9 { 4 } else { 0 };
    digits.chars().enumerate().map(|(i, c)| if i < head || i + 2 >= count { c } else { '*' }).collect()
}

/// Masks what looks like a telephone number: digits with at most a few separators between them, seven digits or more.
/// The text keeps its length, so that carets below it stay right.
pub(crate) fn mask_digit_runs(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = chars.clone();
    for digits in digit_runs(&chars) {
        let shown: String = digits.iter().map(|place| chars[*place]).collect();
        digits.iter().zip(mask(&shown).chars()).for_each(|(place, c)| out[*place] = c);
    }
    out.into_iter().collect()
}

/// What looks like a telephone number in a text: the places of the digits of each, in order.
pub(super) fn digit_runs(chars: &[char]) -> Vec<Vec<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_numeric() {
            at += 1;
            continue;
        }
        if let Some(end) = moment_from(chars, at) {
            at = end;
            continue;
        }
        let (digits, end) = number_from(chars, at);
        if digits.len() >= SHORTEST_NUMBER {
            runs.push(digits);
        }
        at = end;
    }
    runs
}

/// The end of a moment as RFC 3339 or a database writes it: it has as many digits as a number and hides nobody.
fn moment_from(chars: &[char], start: usize) -> Option<usize> {
    const SHAPE: &str = "0000-00-00T00:00";
    let fits = |(c, shape): (&char, char)| match shape {
        '0' => c.is_ascii_digit(),
        'T' => matches!(c, 'T' | ' '),
        shape => *c == shape,
    };
    let shape: Vec<char> = SHAPE.chars().collect();
    let first = start == 0 || !chars[start - 1].is_numeric() && chars[start - 1] != '+';
    if !first || chars.len() < start + shape.len() || !chars[start..].iter().zip(shape).all(fits) {
        return None;
    }
    let mut end = start + SHAPE.len();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    if chars.get(end) == Some(&':') && digit(end + 1) && digit(end + 2) {
        end += 3;
    }
    if chars.get(end) == Some(&'.') {
        end += 1 + chars[end + 1..].iter().take(9).take_while(|c| c.is_ascii_digit()).count();
    }
    Some(end)
}

/// The places of a number's digits, and where it ends. Separators may not be longer than [`LONGEST_GAP`].
fn number_from(chars: &[char], start: usize) -> (Vec<usize>, usize) {
    let mut digits = Vec::new();
    let (mut at, mut gap) = (start, 0);
    while at < chars.len() && gap <= LONGEST_GAP {
        if chars[at].is_numeric() {
            digits.push(at);
            gap = 0;
        } else if chars[at] == '(' && digits.len() > LONGEST_COUNTRY_CODE {
            break;
        } else if matches!(chars[at], ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2011}' | '\u{2013}') {
            gap += 1;
        } else {
            break;
        }
        at += 1;
    }
    (digits, at)
}

/// The text without control, bidirectional and invisible characters (CWE-117, terminal escapes), whitespace runs as one blank,
/// cut to `limit` characters with an ellipsis.
pub fn printable(text: &str, limit: usize) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() && !is_invisible(c) && c != '\u{fffd}';
    if text.chars().count() <= limit && text.chars().all(plain) && !text.contains("  ") && text.trim() == text {
        return Cow::Borrowed(text);
    }
    let cleaned: String = text.chars().map(|c| if plain(c) { c } else { ' ' }).collect();
    let words = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= limit {
        return Cow::Owned(words);
    }
    Cow::Owned(words.chars().take(limit.saturating_sub(1)).chain(['…']).collect())
}

/// Characters that turn the direction of a text, those that take no room (soft hyphens, joiners, fillers, tags), and two code points
/// that are no characters and that XML 1.0 forbids.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Numbers;

    #[test]
    fn numbers_are_masked_in_every_shape() {
        let masked = Numbers::default();
        assert_eq!(PhoneNumber::new("+12025550104").to_string(), "+1202*****04");
        assert_eq!(PhoneNumber::new("112").to_string(), "*12");
        assert_eq!(format!("{:?}", PhoneNumber::new("+442079460123")), "PhoneNumber(+4420******23)");
        let text = masked.text("no route to +12025550104\u{1b}[31m\r\n(call 42)", 200);
        assert_eq!(text, "no route to +1202*****04 [31m (call 42)");
        let text = masked.mask("+1 (202) 555-0104, 202.555.0104; call-0001, code 500");
        assert_eq!(text, "+1 (202) ***-**04, 202.5**.**04; call-0001, code 500");
        let text = masked.mask("2026-11-22T18:30:00.123456Z,2025550104,2026-11-22 18:30,2026-11-22");
        assert_eq!(text, "2026-11-22T18:30:00.123456Z,2025****04,2026-11-22 18:30,****-**-22", "a moment is no number");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("ab\u{202e}cd", 10), "ab cd");
    }
}
