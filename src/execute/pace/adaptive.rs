//! The pace that a server's answers ask for: additive-increase, multiplicative-decrease, as TCP does it (RFC 5681), with
//! CUBIC's way of coming back (RFC 9438): soon to the pace that was right, then slowly past it, then boldly.
//!
//! A request to slow down lowers the pace once for all requests that were on the way when it came. Before the first one the
//! pace doubles every second, from as many requests per second as may be in flight (TCP's slow start).

use super::Feel;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What is left of the pace after a request to slow down, at most and at least.
const DECREASE: f64 = 0.95;
/// The same where the decrease before was not enough.
const SHARP_DECREASE: f64 = 0.7;
/// What was taken just now bounds the decrease: this part of it is kept, and the second part where the decrease before was
/// not enough.
const TAKEN: (f64, f64) = (0.9, 0.85);
/// A lower pace shows after this time: requests that began before it say nothing about it.
const SETTLING: Duration = Duration::from_millis(100);
/// A second request to slow down within this time means that the first decrease was not enough.
const NOT_ENOUGH: Duration = Duration::from_secs(1);
/// After a decrease, the seconds to come back to the pace that was too much. Doubles each time that the same pace is found
/// to be too much, up to the second figure: what was one unlucky moment is soon forgotten, a limit is not.
const RETURN: (f64, f64) = (2.0, 16.0);
/// Paces that differ by no more than this part are the same.
const SAME: f64 = 0.2;
/// Where the return ends, as a part of the pace that was too much: it is known no better.
const PLATEAU: f64 = 0.98;
/// That many of those times after a decrease the pace begins to double.
const BOLD: f64 = 1.6;
/// The time in which a bold pace doubles.
const DOUBLING: f64 = 1.0;
/// Requests per second at least: something must be sent to learn more.
const FLOOR: f64 = 1.0;
/// Requests to slow down, and nothing taken in between, after which the server is taken to take nothing at all.
const TAKES_NOTHING: u32 = 16;
/// Rates are measured over this time.
const SPAN: Duration = Duration::from_millis(500);

/// Where the pace comes from.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing has been sent; the first second has this pace.
    New { from: f64 },
    /// From `low` back to `plateau`, just below the `ceiling` that was too much, and past it.
    Returning { low: f64, plateau: f64, ceiling: f64, time: f64, since: Instant },
    /// Doubling from `from`.
    Bold { from: f64, since: Instant },
    /// The server takes nothing; `good` is tried when it takes something again.
    Floor { good: f64 },
}

/// The pace as it was learned.
#[derive(Debug)]
pub(super) struct Adaptive {
    phase: Phase,
    lowered_at: Option<Instant>,
    sent: Meter,
    taken: Meter,
    /// The rate at which requests were taken when the last one was.
    good: f64,
    /// Requests to slow down since something was taken.
    refusals: u32,
}

impl Adaptive {
    /// For a run with so many requests in flight at most.
    pub(super) fn new(concurrency: usize) -> Self {
        let from = u32::try_from(concurrency).map_or(f64::from(u32::MAX), f64::from).max(FLOOR);
        let (sent, taken) = (Meter::default(), Meter::default());
        Self { phase: Phase::New { from }, lowered_at: None, sent, taken, good: 0.0, refusals: 0 }
    }

