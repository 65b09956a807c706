//! How fast requests start: token bucket, ramp-up, the pace that answers ask for, pauses. Pure: the clock is passed in.
//!
//! A rate is a bound on starts: in any time `t` no more than `burst + rate * t` start, and a few more that make up for the
//! grain of timers. Places in flight are bounded elsewhere; here only their growth during the ramp-up is known.

mod adaptive;

use crate::model::Limits;
use adaptive::Adaptive;
use std::time::Duration;
use tokio::time::Instant;

/// Timers fire up to a millisecond late, and the loop may be busy; starts that late are made up for.
const TIMER_GRAIN: Duration = Duration::from_millis(5);
/// While the pace changes by itself, it is looked at again after this time at the latest.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The part of rate and concurrency with which a ramp-up begins.
const FIRST_STEP: f64 = 0.02;

/// What an answer says about the pace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Feel {
    /// The server took the request.
    Taken,
    /// The server asks to slow down.
    Throttled,
    /// Nothing about the pace.
    Neither,
}

/// The pace of a run.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<f64>,
    burst: f64,
    ramp_up: Duration,
    concurrency: usize,
    adaptive: Option<Adaptive>,
    /// Starts that are free now, as of `filled_at`.
    tokens: f64,
    filled_at: Option<Instant>,
    /// The first start: the ramp-up begins here.
    began: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rate: limits.rate.map(crate::model::Rate::per_second),
            burst: f64::from(limits.burst),
            ramp_up: limits.ramp_up.get(),
            concurrency: limits.concurrency,
            adaptive: limits.adaptive.then(|| Adaptive::new(limits.concurrency)),
            tokens: f64::from(limits.burst),
            filled_at: None,
            began: None,
            paused_until: None,
        }
    }

    /// How far the ramp-up is, above 0 up to 1.
    fn ramp(&self, now: Instant) -> f64 {
        if self.ramp_up.is_zero() {
            return 1.0;
        }
        let run = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        (run.as_secs_f64() / self.ramp_up.as_secs_f64()).clamp(FIRST_STEP, 1.0)
    }

    /// Requests that may be in flight now.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "concurrency is at most 1024, the ramp between 0 and 1"
    )]
    pub(super) fn places(&self, now: Instant) -> usize {
        ((self.concurrency as f64 * self.ramp(now)).floor() as usize).clamp(1, self.concurrency.max(1))
    }

    /// Starts per second now; `None`: no bound.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        let ramped = self.rate.map(|rate| rate * self.ramp(now));
        let adapted = self.adaptive.as_ref().map(|adaptive| adaptive.rate(now));
        match (ramped, adapted) {
            (Some(ramped), Some(adapted)) => Some(ramped.min(adapted)),
            (ramped, adapted) => ramped.or(adapted),
        }
    }

    /// When the places of the ramp-up, or the pace, have to be looked at again though nothing happens.
    pub(super) fn look_again(&self, now: Instant) -> Option<Instant> {
        (self.ramp(now) < 1.0 && self.began.is_some()).then(|| now + LOOK_AGAIN)
    }

    /// When the next request may start; `None`: now.
    pub(super) fn gate(&mut self, now: Instant) -> Option<Instant> {
        if let Some(until) = self.paused(now) {
            return Some(until);
        }
        let rate = self.rate(now)?;
        let passed = self.filled_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)).as_secs_f64();
        let most = self.burst + rate * TIMER_GRAIN.as_secs_f64();
        self.tokens = (self.tokens + rate * passed).min(most);
        self.filled_at = Some(now);
        // A rounding error must not cost a turn of the loop.
        if self.tokens > 1.0 - 1e-9 {
            return None;
        }
        let wait = Duration::from_secs_f64(((1.0 - self.tokens) / rate).min(3600.0 * 24.0));
        let steady = self.adaptive.is_none() && self.ramp(now) >= 1.0;
        Some(now + if steady { wait } else { wait.min(LOOK_AGAIN) }.max(Duration::from_micros(1)))
    }

    /// A request starts.
    pub(super) fn started(&mut self, now: Instant) {
        self.began.get_or_insert(now);
        self.tokens -= 1.0;
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.started(now);
        }
    }

    /// A request that was to start and did not.
    pub(super) fn not_started(&mut self) {
        self.tokens += 1.0;
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.not_started();
        }
    }

    /// A request that was begun at `sent_at` has been answered. Gives the new rate where it was lowered.
    pub(super) fn answered(&mut self, sent_at: Instant, now: Instant, feel: Feel) -> Option<f64> {
        let adaptive = self.adaptive.as_mut()?;
        let lowered = adaptive.answered(sent_at, now, feel)?;
        self.tokens = self.tokens.min(1.0);
        Some(self.rate.map_or(lowered, |rate| rate.min(lowered)))
    }

    /// The API works again after a time in which it did not: what was learned about it is worth little.
    pub(super) fn recovered(&mut self, now: Instant) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.recovered(now);
        }
    }

    /// Whether answers set the pace.
    pub(super) fn adapts(&self) -> bool {
        self.adaptive.is_some()
    }

    /// Until when nothing starts; `None`: there is no pause now.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Nothing starts before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests;
