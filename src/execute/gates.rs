//! What can end or hold a run that is going well by itself: schedule, abort rules, lost criteria, waves, a refused account.

use super::dispatcher::{Dispatcher, RowStream};
use super::engine::{Engine, Policy};
use super::schedule::{Hour, Schedule};
use crate::event::{CriterionResult, Ending, Event, Ledger, Waiting, WaveFinished, WaveStarted};
use crate::model::{Criterion, Metric, OnLostCriterion, Share, Timestamp, Unit};
use crate::state::{self, RunState};
use std::time::Duration;
use tokio::time::Instant;

/// Attempts beyond the first that a run has in any case, however small its plan.
const LEAST_BUDGET: u64 = 10;
/// Answers of 403 and nothing else after which an account is taken to be without the right.
const FORBIDDEN: u32 = 3;
/// Rules about time are looked at this often when nothing else happens.
const TICK: Duration = Duration::from_secs(1);
/// A moment far away is looked at again after this time: the machine's clock may be put forward.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Where the gates of a run stand.
#[derive(Debug)]
pub(super) struct Gates {
    schedule: Schedule,
    /// When the schedule is to be looked at again.
    look_at: Option<Instant>,
    /// The moment that the run has last said it waits for.
    waits_for: Option<Timestamp>,
    /// A rule speaks of time: it can hold without any event.
    timed: bool,
    /// Something has happened since the rules were looked at.
    news: bool,
    /// Waves that have begun.
    waves: usize,
    wave_is_over: bool,
    /// Attempts beyond the first that are left.
    budget: u64,
    /// Answers of 403 while there was no other; `None`: there was one.
    forbidden: Option<u32>,
    /// Criteria that end the run when they are lost: those that were lost when it was resumed do not end it again.
    watched: Vec<Criterion>,
}

impl Gates {
    pub(super) fn new(policy: &Policy, began: Timestamp) -> Self {
        let timed = |metric: Metric| matches!(metric, Metric::Duration | Metric::Throughput);
        let budget = policy.retry.budget.of(policy.jobs);
        // A budget in numbers is meant as it is written.
        let least = if matches!(policy.retry.budget, Share::Jobs(_)) { 0 } else { LEAST_BUDGET };
        Self {
            schedule: Schedule::new(began, policy.limits.deadline, policy.window.clone(), policy.request_timeout),
            look_at: None,
            waits_for: None,
            timed: policy.abort_when.iter().any(|rule| timed(rule.when.metric()))
                || policy.criteria.iter().any(|criterion| timed(criterion.metric())),
            news: false,
            waves: 0,
            wave_is_over: false,
            budget: budget.max(least),
            forbidden: Some(0),
            watched: policy.criteria.clone(),
        }
    }

    /// Goes on from where a run stands. It is looked at at once whether a rule holds.
    pub(super) fn take_up(&mut self, run: &RunState, criteria: &[Criterion], retries: u64, now: Timestamp) {
        let is_lost = |criterion: &Criterion| state::lost(std::slice::from_ref(criterion), run, now, |_| 0).is_some();
        self.watched = criteria.iter().filter(|criterion| !is_lost(criterion)).cloned().collect();
        (self.waves, self.wave_is_over) = (run.wave_counts().len(), run.wave_is_over());
        self.budget = self.budget.saturating_sub(retries);
        let answers = &run.total().by_status;
        let others = answers.keys().any(|status| *status != 403);
        let forbidden = answers.get(&403).copied().unwrap_or_default();
        self.forbidden = (!others).then_some(u32::try_from(forbidden).unwrap_or(u32::MAX));
        self.news = true;
    }

    /// Waves that have begun.
    pub(super) fn waves(&self) -> usize {
        self.waves
    }

    /// When the gates have to be looked at though nothing happens.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        // A moment that has passed is not worth waking for: the schedule is looked at in each turn in which a job could go.
        [self.look_at.filter(|at| *at > now), self.timed.then(|| now + TICK)].into_iter().flatten().min()
    }

    /// A job has ended, or has been tried.
    pub(super) fn news(&mut self) {
        self.news = true;
    }

    /// Takes one attempt beyond the first out of the budget; `None`: there is none left. True: it was the last.
    pub(super) fn take_retry(&mut self) -> Option<()> {
        self.budget = self.budget.checked_sub(1)?;
        Some(())
    }

    /// Takes a status in; true when every answer so far was 403, and there were enough of them.
    pub(super) fn is_forbidden(&mut self, status: u16) -> bool {
        self.forbidden = self.forbidden.filter(|_| status == 403).map(|answers| answers + 1);
        // A run that goes on has stopped for it before: its first answer says whether that has changed.
        self.forbidden.is_some_and(|answers| answers >= FORBIDDEN)
    }
}

