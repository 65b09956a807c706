//! `trend.json`: its shape, and how it is made. The shipped JSON Schema is made from these types and their words.

use super::gather::{Group, Several};
use super::regression::{Point, Regression, regressions};
use crate::event::{Ending, Verdict};
use crate::model::{RunId, Timestamp};
use crate::report::number::millis;
use crate::report::summary::{Figures, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the trend's format. 1: the first.
const FORMAT_VERSION: u32 = 1;

/// Several runs: their figures together, and their trend.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Trend {
    /// Format version of this document.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// True when every run is complete.
    pub complete: bool,
    /// How many runs stand here.
    pub runs: u64,
    /// Runs that were given more than once, with how often beyond the first time; each counts once.
    pub repeated: BTreeMap<RunId, u64>,
    /// Runs by runbook, rehearsals in the sandbox apart, in order of their names. Nothing is added over groups.
    pub groups: Vec<TrendGroup>,
}

/// Runs of one runbook.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TrendGroup {
    /// The runbook's name; empty for files without an opening record.
    pub runbook: String,
    /// True when the built-in simulator answered.
    pub sandbox: bool,
    /// The complete runs together.
    pub merged: MergedFigures,
    /// Every run in order of its start.
    pub runs: Vec<TrendRun>,
}

/// Several runs as if they were one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct MergedFigures {
    /// Runs that these figures hold: the complete ones.
    pub runs: u64,
    /// Runs that are not complete, and are left out.
    pub left_out: u64,
    /// The time that the runs took, one after the other, in milliseconds with three decimals.
    #[schemars(range(min = 0))]
    pub duration_ms: f64,
    /// The figures of all jobs; percentiles are those of all answers together, throughput is over `duration_ms`.
    pub total: Figures,
    /// The figures of each set, by name; sets of one name are one set.
    pub sets: Vec<Figures>,
}

/// One run of a trend.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TrendRun {
    /// Its id; empty for a file without an opening record.
    pub run_id: RunId,
    /// When it began, in UTC.
    pub started: Option<Timestamp>,
    /// When it ended, in UTC; null when the file has no closing record.
    pub finished: Option<Timestamp>,
    /// From the first record to the last, without the time between two processes of the run, in milliseconds with three decimals.
    #[schemars(range(min = 0))]
    pub duration_ms: f64,
    /// Whether its audit file is whole. When not, no figure of it may be taken for its result, and it is in no sum.
    pub complete: bool,
    /// Why it is not complete, in words.
    pub problems: Vec<String>,
    /// Passed or failed; null when the file has no closing record. Worthless unless `complete`.
    pub verdict: Option<Verdict>,
    /// Why it ended; null when the file has no closing record.
    pub ending: Option<Ending>,
    /// Its figures.
    pub total: Figures,
    /// What is worse than in the complete runs before it, by the rules of `docs/runs.md`; empty for a run that is not complete.
    pub regressions: Vec<Regression>,
}

impl Several {
    /// The trend of the runs.
    pub fn trend(&self) -> Trend {
        let runs = || self.groups.values().flat_map(|group| &group.runs);
        Trend {
            v: FORMAT_VERSION,
            complete: runs().all(|run| run.complete),
            runs: runs().count() as u64,
            repeated: self.repeated.clone(),
            groups: self
                .groups
                .iter()
                .map(|((runbook, sandbox), group)| self::group(runbook, *sandbox, group))
                .collect(),
        }
    }
}

fn group(runbook: &str, sandbox: bool, group: &Group) -> TrendGroup {
    let merged = &group.merged;
    let mut ordered: Vec<&Summary> = group.runs.iter().collect();
    ordered.sort_by_key(|run| (run.started, &run.run_id));
    let mut earlier = Vec::new();
    TrendGroup {
        runbook: runbook.to_owned(),
        sandbox,
        merged: MergedFigures {
            runs: merged.runs(),
            left_out: group.runs.len() as u64 - merged.runs(),
            duration_ms: millis(merged.duration()),
            total: merged.total(),
            sets: merged.sets(),
        },
        runs: ordered.into_iter().map(|summary| run(summary, &mut earlier)).collect(),
    }
}

/// One run, measured against the complete ones before it, which it then joins.
fn run(summary: &Summary, earlier: &mut Vec<Point>) -> TrendRun {
    let mut worse = Vec::new();
    if summary.complete {
        let now = point(summary);
        worse = regressions(earlier, &now);
        earlier.push(now);
    }
    TrendRun {
        run_id: summary.run_id.clone(),
        started: summary.started,
        finished: summary.finished,
        duration_ms: summary.duration_ms,
        complete: summary.complete,
        problems: summary.problems.clone(),
        verdict: summary.verdict,
        ending: summary.ending,
        total: summary.total.clone(),
        regressions: worse,
    }
}

/// What the rules look at.
pub(super) fn point(summary: &Summary) -> Point {
    let total = &summary.total;
    Point {
        successes: total.success_count,
        attempted: total.total_operations,
        unknown: total.unknown,
        p95: total.latency_ms.map(|ms| ms.p95),
        passed: summary.verdict == Some(Verdict::Passed),
    }
}

impl Trend {
    /// What `report` prints: plain UTF-8, no colour, ends with a line feed.
    pub fn text(&self) -> String {
        super::text::lines(self)
    }

    /// The files, in the order in which they are written, each with its bytes.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let words = |error: &dyn std::fmt::Display| format!("this report could not be made: {error}\n").into_bytes();
        let json = serde_json::to_vec_pretty(self).map(|mut bytes| {
            bytes.push(b'\n');
            bytes
        });
        vec![
            ("trend.json", json.unwrap_or_else(|error| words(&error))),
            ("trend.csv", super::csv::bytes(self).unwrap_or_else(|error| words(&error))),
            ("trend.html", super::html::page(self).unwrap_or_else(|error| words(&error))),
        ]
    }
}

impl TrendRun {
    /// `PASSED`, `FAILED` or `INCOMPLETE`.
    pub(super) fn result(&self) -> &'static str {
        match (self.complete, self.verdict) {
            (true, Some(Verdict::Passed)) => "PASSED",
            (true, Some(Verdict::Failed)) => "FAILED",
            (true, None) | (false, _) => "INCOMPLETE",
        }
    }
}

impl TrendGroup {
    /// Its name for people.
    pub(super) fn title(&self) -> String {
        let name = if self.runbook.is_empty() { "(no opening record)" } else { &self.runbook };
        let sandbox = if self.sandbox { "  (sandbox: no real call)" } else { "" };
        format!("{}{sandbox}", crate::model::printable(name, 100))
    }
}
