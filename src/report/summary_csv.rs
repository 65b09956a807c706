//! summary.csv: a row a set in plan order, then one for the whole run, with the figures of summary.json.
//!
//! The first column says which it is, because a set may well be called "total". An empty cell means no data.

use super::cell::{finish, safe, writer};
use super::summary::{Figures, Summary};
use super::text::verdict;

/// The columns. New ones go to the end: behind [`BY_STATUS`].
const COLUMNS: [&str; 29] = [
    "scope",
    "set",
    "jobs",
    "succeeded",
    "accepted",
    "rejected",
    "not_sent",
    "unknown",
    "skipped",
    "not_attempted",
    "open",
    "total_operations",
    "success_count",
    "failure_count",
    "success_rate_percent",
    "average_latency_ms",
    "latency_min_ms",
    "latency_p50_ms",
    "latency_p90_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_max_ms",
    "queue_p50_ms",
    "queue_p95_ms",
    "queue_max_ms",
    "throughput_per_s",
    "attempts",
    "retries",
    "throttled",
];

/// The column after them: `200=118 404=3`. With colons a spreadsheet would take one for a time.
const BY_STATUS: &str = "by_status";

/// And the column after that.
const NOT_BRIDGED: &str = "not_bridged";

/// And the last one, the same in every row: `PASSED`, `FAILED`, or `INCOMPLETE`, by which no row may be taken for a result.
const RUN_RESULT: &str = "run_result";

/// The file.
pub(super) fn bytes(summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let mut writer = writer(Vec::new());
    writer.write_record(COLUMNS.into_iter().chain([BY_STATUS, NOT_BRIDGED, RUN_RESULT]))?;
    for figures in &summary.sets {
        writer.write_record(row("set", figures, verdict(summary)))?;
    }
    writer.write_record(row("total", &summary.total, verdict(summary)))?;
    finish(writer)
}

fn row(scope: &str, figures: &Figures, result: &str) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let set = figures.set.as_ref().map(|set| safe(set.as_str()).into_owned()).unwrap_or_default();
    let counts = [
        figures.jobs,
        figures.succeeded,
        figures.accepted,
        figures.rejected,
        figures.not_sent,
        figures.unknown,
        figures.skipped,
        figures.not_attempted,
        figures.open,
        figures.total_operations,
        figures.success_count,
        figures.failure_count,
    ];
    let latency = figures.latency_ms.as_ref();
    let queue = figures.queue_ms.as_ref();
    let measures = [
        figures.success_rate_percent,
        figures.average_latency_ms,
        latency.map(|ms| ms.min),
        latency.map(|ms| ms.p50),
        latency.map(|ms| ms.p90),
        latency.map(|ms| ms.p95),
        latency.map(|ms| ms.p99),
        latency.map(|ms| ms.max),
        queue.map(|ms| ms.p50),
        queue.map(|ms| ms.p95),
        queue.map(|ms| ms.max),
        figures.throughput_per_s,
    ];
    let by_status: Vec<String> = figures.by_status.iter().map(|(status, count)| format!("{status}={count}")).collect();
    [scope.to_owned(), set]
        .into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain(measures.map(number))
        .chain([figures.attempts, figures.retries, figures.throttled].map(|count| count.to_string()))
        .chain([by_status.join(" "), figures.not_bridged.to_string(), result.to_owned()])
        .collect()
}
