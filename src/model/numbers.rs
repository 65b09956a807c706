//! Telephone numbers as a run may write them down: masked, as pseudonyms under a key, or in full.
//!
//! [`NumberPrivacy`] is the setting, and what files say; [`Numbers`] does the work and holds the key. Without its key a
//! `keyed` setting masks, so that nothing shows a number because a key was not at hand.

use super::privacy::{digit_runs, mask_digit_runs};
use super::{NumberPrivacy, PhoneNumber, Secret, printable};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// In front of every pseudonym.
const SIGN: &str = "num:";
/// Letters of a pseudonym, four bits each: 64 bits. Among a million numbers two have the same one with a probability of
/// 3 in 100 million, among a hundred million with 3 in 10,000 (n^2 / 2^65).
const LETTERS: usize = 16;
/// Hex digits of a key's id.
const ID_DIGITS: usize = 8;
/// What the id of a key is the HMAC of. A number is digits behind a plus, so none is ever like it.
const ID_DOMAIN: &[u8] = b"bridgebook key id";
/// Digits of a number at most (E.164); more of them are no number, and are masked.
const MOST_DIGITS: usize = 15;

/// A key for pseudonyms. `Debug` shows its id.
#[derive(Clone)]
pub struct NumberKey(Hmac<Sha256>);

/// A key that could be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the key has {0} bytes, and needs {least} at least", least = NumberKey::LEAST)]
pub struct ShortKey(usize);

impl NumberKey {
    /// Bytes of a key at least.
    pub const LEAST: usize = 16;

    /// A key of these bytes.
    pub fn new(secret: &Secret<String>) -> Result<Self, ShortKey> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < Self::LEAST {
            return Err(ShortKey(bytes.len()));
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| ShortKey(bytes.len()))
    }

    /// Eight hex digits that tell keys apart and say nothing of a key.
    pub fn id(&self) -> String {
        let mut id = self.hex(ID_DOMAIN);
        id.truncate(ID_DIGITS);
        id
    }

    /// `num:` and the first 64 bits of HMAC-SHA-256 over the number in E.164 form, as letters `a` (0) to `p` (15): letters,
    /// so that no part of it looks like a number to anybody, this program included.
    fn pseudonym(&self, digits: &str) -> String {
        let hex = self.hex(format!("+{digits}").as_bytes());
        let letter = |digit: char| digit.to_digit(16).and_then(|value| char::from_digit(value + 10, 26)).unwrap_or('a');
        SIGN.chars().chain(hex.chars().take(LETTERS).map(letter)).collect()
    }

    fn hex(&self, message: &[u8]) -> String {
        use fmt::Write as _;
        let code = self.0.clone().chain_update(message).finalize().into_bytes();
        code.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Debug for NumberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberKey({})", self.id())
    }
}

/// Writes numbers down as a runbook says.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    privacy: NumberPrivacy,
    key: Option<NumberKey>,
}

impl From<NumberPrivacy> for Numbers {
    fn from(privacy: NumberPrivacy) -> Self {
        Self { privacy, key: None }
    }
}

impl Numbers {
    /// Pseudonyms under this key.
    pub fn keyed(key: NumberKey) -> Self {
        Self { privacy: NumberPrivacy::Keyed, key: Some(key) }
    }

    /// What is left to do where there is no key: pseudonyms become masks.
    #[must_use]
    pub fn without_key(&self) -> Self {
        match self.privacy {
            NumberPrivacy::Keyed => Self::default(),
            privacy => privacy.into(),
        }
    }

    /// The setting.
    pub fn privacy(&self) -> NumberPrivacy {
        self.privacy
    }

    /// The id of the key, if there is one.
    pub fn key_id(&self) -> Option<String> {
        self.key.as_ref().map(NumberKey::id)
    }

    /// A target's number as it may be written down.
    pub fn number(&self, number: &PhoneNumber) -> String {
        match (self.privacy, &self.key) {
            (NumberPrivacy::Full, _) => number.whole().to_owned(),
            (NumberPrivacy::Keyed, Some(key)) => {
                normal(number.whole()).map_or_else(|| number.to_string(), |digits| key.pseudonym(&digits))
            }
            (NumberPrivacy::Keyed | NumberPrivacy::Masked, _) => number.to_string(),
        }
    }

    /// A text of the same length with its telephone numbers masked: for text that something is written below.
    pub fn mask(&self, text: &str) -> String {
        match self.privacy {
            NumberPrivacy::Full => text.to_owned(),
            NumberPrivacy::Keyed | NumberPrivacy::Masked => mask_digit_runs(text),
        }
    }

    /// The operator's own words: a number is what begins with its plus. A ticket or an order has as many digits, and is
    /// what the words are there for.
    pub fn own_words(&self, text: &str) -> String {
        let mut parts = text.split('+');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |mut out, part| {
            let end = part.find(|c: char| c.is_alphabetic() || matches!(c, ',' | ';' | ':')).unwrap_or(part.len());
            let (number, rest) = part.split_at(end);
            let number = format!("+{number}");
            match (self.privacy, &self.key) {
                (NumberPrivacy::Keyed, Some(key)) => out.push_str(&replaced(&number, key)),
                _ => out.push_str(&self.mask(&number)),
            }
            out.push_str(rest);
            out
        })
    }

    /// Somebody else's text, made printable, its telephone numbers masked or replaced, cut to `limit` characters.
    pub fn text(&self, text: &str, limit: usize) -> String {
        // Cut last: what is left of a number that was cut would be taken for something else.
        let whole = printable(text, usize::MAX);
        let hidden = match (self.privacy, &self.key) {
            (NumberPrivacy::Keyed, Some(key)) => replaced(&whole, key),
            _ => self.mask(&whole),
        };
        printable(&hidden, limit).into_owned()
    }
}

