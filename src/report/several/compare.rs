//! Two runs side by side: what differs, and by how much. The shape is that of `report --compare --format json`.

use super::entry::Entry;
use super::regression::{Regression, regressions};
use super::trend::point;
use crate::event::{Ending, Verdict};
use crate::model::{Evidence, Outcome, RunId, Timestamp};
use crate::report::number::{float, three};
use crate::report::summary::{CriterionSummary, ErrorGroup, Figures, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the comparison's format. 1: the first.
const FORMAT_VERSION: u32 = 1;

/// Two runs side by side. Differences are the second's less the first's, which is the base.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Comparison {
    /// Format version of this document.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// True when both runs are complete. When false, a difference may be one of the files and not of the runs.
    pub complete: bool,
    /// The run that the other one is measured against.
    pub base: ComparedRun,
    /// The other one.
    pub run: ComparedRun,
    /// Whether both are of one runbook, and both or none a rehearsal in the sandbox.
    pub alike: bool,
    /// Every figure.
    pub figures: Vec<Difference>,
    /// Every criterion of either run.
    pub criteria: Vec<CriterionDifference>,
    /// Error groups that only one of the two has, or that differ in their number of jobs; the base's first.
    pub errors: Vec<ErrorDifference>,
    /// Settings whose values differ, by name.
    pub settings: Vec<SettingDifference>,
    /// Inputs, the profile and the tool, where they differ.
    pub inputs: Vec<InputDifference>,
    /// What is worse, by the rules of `docs/runs.md`; empty unless both are complete and alike.
    pub regressions: Vec<Regression>,
}

/// Which run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ComparedRun {
    /// Its id.
    pub run_id: RunId,
    /// Its runbook.
    pub runbook: String,
    /// True when the built-in simulator answered.
    pub sandbox: bool,
    /// When it began, in UTC.
    pub started: Option<Timestamp>,
    /// Whether its audit file is whole.
    pub complete: bool,
    /// Why it is not complete, in words.
    pub problems: Vec<String>,
    /// Passed or failed; null when the file has no closing record. Worthless unless `complete`.
    pub verdict: Option<Verdict>,
    /// Why it ended; null when the file has no closing record.
    pub ending: Option<Ending>,
}

/// A figure of both.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Difference {
    /// Its name: a metric, as in criteria.
    pub figure: String,
    /// The base's value: counts as they are, percentages 0 to 100, times in milliseconds, rates a second; null without data.
    pub base: Option<f64>,
    /// The other's.
    pub run: Option<f64>,
    /// By how much it differs, three decimals.
    pub difference: Option<f64>,
    /// That in percent of the base, three decimals; null when the base is 0.
    pub relative_percent: Option<f64>,
}

/// What became of a criterion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriterionChange {
    /// Met, or not met, by both.
    Same,
    /// The base did not meet it, the other does.
    NowMet,
    /// The base met it, the other does not.
    NoLongerMet,
    /// The base has no such criterion.
    New,
    /// Only the base has it.
    Gone,
    /// One of the two was not judged.
    NotJudged,
}

/// A criterion of either.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CriterionDifference {
    /// The criterion as written.
    pub criterion: String,
    /// What became of it.
    pub change: CriterionChange,
    /// The base's value.
    pub base: Option<f64>,
    /// The other's.
    pub run: Option<f64>,
}

/// Jobs that failed in the same way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ErrorDifference {
    /// What is known about their effect.
    pub outcome: Outcome,
    /// Why it is that.
    pub evidence: Evidence,
    /// The last answer's status; null without an answer.
    pub status_code: Option<u16>,
    /// The server's or the network's words.
    pub message: Option<String>,
    /// Jobs of the base; 0: the group is new.
    pub base: u64,
    /// Jobs of the other; 0: the group is gone.
    pub run: u64,
}

/// A setting that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct SettingDifference {
    /// Its name.
    pub name: String,
    /// The base's value; null: it has none.
    pub base: Option<String>,
    /// The other's.
    pub run: Option<String>,
}

/// An input that differs: a file by its SHA-256, the profile, the tool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct InputDifference {
    /// Its name.
    pub input: String,
    /// What the base had; null: none.
    pub base: Option<String>,
    /// What the other had.
    pub run: Option<String>,
}

impl Comparison {
    /// Of a base and another run.
    pub fn of(base: &Entry, run: &Entry) -> Self {
        let (base, run) = (&base.summary, &run.summary);
        let complete = base.complete && run.complete;
        let alike = base.runbook == run.runbook && base.sandbox == run.sandbox;
        let worse = complete && alike;
        Self {
            v: FORMAT_VERSION,
            complete,
            base: side(base),
            run: side(run),
            alike,
            figures: figures(base, run),
            criteria: criteria(&base.criteria, &run.criteria),
            errors: errors(&base.errors, &run.errors),
            settings: pairs(settings(base), settings(run))
                .map(|(name, base, run)| SettingDifference { name, base, run })
                .collect(),
            inputs: pairs(inputs(base), inputs(run))
                .map(|(input, base, run)| InputDifference { input, base, run })
                .collect(),
            regressions: if worse { regressions(&[point(base)], &point(run)) } else { Vec::new() },
        }
    }

    /// What `report --compare` prints: plain UTF-8, no colour, ends with a line feed.
    pub fn text(&self) -> String {
        super::compare_text::lines(self)
    }
}

fn side(summary: &Summary) -> ComparedRun {
    ComparedRun {
        run_id: summary.run_id.clone(),
        runbook: summary.runbook.clone(),
        sandbox: summary.sandbox,
        started: summary.started,
        complete: summary.complete,
        problems: summary.problems.clone(),
        verdict: summary.verdict,
        ending: summary.ending,
    }
}

