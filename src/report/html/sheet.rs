//! The balance sheet: every job in one state, by set and by wave, with a sum beside it that anybody can check.

use super::tables::{MAX_ROWS, jobs, left_out, set_name};
use crate::report::charts::{Timeline, parts};
use crate::report::number::count;
use crate::report::summary::{Figures, Summary};
use serde::Serialize;

/// States, each with its count, its class and its word.
type Parts = [(u64, &'static str, &'static str); 9];

#[derive(Debug, Serialize)]
pub(super) struct StateColumn {
    name: &'static str,
    class: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct BalanceRow {
    set: String,
    counts: Vec<CountCell>,
    sum: String,
    jobs: String,
    check: &'static str,
    tone: &'static str,
}

#[derive(Debug, Serialize)]
struct CountCell {
    value: String,
    zero: bool,
}

/// The state columns; the last one, and the one for what was found out later, only where they count something.
pub(super) fn states(total: &Figures) -> Vec<StateColumn> {
    shown(&parts(total), total).map(|(_, class, name)| StateColumn { name, class }).collect()
}

/// The legend of the charts over time.
pub(super) fn series(timeline: &Timeline) -> Vec<StateColumn> {
    timeline.series().into_iter().map(|(class, name)| StateColumn { name, class }).collect()
}

pub(super) fn balances(summary: &Summary) -> Vec<BalanceRow> {
    summary.sets.iter().take(MAX_ROWS).map(|set| balance_row(set, &summary.total)).collect()
}

pub(super) fn sets_left_out(summary: &Summary) -> u64 {
    left_out(0, summary.sets.len(), MAX_ROWS)
}

pub(super) fn balance_row(figures: &Figures, total: &Figures) -> BalanceRow {
    row_of(set_name(figures), figures.jobs, &parts(figures), total)
}

fn row_of(set: String, jobs: u64, parts: &Parts, total: &Figures) -> BalanceRow {
    let sum: u64 = parts.iter().map(|(jobs, ..)| jobs).sum();
    let open = parts.last().map_or(0, |(open, ..)| *open);
    let (check, tone) = match (sum == jobs, open) {
        (true, 0) => ("✓", "good"),
        (true, _) => ("open", "bad"),
        (false, _) => ("✗", "bad"),
    };
    let cell = |(jobs, ..): (u64, &str, &str)| CountCell { value: count(jobs), zero: jobs == 0 };
    let counts = shown(parts, total).map(cell).collect();
    BalanceRow { set, counts, sum: count(sum), jobs: count(jobs), check, tone }
}

/// The same by wave, and last the jobs that no wave came to, so that the sums are those of the run.
pub(super) fn wave_balances(summary: &Summary) -> Vec<BalanceRow> {
    let total = &summary.total;
    let (mut rest, mut rest_jobs) = (parts(total), total.jobs);
    let mut rows = Vec::new();
    for wave in summary.waves.iter().take(MAX_ROWS) {
        let counts = &wave.counts.counts;
        let mut of_wave = parts(total);
        let ended = [
            counts.succeeded,
            counts.accepted,
            counts.rejected,
            counts.not_sent,
            counts.unknown,
            counts.not_bridged,
            counts.skipped,
            counts.not_attempted,
        ];
        let open = counts.jobs.saturating_sub(ended.iter().sum());
        for ((part, left), jobs) in of_wave.iter_mut().zip(&mut rest).zip(ended.into_iter().chain([open])) {
            (part.0, left.0) = (jobs, left.0.saturating_sub(jobs));
        }
        rest_jobs = rest_jobs.saturating_sub(counts.jobs);
        rows.push(row_of(format!("wave {}", wave.counts.wave), counts.jobs, &of_wave, total));
    }
    if rest_jobs > 0 && !rows.is_empty() {
        rows.push(row_of("in no wave".to_owned(), rest_jobs, &rest, total));
    }
    rows
}

fn shown(parts: &Parts, total: &Figures) -> impl Iterator<Item = (u64, &'static str, &'static str)> {
    let (open, found) = (total.open > 0, total.not_bridged > 0);
    parts.iter().copied().filter(move |(_, class, _)| (open || *class != "open2") && (found || *class != "bad3"))
}

/// The balance sheet as a sentence that can be checked by eye.
pub(super) fn equation(summary: &Summary) -> String {
    let total = &summary.total;
    let terms: Vec<String> =
        shown(&parts(total), total).map(|(jobs, _, word)| format!("{} {word}", count(jobs))).collect();
    let sum: u64 = parts(total).iter().map(|(jobs, ..)| jobs).sum();
    let check = match (sum == total.jobs, total.open == 0, summary.complete) {
        (true, true, true) => "It adds up, and the closing record says the same.",
        (true, true, false) => "It adds up, but the file is not whole: see above.",
        (true, false, _) => "Not every job has its final state.",
        (false, ..) => "It does NOT add up.",
    };
    format!("{} = {}. {check}", jobs(total.jobs), terms.join(" + "))
}
