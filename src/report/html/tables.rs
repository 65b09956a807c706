//! The rows of the page's tables. Every list is cut here, so that the page is bounded.

use super::words::{bounded, cell, clean, marked};
use crate::event::SettingSource;
use crate::model::{Criterion, NumberPrivacy, Outcome};
use crate::report::errors::evidence_words;
use crate::report::number::{count, criterion_value, grouped};
use crate::report::reconciliation::reconciled_word;
use crate::report::summary::{Figures, Summary};
use crate::report::text::ending_words;
use serde::Serialize;

/// Sets, criteria, inputs, settings that are shown; the JSON has them all.
pub(super) const MAX_ROWS: usize = 200;
/// Unknown jobs that are shown: more are not read, but worked on from a file.
pub(super) const MAX_UNKNOWN: usize = 500;
/// Jobs that were unknown once and are shown.
pub(super) const MAX_RECONCILED: usize = 250;
/// Rows that may be long.
const FEW: usize = 100;
/// Characters of a request id, which is ASCII.
const MAX_REQUEST_ID: usize = 160;
/// What stands in an empty cell.
pub(super) const NONE: &str = "–";

/// The columns of the latency table after set and answers.
pub(super) const LATENCY_COLUMNS: [&str; 10] = ["min", "mean", "p50", "p90", "p95", "p99", "max", "p50", "p95", "max"];

