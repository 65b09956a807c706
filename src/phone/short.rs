//! Emergency numbers and short codes.

use regex::Regex;
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

/// Made by `tools/number_tables.py`.
const TABLE: &str = include_str!("short_numbers.tsv");

/// What a text is among the short numbers of a calling code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Short {
    Emergency,
    Code,
}

/// The short numbers of a calling code's regions.
struct Codes {
    emergency: Vec<&'static str>,
    /// Patterns of all short codes, compiled when they are first asked for.
    patterns: Vec<(&'static str, OnceLock<Option<Regex>>)>,
}

static BY_CODE: LazyLock<HashMap<&'static str, Codes>> = LazyLock::new(|| {
    let mut codes: HashMap<&str, Codes> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (Some(code), Some(_region), Some(emergency), Some(pattern)) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            continue;
        };
        let entry = codes.entry(code).or_insert_with(|| Codes { emergency: Vec::new(), patterns: Vec::new() });
        entry.emergency.extend(emergency.split(' ').filter(|number| !number.is_empty()));
        if !pattern.is_empty() {
            entry.patterns.push((pattern, OnceLock::new()));
        }
    }
    codes
});

/// Emergency numbers of any region: without a plus a number may be dialled from anywhere.
static ANYWHERE: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| BY_CODE.values().flat_map(|codes| &codes.emergency).copied().collect());

/// Whether it is an emergency number somewhere.
pub(super) fn is_emergency_anywhere(digits: &str) -> bool {
    ANYWHERE.contains(digits)
}

/// The digits after a plus as a calling code and a short number of one of its regions.
pub(super) fn after_calling_code(digits: &str) -> Option<Short> {
    let splits = (1..=3).filter_map(|length| Some((digits.get(..length)?, digits.get(length..)?)));
    let mut found = None;
    for (code, national) in splits {
        let Some(codes) = BY_CODE.get(code) else { continue };
        if codes.emergency.contains(&national) {
            return Some(Short::Emergency);
        }
        if codes.patterns.iter().any(|pattern| matches(pattern, national)) {
            found = Some(Short::Code);
        }
    }
    found
}

fn matches((pattern, compiled): &(&'static str, OnceLock<Option<Regex>>), national: &str) -> bool {
    let compiled = compiled.get_or_init(|| Regex::new(&format!("^(?:{pattern})$")).ok());
    compiled.as_ref().is_some_and(|regex| regex.is_match(national))
}

/// The release of libphonenumber that the table was made from.
pub(super) fn version() -> Option<&'static str> {
    TABLE.lines().next()?.strip_prefix("# libphonenumber ShortNumberInfo ")?.split(',').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_every_pattern_compiles() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert!(lines > 200);
        assert_eq!(BY_CODE.values().map(|codes| codes.patterns.len()).sum::<usize>(), lines);
        for pattern in BY_CODE.values().flat_map(|codes| &codes.patterns) {
            matches(pattern, "1");
            assert!(pattern.1.get().is_some_and(Option::is_some), "{}", pattern.0);
        }
        assert!(version().is_some_and(|version| version.starts_with("9.")));
    }
}
