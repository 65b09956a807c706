//! How the service times spread, with the median and the slow end marked.

use super::both;
use super::frame::Frame;
use super::scale::{Ticks, edges};
use crate::model::Latency;
use crate::report::number::{count, float, ms};
use crate::state::Tally;

/// Percentiles that are marked, each on its own row.
const MARKS: [(&str, f64, u8); 3] = [("p50", 0.50, 0), ("p95", 0.95, 1), ("p99", 0.99, 2)];

/// The buckets and what lies in them.
#[derive(Debug)]
pub(in crate::report) struct Histogram<'a> {
    tally: &'a Tally,
    /// In microseconds; one more than buckets.
    edges: Vec<u64>,
    counts: Vec<u64>,
    range: (Latency, Latency),
}

impl<'a> Histogram<'a> {
    /// Sorts the answers into buckets; `None` without an answer.
    pub(in crate::report) fn of(tally: &'a Tally) -> Option<Self> {
        let (min, max) = (tally.latency(0.0)?, tally.latency(1.0)?);
        let edges = edges(min.micros(), max.micros());
        let mut counts = vec![0u64; edges.len().saturating_sub(1)];
        for (latency, answers) in tally.latencies() {
            if let Some(count) = counts.get_mut(bucket(&edges, latency)) {
                *count += answers;
            }
        }
        Some(Self { tally, edges, counts, range: (min, max) })
    }

    /// The drawing.
    pub(in crate::report) fn svg(&self) -> String {
        let words = format!(
            "{} answers, from {} ms to {} ms. Below it stands the same in numbers, and a table of the percentiles.",
            count(self.counts.iter().sum()),
            ms(self.range.0),
            ms(self.range.1)
        );
        let draw = |frame: &Frame| draw(frame, self.tally, &self.edges, &self.counts);
        both(|frame| frame.svg("hist", "Histogram of the service times", &words, &draw(frame)))
    }

    /// The buckets in which something lies: from, to (in milliseconds), answers.
    pub(in crate::report) fn rows(&self) -> Vec<[String; 3]> {
        let row = |(place, answers): (usize, &u64)| {
            let edge = |place: usize| self.edges.get(place).map(|edge| label(*edge)).unwrap_or_default();
            [edge(place), edge(place + 1), count(*answers)]
        };
        self.counts.iter().enumerate().filter(|(_, answers)| **answers > 0).map(row).collect()
    }
}

/// An edge in milliseconds: not a latency, so it is not rounded like one.
fn label(edge: u64) -> String {
    (float(edge) / 1000.0).to_string()
}

fn bucket(edges: &[u64], latency: Latency) -> usize {
    edges.partition_point(|edge| *edge <= latency.micros()).saturating_sub(1)
}

fn draw(frame: &Frame, tally: &Tally, edges: &[u64], counts: &[u64]) -> String {
    let buckets = counts.len().max(1);
    let at = |edge: usize| float(edge as u64) / float(buckets as u64);
    let ticks = Ticks::whole(counts.iter().copied().max().unwrap_or_default());
    let mut out = frame.rows(&ticks, "answers");
    for (place, answers) in counts.iter().enumerate().filter(|(_, answers)| **answers > 0) {
        let words = format!("{} to {} ms: {}", label(edges[place]), label(edges[place + 1]), count(*answers));
        out.push_str(&frame.bar("bar", (at(place), at(place + 1)), (0.0, ticks.at(float(*answers))), &words));
    }
    let every = edges.len().div_ceil(frame.labels).max(1);
    for (place, edge) in edges.iter().enumerate().step_by(every) {
        let unit = if place == 0 { " ms" } else { "" };
        out.push_str(&frame.below(at(place), &format!("{}{unit}", label(*edge))));
    }
    let mut words = String::new();
    for (name, quantile, row) in MARKS {
        let Some(latency) = tally.latency(quantile) else { continue };
        let place = bucket(edges, latency);
        let (Some(from), Some(to)) = (edges.get(place), edges.get(place + 1)) else { continue };
        let (from, to) = (float(*from), float(*to));
        let within = (float(latency.micros()) - from) / (to - from);
        let x = (float(place as u64) + within) / float(buckets as u64);
        let (line, label) = frame.mark(x, row, &format!("{name} {} ms", ms(latency)));
        out.push_str(&line);
        words.push_str(&label);
    }
    out + &words
}