#[derive(Debug, Serialize)]
pub(super) struct StopRow {
    ending: &'static str,
    reason: String,
    timestamp: String,
    in_flight: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CriterionRow {
    /// The wave that had to show it; none for a criterion of the run.
    wave: Option<u32>,
    /// Empty: nothing.
    metric: String,
    set: Option<String>,
    limit: String,
    value: String,
    result: &'static str,
    tone: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct LatencyRow {
    set: String,
    values: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ErrorRow {
    jobs: String,
    outcome: &'static str,
    status: Option<u16>,
    evidence: &'static str,
    message: Option<String>,
    cause: String,
    remedy: String,
    first: String,
    tone: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct WarningRow {
    message: String,
    count: String,
    first: String,
}

#[derive(Debug, Serialize)]
pub(super) struct UnknownRow {
    job: u64,
    set: String,
    /// Where it is not the call id.
    key: Option<String>,
    call_id: String,
    request_id: String,
    correlation_id: Option<String>,
    why: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ReconciledRow {
    job: u64,
    set: String,
    call_id: String,
    outcome: &'static str,
    by: &'static str,
    reason: String,
    timestamp: String,
    who: String,
}

#[derive(Debug, Serialize)]
pub(super) struct InputRow {
    file: String,
    bytes: String,
    sha256: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SettingRow {
    name: String,
    value: String,
    source: &'static str,
    /// Somebody chose it.
    chosen: bool,
}

pub(super) fn stops(summary: &Summary) -> Vec<StopRow> {
    let row = |stop: &crate::report::StopSummary| StopRow {
        ending: ending_words(stop.ending),
        reason: clean(&stop.reason),
        timestamp: stop.timestamp.to_string(),
        in_flight: count(stop.in_flight),
    };
    // What stopped an earlier process did not stop the run.
    let since = summary.resumptions.last().map(|resumption| resumption.timestamp);
    summary.stops.iter().filter(|stop| since.is_none_or(|since| stop.timestamp >= since)).map(row).collect()
}

pub(super) fn criteria(summary: &Summary) -> Vec<CriterionRow> {
    summary.criteria.iter().take(MAX_ROWS).map(|criterion| criterion_row(None, criterion)).collect()
}

/// What each wave had to show, a row each; a wave that had to show nothing has one, too.
pub(super) fn gates(summary: &Summary) -> Vec<CriterionRow> {
    let wave = |wave: &crate::report::WaveSummary| {
        let number = Some(wave.counts.wave);
        let (result, tone) = match wave.passed {
            Some(true) => ("✓ passed", "good"),
            Some(false) => ("✗ held back the next one", "bad"),
            None => ("not finished", "zero"),
        };
        let (metric, limit, value) = (String::new(), NONE.to_owned(), NONE.to_owned());
        let nothing = CriterionRow { wave: number, metric, set: None, limit, value, result, tone };
        let rows: Vec<_> = wave.require.iter().map(|criterion| criterion_row(number, criterion)).collect();
        if rows.is_empty() { vec![nothing] } else { rows }
    };
    summary.waves.iter().flat_map(wave).take(MAX_ROWS).collect()
}

fn criterion_row(wave: Option<u32>, criterion: &crate::report::CriterionSummary) -> CriterionRow {
    let (result, tone) = match criterion.met {
        Some(true) => ("✓ met", "good"),
        Some(false) => ("✗ not met", "bad"),
        None => ("not judged", "zero"),
    };
    let judged = criterion.met.map(|_| criterion_value(&criterion.criterion, criterion.value));
    let value = judged.unwrap_or_else(|| NONE.to_owned());
    // `METRIC OP VALUE [in SET]`; what is not is shown as it is.
    let text = clean(&criterion.criterion);
    let parsed = text.parse::<Criterion>().ok();
    let split = parsed.and_then(|parsed| {
        let (metric, rest) = text.split_at_checked(text.find(['=', '!', '<', '>'])?)?;
        let limit = rest.split(" in ").next().unwrap_or(rest);
        let set = parsed.set().map(|set| clean(set.as_str()));
        Some((metric.trim().to_owned(), limit.trim().to_owned(), set))
    });
    let (metric, limit, set) = split.unwrap_or_else(|| (text.clone(), NONE.to_owned(), None));
    CriterionRow { wave, metric, set, limit, value, result, tone }
}

pub(super) fn latencies(summary: &Summary) -> Vec<LatencyRow> {
    summary.sets.iter().take(MAX_ROWS).map(latency_row).collect()
}

pub(super) fn latency_row(figures: &Figures) -> LatencyRow {
    // Always three decimals: exact, and the decimal points stand below each other.
    let number = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| grouped(&format!("{value:.3}")));
    let queue = figures.queue_ms;
    let waits = [queue.map(|ms| ms.p50), queue.map(|ms| ms.p95), queue.map(|ms| ms.max)];
    let times = figures.service_times().into_iter().chain(waits);
    let answers = figures.latency_ms.map_or_else(|| "0".to_owned(), |ms| count(ms.answers));
    LatencyRow { set: set_name(figures), values: std::iter::once(answers).chain(times.map(number)).collect() }
}

pub(super) fn errors(summary: &Summary) -> Vec<ErrorRow> {
    let row = |group: &crate::report::ErrorGroup| {
        let (outcome, tone) = match group.outcome {
            Outcome::Unknown => ("unknown", "open"),
            Outcome::NotSent => ("not sent", "bad"),
            Outcome::NotBridged => ("not bridged", "bad"),
            Outcome::Rejected | Outcome::Succeeded | Outcome::Accepted => ("rejected", "bad"),
        };
        ErrorRow {
            jobs: jobs(group.count),
            outcome,
            status: group.status_code,
            evidence: evidence_words(group.outcome, group.evidence),
            message: group.message.as_deref().map(clean),
            cause: marked(&group.cause),
            remedy: marked(&group.remedy),
            first: first(&group.first_jobs, group.count),
            tone,
        }
    };
    summary.errors.iter().map(row).collect()
}

pub(super) fn warnings(summary: &Summary) -> Vec<WarningRow> {
    let row = |group: &crate::report::WarningGroup| WarningRow {
        message: clean(&group.message),
        count: count(group.count),
        first: first(&group.first_jobs, group.count),
    };
    summary.warnings.iter().map(row).collect()
}

/// `job 4`, `jobs 4, 9, 12 and 31 more`.
pub(super) fn first(numbers: &[u64], all: u64) -> String {
    let listed: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let more = all.saturating_sub(u64::try_from(numbers.len()).unwrap_or(u64::MAX));
    let word = if all == 1 { "job" } else { "jobs" };
    let tail = if more > 0 { format!(" and {} more", count(more)) } else { String::new() };
    format!("{word} {}{tail}", listed.join(", "))
}

pub(super) fn unknown(summary: &Summary) -> Vec<UnknownRow> {
    // A short list has room for the whole reason.
    let few = summary.unknown.jobs.len() <= FEW;
    let or_none = |text: &Option<String>| text.as_deref().map_or_else(|| NONE.to_owned(), cell);
    let row = |job: &crate::report::UnknownJob| UnknownRow {
        job: job.job,
        set: cell(&job.set),
        key: job.key.as_deref().filter(|key| job.call_id.as_deref() != Some(key)).map(cell),
        call_id: or_none(&job.call_id),
        request_id: job.request_id.as_deref().map_or_else(|| NONE.to_owned(), |id| bounded(id, MAX_REQUEST_ID)),
        correlation_id: job.correlation_id.as_deref().map(cell),
        why: if few { clean(&job.why) } else { cell(&job.why) },
    };
    summary.unknown.jobs.iter().take(MAX_UNKNOWN).map(row).collect()
}

pub(super) fn reconciled(summary: &Summary) -> Vec<ReconciledRow> {
    let few = summary.reconciliation.jobs.len() <= FEW;
    let row = |job: &crate::report::ReconciledJob| ReconciledRow {
        job: job.job,
        set: cell(job.set.as_str()),
        call_id: cell(&job.call_id),
        outcome: if job.outcome == Outcome::NotBridged { "not bridged" } else { "bridged" },
        by: reconciled_word(job.by),
        reason: if few { clean(&job.reason) } else { cell(&job.reason) },
        timestamp: job.timestamp.to_string(),
        who: job.who.as_deref().map_or_else(|| "the run".to_owned(), cell),
    };
    summary.reconciliation.jobs.iter().take(MAX_RECONCILED).map(row).collect()
}

pub(super) fn inputs(summary: &Summary) -> Vec<InputRow> {
    let row = |input: &crate::report::InputSummary| InputRow {
        file: clean(&input.file),
        bytes: count(input.bytes),
        sha256: cell(&input.sha256),
    };
    summary.inputs.iter().take(MAX_ROWS).map(row).collect()
}

pub(super) fn settings(summary: &Summary) -> Vec<SettingRow> {
    let row = |setting: &crate::event::Setting| SettingRow {
        name: cell(&setting.name),
        value: clean(&setting.value),
        chosen: setting.source != SettingSource::Default,
        source: match setting.source {
            SettingSource::Default => "default",
            SettingSource::Runbook => "runbook",
            SettingSource::Environment => "environment",
            SettingSource::Flag => "command line",
        },
    };
    summary.settings.iter().take(MAX_ROWS).map(row).collect()
}

/// How numbers are written, in words.
pub(super) fn numbers(privacy: NumberPrivacy) -> &'static str {
    match privacy {
        NumberPrivacy::Masked => "masked",
        NumberPrivacy::Keyed => "as pseudonyms under a key",
        NumberPrivacy::Full => "written in full",
    }
}

/// How many a list leaves out: those that it never had, and those that the page does not show of it.
pub(super) fn left_out(before: u64, all: usize, shown: usize) -> u64 {
    before + u64::try_from(all.saturating_sub(shown)).unwrap_or(u64::MAX)
}

/// `1 job`, `1,204 jobs`.
pub(super) fn jobs(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "job" } else { "jobs" })
}

pub(super) fn set_name(figures: &Figures) -> String {
    figures.set.as_ref().map(|set| cell(set.as_str())).unwrap_or_default()
}
