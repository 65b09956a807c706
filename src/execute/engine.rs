//! The loop that owns a run.
//!
//! Invariants: a bridge request is polled for the first time only after the ledger has said that its intent is durable;
//! nothing is sent once the run is stopping; every event is folded into [`RunState`] when it happens and goes to the
//! ledger, then to observers, in [`Engine::record`]; after the ledger's first error nothing is sent or recorded, and
//! what is in flight is waited for.

use super::auth::{self, Grant, TokenError};
use super::claims::Claims;
use super::dispatcher::{Admission, Dispatcher, Lane, Ready, Report, RowStream};
use super::error::ExecuteError;
use super::gates::Gates;
use super::lead::Lead;
use super::probing::Probes;
use super::resume::Opening;
use super::scrub::Scrubber;
use super::token_store::{Access, Demand, TokenStore};
use super::transport::{Exchange, Transport};
use crate::event::{BridgeIntent, Ending, Event, Happened, Ledger, LedgerError, Observer, Stopping, Verdict};
use crate::model::{
    AbortRule, BreakerPolicy, Credentials, Criterion, Job, JobNumber, Latency, Limits, Numbers, OnLostCriterion,
    Problem, RetryPolicy, RunClock, Timestamp, Wave, Window,
};
use crate::profile::Profile;
use crate::state::{RunState, StateError};
use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A signal from the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal(
    /// Its name: `SIGINT`, `SIGTERM`.
    pub &'static str,
);

/// How a run has ended, for its exit code.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Why it ended.
    pub ending: Ending,
    /// Whether it is what the runbook calls a success.
    pub verdict: Verdict,
    /// Whether every criterion on `unknown` is met.
    pub unknown_allowed: bool,
    /// Its figures.
    pub run: &'a RunState,
}

/// Gives the exit code for an end; the numbers belong to the command line.
pub type ExitCodeOf = fn(End<'_>) -> u8;

/// What the run must keep to.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How much at once, how fast.
    pub limits: Limits,
    /// When to try again.
    pub retry: RetryPolicy,
    /// When to leave an API alone that does not work.
    pub breaker: BreakerPolicy,
    /// Parts of the run; empty: all at once.
    pub waves: Vec<Wave>,
    /// When jobs may begin; `None`: at any time.
    pub window: Option<Window>,
    /// What ends the run.
    pub abort_when: Vec<AbortRule>,
    /// Whether it goes on when a criterion can no longer be met.
    pub on_lost_criterion: OnLostCriterion,
    /// Jobs of the plan that nothing leaves out yet: parts of the plan are parts of these.
    pub jobs: u64,
    /// The longest that a request can take.
    pub request_timeout: Duration,
    /// How numbers are written down.
    pub numbers: Numbers,
    /// What must hold at the end.
    pub criteria: Vec<Criterion>,
    /// Seed of the back-off's jitter.
    pub seed: u64,
    /// Exit codes.
    pub exit_code: ExitCodeOf,
}

/// Events in one batch at most, so that rows which need no request are recorded as they pass by.
const MAX_BATCH: usize = 1000;
/// Batches at the ledger at most: beyond that the disk is behind, and nothing new is begun.
pub(super) const MAX_AT_LEDGER: usize = 16;

/// A request of the run, or what it has brought.
pub(super) enum Task {
    Bridge { job: Arc<Job>, access: Arc<Access>, generation: u64 },
    Token,
    Probe { number: JobNumber, path: String, access: Arc<Access>, generation: u64 },
}

/// See [`Task`].
pub(super) enum Done {
    Bridge {
        number: JobNumber,
        exchange: Exchange,
        generation: u64,
        took: Duration,
    },
    /// The run was stopped before the request was begun.
    Withdrawn {
        number: JobNumber,
    },
    Token(Result<Grant, TokenError>),
    Probe {
        number: JobNumber,
        exchange: Exchange,
        generation: u64,
    },
}

/// A job whose request is on the wire.
pub(super) struct OnWire {
    pub(super) ready: Ready,
    pub(super) queue: Latency,
    pub(super) sent_at: Instant,
}

