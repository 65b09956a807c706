//! Which names a template may use, and what was probably meant instead.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Names that are listed where none is near.
const SHOWN: usize = 12;
/// Names that count as close: at most a third of the letters differ.
const CLOSE: f64 = 0.66;

/// The names in scope: first segments, and for some of them every second segment.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    roots: BTreeMap<String, Option<Vec<String>>>,
}

impl Scope {
    /// Adds a first segment below which anything may follow.
    #[must_use]
    pub fn open(mut self, root: &str) -> Self {
        self.roots.insert(root.to_owned(), None);
        self
    }

    /// Adds a first segment with the only names that may follow it.
    #[must_use]
    pub fn closed<I: IntoIterator<Item: Into<String>>>(mut self, root: &str, names: I) -> Self {
        self.roots.insert(root.to_owned(), Some(names.into_iter().map(Into::into).collect()));
        self
    }

    /// Whether names begin with this first segment.
    pub(super) fn has(&self, root: &str) -> bool {
        self.roots.contains_key(root)
    }

    /// Checks a path such as `row.call_id`; the error says what is wrong and what may have been meant.
    pub(super) fn check(&self, path: &[String]) -> Result<(), (String, Option<String>)> {
        let Some(root) = path.first() else { return Ok(()) };
        let Some(names) = self.roots.get(root) else {
            let meant = nearest(root, self.roots.keys().map(String::as_str)).map(str::to_owned).or_else(|| {
                let owner =
                    self.roots.iter().find(|(_, names)| names.as_ref().is_some_and(|names| names.contains(root)));
                owner.map(|(owner, _)| format!("{owner}.{}", segment(root)))
            });
            return Err((format!("there is no `{root}` in scope"), meant.map(|meant| format!("write `{meant}`"))));
        };
        let (Some(names), Some(name)) = (names, path.get(1)) else { return Ok(()) };
        if names.contains(name) {
            return Ok(());
        }
        let help = match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("write `{root}.{}`", segment(meant)),
            None if root == "env" => format!("add `{name}` to the list `env`: others are out of reach"),
            None if names.is_empty() => format!("`{root}` is empty here"),
            None => format!("`{root}` has {}", shown_names(names.iter().map(String::as_str), SHOWN)),
        };
        Err((format!("there is no `{root}.{name}`"), Some(help)))
    }
}

/// A name as a template writes it: one with blanks or signs stands in brackets.
fn segment(name: &str) -> Cow<'_, str> {
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if plain { Cow::Borrowed(name) } else { Cow::Owned(format!("[{name}]")) }
}

/// The candidate that a misspelled word most likely stands for.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Names of columns or keys, at most `most` of them: those that are plain words. Where a header is missing, the others are
/// what a row holds.
pub fn shown_names<'n>(names: impl IntoIterator<Item = &'n str>, most: usize) -> String {
    let (mut shown, mut more) = (Vec::new(), 0);
    for name in names {
        if is_word(name) && shown.len() < most {
            shown.push(format!("`{name}`"));
        } else {
            more += 1;
        }
    }
    let shown = shown.join(", ");
    match more {
        0 => shown,
        1 if shown.is_empty() => "one that is no plain word".to_owned(),
        _ if shown.is_empty() => format!("{more} that are no plain words"),
        _ => format!("{shown} and {more} more"),
    }
}

/// Whether a text is written as programs write names.
pub fn is_word(text: &str) -> bool {
    const LONGEST: usize = 40;
    const MOST_DIGITS: usize = 6;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= LONGEST
        && digits <= MOST_DIGITS
        && text.chars().all(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_names_plain_words_are_listed() {
        let names = ["call_id", "Zoe Canary", "+12025550137", "status"];
        assert_eq!(shown_names(names, 12), "`call_id`, `status` and 2 more");
        assert_eq!(shown_names(names, 1), "`call_id` and 3 more");
        assert_eq!(shown_names(names[1..3].iter().copied(), 12), "2 that are no plain words");
    }
}