impl<L: Ledger> Engine<'_, L> {
    /// Ends the run when its time is over and something is left; gives when it may go on, where it has to wait.
    pub(super) fn keep_schedule(&mut self, wall: Timestamp, now: Instant, has_work: bool) -> Option<Instant> {
        if !self.is_running() || !has_work {
            return None;
        }
        let soon = |until: Timestamp| now + until.since(wall).min(LOOK_AGAIN);
        match self.gates.schedule.at(wall, &self.run) {
            Hour::Open(until) => {
                self.gates.look_at = until.map(soon);
                None
            }
            Hour::Wait(until, reason) => {
                self.gates.look_at = None;
                if self.gates.waits_for.replace(until) != Some(until) {
                    tracing::warn!(reason, in_flight = self.on_wire.len(), "outside the window: waiting");
                    let in_flight = self.on_wire.len() as u64;
                    self.happened(Event::Waiting(Waiting { reason, until, in_flight }));
                }
                Some(soon(until))
            }
            Hour::Over(ending, reason) => {
                self.stop(ending, reason);
                None
            }
        }
    }

    /// Ends the run when a rule says so, or when a criterion is lost, and jobs are left.
    pub(super) fn keep_rules(&mut self) {
        if !self.is_running() || !(self.gates.news || self.gates.timed) {
            return;
        }
        self.gates.news = false;
        if !self.has_more() {
            return;
        }
        let now = self.clock.now();
        if let Some((rule, value)) = state::broken(&self.policy.abort_when, &self.run, now) {
            let reason = format!("abort_when: {rule} ({})", shown(rule.when.metric(), value));
            self.stop(Ending::Aborted, reason);
        } else if self.policy.on_lost_criterion == OnLostCriterion::Stop
            && let Some(criterion) = state::lost(&self.gates.watched, &self.run, now, |set| self.probes.count(set))
        {
            let reason = format!("success_criteria: {criterion} can no longer be met");
            self.stop(Ending::CriterionLost, reason);
        }
    }

    /// Begins the next wave, if there is one.
    pub(super) fn begin_wave<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        let Some(wave) = self.policy.waves.get(self.gates.waves) else { return };
        let jobs = wave.size.of(self.policy.jobs);
        // What the plan did not know of is no reason to leave a job out.
        dispatcher.begin_wave(if wave.size.is_all() { u64::MAX } else { jobs });
        self.gates.waves += 1;
        self.gates.wave_is_over = false;
        let number = u32::try_from(self.gates.waves).unwrap_or(u32::MAX);
        tracing::info!(wave = number, jobs, "wave begins");
        self.happened(Event::WaveStarted(WaveStarted { wave: number, jobs }));
    }

    /// Every job of the wave has ended, and jobs are left: they wait for what the wave has shown.
    pub(super) fn end_wave<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>, now: Instant) {
        let Some(require) = self.judge_wave() else { return };
        if let Some(failed) = require.iter().find(|result| !result.met) {
            let value = failed.value.map_or_else(|| "no data".to_owned(), |value| format!("it is {value}"));
            let reason = format!("wave {}: {} does not hold ({value})", self.gates.waves, failed.criterion);
            self.stop(Ending::WaveFailed, reason);
            return;
        }
        let pause = self.policy.waves.get(self.gates.waves - 1).map(|wave| wave.pause.get()).unwrap_or_default();
        dispatcher.pause(now + pause);
        self.begin_wave(dispatcher);
    }

    /// Judges the wave that is going on, and records its end; `None`: there is none.
    pub(super) fn judge_wave(&mut self) -> Option<Vec<CriterionResult>> {
        let at = self.gates.waves.checked_sub(1).filter(|_| !self.gates.wave_is_over)?;
        let wave = self.policy.waves.get(at)?;
        let require = state::judge_wave(&wave.require, &self.run, self.clock.now());
        let passed = require.iter().all(|result| result.met);
        let rests = passed && at + 1 < self.policy.waves.len() && !wave.pause.get().is_zero();
        let pause_ms = rests.then(|| u64::try_from(wave.pause.get().as_millis()).unwrap_or(u64::MAX));
        let wave = self.run.wave_counts().pop()?;
        self.gates.wave_is_over = true;
        self.happened(Event::WaveFinished(WaveFinished { wave, require: require.clone(), passed, pause_ms }));
        Some(require)
    }
}

/// A metric's value in words.
fn shown(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Count => format!("it is {value}"),
        Unit::Percent => format!("it is {value:.1}%"),
        Unit::Millis => format!("it is {value:.0} ms"),
        Unit::PerSecond => format!("it is {value:.1}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_has_passed_wakes_nobody() {
        // The last job is on its way and the deadline passes: the loop must not turn until the answer comes.
        let now = Instant::now();
        let mut gates = Gates {
            schedule: Schedule::default(),
            look_at: Some(now),
            waits_for: None,
            timed: false,
            news: false,
            waves: 0,
            wave_is_over: false,
            budget: 0,
            forbidden: None,
            watched: Vec::new(),
        };
        assert_eq!(gates.wake(now), None);
        assert_eq!(gates.wake(now + TICK), None);
        gates.look_at = Some(now + TICK);
        assert_eq!(gates.wake(now), Some(now + TICK));
        gates.timed = true;
        assert_eq!(gates.wake(now + TICK), Some(now + TICK * 2));
    }
}
