//! Canaries: numbers, names and secrets that are planted everywhere, and the search for them in everything that is said or
//! written, in whatever shape.

use super::process::Ended;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::path::Path;

/// The national digits of every planted number: `2025550130` to `2025550149`.
pub(crate) const NUMBERS: std::ops::Range<u32> = 30..50;
/// Every planted name, one for each place, all of the same family.
pub(crate) const FAMILY: &str = "Quendolyn";
/// In every planted secret.
pub(crate) const SECRET: &str = "c4n4ry";

/// A planted number in E.164 form.
pub(crate) fn number(which: u32) -> String {
    assert!(NUMBERS.contains(&which));
    format!("+12025550{:03}", 100 + which)
}

/// A planted name.
pub(crate) fn name(place: &str) -> String {
    format!("{place} {FAMILY}")
}

/// A planted secret, with signs that forms, JSON and base64 write in other ways.
pub(crate) fn secret(place: &str) -> String {
    format!("{place}-{SECRET}+/\"=%&-key")
}

/// Files that give rows of the input back, for the same runbook to take.
pub(crate) const LEFT: [&str; 3] = ["failed.csv", "unknown.csv", "not_attempted.csv"];

/// What such a file says of its own.
fn beside_the_input(path: &Path) -> String {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let of_input = ["bridgebook_matrix", "bridgebook_more"];
    let own = |name: &str| name.starts_with("bridgebook_") && !of_input.contains(&name);
    let columns: Vec<usize> =
        reader.headers().unwrap().iter().enumerate().filter(|(_, name)| own(name)).map(|(at, _)| at).collect();
    let line =
        |record: csv::StringRecord| columns.iter().map(|at| record[*at].to_owned()).collect::<Vec<_>>().join(",");
    reader.records().map(|record| line(record.unwrap()) + "\n").collect()
}

/// What has been said and written.
#[derive(Default)]
pub(crate) struct Haystack {
    found: Vec<(String, String)>,
}

impl Haystack {
    pub(crate) fn add(&mut self, place: &str, text: &str) {
        self.found.push((place.to_owned(), text.to_owned()));
    }

    /// What a command said.
    pub(crate) fn say(&mut self, what: &str, ended: &Ended) {
        assert!(ended.code != Some(1) && ended.code != Some(101) && ended.code.is_some(), "{what}: {ended}");
        self.add(&format!("stdout of {what}"), &ended.stdout);
        self.add(&format!("stderr of {what}"), &ended.stderr);
    }

    /// Every file below a directory, but for the copies of the inputs, which hold what the operator wrote. Of rows that are given
    /// back it is what the run has put beside them.
    pub(crate) fn files(&mut self, dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            self.add("the name of a file", &name);
            if LEFT.contains(&name.as_str()) {
                self.add(&path.display().to_string(), &beside_the_input(&path));
            } else if !path.is_dir() {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                self.add(&path.display().to_string(), &text);
            } else if name != "inputs" {
                self.files(&path);
            }
        }
    }

    /// Whether a text stands anywhere: for what must be there.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.found.iter().any(|(_, found)| found.contains(text))
    }

    /// What was said first at a place whose name begins so.
    pub(crate) fn of(&self, place: &str) -> &str {
        self.found.iter().find(|(name, _)| name.starts_with(place)).map_or("", |(_, text)| text)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.found.iter().map(|(_, text)| text.len()).sum()
    }

    /// No number, name or secret anywhere.
    #[track_caller]
    pub(crate) fn assert_silent(&self) {
        self.assert_no_numbers();
        self.assert_no_names();
        self.assert_no_secrets();
    }

    #[track_caller]
    pub(crate) fn assert_no_numbers(&self) {
        for which in NUMBERS {
            let whole = number(which);
            self.search(&whole, &|text| {
                let close: String = text.chars().filter(|c| !" -.()/\u{a0}".contains(*c)).collect();
                close.contains(&whole[5..]) || in_base64(text, &[&whole, &whole[1..], &whole[2..]])
            });
        }
    }

    #[track_caller]
    pub(crate) fn assert_no_names(&self) {
        self.search(FAMILY, &|text| text.to_lowercase().contains(&FAMILY.to_lowercase()) || in_base64(text, &[FAMILY]));
    }

    #[track_caller]
    pub(crate) fn assert_no_secrets(&self) {
        self.search(SECRET, &|text| text.contains(SECRET) || in_base64(text, &[SECRET]));
    }

    #[track_caller]
    fn search(&self, canary: &str, is_in: &dyn Fn(&str) -> bool) {
        for (place, text) in &self.found {
            let leaks: Vec<&str> = text.lines().filter(|line| is_in(line)).take(3).collect();
            assert!(leaks.is_empty(), "{canary} stands in {place}:\n{}", leaks.join("\n"));
        }
    }
}

/// Whether a text holds the base64 of something that holds one of these, wherever it begins there.
fn in_base64(text: &str, canaries: &[&str]) -> bool {
    canaries.iter().any(|canary| {
        (0..3).any(|before| {
            let padded = format!("{}{canary}", "x".repeat(before));
            // The first and the last sign depend on what stands beside it.
            let inner = |encoded: String| encoded[(before * 4).div_ceil(3)..encoded.len() - 1].to_owned();
            [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
                .map(inner)
                .iter()
                .any(|sign| text.contains(sign))
        })
    })
}
