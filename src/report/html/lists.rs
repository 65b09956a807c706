//! The page's lists over the whole run: answers by status, jobs left out by reason, the slowest jobs, what happened when,
//! and the charts in numbers.

use super::tables::{NONE, first};
use super::words::{cell, clean, marked, second};
use crate::report::charts::{Clock, Timeline};
use crate::report::number::{count, grouped, millis, ms, percent, span};
use crate::report::output::Report;
use crate::report::remedies::status_words;
use crate::report::skips::reason_words;
use crate::report::summary::Summary;
use crate::report::text::ending_words;
use crate::report::{RunEvent, RunEventKind};
use serde::Serialize;

/// Status codes that are shown; a forged file may hold all of 16 bits.
const MAX_STATUSES: usize = 60;
/// Events that are shown. More than a run of any honest file has, short of two hundred waves.
const MAX_EVENTS: usize = 250;

#[derive(Debug, Serialize)]
pub(super) struct StatusRow {
    status: u16,
    meaning: &'static str,
    answers: String,
    share: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SkipRow {
    reason: &'static str,
    words: String,
    jobs: String,
    first: String,
    detail: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SlowRow {
    job: u64,
    set: String,
    key: Option<String>,
    call_id: String,
    latency: String,
    queue: String,
    attempts: u32,
    state: String,
    status: String,
}

#[derive(Debug, Serialize)]
pub(super) struct EventRow {
    after: String,
    at: String,
    lasted: String,
    what: &'static str,
    words: String,
}

#[derive(Debug, Serialize)]
pub(super) struct TimeCells {
    from: String,
    values: Vec<String>,
}

pub(super) fn statuses(summary: &Summary) -> Vec<StatusRow> {
    let all: u64 = summary.total.by_status.values().sum();
    let row = |(status, answers): (&u16, &u64)| StatusRow {
        status: *status,
        meaning: status_words(*status),
        answers: count(*answers),
        share: percent(*answers, all).map_or_else(|| NONE.to_owned(), |share| format!("{share}%")),
    };
    summary.total.by_status.iter().take(MAX_STATUSES).map(row).collect()
}

pub(super) fn skips(summary: &Summary) -> Vec<SkipRow> {
    let row = |group: &crate::report::SkipGroup| SkipRow {
        reason: group.reason.word(),
        words: marked(reason_words(group.reason)),
        jobs: count(group.count),
        first: first(&group.first_jobs, group.count),
        detail: group.detail.as_deref().map(clean),
    };
    summary.skips.iter().map(row).collect()
}

pub(super) fn slowest(summary: &Summary) -> Vec<SlowRow> {
    let number = |value: f64| grouped(&format!("{value:.3}"));
    let row = |job: &crate::report::SlowJob| SlowRow {
        job: job.job,
        set: cell(&job.set),
        key: job.key.as_deref().filter(|key| job.call_id.as_deref() != Some(key)).map(cell),
        call_id: job.call_id.as_deref().map_or_else(|| NONE.to_owned(), cell),
        latency: number(job.latency_ms),
        queue: number(job.queue_ms),
        attempts: job.attempts,
        state: job.state.replace('_', " "),
        status: job.status_code.map_or_else(|| "no answer".to_owned(), |status| status.to_string()),
    };
    summary.slowest.iter().map(row).collect()
}

/// What happened when, from the beginning to the end; and how much the list leaves out.
pub(super) fn events(report: &Report) -> (Vec<EventRow>, u64) {
    let (summary, clock) = (&report.summary, &report.clock);
    let plain = |at, what, words: String| EventRow {
        after: time(millis(clock.at(at))),
        at: second(at),
        lasted: NONE.to_owned(),
        what,
        words,
    };
    let who = summary.operator.as_ref().map(|who| clean(&format!("{}@{}", who.user, who.host)));
    let began = summary.started.map(|at| {
        let jobs = super::tables::jobs(summary.total.jobs);
        plain(at, "start", format!("{} began with {jobs}", who.unwrap_or_default()))
    });
    let ended =
        summary.finished.zip(summary.ending).map(|(at, ending)| plain(at, "end", ending_words(ending).to_owned()));
    let shown = summary.events.iter().take(MAX_EVENTS).map(|event| row(event, clock));
    let cut = u64::try_from(summary.events.len().saturating_sub(MAX_EVENTS)).unwrap_or(u64::MAX);
    (began.into_iter().chain(shown).chain(ended).collect(), summary.events_left_out + cut)
}

fn row(event: &RunEvent, clock: &Clock) -> EventRow {
    let from = clock.at(event.timestamp);
    let lasts = matches!(event.kind, RunEventKind::Wave | RunEventKind::Breaker);
    let lasted = event.until.map(|until| time(millis(clock.at(until).saturating_sub(from))));
    EventRow {
        after: time(millis(from)),
        at: second(event.timestamp),
        lasted: lasted.unwrap_or_else(|| if lasts { "to the end" } else { NONE }.to_owned()),
        what: match event.kind {
            RunEventKind::Wave => "wave",
            RunEventKind::Throttled => "throttled",
            RunEventKind::Breaker => "breaker open",
            RunEventKind::Waiting => "waiting",
            RunEventKind::TokenFailed => "no token",
            RunEventKind::TokenRenewed => "new token",
            RunEventKind::RetryBudgetSpent => "retries spent",
            RunEventKind::Stopping => "stopping",
            RunEventKind::Resumed => "resumed",
        },
        words: clean(&event.words),
    }
}

/// `0.073 s`: the points stand below each other; `12 min 03 s`.
fn time(millis: f64) -> String {
    if millis < 60_000.0 { format!("{:.3} s", millis / 1000.0) } else { span(millis) }
}

/// The charts over time in numbers.
pub(super) fn times(timeline: &Timeline) -> Vec<TimeCells> {
    let row = |row: crate::report::charts::TimeRow| {
        let ended = row.ended.into_iter().map(count);
        let latency = row.latency.into_iter().map(|latency| latency.map_or_else(|| NONE.to_owned(), ms));
        TimeCells { from: row.from, values: ended.chain(latency).collect() }
    };
    timeline.rows().into_iter().map(row).collect()
}