/// One run.
pub struct Engine<'a, L> {
    pub(super) profile: &'a Profile,
    transport: &'a Transport,
    credentials: &'a Credentials,
    pub(super) policy: Policy,
    pub(super) clock: RunClock,
    ledger: &'a mut L,
    observers: Vec<&'a mut dyn Observer>,
    pub(super) run: RunState,
    pub(super) token: TokenStore,
    pub(super) scrubber: Scrubber,
    pub(super) rng: fastrand::Rng,
    /// Events that the ledger has not been given yet.
    pub(super) events: Vec<Happened>,
    /// Batches at the ledger: since when, and the jobs that each clears.
    at_ledger: VecDeque<(Instant, Vec<Ready>)>,
    /// Jobs whose intent is durable and that are not sent yet.
    pub(super) cleared: Vec<Ready>,
    /// How many jobs may be on record ahead of a free place.
    pub(super) lead: Lead,
    pub(super) on_wire: HashMap<JobNumber, OnWire>,
    /// Jobs whose calls are asked for in the register.
    pub(super) claims: Claims<'a>,
    /// Unknowns that are being looked up.
    pub(super) probes: Probes,
    /// Set once: why the run ends.
    pub(super) stopping: Option<Ending>,
    /// After a signal: when the run stops waiting for what is in flight.
    drain_until: Option<Instant>,
    pub(super) gates: Gates,
    /// That the retry budget is spent has been said.
    pub(super) budget_noted: bool,
    /// Nothing may be sent any more: looked at once more in the moment in which a request would begin.
    halted: Rc<Cell<bool>>,
    /// The first signal has come.
    signalled: bool,
    pub(super) broken: Option<LedgerError>,
    fault: Option<StateError>,
}

impl<'a, L: Ledger> Engine<'a, L> {
    /// Sets a run up; nothing is sent or recorded yet. Credentials that no header can carry are refused.
    pub fn new(
        profile: &'a Profile,
        transport: &'a Transport,
        credentials: &'a Credentials,
        policy: Policy,
        ledger: &'a mut L,
        observers: Vec<&'a mut dyn Observer>,
    ) -> Result<Self, ExecuteError> {
        let rng = fastrand::Rng::with_seed(policy.seed);
        let clock = RunClock::start();
        let standing = profile.standing_header(credentials).map_err(ExecuteError::Credentials)?;
        let token = if profile.asks_for_token() { TokenStore::default() } else { TokenStore::standing(standing) };
        Ok(Self {
            profile,
            transport,
            credentials,
            clock,
            ledger,
            observers,
            run: RunState::default(),
            token,
            scrubber: Scrubber::for_secrets(
                profile.hidden(credentials).into_iter().chain(transport.secrets().cloned()),
            ),
            rng,
            events: Vec::new(),
            at_ledger: VecDeque::new(),
            cleared: Vec::new(),
            lead: Lead::default(),
            on_wire: HashMap::new(),
            claims: Claims::default(),
            probes: Probes::default(),
            stopping: None,
            drain_until: None,
            gates: Gates::new(&policy, clock.now()),
            budget_noted: false,
            halted: Rc::new(Cell::new(false)),
            signalled: false,
            broken: None,
            fault: None,
            policy,
        })
    }

