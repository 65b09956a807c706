//! The course of a run: what happened to it as a whole, and when. Pauses, the breaker, waves, waits, stops, new processes.
//!
//! Of each kind there are few entries, however long the run: what follows closely on its like becomes one entry with a
//! count, and "closely" grows until they are few. So the list is bounded, and a pure function of the records.

use super::number::{count, span};
use super::text::ending_words;
use crate::event::{BreakerOpened, Event, RunResumed, Throttled, WaveFinished};
use crate::model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Entries of one kind. More marks on an axis are no longer told apart.
const MAX_ALIKE: usize = 40;
/// Waves, as many as a runbook may have.
const MAX_WAVES: usize = 200;

/// Something that happened to the run as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunEvent {
    /// When it began, in UTC.
    pub timestamp: Timestamp,
    /// When it was over, in UTC; null for a moment, and for what had not ended when the file did.
    pub until: Option<Timestamp>,
    /// What it is.
    pub kind: RunEventKind,
    /// How many events of the file this entry stands for: those that follow closely on each other are one entry.
    pub count: u64,
    /// In words.
    pub words: String,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEventKind {
    /// A wave, from its first job to the last one's end.
    Wave,
    /// Answers asked to slow down.
    Throttled,
    /// The circuit breaker, from its opening to its closing.
    Breaker,
    /// The run waited, for its window for example.
    Waiting,
    /// The token endpoint refused or failed.
    TokenFailed,
    /// An access token after the first.
    TokenRenewed,
    /// No job was tried again any more.
    RetryBudgetSpent,
    /// Nothing more was begun.
    Stopping,
    /// Another process went on.
    Resumed,
}

/// An entry in the making.
#[derive(Clone, Debug)]
struct Entry {
    from: Timestamp,
    until: Option<Timestamp>,
    /// Goes on until something ends it.
    open: bool,
    count: u64,
    /// The longest pause, in milliseconds.
    pause_ms: u64,
    detail: Detail,
}

/// What its words need beyond that; of several the last one.
#[derive(Clone, Debug)]
enum Detail {
    Throttled { status: u16, rate_per_s: Option<f64> },
    Breaker { failures: u32, refusing: bool, in_flight: u64, closed_by: Option<u64> },
    Wave { wave: u32, jobs: u64, bridged: u64, passed: Option<bool> },
    Text(String),
}

/// The entries of one kind.
#[derive(Debug, Default)]
struct Lane {
    entries: Vec<Entry>,
    /// Entries that are no further apart than this are one.
    gap: Duration,
}

/// Folds the records into the list.
#[derive(Debug, Default)]
pub(super) struct Course {
    waves: Vec<Entry>,
    throttled: Lane,
    breaker: Lane,
    waiting: Lane,
    token_failed: Lane,
    token_renewed: Lane,
    budget: Lane,
    stops: Vec<Entry>,
    resumed: Vec<Entry>,
    left_out: u64,
}

impl Entry {
    fn moment(at: Timestamp, detail: Detail) -> Self {
        Self { from: at, until: None, open: false, count: 1, pause_ms: 0, detail }
    }

    fn lasting(at: Timestamp, pause_ms: u64, detail: Detail) -> Self {
        let until = (pause_ms > 0).then(|| at.plus(Duration::from_millis(pause_ms)));
        Self { until, pause_ms, ..Self::moment(at, detail) }
    }

    fn takes(&self, next: &Self, gap: Duration) -> bool {
        self.open || next.from.since(self.until.unwrap_or(self.from)) <= gap
    }

    fn take(&mut self, next: Self) {
        let end = self.until.unwrap_or(self.from).max(next.until.unwrap_or(next.from));
        self.until = (!next.open && end > self.from).then_some(end);
        self.open = next.open;
        self.count += next.count;
        self.pause_ms = self.pause_ms.max(next.pause_ms);
        self.detail = next.detail;
    }
}

impl Lane {
    fn push(&mut self, entry: Entry) {
        let gap = self.gap;
        match self.entries.last_mut().filter(|last| last.takes(&entry, gap)) {
            Some(last) => last.take(entry),
            None => self.entries.push(entry),
        }
        while self.entries.len() > MAX_ALIKE {
            self.gap = self.gap.saturating_mul(2).max(Duration::from_millis(100));
            for entry in std::mem::take(&mut self.entries) {
                match self.entries.last_mut().filter(|last| last.takes(&entry, self.gap)) {
                    Some(last) => last.take(entry),
                    None => self.entries.push(entry),
                }
            }
        }
    }
}