    /// Starts per second.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        match self.phase {
            Phase::New { from } => from,
            Phase::Returning { low, plateau, time, since, .. } => {
                let passed = seconds(since) / time;
                let bold = (passed - BOLD).max(0.0) * time / DOUBLING;
                let distance = (passed.min(BOLD) - 1.0).powi(3);
                (plateau + (plateau - low) * distance) * bold.min(30.0).exp2()
            }
            Phase::Bold { from, since } => from * (seconds(since) / DOUBLING).min(30.0).exp2(),
            Phase::Floor { .. } => FLOOR,
        }
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.sent.count(now);
        if let Phase::New { from } = self.phase {
            self.phase = Phase::Bold { from, since: now };
        }
    }

    /// The last one that started did not.
    pub(super) fn not_started(&mut self) {
        if let Some((_, count)) = self.sent.parts.back_mut() {
            *count = count.saturating_sub(1);
        }
    }

    /// Gives the new pace when it was lowered.
    pub(super) fn answered(&mut self, sent_at: Instant, now: Instant, feel: Feel) -> Option<f64> {
        match feel {
            Feel::Neither => None,
            Feel::Taken => {
                self.refusals = 0;
                self.taken.count(now);
                self.good = self.taken.rate(now).unwrap_or(self.good);
                if let Phase::Floor { good } = self.phase {
                    self.phase = Phase::Bold { from: good.max(FLOOR), since: now };
                }
                None
            }
            Feel::Throttled => {
                self.refusals += 1;
                if self.lowered_at.is_some_and(|at| sent_at < at + SETTLING)
                    || matches!(self.phase, Phase::Floor { .. })
                {
                    return None;
                }
                Some(self.lower(now))
            }
        }
    }

    fn lower(&mut self, now: Instant) -> f64 {
        let ceiling = self.rate(now);
        let ceiling = self.sent.rate(now).map_or(ceiling, |sent| ceiling.min(sent)).max(FLOOR);
        if self.refusals >= TAKES_NOTHING {
            self.phase = Phase::Floor { good: self.good };
            self.lowered_at = Some(now);
            return FLOOR;
        }
        let again = self.lowered_at.is_some_and(|at| now.saturating_duration_since(at) < NOT_ENOUGH);
        let low = ceiling * if again { SHARP_DECREASE } else { DECREASE };
        // What was taken just now cannot be too much, whatever else was refused.
        let taken = self.taken.rate(now).unwrap_or_default();
        let low = low.max(taken * if again { TAKEN.1 } else { TAKEN.0 }).min(ceiling * DECREASE).max(FLOOR);
        let time = match self.phase {
            Phase::Returning { ceiling: last, time, .. } if (ceiling / last - 1.0).abs() <= SAME => {
                (time * 2.0).min(RETURN.1)
            }
            _ => RETURN.0,
        };
        let plateau = (ceiling * PLATEAU).max(low);
        self.phase = Phase::Returning { low, plateau, ceiling, time, since: now };
        self.lowered_at = Some(now);
        low
    }

    pub(super) fn recovered(&mut self, now: Instant) {
        if self.good > 0.0 {
            self.phase = Phase::Bold { from: self.good.max(FLOOR), since: now };
        }
    }
}

/// Counts events of the last [`SPAN`].
#[derive(Debug, Default)]
struct Meter {
    began: Option<Instant>,
    /// Start of a tenth of the span, and its events.
    parts: VecDeque<(Instant, u32)>,
}

impl Meter {
    fn count(&mut self, now: Instant) {
        self.began.get_or_insert(now);
        match self.parts.back_mut() {
            Some((start, count)) if now.saturating_duration_since(*start) < SPAN / 10 => *count += 1,
            _ => self.parts.push_back((now, 1)),
        }
        while self.parts.front().is_some_and(|(start, _)| now.saturating_duration_since(*start) > SPAN) {
            self.parts.pop_front();
        }
    }

    /// Events per second over the last span; `None`: it has not been a span yet.
    fn rate(&self, now: Instant) -> Option<f64> {
        let age = |start: Instant| now.saturating_duration_since(start);
        self.began.filter(|began| age(*began) >= SPAN)?;
        // Whole parts only, and the time that they cover.
        let first = self.parts.iter().position(|(start, _)| age(*start) <= SPAN)?;
        let recent = self.parts.iter().skip(first);
        let time = age(self.parts.get(first)?.0).max(SPAN / 10);
        Some(recent.map(|(_, count)| f64::from(*count)).sum::<f64>() / time.as_secs_f64())
    }
}
