//! Cells that a spreadsheet would take for a formula, and how they are written so that it does not (CWE-1236).
//!
//! A `'` in front makes text of a cell. Who writes a cell adds one, who reads it takes one off. A text that already looks like a
//! guarded one gets another: what was written is what is read.

use std::borrow::Cow;

/// What starts a formula, full-width forms included (spreadsheets fold them).
const STARTS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];
/// What makes text of a cell.
const MARK: char = '\'';

/// Whether a spreadsheet may take a cell for a formula, blanks in front or not.
pub fn starts_formula(text: &str) -> bool {
    text.starts_with(STARTS) || text.trim_start().starts_with(STARTS)
}

/// A text as it is written into a cell.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if starts_formula(text.trim_start_matches(MARK)) {
        Cow::Owned(format!("{MARK}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell that was written so, or by a spreadsheet's user with a `'` of their own.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(MARK) {
        Some(text) if starts_formula(text.trim_start_matches(MARK)) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_an_apostrophe_of_a_name_is_left_alone() {
        assert_eq!((guarded("+12025550101"), unguarded("'+12025550101")), ("'+12025550101".into(), "+12025550101"));
        assert_eq!((guarded("''=1"), unguarded("'''=1")), ("'''=1".into(), "''=1"));
        for plain in ["", "'", "''", "'t Hooft", "O'Brien", "12025550101", "' '", "a=b"] {
            assert_eq!((&*guarded(plain), unguarded(plain)), (plain, plain));
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut random = fastrand::Rng::with_seed(1236);
        for _ in 0..20_000 {
            let length = random.usize(..6);
            let signs: Vec<char> = "''' \t\n=+a＝@-".chars().collect();
            let text: String = (0..length).map(|_| signs[random.usize(..signs.len())]).collect();
            let written = guarded(&text);
            assert_eq!(unguarded(&written), text);
            assert!(!starts_formula(&written));
        }
    }
}
