//! The token of a run: whether it may be used, and when a new one is asked for. Pure state; the clock is passed in.
//!
//! A token is *usable* until its buffer before the end of its life. It is *due* after [`DUE`] of that time: then a new one
//! is fetched in the background while the old one goes on being used. What goes wrong with such an early request stops
//! nothing, and does not count among the attempts after which a run without any token gives up.

use super::auth::{Grant, TokenErrorKind};
use crate::profile::AuthHeader;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A token is not used in its last minute, or in the last fifth of a shorter life.
const BUFFER: Duration = Duration::from_secs(60);
/// The part of its usable life after which a token is renewed.
const DUE: f64 = 0.8;

/// The part of a token's life in which it may be used, from the moment in which it was asked for.
pub(super) fn usable_life(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(BUFFER.min(lifetime / 5))
}

/// What a bridge request needs to be let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    /// The header that authorises; `None`: the API wants none.
    pub(super) header: Option<AuthHeader>,
    /// The base URL that came with the token, where the profile says so.
    pub(super) base_url: Option<String>,
}

/// An access in use.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Shared by all requests that carry it.
    pub(super) access: Arc<Access>,
    pub(super) generation: u64,
    /// `None`: it lives as long as the run.
    life: Option<Life>,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    due_at: Instant,
    stale_at: Instant,
    /// The endpoint has refused to renew it: asking again before it is needed would only lock the client out.
    not_early: bool,
}

/// What the run needs a token for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Demand {
    /// Nothing more is sent.
    Nothing,
    /// A request waits for one.
    Now,
    /// Requests will follow, the next one not before this moment.
    Later(Option<Instant>),
}

/// What follows a failed request for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AfterFailure {
    /// It is tried again after the back-off in front of this attempt (2 is the first retry).
    Again(u32),
    /// The old token is used to its end, then it is tried again.
    AtTheEnd(Duration),
    /// The run ends.
    GiveUp,
}

/// The run's token.
#[derive(Debug, Default)]
pub(super) struct TokenStore {
    current: Option<Token>,
    generation: u64,
    /// A request is under way.
    pub(super) asking: bool,
    /// Failures in a row.
    failures: u32,
    /// Those of them that left the run without a token.
    bare_failures: u32,
    /// Not before this.
    pub(super) not_before: Option<Instant>,
}

impl TokenStore {
    /// An access that lasts: no token endpoint is ever asked.
    pub(super) fn standing(header: Option<AuthHeader>) -> Self {
        let access = Arc::new(Access { header, base_url: None });
        Self { current: Some(Token { access, generation: 0, life: None }), ..Self::default() }
    }

    /// Goes on counting tokens.
    pub(super) fn count_from(&mut self, tokens: u64) {
        self.generation = self.generation.max(tokens);
    }

    /// The token, if it may be used now.
    pub(super) fn usable(&self, now: Instant) -> Option<&Token> {
        self.current.as_ref().filter(|token| token.life.is_none_or(|life| now < life.stale_at))
    }

    /// When the endpoint is to be asked; `None`: not for what is known now.
    pub(super) fn ask_at(&self, now: Instant, demand: Demand) -> Option<Instant> {
        if self.asking {
            return None;
        }
        match demand {
            Demand::Nothing => None,
            Demand::Now => Some(self.not_before.unwrap_or(now)),
            Demand::Later(next) => {
                let life = self.usable(now)?.life.filter(|life| !life.not_early)?;
                let at = self.not_before.map_or(life.due_at, |not_before| not_before.max(life.due_at));
                // What is sent only after its end fetches its own; a long pause must not keep the endpoint busy.
                let serves = at < life.stale_at && next.is_none_or(|next| next < life.stale_at);
                serves.then_some(at)
            }
        }
    }

    /// Takes a granted token in, with the header that carries it, and gives its generation.
    pub(super) fn accept(&mut self, grant: &Grant, header: AuthHeader) -> u64 {
        let usable = usable_life(grant.lifetime);
        let life =
            Life { due_at: grant.asked_at + usable.mul_f64(DUE), stale_at: grant.asked_at + usable, not_early: false };
        let access = Arc::new(Access { header: Some(header), base_url: grant.base_url.clone() });
        let generation = self.generation + 1;
        *self = Self { current: Some(Token { access, generation, life: Some(life) }), generation, ..Self::default() };
        generation
    }

