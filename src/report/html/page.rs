//! What the template prints: strings, ready to be escaped. No markup but the drawings.

use super::lists::{EventRow, SkipRow, SlowRow, StatusRow, TimeCells};
use super::proof::{Check, Fact};
use super::sheet::{BalanceRow, StateColumn};
use super::tables::{
    CriterionRow, ErrorRow, InputRow, LatencyRow, ReconciledRow, SettingRow, StopRow, UnknownRow, WarningRow,
};
use super::words::{clean, second};
use super::{lists, proof, sheet, tables};
use crate::event::{Ending, Verdict};
use crate::model::Timestamp;
use crate::report::charts::{
    Histogram, Timeline, any_rest, balance, course_over_time, lanes, latency_over_time, rate_over_time,
};
use crate::report::number::{NO_DATA, count, grouped, percent, span};
use crate::report::output::Report;
use crate::report::summary::Summary;
use crate::report::text::{ending_words, verdict};
use serde::Serialize;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    css: &'static str,
    margins: String,
    incomplete: bool,
    closed: bool,
    directory: String,
    contents: Vec<Entry>,
    runbook: String,
    description: Option<String>,
    run_id: String,
    began: Option<String>,
    owner: Option<String>,
    verdict: &'static str,
    verdict_note: Option<String>,
    tone: &'static str,
    problems: Vec<String>,
    sandbox: bool,
    stops: Vec<StopRow>,
    tiles: Vec<Tile>,
    criteria: Vec<CriterionRow>,
    gates: Vec<CriterionRow>,
    balance_svg: Option<String>,
    states: Vec<StateColumn>,
    balance: Vec<BalanceRow>,
    wave_balance: Vec<BalanceRow>,
    total: BalanceRow,
    sets_left_out: Option<String>,
    equation: String,
    histogram_svg: Option<String>,
    histogram: Vec<[String; 3]>,
    latency_columns: [&'static str; 10],
    latencies: Vec<LatencyRow>,
    latency_total: LatencyRow,
    rate_svg: Option<String>,
    latency_svg: Option<String>,
    course_svg: Option<String>,
    rests: Option<&'static str>,
    series: Vec<StateColumn>,
    times: Vec<TimeCells>,
    bucket: String,
    events: Vec<EventRow>,
    events_left_out: Option<String>,
    statuses: Vec<StatusRow>,
    skips: Vec<SkipRow>,
    slowest: Vec<SlowRow>,
    errors: Vec<ErrorRow>,
    errors_left_out: Option<String>,
    warnings: Vec<WarningRow>,
    unknown: Vec<UnknownRow>,
    unknown_count: String,
    unknown_left_out: Option<String>,
    reconciliation: Option<String>,
    reconciled: Vec<ReconciledRow>,
    reconciled_left_out: Option<String>,
    facts: Vec<Fact>,
    inputs: Vec<InputRow>,
    inputs_left_out: Option<String>,
    settings: Vec<SettingRow>,
    checks: Vec<Check>,
    lines: String,
    head: String,
    signed_by: Option<String>,
}

/// A line of the contents: where it leads, and how much is there.
#[derive(Debug, Serialize)]
struct Entry {
    id: &'static str,
    name: &'static str,
    count: Option<String>,
}

/// A key figure.
#[derive(Debug, Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    note: String,
    tone: &'static str,
}

impl Page {
    /// The page of a report.
    pub(super) fn of(report: &Report, css: &'static str) -> Self {
        let summary = &report.summary;
        let timeline = report.timeline.as_ref();
        let histogram = Histogram::of(report.run.total());
        let lanes = lanes(&summary.events, &report.clock, summary.last_record);
        let (events, events_left_out) = lists::events(report);
        let some = |number: u64| (number > 0).then(|| count(number));
        Self {
            css,
            margins: proof::margins(summary),
            incomplete: verdict(summary) == "INCOMPLETE",
            closed: summary.finished.is_some(),
            directory: proof::directory(summary),
            contents: contents(summary),
            runbook: if summary.runbook.is_empty() {
                "(no opening record)".to_owned()
            } else {
                clean(&summary.runbook)
            },
            description: summary.description.as_deref().map(clean),
            run_id: clean(summary.run_id.as_str()),
            began: summary.started.map(minute),
            owner: summary.owner.as_deref().map(clean),
            verdict: verdict(summary),
            verdict_note: verdict_note(summary),
            tone: if verdict(summary) == "PASSED" { "good" } else { "bad" },
            problems: summary.problems.iter().map(|problem| clean(problem)).collect(),
            sandbox: summary.sandbox,
            stops: tables::stops(summary),
            tiles: tiles(summary),
            criteria: tables::criteria(summary),
            gates: tables::gates(summary),
            balance_svg: balance(&summary.total),
            states: sheet::states(&summary.total),
            balance: sheet::balances(summary),
            wave_balance: sheet::wave_balances(summary),
            total: sheet::balance_row(&summary.total, &summary.total),
            sets_left_out: some(sheet::sets_left_out(summary)),
            equation: sheet::equation(summary),
            histogram_svg: histogram.as_ref().map(Histogram::svg),
            histogram: histogram.as_ref().map(Histogram::rows).unwrap_or_default(),
            latency_columns: tables::LATENCY_COLUMNS,
            latencies: tables::latencies(summary),
            latency_total: tables::latency_row(&summary.total),
            rate_svg: timeline.map(|timeline| rate_over_time(timeline, &lanes)),
            latency_svg: timeline.and_then(|timeline| latency_over_time(timeline, &lanes)),
            course_svg: timeline.and_then(|timeline| course_over_time(timeline, &lanes)),
            rests: any_rest(&lanes).then_some("nothing new was sent"),
            series: timeline.map(sheet::series).unwrap_or_default(),
            times: timeline.map(lists::times).unwrap_or_default(),
            bucket: timeline.map(Timeline::width).unwrap_or_default(),
            events,
            events_left_out: some(events_left_out),
            statuses: lists::statuses(summary),
            skips: lists::skips(summary),
            slowest: lists::slowest(summary),
            errors: tables::errors(summary),
            errors_left_out: some(summary.errors_left_out),
            warnings: tables::warnings(summary),
            unknown: tables::unknown(summary),
            unknown_count: tables::jobs(summary.unknown.count),
            unknown_left_out: some(tables::left_out(
                summary.unknown.left_out,
                summary.unknown.jobs.len(),
                tables::MAX_UNKNOWN,
            )),
            reconciliation: crate::report::reconciliation::words(&summary.reconciliation),
            reconciled: tables::reconciled(summary),
            reconciled_left_out: some(tables::left_out(
                summary.reconciliation.left_out,
                summary.reconciliation.jobs.len(),
                tables::MAX_RECONCILED,
            )),
            facts: proof::facts(summary),
            inputs: tables::inputs(summary),
            inputs_left_out: some(tables::left_out(0, summary.inputs.len(), tables::MAX_ROWS)),
            settings: tables::settings(summary),
            checks: proof::checks(summary),
            lines: count(summary.audit.lines),
            head: clean(&summary.audit.head),
            signed_by: summary.audit.signed_by.as_deref().map(clean),
        }
    }
}