/// Whether a text that was written down has lost a number to a pseudonym.
pub(crate) fn has_pseudonym(text: &str) -> bool {
    text.contains(SIGN)
}

/// Whether a text holds a number of these digits, with or without its separators and its country code.
pub fn holds_number(text: &str, digits: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let written = |run: &Vec<usize>| run.iter().map(|place| chars[*place]).collect::<String>();
    text.contains(digits)
        || digit_runs(&chars).iter().map(written).any(|run| run.contains(digits) || digits.ends_with(&run))
}

/// The digits of a number in E.164 form: without plus, separators, the `(0)` that is not dialled from abroad, and the `00`
/// that stands for a plus. A number without its country code stays one: nobody knows the country. `None`: no number.
fn normal(text: &str) -> Option<String> {
    let text = text.replace("(0)", "");
    let digits: Option<String> =
        text.chars().filter(|c| c.is_numeric()).map(|c| c.is_ascii_digit().then_some(c)).collect();
    let digits = digits?;
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    (1..=MOST_DIGITS).contains(&digits.len()).then(|| digits.to_owned())
}

/// The text with a pseudonym in place of each number, its plus and the bracket around its area code included.
fn replaced(text: &str, key: &NumberKey) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (String::new(), 0);
    for run in digit_runs(&chars) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let mut start = *first;
        if start > at && chars[start - 1] == '(' && chars[start..=*last].contains(&')') {
            start -= 1;
        }
        if start > at && chars[start - 1] == '+' {
            start -= 1;
        }
        out.extend(&chars[at..start]);
        let written: String = chars[start..=*last].iter().collect();
        out.push_str(&normal(&written).map_or_else(|| mask_digit_runs(&written), |digits| key.pseudonym(&digits)));
        at = last + 1;
    }
    out.extend(&chars[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(key: &str) -> Numbers {
        Numbers::keyed(NumberKey::new(&Secret::new(key.to_owned())).unwrap_or_else(|e| panic!("{e}")))
    }

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn a_pseudonym_is_the_one_that_anybody_with_the_key_can_compute() {
        // printf "+12025550137" | openssl dgst -sha256 -hmac 0123456789abcdef: its first 16 digits through tr 0-9a-f a-p
        let shown = numbers(KEY).number(&PhoneNumber::new("+12025550137"));
        assert_eq!(shown, "num:jpemcafkmjgikfaf");
        assert_eq!(numbers(KEY).key_id().as_deref(), Some("5d48c792"));
        assert_ne!(numbers("0123456789abcdeg").number(&PhoneNumber::new("+12025550137")), shown);
    }

    #[test]
    fn one_number_has_one_pseudonym_however_it_is_written() {
        let numbers = numbers(KEY);
        let shown = numbers.number(&PhoneNumber::new("+12025550137"));
        for written in [
            "12025550137",
            "0012025550137",
            "+1 (202) 555-0137",
            "1-202-555-0137",
            "+1.202.555.0137",
            "+1/202/555 0137",
        ] {
            assert_eq!(numbers.number(&PhoneNumber::new(written)), shown, "{written}");
            let text = numbers.text(&format!("no route to {written}, ask again"), 200);
            assert_eq!(text, format!("no route to {shown}, ask again"), "{written}");
        }
        let british = numbers.number(&PhoneNumber::new("+442079460123"));
        assert_eq!(numbers.number(&PhoneNumber::new("+44 (0)20 7946 0123")), british);
        let local = numbers.number(&PhoneNumber::new("(202) 555-0137"));
        assert_ne!(local, shown, "nobody knows its country");
        assert_eq!(numbers.text("call (202) 555-0137 now", 100), format!("call {local} now"));
        assert_eq!(numbers.text(&shown, 100), shown, "a pseudonym stays one");
    }

    #[test]
    fn what_is_no_number_is_masked_and_places_stay_where_they_are() {
        let numbers = numbers(KEY);
        assert_eq!(numbers.text("id 12345678901234567890", 100), "id 1234**************90");
        assert_eq!(numbers.mask("+12025550137,x"), "+1202*****37,x");
        assert_eq!(numbers.text("at 2026-11-22T18:30:00Z, code 500", 100), "at 2026-11-22T18:30:00Z, code 500");
        let without = Numbers::from(NumberPrivacy::Keyed);
        assert_eq!(without.number(&PhoneNumber::new("+12025550137")), "+1202*****37", "no key at hand: masked");
        assert_eq!(without.text("+12025550137", 100), "+1202*****37");
        assert_eq!(Numbers::default().text("to +12025550137", 10), "to +1202*…", "cut behind the mask");
    }

    #[test]
    fn in_the_operators_words_a_number_begins_with_its_plus() {
        let words = "CHG20261122001 for +1 (202) 555-0137, order 4711471147 + 2";
        let masked = "CHG20261122001 for +1 (202) ***-**37, order 4711471147 + 2";
        assert_eq!(Numbers::default().own_words(words), masked);
        assert_eq!(Numbers::from(NumberPrivacy::Full).own_words(words), words);
        assert!(numbers(KEY).own_words(words).starts_with("CHG20261122001 for num:jpemcafkmjgikfaf, order 47"));
    }

    #[test]
    fn neither_a_key_nor_a_number_can_be_printed() {
        let secret = Secret::new("short".to_owned());
        assert_eq!(NumberKey::new(&secret).err(), Some(ShortKey(5)));
        assert_eq!(ShortKey(5).to_string(), "the key has 5 bytes, and needs 16 at least");
        let shown = format!("{:?}", numbers(KEY));
        assert!(!shown.contains(KEY) && shown.contains("NumberKey("), "{shown}");
    }
}