fn figures(base: &Summary, run: &Summary) -> Vec<Difference> {
    values(base).into_iter().zip(values(run)).map(|((figure, base), (_, run))| difference(figure, base, run)).collect()
}

fn difference(figure: &str, base: Option<f64>, run: Option<f64>) -> Difference {
    let both = base.zip(run);
    Difference {
        figure: figure.to_owned(),
        base,
        run,
        difference: both.map(|(base, run)| three(run - base)),
        relative_percent: both.filter(|(base, _)| *base > 0.0).map(|(base, run)| three((run - base) * 100.0 / base)),
    }
}

/// Every figure by its name, the same for each run.
fn values(summary: &Summary) -> Vec<(&'static str, Option<f64>)> {
    let total: &Figures = &summary.total;
    let latency = |of: fn(&crate::report::LatencyFigures) -> f64| total.latency_ms.as_ref().map(of);
    let queue = |of: fn(&crate::report::QueueFigures) -> f64| total.queue_ms.as_ref().map(of);
    let count = |number: u64| Some(float(number));
    vec![
        ("success_rate", total.success_rate_percent),
        ("jobs", count(total.jobs)),
        ("attempted", count(total.total_operations)),
        ("succeeded", count(total.succeeded)),
        ("accepted", count(total.accepted)),
        ("rejected", count(total.rejected)),
        ("not_sent", count(total.not_sent)),
        ("unknown", count(total.unknown)),
        ("not_bridged", count(total.not_bridged)),
        ("skipped", count(total.skipped)),
        ("not_attempted", count(total.not_attempted)),
        ("latency.min", latency(|ms| ms.min)),
        ("latency.mean", total.average_latency_ms),
        ("latency.p50", latency(|ms| ms.p50)),
        ("latency.p90", latency(|ms| ms.p90)),
        ("latency.p95", latency(|ms| ms.p95)),
        ("latency.p99", latency(|ms| ms.p99)),
        ("latency.max", latency(|ms| ms.max)),
        ("queue.p50", queue(|ms| ms.p50)),
        ("queue.p95", queue(|ms| ms.p95)),
        ("queue.max", queue(|ms| ms.max)),
        ("throughput", total.throughput_per_s),
        ("duration", Some(summary.duration_ms)),
        ("attempts", count(total.attempts)),
        ("retries", count(total.retries)),
        ("throttled", count(total.throttled)),
    ]
}

fn criteria(base: &[CriterionSummary], run: &[CriterionSummary]) -> Vec<CriterionDifference> {
    let of = |all: &[CriterionSummary], text: &str| all.iter().find(|one| one.criterion == text).cloned();
    let gone = base.iter().filter(|one| of(run, &one.criterion).is_none());
    let all = run.iter().chain(gone).map(|one| &one.criterion);
    let compared = all.map(|text| {
        let (before, now) = (of(base, text), of(run, text));
        let change = match (before.as_ref().map(|one| one.met), now.as_ref().map(|one| one.met)) {
            (None, _) => CriterionChange::New,
            (_, None) => CriterionChange::Gone,
            (Some(None), _) | (_, Some(None)) => CriterionChange::NotJudged,
            (Some(Some(true)), Some(Some(false))) => CriterionChange::NoLongerMet,
            (Some(Some(false)), Some(Some(true))) => CriterionChange::NowMet,
            _ => CriterionChange::Same,
        };
        let value = |one: Option<CriterionSummary>| one.and_then(|one| one.value);
        CriterionDifference { criterion: text.clone(), change, base: value(before), run: value(now) }
    });
    compared.collect()
}

fn errors(base: &[ErrorGroup], run: &[ErrorGroup]) -> Vec<ErrorDifference> {
    let same = |one: &ErrorGroup, other: &ErrorGroup| {
        (one.outcome, one.evidence, one.status_code, &one.message)
            == (other.outcome, other.evidence, other.status_code, &other.message)
    };
    let count = |all: &[ErrorGroup], one: &ErrorGroup| {
        all.iter().find(|other| same(one, other)).map(|other| other.count).unwrap_or_default()
    };
    let new = run.iter().filter(|one| count(base, one) == 0);
    let all = base.iter().chain(new).map(|one| ErrorDifference {
        outcome: one.outcome,
        evidence: one.evidence,
        status_code: one.status_code,
        message: one.message.clone(),
        base: count(base, one),
        run: count(run, one),
    });
    all.filter(|one| one.base != one.run).collect()
}

fn settings(summary: &Summary) -> BTreeMap<String, String> {
    summary.settings.iter().map(|setting| (setting.name.clone(), setting.value.clone())).collect()
}

/// What a run was made from, and by what.
fn inputs(summary: &Summary) -> BTreeMap<String, String> {
    let files = summary.inputs.iter().map(|input| (input.file.clone(), input.sha256.clone()));
    let profile = ("profile".to_owned(), format!("{} {}", summary.profile.name, summary.profile.sha256));
    files.chain([profile, ("tool".to_owned(), summary.tool.clone())]).collect()
}

/// What is not the same in both, by name.
fn pairs(
    base: BTreeMap<String, String>,
    mut run: BTreeMap<String, String>,
) -> impl Iterator<Item = (String, Option<String>, Option<String>)> {
    let mut all: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for (name, value) in base {
        let other = run.remove(&name);
        all.insert(name, (Some(value), other));
    }
    all.extend(run.into_iter().map(|(name, value)| (name, (None, Some(value)))));
    all.into_iter().filter(|(_, (base, run))| base != run).map(|(name, (base, run))| (name, base, run))
}
