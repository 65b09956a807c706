//! Where the members of a JSON object stand in its text. Asked only for diagnostics.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// Beyond this doubles lose digits (2^53).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The byte range of the value that a path of names and indices leads to.
pub(super) fn value(text: &str, path: &[String]) -> Option<Range<usize>> {
    let mut at = text;
    for name in path {
        at = match serde_json::from_str::<Children<'_>>(at).ok()? {
            Children::Members(members) => members.into_iter().find(|(key, _)| key_of(key) == *name)?.1.get(),
            Children::Items(items) => items.get(name.parse::<usize>().ok()?)?.get(),
        };
    }
    Some(range_in(text, at))
}

/// The byte range of the first key that stands twice, or number that cannot be kept, in a text that is JSON.
pub(super) fn guessed(text: &str) -> Option<Range<usize>> {
    fn find<'a>(text: &'a str) -> Option<&'a str> {
        if let Ok(number) = text.parse::<f64>() {
            let exact = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() || number.abs() < EXACT;
            return (!exact).then_some(text);
        }
        match serde_json::from_str::<Children<'a>>(text).ok()? {
            Children::Items(items) => items.into_iter().find_map(|item| find(item.get())),
            Children::Members(members) => {
                let mut seen = HashSet::new();
                members.into_iter().find_map(
                    |(key, item)| {
                        if seen.insert(key_of(key)) { find(item.get()) } else { Some(key.get()) }
                    },
                )
            }
        }
    }
    find(text).map(|found| range_in(text, found))
}

fn key_of(key: &RawValue) -> String {
    serde_json::from_str(key.get()).unwrap_or_default()
}

/// The range of a slice of a text.
fn range_in(text: &str, slice: &str) -> Range<usize> {
    let start = slice.as_ptr() as usize - text.as_ptr() as usize;
    start..start + slice.len()
}

/// What an object or a list holds, as it stands in the text.
enum Children<'a> {
    Members(Vec<(&'a RawValue, &'a RawValue)>),
    Items(Vec<&'a RawValue>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Children<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Children<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Children::Members(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Children::Items(items))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keys_and_numbers_are_found() {
        let text = "{ \"a\" : {\"b\\u0063\": [1, \"x\"]},\n  \"d\":null }";
        let at = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            value(text, &path).map(|range| &text[range])
        };
        assert_eq!(at(&["a", "bc", "1"]), Some("\"x\""));
        assert_eq!(at(&["d"]), Some("null"));
        assert_eq!((at(&["e"]), at(&["d", "e"]), at(&["a", "bc", "2"])), (None, None, None));
        let guessed = |text: &'static str| guessed(text).map(|range| (range.start, &text[range]));
        assert_eq!(guessed("{\"a\": 1, \"\\u0061\": 2}"), Some((9, "\"\\u0061\"")));
        assert_eq!(guessed("[{\"a\": {\"n\": 12345678901234567890123}}]"), Some((13, "12345678901234567890123")));
        assert_eq!(guessed("{\"a\": [1, -2.5, 18446744073709551615, \"x\", true]}"), None);
    }
}