impl Course {
    /// Takes an event in; `before` is the moment of the event before it.
    pub(super) fn take(&mut self, at: Timestamp, before: Option<Timestamp>, event: &Event) {
        match event {
            Event::Throttled(throttled) => self.throttled.push(throttle(at, throttled)),
            Event::BreakerOpened(opened) => self.breaker.push(breaker(at, opened)),
            Event::BreakerClosed(closed) => self.close_breaker(at, closed.job),
            Event::Waiting(waiting) => {
                let millis = u64::try_from(waiting.until.since(at).as_millis()).unwrap_or(u64::MAX);
                self.waiting.push(Entry::lasting(at, millis, Detail::Text(waiting.reason.clone())));
            }
            Event::TokenFailed(failed) => {
                self.token_failed.push(Entry::moment(at, Detail::Text(failed.error_message.clone())));
            }
            Event::TokenFetched(token) if token.generation > 1 => {
                let words = format!("token number {} was fetched", count(token.generation));
                self.token_renewed.push(Entry::moment(at, Detail::Text(words)));
            }
            Event::RetryBudgetSpent(spent) => {
                let words = format!("after {} retries no job was tried again", count(spent.retries));
                self.budget.push(Entry::moment(at, Detail::Text(words)));
            }
            Event::WaveStarted(wave) => {
                let detail = Detail::Wave { wave: wave.wave, jobs: wave.jobs, bridged: 0, passed: None };
                self.wave(Entry { open: true, ..Entry::moment(at, detail) }, wave.wave);
            }
            Event::WaveFinished(wave) => self.close_wave(at, wave),
            Event::Stopping(stop) => {
                let words =
                    format!("{}: {}; {} in flight", ending_words(stop.ending), stop.reason, count(stop.in_flight));
                let entry = Entry::moment(at, Detail::Text(words));
                keep(&mut self.stops, entry, MAX_ALIKE, &mut self.left_out);
            }
            Event::RunResumed(resumed) => {
                let entry = Entry::moment(at, Detail::Text(resumption(at, before, resumed)));
                keep(&mut self.resumed, entry, MAX_ALIKE, &mut self.left_out);
            }
            _ => {}
        }
    }

    fn wave(&mut self, entry: Entry, number: u32) {
        // A process that goes on with a wave begins it once more.
        let same = |entry: &Entry| matches!(entry.detail, Detail::Wave { wave, .. } if wave == number);
        if !self.waves.last().is_some_and(|last| last.open && same(last)) {
            keep(&mut self.waves, entry, MAX_WAVES, &mut self.left_out);
        }
    }

    fn close_wave(&mut self, at: Timestamp, finished: &WaveFinished) {
        let counts = &finished.wave.counts;
        let Some(last) = self.waves.last_mut().filter(|last| last.open) else { return };
        (last.until, last.open, last.pause_ms) = (Some(at), false, finished.pause_ms.unwrap_or_default());
        last.detail = Detail::Wave {
            wave: finished.wave.wave,
            jobs: counts.jobs,
            bridged: counts.succeeded + counts.accepted,
            passed: Some(finished.passed),
        };
    }

    fn close_breaker(&mut self, at: Timestamp, job: u64) {
        let Some(last) = self.breaker.entries.last_mut().filter(|last| last.open) else { return };
        (last.until, last.open) = (Some(at), false);
        if let Detail::Breaker { closed_by, .. } = &mut last.detail {
            *closed_by = Some(job);
        }
    }