    /// Runs every job of the lanes to its final state, or to the reason why the run ends first.
    pub async fn run<S: RowStream>(
        mut self,
        opening: Opening,
        lanes: Vec<Lane<S>>,
        signals: impl Stream<Item = Signal>,
    ) -> Result<RunState, ExecuteError> {
        let mut signals = std::pin::pin!(signals.fuse());
        let mut dispatcher = Dispatcher::new(lanes, &self.policy.limits, self.policy.breaker);
        let (transport, credentials, profile) = (self.transport, self.credentials, self.profile);
        let mut tasks = FuturesUnordered::new();
        self.open(opening, &mut dispatcher);
        loop {
            let now = Instant::now();
            let mut intents = Vec::new();
            self.leave_out(&mut dispatcher);
            self.keep_rules();
            self.take_granted(&mut dispatcher, &mut intents);
            let gate = self.admit(&mut dispatcher, now, &mut intents);
            self.ask(&mut dispatcher);
            if !self.is_running() {
                self.probes.stop_waiting();
            }
            let looks = self.probes.due().is_some_and(|due| due <= now);
            let waits = (looks || !self.cleared.is_empty()) && self.token.usable(now).is_none();
            let demand = match gate {
                _ if !self.is_running() => Demand::Nothing,
                _ if waits => Demand::Now,
                Admission::NeedsToken => Demand::Now,
                Admission::Wait(next) => Demand::Later(next),
                _ => Demand::Nothing,
            };
            let ask_at = self.token.ask_at(now, demand);
            if ask_at.is_some_and(|at| at <= now) {
                self.probes.token_for_these =
                    looks && self.cleared.is_empty() && !matches!(gate, Admission::NeedsToken);
                self.token.asking = true;
                tasks.push(perform(transport, credentials, profile, Task::Token, Rc::clone(&self.halted)));
            }
            self.record(intents, &mut dispatcher);
            for task in self.clear(&mut dispatcher) {
                tasks.push(perform(transport, credentials, profile, task, Rc::clone(&self.halted)));
            }
            let (lookups, lookup) = self.begin_lookups(now, &mut dispatcher);
            for task in lookups {
                tasks.push(perform(transport, credentials, profile, task, Rc::clone(&self.halted)));
            }
            if !self.events.is_empty() {
                // What was just withdrawn has to be recorded; nothing else would wake the loop for it.
                continue;
            }
            // The run may have been stopped since the dispatcher was asked: then its answer no longer counts.
            let over = !self.is_running() || matches!(gate, Admission::Done);
            if over && dispatcher.in_flight() == 0 && self.at_ledger.is_empty() && self.probes.is_empty() {
                break;
            }
            let on_wire = !self.on_wire.is_empty() || self.probes.on_wire();
            let drained = self.drain_until.filter(|_| on_wire);
            let due = if let Admission::Wait(until) = gate { until } else { None };
            let token = ask_at.filter(|_| !self.token.asking);
            let gates = self.gates.wake(now).filter(|_| self.is_running());
            let held = dispatcher.paused(now).filter(|_| !self.cleared.is_empty());
            let wake = [drained, due, token, lookup, gates, held].into_iter().flatten().min();
            tokio::select! {
                biased;
                Some(signal) = signals.next() => {
                    if self.signalled {
                        tasks.clear();
                        self.abandon(&mut dispatcher);
                    } else {
                        self.interrupt(signal);
                    }
                }
                durable = self.ledger.durable(), if !self.at_ledger.is_empty() => {
                    self.take_durable(durable, &mut dispatcher);
                }
                answers = self.claims.answered(), if self.claims.is_waiting() => {
                    self.take_answers(answers, &mut dispatcher);
                }
                Some(done) = tasks.next(), if !tasks.is_empty() => {
                    self.settle(done, &mut dispatcher);
                    // Whatever else is ready joins the same batch.
                    while let Some(Some(done)) = tasks.next().now_or_never() {
                        self.settle(done, &mut dispatcher);
                    }
                }
                () = sleep_until(wake), if wake.is_some() => {
                    if self.drain_until.is_some_and(|until| until <= Instant::now()) {
                        tasks.clear();
                        self.abandon(&mut dispatcher);
                    }
                }
                else => break,
            }
        }
        drop(tasks);
        if self.broken.is_none() {
            self.close(&mut dispatcher).await;
        }
        self.tell_the_rest();
        match (self.broken, self.fault) {
            (Some(error), _) => Err(error.into()),
            (None, Some(fault)) => Err(fault.into()),
            (None, None) => Ok(self.run),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.stopping.is_none() && self.broken.is_none()
    }

    /// Notes the rows in front that are left out: whether a rule or the clock ends the run depends on what there is to send.
    fn leave_out<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        if self.at_ledger.len() >= MAX_AT_LEDGER {
            return;
        }
        let wall = self.wall();
        while self.is_running() && !self.has_full_batch() {
            match dispatcher.pass_over(wall, &self.run) {
                Some(Admission::Skip(skipped)) => self.happened(Event::JobSkipped(skipped.into())),
                Some(Admission::Broken(problems)) => self.broken_row(&problems),
                _ => return,
            }
        }
    }

