//! Looking up what became of an unknown, within the run: a read-only request, repeated freely within bounds.
//!
//! The attempt is on record as unknown, and final, before anything is asked; what is found out is another event. A job that
//! waits for the same call goes on waiting meanwhile. A job that comes after another one of its call is not looked up: the
//! answer could be about the other one. Stopping the run ends the waiting at once.

use super::dispatcher::{Dispatcher, Ready, RowStream};
use super::engine::{Engine, Task};
use super::retry;
use super::transport::{BodyEnd, Exchange};
use crate::event::{Event, Ledger, Reconciled, ReconciledBy};
use crate::model::{Job, JobNumber, Outcome, SetName};
use crate::profile::{Answer, AnswerClass, ProbeFinding};
use crate::state::JobState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Times that one job is looked up without an answer that says something.
const MAX_LOOKS: u32 = 4;
/// Lookups on the wire at once: what leaves many unknowns behind is in trouble already.
const MAX_AT_ONCE: usize = 4;

/// Jobs that are being looked up at once: each is kept in memory until then. The others stay unknown for `reconcile`.
const MAX_LOOKED_UP: usize = 1000;

/// A job that is being looked up.
#[derive(Debug)]
struct Lookup {
    job: Arc<Job>,
    /// When its last attempt ended.
    ended_at: Instant,
    /// When it was last asked for.
    asked_at: Instant,
    /// Looks that are over.
    looks: u32,
}

/// The jobs that are being looked up.
#[derive(Debug, Default)]
pub(super) struct Probes {
    waiting: BTreeMap<(Instant, JobNumber), Lookup>,
    asking: BTreeMap<JobNumber, Lookup>,
    /// The token that is being asked for is for lookups alone: without it the run has lost nothing.
    pub(super) token_for_these: bool,
}

impl Probes {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.asking.is_empty()
    }

    pub(super) fn on_wire(&self) -> bool {
        !self.asking.is_empty()
    }

    /// How many jobs are being looked up: of the run, or of a set.
    pub(super) fn count(&self, set: Option<&SetName>) -> u64 {
        let jobs = self.waiting.values().chain(self.asking.values());
        jobs.filter(|lookup| set.is_none_or(|set| *set == lookup.job.set)).count() as u64
    }

    /// When the next one is due; `None`: not before one on the wire ends.
    pub(super) fn due(&self) -> Option<Instant> {
        let room = self.asking.len() < MAX_AT_ONCE;
        self.waiting.keys().next().map(|(due, _)| *due).filter(|_| room)
    }

    /// The jobs that wait; nothing more is asked about them.
    fn give_up_waiting(&mut self) -> impl Iterator<Item = JobNumber> {
        std::mem::take(&mut self.waiting).into_keys().map(|(_, number)| number)
    }

    /// Nothing more is asked; answers on the way are still taken.
    pub(super) fn stop_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Answers are not waited for any longer either.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.asking.clear();
    }
}

