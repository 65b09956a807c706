//! trend.csv: a row a run in order of start, and behind each runbook's runs one row of the complete ones together.
//!
//! An empty cell means no data. Figures are those of summary.csv.

use super::trend::{Trend, TrendGroup, TrendRun};
use crate::report::cell::{finish, safe, writer};
use crate::report::summary::Figures;

/// The columns. New ones go to the end.
const COLUMNS: [&str; 29] = [
    "scope",
    "runbook",
    "sandbox",
    "run_id",
    "started",
    "complete",
    "verdict",
    "runs",
    "duration_ms",
    "jobs",
    "succeeded",
    "accepted",
    "rejected",
    "not_sent",
    "unknown",
    "not_bridged",
    "skipped",
    "not_attempted",
    "open",
    "success_rate_percent",
    "average_latency_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_max_ms",
    "throughput_per_s",
    "attempts",
    "retries",
    "throttled",
    "regressions",
];

/// The file.
pub(super) fn bytes(trend: &Trend) -> Result<Vec<u8>, csv::Error> {
    let mut writer = writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for group in &trend.groups {
        for run in &group.runs {
            writer.write_record(run_row(group, run))?;
        }
        writer.write_record(merged_row(group))?;
    }
    finish(writer)
}

fn run_row(group: &TrendGroup, run: &TrendRun) -> Vec<String> {
    let worse: Vec<&str> = run.regressions.iter().map(|regression| regression.kind.word()).collect();
    let head = [
        "run".to_owned(),
        safe(&group.runbook).into_owned(),
        group.sandbox.to_string(),
        safe(run.run_id.as_str()).into_owned(),
        run.started.map(|at| at.to_string()).unwrap_or_default(),
        run.complete.to_string(),
        run.result().to_ascii_lowercase(),
        "1".to_owned(),
        run.duration_ms.to_string(),
    ];
    row(head, &run.total, worse.join(" "))
}

fn merged_row(group: &TrendGroup) -> Vec<String> {
    let merged = &group.merged;
    let head = [
        "complete_runs".to_owned(),
        safe(&group.runbook).into_owned(),
        group.sandbox.to_string(),
        String::new(),
        String::new(),
        (merged.left_out == 0).to_string(),
        String::new(),
        merged.runs.to_string(),
        merged.duration_ms.to_string(),
    ];
    row(head, &merged.total, String::new())
}

fn row(head: [String; 9], figures: &Figures, regressions: String) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let counts = std::iter::once(figures.jobs).chain(figures.by_state().map(|(_, jobs)| jobs));
    let latency = figures.latency_ms.as_ref();
    let measures = [
        figures.success_rate_percent,
        figures.average_latency_ms,
        latency.map(|ms| ms.p50),
        latency.map(|ms| ms.p95),
        latency.map(|ms| ms.max),
        figures.throughput_per_s,
    ];
    head.into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain(measures.map(number))
        .chain([figures.attempts, figures.retries, figures.throttled].map(|count| count.to_string()))
        .chain([regressions])
        .collect()
}
