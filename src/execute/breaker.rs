//! The circuit breaker: an API that does not work is left alone for a while, then one job tries it. Pure: the clock is
//! passed in.
//!
//! Closed, each failure takes a place away until a request that began after it succeeds: so when an API goes down no more
//! than `concurrency + 1` requests are sent before the breaker opens, however many were in flight, and however late their
//! answers come.

use crate::model::BreakerPolicy;
use std::time::Duration;
use tokio::time::Instant;

/// Refusals in a row, with nothing taken in between, that open it: at least so many, and twice what may be in flight. A
/// server that takes some of the requests is the business of the pace.
const LEAST_REFUSALS: usize = 16;

/// What an attempt says about the API's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Health {
    /// It answered, and not with 5xx.
    Well,
    /// No connection, no answer, or 5xx.
    Ill,
    /// It answered that it did not take the request, for now.
    Refusing,
    /// Nothing: the attempt did not come to it.
    Neither,
}

/// What has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It opens for this time, after so many failures in a row.
    Opened { failures: u32, refusing: bool, pause: Duration },
    /// The job that tried has found the API well.
    Closed,
    /// It has tried often enough.
    GaveUp,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// When it was let through.
    pub(super) began: Instant,
    /// It tried an API that did not work.
    pub(super) tried: bool,
    pub(super) health: Health,
}

/// Whether a request may start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pass {
    /// As others decide.
    Free,
    /// Not before this moment.
    After(Instant),
    /// Not before the job that tries has its answer.
    Trying,
    /// One job may try.
    Try,
    /// Never again: it has tried often enough.
    Never,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// Half open: a job tries.
    Trying,
    Dead,
}