    fn broken_row(&mut self, problems: &[Problem]) {
        let reason = problems.first().map_or("a row cannot be read any more", |problem| problem.message.as_str());
        self.stop(Ending::InputChanged, reason.to_owned());
    }

    /// Takes every job that may go now; gives what the dispatcher said to the next one.
    fn admit<S: RowStream>(
        &mut self,
        dispatcher: &mut Dispatcher<S>,
        now: Instant,
        intents: &mut Vec<Ready>,
    ) -> Admission {
        if self.at_ledger.len() >= MAX_AT_LEDGER {
            return Admission::Wait(None);
        }
        let wall = self.wall();
        if let Some(opens) = self.keep_schedule(wall, now, dispatcher.has_work()) {
            return Admission::Wait(Some(opens));
        }
        loop {
            if !self.is_running() {
                return Admission::Done;
            }
            if self.events.len() >= MAX_BATCH {
                return Admission::Wait(Some(now));
            }
            let lead = self.lead.jobs(self.policy.limits.concurrency);
            match dispatcher.admit(now, wall, self.token.usable(now).is_some(), lead, &self.run) {
                Admission::Go(ready) => self.send_or_ask(ready, intents),
                Admission::Skip(skipped) => self.happened(Event::JobSkipped(skipped.into())),
                Admission::Expired(ready, outcome) => self.expire(&ready, outcome),
                Admission::WaveOver => self.end_wave(dispatcher, now),
                Admission::GivenUp => self.give_up_on_api(),
                Admission::Broken(problems) => self.broken_row(&problems),
                gate @ (Admission::Wait(_) | Admission::NeedsToken | Admission::Done) => return gate,
            }
        }
    }

    /// Notes an event: its moment, and what it does to the run's state.
    pub(super) fn happened(&mut self, event: Event) {
        self.happened_at(self.clock.now(), event);
    }

    pub(super) fn happened_at(&mut self, at: Timestamp, event: Event) {
        let happened = Happened { at, event };
        if let Err(error) = self.run.apply(&happened) {
            // Going on could send what the record does not allow; writing it down would spoil the record.
            self.fault.get_or_insert(error);
            self.halt(Ending::Interrupted);
            return;
        }
        self.claims.note(at, &happened.event, &self.run);
        self.events.push(happened);
    }

    /// Hands all noted events over; `intents` are cleared once they are durable.
    pub(super) fn record<S: RowStream>(&mut self, intents: Vec<Ready>, dispatcher: &mut Dispatcher<S>) {
        if self.events.is_empty() {
            // Only an intent that could not be noted leaves nothing to record: its place is free again.
            let now = Instant::now();
            for ready in &intents {
                dispatcher.release(ready, now, Report::SILENT);
            }
            return;
        }
        let batch: Arc<[Happened]> = std::mem::take(&mut self.events).into();
        if self.broken.is_some() {
            return;
        }
        self.at_ledger.push_back((Instant::now(), intents));
        self.claims.recorded();
        if let Err(error) = self.ledger.submit(Arc::clone(&batch)) {
            self.break_off(error, dispatcher);
            return;
        }
        for observer in &mut self.observers {
            observer.observe(&batch);
        }
    }

    /// Whether a batch is as large as it may get.
    pub(super) fn has_full_batch(&self) -> bool {
        self.events.len() >= MAX_BATCH
    }

    /// One more batch is durable, or none ever will be; one commit often makes several durable.
    fn take_durable<S: RowStream>(&mut self, first: Result<(), LedgerError>, dispatcher: &mut Dispatcher<S>) {
        let mut next = Some(first);
        while let Some(durable) = next.take() {
            match durable {
                Ok(()) => {
                    if let Some((since, clears)) = self.at_ledger.pop_front() {
                        self.lead.committed(since.elapsed());
                        self.cleared.extend(clears);
                    }
                    self.claims.durable();
                }
                Err(error) => self.break_off(error, dispatcher),
            }
            if !self.at_ledger.is_empty() {
                next = self.ledger.durable().now_or_never();
            }
        }
    }

