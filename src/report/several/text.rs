//! The trend on a terminal: a table a runbook, what became worse below it, and the figures together.

use super::trend::{Trend, TrendGroup, TrendRun};
use crate::model::{Timestamp, printable};
use crate::report::number::{NO_DATA, span};
use crate::report::table::Table;

/// Characters of somebody's text on one line.
const MAX_TEXT: usize = 100;

/// All lines.
pub(super) fn lines(trend: &Trend) -> String {
    let mut out = Vec::new();
    for group in &trend.groups {
        out.extend(self::group(group));
        out.push(String::new());
    }
    for (run_id, times) in &trend.repeated {
        let times = if *times == 1 { "twice".to_owned() } else { format!("{} times", times + 1) };
        out.push(format!("given {times}, counted once: {}", clean(run_id.as_str())));
    }
    if trend.groups.len() > 1 {
        out.push(format!("{} groups: runs of different runbooks are not added to each other", trend.groups.len()));
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.push(String::new());
    out.join("\n")
}

fn group(group: &TrendGroup) -> Vec<String> {
    let runs = group.runs.len();
    let mut out = vec![format!("{}: {runs} run{}", group.title(), if runs == 1 { "" } else { "s" })];
    let mut table = Table::new(&[
        "started",
        ">jobs",
        ">success",
        ">unknown",
        ">p50 ms",
        ">p95 ms",
        ">jobs/s",
        ">duration",
        "verdict",
    ]);
    group.runs.iter().for_each(|run| table.row(row(run)));
    out.extend(table.lines());
    for run in group.runs.iter().filter(|run| !run.complete) {
        let why = run.problems.first().map(|problem| clean(problem)).unwrap_or_default();
        out.push(format!("INCOMPLETE  {}: {why}", name(run)));
    }
    for run in &group.runs {
        let worse = run.regressions.iter().map(|regression| clean(&regression.words));
        out.extend(worse.map(|words| format!("WORSE       {}: {words}", name(run))));
    }
    out.extend(together(group));
    out
}

fn row(run: &TrendRun) -> [String; 9] {
    let total = &run.total;
    let ms = |value: Option<f64>| value.map_or_else(|| NO_DATA.to_owned(), |value| value.to_string());
    [
        run.started.map_or_else(|| "?".to_owned(), minute),
        total.jobs.to_string(),
        total.success_rate_percent.map_or_else(|| NO_DATA.to_owned(), |rate| format!("{rate}%")),
        total.unknown.to_string(),
        ms(total.latency_ms.map(|latency| latency.p50)),
        ms(total.latency_ms.map(|latency| latency.p95)),
        ms(total.throughput_per_s),
        span(run.duration_ms),
        format!("{}{}", run.result(), if run.regressions.is_empty() { "" } else { ", worse" }),
    ]
}

/// The sums: of complete runs only, and this is said.
fn together(group: &TrendGroup) -> Vec<String> {
    let merged = &group.merged;
    let total = &merged.total;
    let left_out = match merged.left_out {
        0 => String::new(),
        1 => ", without the one that is not complete".to_owned(),
        more => format!(", without the {more} that are not complete"),
    };
    let of = format!("together    {} run{}{left_out}", merged.runs, if merged.runs == 1 { "" } else { "s" });
    if merged.runs == 0 {
        return vec![of];
    }
    vec![
        of,
        format!("jobs        {}", crate::report::text::sum(total)),
        format!("success     {}", crate::report::text::rate(total)),
        format!("latency     {}", crate::report::text::latency(total)),
    ]
}

fn name(run: &TrendRun) -> String {
    if run.run_id.as_str().is_empty() { "(no opening record)".to_owned() } else { clean(run.run_id.as_str()) }
}

/// `2026-11-22 08:01`, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| minute.replace('T', " "))
}

fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}
