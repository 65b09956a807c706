//! What the template prints: strings, ready to be escaped. No markup but the drawings.
//!
//! Somebody else's text enters through [`clean`] only.

use super::tables;
use super::tables::{
    BalanceRow, CriterionRow, ErrorRow, InputRow, LatencyRow, ReconciledRow, SettingRow, StateColumn, StopRow,
    UnknownRow, WarningRow,
};
use crate::event::{Ending, Verdict};
use crate::model::{Timestamp, printable};
use crate::report::charts::{Timeline, balance, histogram, latency_over_time, rate_over_time};
use crate::report::number::{NO_DATA, count, percent, span};
use crate::report::output::Report;
use crate::report::summary::Summary;
use crate::report::text::{ending_words, verdict};
use serde::Serialize;

/// Characters of one text on the page.
const MAX_TEXT: usize = 300;

/// A text of others as it may stand on the page.
pub(super) fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    css: &'static str,
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
    waves: Vec<tables::WaveRow>,
    balance_svg: Option<String>,
    states: Vec<StateColumn>,
    balance: Vec<BalanceRow>,
    total: BalanceRow,
    sets_left_out: Option<String>,
    equation: String,
    histogram_svg: Option<String>,
    latency_columns: [&'static str; 10],
    latencies: Vec<LatencyRow>,
    latency_total: LatencyRow,
    rate_svg: Option<String>,
    latency_svg: Option<String>,
    bucket: String,
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
    settings: Vec<SettingRow>,
    lines: String,
    head: String,
    signed_by: Option<String>,
}

/// A key figure.
#[derive(Debug, Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    note: String,
    tone: &'static str,
}

/// A line of the provenance.
#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
    code: bool,
}

impl Page {
    /// The page of a report.
    pub(super) fn of(report: &Report, css: &'static str) -> Self {
        let summary = &report.summary;
        let timeline = Timeline::of(&report.jobs, &report.run);
        let some = |number: u64| (number > 0).then(|| count(number));
        Self {
            css,
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
            waves: tables::waves(summary),
            balance_svg: balance(&summary.total),
            states: tables::states(&summary.total),
            balance: tables::balances(summary),
            total: tables::balance_row(&summary.total, &summary.total),
            sets_left_out: some(tables::sets_left_out(summary)),
            equation: tables::equation(summary),
            histogram_svg: histogram(report.run.total()),
            latency_columns: tables::LATENCY_COLUMNS,
            latencies: tables::latencies(summary),
            latency_total: tables::latency_row(&summary.total),
            rate_svg: timeline.as_ref().map(rate_over_time),
            latency_svg: timeline.as_ref().and_then(latency_over_time),
            bucket: timeline.as_ref().map(Timeline::width).unwrap_or_default(),
            errors: tables::errors(summary),
            errors_left_out: some(summary.errors_left_out),
            warnings: tables::warnings(summary),
            unknown: tables::unknown(summary),
            unknown_count: tables::jobs(summary.unknown.count),
            unknown_left_out: some(summary.unknown.left_out),
            reconciliation: crate::report::reconciliation::words(&summary.reconciliation),
            reconciled: tables::reconciled(summary),
            reconciled_left_out: some(summary.reconciliation.left_out),
            facts: facts(summary),
            inputs: tables::inputs(summary),
            settings: tables::settings(summary),
            lines: count(summary.audit.lines),
            head: clean(&summary.audit.head),
            signed_by: summary.audit.signed_by.as_deref().map(clean),
        }
    }
}

/// `2026-11-22 08:01:02 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).map_or_else(|| text.clone(), |second| format!("{} UTC", second.replace('T', " ")))
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
    let p50 = total.latency_ms.map(|ms| format!("median {} ms", ms.p50));
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
        tile("Latency p95", or_none(total.latency_ms.map(|ms| format!("{} ms", ms.p95))), p50.unwrap_or_default(), ""),
        tile("Throughput", or_none(total.throughput_per_s.map(|pace| format!("{pace}/s"))), retries, ""),
        tile("Duration", span(summary.duration_ms), format!("throttled {}", times(total.throttled)), ""),
    ]
}

fn times(number: u64) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        _ => format!("{} times", count(number)),
    }
}

fn facts(summary: &Summary) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>, code| {
        facts.extend(value.filter(|value| !value.is_empty()).map(|value| Fact { name, value: clean(&value), code }));
    };
    let who = summary.operator.as_ref();
    let sudo = |who: &str| format!(", called by {who} through sudo");
    add("Operator", who.map(|w| w.user.clone() + &w.sudo_user.as_deref().map(sudo).unwrap_or_default()), false);
    add("Host", who.map(|who| format!("{}, process {}", who.host, who.pid)), false);
    add("Tool", Some(summary.tool.clone()), false);
    add("Started", summary.started.map(|at| at.to_string()), false);
    add("Finished", summary.finished.map(|at| at.to_string()), false);
    let cut = summary.finished.is_none();
    add("Last record", summary.last_record.filter(|_| cut).map(|at| at.to_string()), false);
    for resumption in &summary.resumptions {
        add("Resumed", Some(crate::report::resumption::words(resumption)), false);
    }
    add("Ended because", summary.ending.map(|ending| ending_words(ending).to_owned()), false);
    add("Base URL", summary.base_url.clone(), true);
    add("Token URL", summary.token_url.clone(), true);
    let tokens = format!("{} granted, {} refused or failed", summary.tokens.fetched, summary.tokens.failed);
    add("Access tokens", Some(tokens), false);
    add("Last token error", summary.tokens.last_error.clone(), false);
    add("Scopes not granted", Some(summary.tokens.missing_scopes.join(" ")), true);
    add("Profile", Some(summary.profile.name.clone()), false);
    add("Profile SHA-256", Some(summary.profile.sha256.clone()), true);
    let labels: Vec<String> = summary.labels.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    add("Labels", Some(labels.join(", ")), false);
    add("Telephone numbers", Some(tables::numbers(summary.numbers).to_owned()), false);
    facts
}
