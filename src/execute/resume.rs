//! Going on with a run: the engine takes up where the records end.
//!
//! What a run is by its records stands in [`RunState`]; [`Past`] has the rest, which only an engine needs: pauses, the breaker,
//! the retry budget. Waves, criteria and figures go on from their state. The pace begins anew, and so does the deadline: it is
//! about the time that a process may take.

use super::dispatcher::{Dispatcher, RowStream};
use super::engine::Engine;
use crate::event::{Ending, Event, Happened, Ledger, RunStarted};
use crate::model::{Evidence, Job, Outcome, Timestamp};
use crate::state::{JobState, RunState, judge_wave};
use std::time::Duration;
use tokio::time::Instant;

/// How a run begins.
#[derive(Debug)]
pub enum Opening {
    /// For the first time.
    First(Box<RunStarted>),
    /// Again.
    Again(Box<Resumption>),
}

/// Where a run stands that goes on.
#[derive(Debug)]
pub struct Resumption {
    /// Its state, with `lines`.
    pub run: RunState,
    /// What is to be recorded before anything else: `run_resumed` and what follows from it.
    pub lines: Vec<Happened>,
    /// Jobs that have been begun, and are to be tried again.
    pub begun: Vec<Begun>,
    /// The rest of what is on record.
    pub past: Past,
    /// What the last wave did not show is passed over.
    pub pass_wave: bool,
}

/// A job that was begun, and is to be tried again.
#[derive(Debug)]
pub struct Begun {
    /// The job.
    pub job: Job,
    /// Its set's place among the lanes.
    pub lane: usize,
    /// Its attempts.
    pub attempts: u32,
    /// Those that the retry policy does not count.
    pub uncounted: u32,
    /// What its last attempt came to.
    pub last: Outcome,
}

/// What an engine has to know of the time before, beyond the run's state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// Attempts that the retry budget has paid for.
    retries: u64,
    /// Nothing was to be sent before this moment.
    paused_until: Option<Timestamp>,
    /// The breaker is open, up to this moment.
    open_until: Option<Timestamp>,
    /// Tokens so far.
    tokens: u64,
}

impl Past {
    /// Takes the next record in.
    pub fn take(&mut self, at: Timestamp, event: &Event) {
        let after = |pause_ms: u64| at.plus(Duration::from_millis(pause_ms));
        match event {
            Event::BridgeAttempt(attempt) => {
                let free = matches!(attempt.evidence, Evidence::Withdrawn | Evidence::TokenRefused);
                self.retries += u64::from(!attempt.is_final && !free);
            }
            Event::Throttled(throttled) => self.pause(after(throttled.pause_ms)),
            Event::WaveFinished(wave) => self.pause(after(wave.pause_ms.unwrap_or_default())),
            Event::BreakerOpened(opened) => self.open_until = Some(after(opened.pause_ms)),
            Event::BreakerClosed(_) => self.open_until = None,
            Event::TokenFetched(token) => self.tokens = token.generation,
            _ => {}
        }
    }

    fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

impl<L: Ledger> Engine<'_, L> {
    /// Begins, or takes up where the records end.
    pub(super) fn open<S: RowStream>(&mut self, opening: Opening, dispatcher: &mut Dispatcher<S>) {
        match opening {
            Opening::First(started) => {
                self.happened(Event::RunStarted(started));
                self.begin_wave(dispatcher);
            }
            Opening::Again(resumption) => self.take_up(*resumption, dispatcher),
        }
    }

    fn take_up<S: RowStream>(&mut self, resumption: Resumption, dispatcher: &mut Dispatcher<S>) {
        let Resumption { run, lines, begun, past, pass_wave } = resumption;
        if let Some(last) = run.last() {
            self.clock = self.clock.not_before(last);
        }
        self.run = run;
        self.events = lines;
        let (now, wall) = (Instant::now(), self.wall());
        let moment = |until: Timestamp| now + until.since(wall);
        self.token.count_from(past.tokens);
        if let Some(until) = past.open_until {
            dispatcher.reopen_breaker(moment(until));
        }
        if let Some(until) = past.paused_until {
            dispatcher.pause(moment(until));
        }
        for job in begun {
            dispatcher.take_up(job, now);
        }
        self.gates.take_up(&self.run, &self.policy.criteria, past.retries, wall);
        self.take_up_wave(dispatcher, pass_wave);
    }

    /// The wave that was going on goes on; one that was over is judged again, since unknowns may have been found out.
    fn take_up_wave<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>, pass: bool) {
        let Some(at) = self.gates.waves().checked_sub(1) else { return self.begin_wave(dispatcher) };
        let Some((wave, tally)) = self.policy.waves.get(at).zip(self.run.wave()) else { return };
        if !self.run.wave_is_over() {
            // Parts of a bridge count here, which they do not when it is begun: the wave is smaller by them, never larger.
            let begun = tally.jobs - tally.count(JobState::Skipped);
            let left = wave.size.of(self.policy.jobs).saturating_sub(begun);
            dispatcher.begin_wave(if wave.size.is_all() { u64::MAX } else { left });
            return;
        }
        let require = judge_wave(&wave.require, &self.run, self.clock.now());
        match require.iter().find(|result| !result.met && !pass) {
            Some(failed) => {
                let reason = format!("wave {}: {} does not hold", at + 1, failed.criterion);
                self.stop(Ending::WaveFailed, reason);
            }
            None => self.begin_wave(dispatcher),
        }
    }
}