/// The breaker of a run.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    /// Failures since a request that began after the last of them succeeded.
    failures: u32,
    failed_at: Option<Instant>,
    /// Refusals since the API was last found well.
    refusals: usize,
    /// Tries in a row that have failed.
    tries: u32,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed, failures: 0, failed_at: None, refusals: 0, tries: 0 }
    }

    /// It was open when the run was cut off or ended: one job tries the API, not before this moment.
    pub(super) fn reopen(&mut self, until: Instant) {
        if self.policy.failures > 0 {
            (self.state, self.failures) = (State::Open { until }, self.policy.failures);
        }
    }

    /// Places of the run's `limit` that may be taken.
    pub(super) fn places(&self, limit: usize) -> usize {
        if self.policy.failures == 0 {
            return limit;
        }
        let failures = usize::try_from(self.failures).unwrap_or(usize::MAX);
        limit.saturating_add(1).saturating_sub(failures).min(limit).max(1)
    }

    /// Whether a request may start now.
    pub(super) fn pass(&self, now: Instant) -> Pass {
        match self.state {
            State::Closed => Pass::Free,
            State::Open { until } if until > now => Pass::After(until),
            State::Open { .. } => Pass::Try,
            State::Trying => Pass::Trying,
            State::Dead => Pass::Never,
        }
    }

    /// A request starts. Gives whether it tries an API that did not work.
    pub(super) fn started(&mut self) -> bool {
        let tries = matches!(self.state, State::Open { .. });
        if tries {
            self.state = State::Trying;
        }
        tries
    }

    /// The end of a request; `limit` is the run's.
    pub(super) fn ended(&mut self, request: Ended, now: Instant, limit: usize) -> Option<Change> {
        let Ended { began, tried, health } = request;
        if self.policy.failures == 0 {
            return None;
        }
        match (self.state, health) {
            (State::Closed, Health::Ill) => {
                self.failures += 1;
                self.failed_at = Some(now);
                let most = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
                (self.failures >= self.policy.failures.min(most)).then(|| self.open(now))
            }
            (State::Closed, Health::Refusing) => {
                self.refusals += 1;
                (self.refusals >= LEAST_REFUSALS.max(limit.saturating_mul(2))).then(|| self.open(now))
            }
            (State::Closed, Health::Well) => {
                self.refusals = 0;
                if self.failed_at.is_none_or(|failed| began >= failed) {
                    self.failures = 0;
                }
                None
            }
            // Answers of requests that began before it opened say nothing new.
            (State::Trying, health) if tried => match health {
                Health::Well => {
                    (self.state, self.failures, self.refusals, self.tries) = (State::Closed, 0, 0, 0);
                    Some(Change::Closed)
                }
                Health::Ill | Health::Refusing => {
                    self.tries += 1;
                    if self.tries >= self.policy.probes {
                        self.state = State::Dead;
                        return Some(Change::GaveUp);
                    }
                    Some(self.open(now))
                }
                // It did not come to the API: another one may try at once.
                Health::Neither => {
                    self.state = State::Open { until: now };
                    None
                }
            },
            (State::Closed | State::Open { .. } | State::Trying | State::Dead, _) => None,
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        let pause = self.policy.pause.get();
        let most = pause.max(BreakerPolicy::MAX_PAUSE);
        let pause = pause.saturating_mul(1u32.checked_shl(self.tries).unwrap_or(u32::MAX)).min(most);
        self.state = State::Open { until: now + pause };
        let refusals = u32::try_from(self.refusals).unwrap_or(u32::MAX);
        let refusing = refusals > self.failures;
        Change::Opened { failures: self.failures.max(refusals) + self.tries, refusing, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DurationSpec;

    fn breaker(failures: u32) -> Breaker {
        let pause = DurationSpec::from(Duration::from_secs(10));
        Breaker::new(BreakerPolicy { failures, pause, probes: 3 })
    }

    fn ended(began: Instant, health: Health) -> Ended {
        Ended { began, tried: false, health }
    }

    #[test]
    fn late_successes_of_requests_from_before_do_not_hide_an_outage() {
        const LIMIT: usize = 16;
        let mut breaker = breaker(100);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        // A full house when the API goes down: each of those still succeeds, and each new request fails.
        let (mut before, mut flying, mut begun, mut now) = (LIMIT, 0, 0, 0);
        loop {
            while before + flying < breaker.places(LIMIT) && breaker.pass(at(now)) == Pass::Free {
                (flying, begun) = (flying + 1, begun + 1);
            }
            now += 1;
            if before > 0 {
                before -= 1;
                assert_eq!(breaker.ended(ended(start, Health::Well), at(now), LIMIT), None);
            }
            if flying > 0 {
                flying -= 1;
                if breaker.ended(ended(at(now), Health::Ill), at(now), LIMIT).is_some() {
                    break;
                }
            }
            assert!(now < 1000, "it never opens");
        }
        assert_eq!(begun, LIMIT + 1);
    }

    #[test]
    fn a_success_that_began_after_the_last_failure_gives_the_places_back() {
        let mut breaker = breaker(5);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for now in 1..4 {
            assert_eq!(breaker.ended(ended(start, Health::Ill), at(now), 8), None);
        }
        assert_eq!(breaker.places(8), 6);
        assert_eq!(breaker.ended(ended(at(2), Health::Well), at(5), 8), None);
        assert_eq!(breaker.places(8), 6, "it began before the last failure");
        assert_eq!(breaker.ended(ended(at(6), Health::Well), at(7), 8), None);
        assert_eq!(breaker.places(8), 8);
    }

    #[test]
    fn tries_are_further_and_further_apart_and_come_to_an_end() {
        let mut breaker = breaker(1);
        let mut now = Instant::now();
        let opened = breaker.ended(ended(now, Health::Ill), now, 4);
        assert_eq!(opened, Some(Change::Opened { failures: 1, refusing: false, pause: Duration::from_secs(10) }));
        for pause in [Some(20), Some(40), None] {
            let Pass::After(until) = breaker.pass(now) else { panic!("it is open") };
            now = until;
            assert_eq!(breaker.pass(now), Pass::Try);
            assert!(breaker.started());
            assert_eq!(breaker.pass(now), Pass::Trying);
            let change = breaker.ended(Ended { began: now, tried: true, health: Health::Ill }, now, 4);
            match pause {
                Some(seconds) => assert!(
                    matches!(change, Some(Change::Opened { pause, .. }) if pause == Duration::from_secs(seconds)),
                    "{change:?}"
                ),
                None => assert_eq!(change, Some(Change::GaveUp)),
            }
        }
        assert_eq!(breaker.pass(now + Duration::from_secs(3600)), Pass::Never);
    }

    #[test]
    fn refusals_open_it_only_when_nothing_is_taken_in_between() {
        let mut breaker = breaker(5);
        let now = Instant::now();
        for round in 0..100 {
            assert_eq!(breaker.ended(ended(now, Health::Refusing), now, 8), None, "{round}");
            if round % 10 == 0 {
                breaker.ended(ended(now, Health::Well), now, 8);
            }
        }
        let opened = (0..16).find_map(|_| breaker.ended(ended(now, Health::Refusing), now, 8));
        assert!(matches!(opened, Some(Change::Opened { .. })), "{opened:?}");
    }
}