impl<L: Ledger> Engine<'_, L> {
    /// Begins to look a job up whose last attempt has just ended unknown, if that can tell anything.
    pub(super) fn look_up<S: RowStream>(&mut self, ready: &Ready, dispatcher: &mut Dispatcher<S>) {
        let job = &ready.job;
        let unknown = self.run.job(job.number) == Some(JobState::Unknown);
        if !unknown || job.probe.is_none() || job.after.is_some() || self.stopping.is_some() {
            return;
        }
        if self.probes.waiting.len() + self.probes.asking.len() >= MAX_LOOKED_UP {
            tracing::warn!(job = job.number, "too many unknowns to look up in the run: this one is left to reconcile");
            return;
        }
        let now = Instant::now();
        dispatcher.hold(job.number);
        let lookup = Lookup { job: Arc::clone(job), ended_at: now, asked_at: now, looks: 0 };
        self.probes.waiting.insert((now, job.number), lookup);
    }

    /// The lookups that may begin now, and when to come back for the others.
    pub(super) fn begin_lookups<S: RowStream>(
        &mut self,
        now: Instant,
        dispatcher: &mut Dispatcher<S>,
    ) -> (Vec<Task>, Option<Instant>) {
        let mut tasks = Vec::new();
        while let Some(due) = self.probes.due() {
            if due > now {
                return (tasks, Some(due));
            }
            let Some(token) = self.token.usable(now) else { return (tasks, None) };
            if let Err(later) = dispatcher.take_start(now) {
                return (tasks, Some(later));
            }
            let Some((_, mut lookup)) = self.probes.waiting.pop_first() else { break };
            lookup.asked_at = now;
            let number = lookup.job.number;
            let path = lookup.job.probe.as_ref().map(|probe| probe.path.clone()).unwrap_or_default();
            tasks.push(Task::Probe { number, path, access: Arc::clone(&token.access), generation: token.generation });
            self.probes.asking.insert(number, lookup);
        }
        (tasks, None)
    }

    /// There is no token for lookups, and nothing else needs one: what is not found out stays unknown.
    pub(super) fn give_lookups_up<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        for number in self.probes.give_up_waiting() {
            tracing::warn!(job = number, "not looked up: there is no access token");
            dispatcher.let_go(number);
        }
    }

    /// Takes the answer to a probe in.
    pub(super) fn settle_probe<S: RowStream>(
        &mut self,
        number: JobNumber,
        exchange: &Exchange,
        generation: u64,
        dispatcher: &mut Dispatcher<S>,
    ) {
        let Some(mut lookup) = self.probes.asking.remove(&number) else { return };
        // Whatever it says, a rule may hold now that did not before.
        self.gates.news();
        let (status, finding, wait) = self.read_probe(&lookup, exchange, generation);
        let outcome = match finding {
            ProbeFinding::Bridged => Some(Outcome::Succeeded),
            ProbeFinding::NotBridged => Some(Outcome::NotBridged),
            ProbeFinding::NotYet | ProbeFinding::CannotTell => None,
        };
        if let Some(outcome) = outcome {
            self.found_out(&lookup.job, outcome, status);
            dispatcher.let_go(number);
            return;
        }
        lookup.looks += 1;
        let now = Instant::now();
        let back_off = now + wait.max(retry::back_off(&self.policy.retry, lookup.looks + 1, &mut self.rng));
        let due = if finding == ProbeFinding::NotYet {
            // What it says counts from then on: worth one more look.
            lookup.looks = lookup.looks.min(MAX_LOOKS - 1);
            back_off.max(lookup.ended_at + self.profile.settled_after())
        } else {
            back_off
        };
        if self.stopping.is_some() || lookup.looks >= MAX_LOOKS {
            tracing::warn!(job = number, status, looks = lookup.looks, "the probe cannot tell what became of it");
            dispatcher.let_go(number);
            return;
        }
        self.probes.waiting.insert((due, number), lookup);
    }

    /// What the answer says, and how long it asks to wait.
    fn read_probe(
        &mut self,
        lookup: &Lookup,
        exchange: &Exchange,
        generation: u64,
    ) -> (Option<u16>, ProbeFinding, Duration) {
        let (Exchange::Answered(response), Some(probe)) = (exchange, lookup.job.probe.as_ref()) else {
            return (None, ProbeFinding::CannotTell, Duration::ZERO);
        };
        let (status, complete) = (response.status, response.end == BodyEnd::Whole);
        let answer = Answer { status, retry_after: false, body: &response.body, complete };
        if self.profile.answers().classify(answer) == AnswerClass::TokenRefused && self.profile.asks_for_token() {
            self.token.refuse(generation);
            return (Some(status), ProbeFinding::CannotTell, Duration::ZERO);
        }
        let since = lookup.asked_at.saturating_duration_since(lookup.ended_at);
        // A body that was cut may lack just what rules the finding out.
        let finding = if complete {
            self.profile.judge_probe(probe, status, &response.body, since)
        } else {
            ProbeFinding::CannotTell
        };
        let wait = response.retry_after().map(|after| retry::pause(&self.policy.retry, after)).unwrap_or_default();
        (Some(status), finding, wait)
    }

    fn found_out(&mut self, job: &Job, outcome: Outcome, status_code: Option<u16>) {
        let what = if outcome == Outcome::Succeeded { "a bridged call" } else { "a call that was not bridged" };
        tracing::info!(job = job.number, outcome = ?outcome, "the probe tells what became of it");
        self.happened(Event::Reconciled(Box::new(Reconciled {
            job: job.number,
            set: job.set.clone(),
            key: job.key.clone(),
            call_id: job.call_id.as_str().to_owned(),
            from: Outcome::Unknown,
            outcome,
            by: ReconciledBy::Probe,
            reason: format!("the probe's answer is that of {what}"),
            status_code,
            operator: None,
        })));
    }
}