fn contents(summary: &Summary) -> Vec<Entry> {
    let some = |number: u64| (number > 0).then(|| count(number));
    let entry = |id, name, count| Entry { id, name, count };
    let unmet = summary.criteria.iter().filter(|criterion| criterion.met == Some(false)).count();
    let mut contents = vec![
        entry("criteria", "Criteria", (unmet > 0).then(|| format!("{unmet} not met"))),
        entry("balance", "Balance sheet", None),
        entry("errors", "Errors", some(summary.total.failure_count)),
        entry("unknown", "Unknown", some(summary.unknown.count)),
        entry("reconciliation", "Found out", some(summary.reconciliation.bridged + summary.reconciliation.not_bridged)),
        entry("skips", "Left out", some(summary.total.skipped)),
        entry("time", "Over time", None),
        entry("latency", "Latency", None),
        entry("provenance", "Provenance", None),
        entry("seal", "Seal", None),
    ];
    contents.retain(|entry| {
        entry.id != "reconciliation" || crate::report::reconciliation::words(&summary.reconciliation).is_some()
    });
    contents
}

/// `2026-11-22 08:01:02 UTC`.
fn minute(at: Timestamp) -> String {
    format!("{} UTC", second(at))
}

fn verdict_note(summary: &Summary) -> Option<String> {
    if !summary.complete {
        return None;
    }
    let unmet = summary.criteria.iter().filter(|criterion| criterion.met == Some(false)).count();
    let words = match (summary.verdict?, summary.ending?) {
        (Verdict::Passed, _) => "every criterion is met".to_owned(),
        (Verdict::Failed, Ending::Completed) if unmet == 1 => "1 criterion is not met".to_owned(),
        (Verdict::Failed, Ending::Completed) => format!("{unmet} criteria are not met"),
        (Verdict::Failed, ending) => ending_words(ending).to_owned(),
    };
    let exit = summary.exit_code.filter(|code| *code != 0).map(|code| format!(" · exit code {code}"));
    Some(words + &exit.unwrap_or_default())
}

fn tiles(summary: &Summary) -> Vec<Tile> {
    let total = &summary.total;
    let or_none = |value: Option<String>| value.unwrap_or_else(|| NO_DATA.to_owned());
    let p50 = total.latency_ms.map(|ms| format!("median {} ms", grouped(&ms.p50.to_string())));
    let tile = |name, value, note, tone| Tile { name, value, note, tone };
    let due = total.jobs - total.skipped;
    let share = percent(total.total_operations, due).map(|percent| format!("{percent}% of those not skipped"));
    let doubt = summary.unknown.count;
    let retries = format!("{} attempts, {} retries", count(total.attempts), count(total.retries));
    vec![
        tile(
            "Success rate",
            or_none(total.success_rate_percent.map(|rate| format!("{rate}%"))),
            format!("{} of {} attempted", count(total.success_count), count(total.total_operations)),
            "",
        ),
        tile(
            "Attempted",
            count(total.total_operations),
            format!("of {}; {}", tables::jobs(total.jobs), share.unwrap_or_else(|| NO_DATA.to_owned())),
            "",
        ),
        tile(
            "Unknown",
            count(doubt),
            if doubt == 0 { "nothing to look up".to_owned() } else { "to be looked up".to_owned() },
            if doubt == 0 { "" } else { "open" },
        ),
        tile(
            "Latency p95",
            or_none(total.latency_ms.map(|ms| format!("{} ms", grouped(&ms.p95.to_string())))),
            p50.unwrap_or_default(),
            "",
        ),
        tile("Throughput", or_none(total.throughput_per_s.map(pace)), retries, ""),
        tile("Duration", span(summary.duration_ms), format!("throttled {}", times(total.throttled)), ""),
    ]
}

/// Jobs per second: in the thousands nobody looks for decimals, and there is no room for them.
fn pace(per_second: f64) -> String {
    let shown = if per_second < 1000.0 { per_second } else { per_second.round() };
    format!("{}/s", grouped(&shown.to_string()))
}

fn times(number: u64) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        _ => format!("{} times", count(number)),
    }
}