    /// Waits until at most `left` batches are not durable yet.
    pub(super) async fn settle_ledger<S: RowStream>(&mut self, left: usize, dispatcher: &mut Dispatcher<S>) {
        while self.broken.is_none() && self.at_ledger.len() > left {
            self.at_ledger.pop_front();
            match self.ledger.durable().await {
                Ok(()) => self.claims.durable(),
                Err(error) => self.break_off(error, dispatcher),
            }
        }
    }

    /// The ledger has failed: nothing is sent any more; what is in flight is waited for.
    fn break_off<S: RowStream>(&mut self, error: LedgerError, dispatcher: &mut Dispatcher<S>) {
        tracing::error!(%error, in_flight = self.on_wire.len(), "nothing more is sent");
        self.broken.get_or_insert(error);
        self.claims.give_up();
        let now = Instant::now();
        for ready in self.at_ledger.drain(..).flat_map(|(_, clears)| clears).chain(self.cleared.drain(..)) {
            dispatcher.release(&ready, now, Report::SILENT);
        }
        self.halt(Ending::Interrupted);
        self.drop_claims(dispatcher);
    }

    /// From now on nothing is sent; what is in flight ends as it would.
    fn halt(&mut self, ending: Ending) {
        self.halted.set(true);
        self.stopping.get_or_insert(ending);
    }

    /// The first signal. It drains, and says so even where the run was ending for another reason.
    fn interrupt(&mut self, signal: Signal) {
        self.signalled = true;
        self.drain_until = Some(Instant::now() + self.policy.limits.drain_timeout.get());
        let reason = format!("{} received", signal.0);
        match &mut self.stopping {
            None => self.stop(Ending::Interrupted, reason),
            Some(ending) => {
                *ending = Ending::Interrupted;
                tracing::warn!(reason, in_flight = self.on_wire.len(), "interrupted");
                let in_flight = self.on_wire.len() as u64;
                self.happened(Event::Stopping(Stopping { ending: Ending::Interrupted, reason, in_flight }));
            }
        }
    }

    /// The later of the run's clock and the machine's: a machine that has slept is late by the second, a clock that was put
    /// back by the first.
    pub(super) fn wall(&self) -> Timestamp {
        self.clock.now().max(Timestamp::now())
    }

    /// No further job is started; what is in flight goes on.
    pub(super) fn stop(&mut self, ending: Ending, reason: String) {
        if self.stopping.is_some() {
            return;
        }
        tracing::warn!(reason, in_flight = self.on_wire.len(), "stopping");
        self.halt(ending);
        let in_flight = self.on_wire.len() as u64;
        self.happened(Event::Stopping(Stopping { ending, reason, in_flight }));
    }

    /// Stops waiting: what is on the wire becomes unknown.
    fn abandon<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        self.probes.clear();
        self.drop_claims(dispatcher);
        let mut numbers: Vec<JobNumber> = self.on_wire.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.abandon_one(number, dispatcher);
        }
    }
}

/// Does what a task says. The only place where a request is sent.
async fn perform(
    transport: &Transport,
    credentials: &Credentials,
    profile: &Profile,
    task: Task,
    halted: Rc<Cell<bool>>,
) -> Done {
    match task {
        // The rare ones are boxed: every future of the run is as large as the largest task, and is moved more than once.
        Task::Token => Done::Token(Box::pin(auth::fetch(transport, credentials, profile)).await),
        Task::Probe { number, path, access, generation } => {
            let exchange = Box::pin(transport.probe(&path, &access)).await;
            Done::Probe { number, exchange, generation }
        }
        // The first poll of this future: between its making and now the run may have stopped.
        Task::Bridge { job, .. } if halted.get() => Done::Withdrawn { number: job.number },
        Task::Bridge { job, access, generation } => {
            let sent_at = Instant::now();
            let exchange = transport.bridge(&job.request, &access).await;
            Done::Bridge { number: job.number, exchange, generation, took: sent_at.elapsed() }
        }
    }
}

async fn sleep_until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment).await;
    }
}

pub(super) fn intent(ready: &Ready) -> BridgeIntent {
    let job = &ready.job;
    BridgeIntent {
        job: job.number,
        set: job.set.clone(),
        key: job.key.clone(),
        call_id: job.call_id.as_str().to_owned(),
        attempt: ready.attempt,
        request_id: job.request_id.clone(),
        targets: job.targets.clone(),
    }
}