    /// The list in the order of time, and how many entries it leaves out. Nothing lasts longer than `end`.
    pub(super) fn finish(self, end: Option<Timestamp>) -> (Vec<RunEvent>, u64) {
        let lanes = [
            (RunEventKind::Wave, self.waves),
            (RunEventKind::Throttled, self.throttled.entries),
            (RunEventKind::Breaker, self.breaker.entries),
            (RunEventKind::Waiting, self.waiting.entries),
            (RunEventKind::TokenFailed, self.token_failed.entries),
            (RunEventKind::TokenRenewed, self.token_renewed.entries),
            (RunEventKind::RetryBudgetSpent, self.budget.entries),
            (RunEventKind::Stopping, self.stops),
            (RunEventKind::Resumed, self.resumed),
        ];
        let event = |kind, entry: Entry| RunEvent {
            timestamp: entry.from,
            until: entry.until.map(|until| end.map_or(until, |end| until.min(end)).max(entry.from)),
            kind,
            count: entry.count,
            words: words(&entry),
        };
        let mut list: Vec<RunEvent> = lanes
            .into_iter()
            .flat_map(|(kind, entries)| entries.into_iter().map(move |entry| event(kind, entry)))
            .collect();
        list.sort_by_key(|event| event.timestamp); // stable: what happened at one moment stands in the order of the lanes
        (list, self.left_out)
    }
}

fn keep(entries: &mut Vec<Entry>, entry: Entry, most: usize, left_out: &mut u64) {
    if entries.len() < most {
        entries.push(entry);
    } else {
        *left_out += 1;
    }
}

fn throttle(at: Timestamp, throttled: &Throttled) -> Entry {
    let Throttled { status_code: status, pause_ms, rate_per_s, .. } = *throttled;
    Entry::lasting(at, pause_ms, Detail::Throttled { status, rate_per_s })
}

fn breaker(at: Timestamp, opened: &BreakerOpened) -> Entry {
    let BreakerOpened { failures, refusing, pause_ms, in_flight } = *opened;
    let detail = Detail::Breaker { failures, refusing, in_flight, closed_by: None };
    Entry { open: true, pause_ms, ..Entry::moment(at, detail) }
}

fn resumption(at: Timestamp, before: Option<Timestamp>, resumed: &RunResumed) -> String {
    let idle = before.map(|before| pause(u64::try_from(at.since(before).as_millis()).unwrap_or(u64::MAX)));
    let idle = idle.map(|idle| format!(" after {idle} without a process")).unwrap_or_default();
    let who = super::reconciliation::who(&resumed.operator);
    format!("{who} went on{idle}, with {} left to send", count(resumed.pending))
}

fn pause(millis: u64) -> String {
    span(super::number::float(millis))
}

fn words(entry: &Entry) -> String {
    match &entry.detail {
        Detail::Text(text) if entry.count > 1 => format!("{} times; the last one: {text}", count(entry.count)),
        Detail::Text(text) => text.clone(),
        Detail::Throttled { status, rate_per_s } => {
            let answers =
                if entry.count == 1 { "1 answer".to_owned() } else { format!("{} answers", count(entry.count)) };
            let paused = match (entry.pause_ms, entry.count) {
                (0, _) => String::new(),
                (ms, 1) => format!("; nothing was sent for {}", pause(ms)),
                (ms, _) => format!("; the longest pause was {}", pause(ms)),
            };
            let rate = rate_per_s.map(|rate| format!("; {} requests/s from then on", super::number::three(rate)));
            format!("{answers} asked to slow down (status {status}){paused}{}", rate.unwrap_or_default())
        }
        Detail::Breaker { failures, refusing, in_flight, closed_by } => {
            let why = if *refusing { "refusals with nothing taken in between" } else { "failures in a row" };
            let often =
                if entry.count > 1 { format!(" {} times, the last time", count(entry.count)) } else { String::new() };
            let end = closed_by.map_or_else(
                || "nothing closed it".to_owned(),
                |job| format!("job {job} found the API well and closed it"),
            );
            format!("opened{often} after {failures} {why}; {} in flight at that moment; {end}", count(*in_flight))
        }
        Detail::Wave { wave, jobs, bridged, passed } => {
            let (jobs, bridged) = (count(*jobs), count(*bridged));
            match passed {
                None => format!("wave {wave} began, {jobs} jobs at most; it did not end"),
                Some(true) if entry.pause_ms > 0 => {
                    let rest = pause(entry.pause_ms);
                    format!("wave {wave}: {bridged} of {jobs} jobs bridged; passed, then a rest of {rest}")
                }
                Some(true) => format!("wave {wave}: {bridged} of {jobs} jobs bridged; passed"),
                Some(false) => {
                    format!("wave {wave}: {bridged} of {jobs} jobs bridged; it did not show what it had to")
                }
            }
        }
    }
}
