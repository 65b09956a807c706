//! A plan in numbers: what is to run, what is left out and why, and where it calls; in total and by set.

use crate::expand::{Census, Destination, SetCensus};
use crate::model::Region;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a set, or all of them, would do.
#[derive(Serialize)]
pub(super) struct Figures {
    /// Jobs that would run.
    pub(super) jobs: u64,
    /// Jobs that are left out.
    pub(super) skipped: u64,
    /// The same by reason, in the words of the audit file.
    pub(super) skips: BTreeMap<&'static str, u64>,
    /// Jobs that wait for an earlier job of the same call.
    pub(super) repeated: u64,
    /// Warnings about rows.
    pub(super) warnings: u64,
    /// What is called, the most numbers first.
    pub(super) destinations: Vec<DestinationFigures>,
}

/// What is called in one region.
#[derive(Serialize)]
pub(super) struct DestinationFigures {
    /// Two letters of ISO 3166-1, `001` for numbers of no country; null: nobody knows.
    pub(super) region: Option<String>,
    /// Rows with a number there.
    pub(super) jobs: u64,
    /// Numbers there, each as often as it is called.
    pub(super) numbers: u64,
}

/// The figures of one set.
#[derive(Serialize)]
pub(super) struct SetFigures<'a> {
    pub(super) name: &'a str,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// The figures of all sets.
pub(super) fn total(census: &Census) -> Figures {
    figures(&census.sets)
}

/// The figures of each set.
pub(super) fn by_set(census: &Census) -> Vec<SetFigures<'_>> {
    census.sets.iter().map(of_set).collect()
}

fn of_set(set: &SetCensus) -> SetFigures<'_> {
    SetFigures { name: set.name.as_str(), figures: figures(std::slice::from_ref(set)) }
}

fn figures(sets: &[SetCensus]) -> Figures {
    let sum = |count: fn(&SetCensus) -> u64| sets.iter().map(count).sum::<u64>();
    let mut skips: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut destinations: BTreeMap<Option<Region>, Destination> = BTreeMap::new();
    for set in sets {
        for (reason, count) in &set.skips {
            *skips.entry(reason.word()).or_default() += count;
        }
        for (region, counted) in &set.destinations {
            let destination = destinations.entry(*region).or_default();
            destination.jobs += counted.jobs;
            destination.numbers += counted.numbers;
        }
    }
    let figures = |(region, counted): (Option<Region>, Destination)| DestinationFigures {
        region: region.map(|region| region.as_str().to_owned()),
        jobs: counted.jobs,
        numbers: counted.numbers,
    };
    let mut destinations: Vec<DestinationFigures> = destinations.into_iter().map(figures).collect();
    destinations.sort_by_key(|destination| Reverse(destination.numbers));
    Figures {
        jobs: sum(|set| set.rows - set.skipped),
        skipped: sum(|set| set.skipped),
        skips,
        repeated: sum(|set| set.repeated),
        warnings: sum(|set| set.warnings),
        destinations,
    }
}