    /// Takes a failure in: a token that is still good makes it harmless. `attempts` is how often a run without a token
    /// asks in a row.
    pub(super) fn fail(&mut self, now: Instant, kind: TokenErrorKind, attempts: u32) -> AfterFailure {
        self.asking = false;
        self.failures += 1;
        let passing = kind == TokenErrorKind::Passing;
        let usable = self.usable(now).is_some();
        if let Some(life) = self.current.as_mut().and_then(|token| token.life.as_mut()).filter(|_| usable) {
            if passing {
                return AfterFailure::Again(self.failures + 1);
            }
            life.not_early = true;
            return AfterFailure::AtTheEnd(life.stale_at.saturating_duration_since(now));
        }
        self.bare_failures += 1;
        if passing && self.bare_failures < attempts {
            AfterFailure::Again(self.failures + 1)
        } else {
            AfterFailure::GiveUp
        }
    }

    /// Drops the token if it is still the one that was refused.
    pub(super) fn refuse(&mut self, generation: u64) {
        if self.current.as_ref().is_some_and(|token| token.generation == generation) {
            self.current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LifetimeSource;
    use crate::model::Secret;

    const SECOND: Duration = Duration::from_secs(1);

    fn accepted(asked_at: Instant, lifetime: Duration) -> TokenStore {
        let mut store = TokenStore::default();
        let value = Secret::new("token".to_owned());
        let header = AuthHeader { name: "Authorization".to_owned(), value: value.clone() };
        let grant = Grant {
            value,
            base_url: None,
            lifetime,
            lifetime_from: LifetimeSource::Answer,
            granted_scopes: None,
            missing_scopes: Vec::new(),
            asked_at,
            took: Duration::ZERO,
        };
        assert_eq!(store.accept(&grant, header), 1);
        store
    }

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_usable_life() {
        let start = Instant::now();
        // 3600 s: usable 3540 s. 10 s: usable 8 s.
        for (lifetime, usable) in [(3600, 3540.0), (100, 80.0), (300, 240.0), (10, 8.0), (1, 0.8)] {
            let store = accepted(start, SECOND * lifetime);
            let due = start + Duration::from_secs_f64(usable).mul_f64(0.8);
            assert_eq!(store.ask_at(start, Demand::Later(None)), Some(due), "{lifetime}");
            let end = start + Duration::from_secs_f64(usable);
            assert!(store.usable(end - Duration::from_millis(1)).is_some() && store.usable(end).is_none());
        }
    }

    #[test]
    fn nobody_asks_early_for_what_is_sent_only_after_the_end_or_not_at_all() {
        let start = Instant::now();
        let store = accepted(start, SECOND * 10);
        let late = start + SECOND * 7;
        assert_eq!(store.ask_at(late, Demand::Later(Some(start + SECOND * 8))), None);
        assert!(store.ask_at(late, Demand::Later(Some(start + SECOND * 7))).is_some());
        assert_eq!(store.ask_at(late, Demand::Nothing), None);
        // Once it is stale the next request asks by itself.
        assert_eq!(store.ask_at(start + SECOND * 9, Demand::Later(None)), None);
        assert_eq!(TokenStore::standing(None).ask_at(late, Demand::Later(None)), None);
        assert_eq!(TokenStore::default().ask_at(late, Demand::Now), Some(late));
    }

    #[test]
    fn an_early_failure_costs_nothing_and_the_attempts_count_from_the_end_of_the_token() {
        let start = Instant::now();
        let mut store = accepted(start, SECOND * 10);
        for attempt in 2..20 {
            assert_eq!(store.fail(start + SECOND * 7, TokenErrorKind::Passing, 3), AfterFailure::Again(attempt));
        }
        let end = start + SECOND * 8;
        assert_eq!(store.fail(end, TokenErrorKind::Passing, 3), AfterFailure::Again(20));
        assert_eq!(store.fail(end, TokenErrorKind::Passing, 3), AfterFailure::Again(21));
        assert_eq!(store.fail(end, TokenErrorKind::Passing, 3), AfterFailure::GiveUp);
    }

    #[test]
    fn an_early_refusal_is_not_repeated_before_the_token_is_needed() {
        let start = Instant::now();
        let mut store = accepted(start, SECOND * 10);
        let at = start + SECOND * 7;
        assert_eq!(store.fail(at, TokenErrorKind::Refused, 3), AfterFailure::AtTheEnd(SECOND));
        assert!(store.usable(at).is_some());
        assert_eq!(store.ask_at(at, Demand::Later(None)), None);
        // The API refuses the token: it is needed now.
        store.refuse(1);
        assert_eq!(store.ask_at(at, Demand::Now), Some(at));
        assert_eq!(store.fail(at, TokenErrorKind::Refused, 3), AfterFailure::GiveUp);
    }

    #[test]
    fn only_the_token_that_was_refused_is_dropped() {
        let start = Instant::now();
        let mut store = accepted(start, SECOND * 10);
        store.refuse(0);
        assert!(store.usable(start).is_some());
        store.refuse(1);
        assert!(store.usable(start).is_none());
    }
}
