//! The register of calls on a run's way: no intent is noted before the job's call is claimed.
//!
//! Invariants: with a register, a job that holds no claim goes to `asking`, never to the ledger; its place is taken from
//! then on, so that no more is asked for than may be in flight; a claim that comes too late is given back; whatever ends a
//! job that holds one is told to the register once it is durable in the ledger. Without a register nothing here does anything.

use super::dispatcher::{Dispatcher, Ready, RowStream};
use super::engine::{Engine, intent};
use crate::event::{
    CallBatch, CallNote, CallRegister, Claimed, Ending, Event, JobNotAttempted, JobSkipped, Ledger, RegisterError,
};
use crate::model::{Job, JobNumber, Outcome, SkipReason, Timestamp};
use crate::state::{JobState, RunState};
use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use tokio::time::Instant;

/// A job's end, as the register is told.
type Ended = (CallNote, Option<Outcome>);

/// Jobs between dispatcher and ledger.
#[derive(Default)]
pub(super) struct Claims<'a> {
    register: Option<&'a mut dyn CallRegister>,
    /// Jobs whose claim stands: granted, and not ended.
    held: HashSet<JobNumber>,
    /// Let through; asked for with the next batch.
    asking: Vec<Ready>,
    /// Batches at the register.
    at_register: VecDeque<Vec<Ready>>,
    /// Claimed; their intents are noted next.
    granted: Vec<Ready>,
    /// Ends whose events the ledger has not been given yet.
    ended: Vec<Ended>,
    /// For each batch at the ledger: the ends in it.
    at_ledger: VecDeque<Vec<Ended>>,
    /// What the register is told next: ends that are on record. It never knows more than the evidence.
    to_tell: Vec<Ended>,
    /// The register has failed: it is told nothing more.
    failed: bool,
}

impl<'a> Claims<'a> {
    pub(super) fn by(register: &'a mut dyn CallRegister) -> Self {
        Self { register: Some(register), ..Self::default() }
    }

    /// Whether answers are on their way.
    pub(super) fn is_waiting(&self) -> bool {
        !self.at_register.is_empty()
    }

    /// Waits for the answers to the next batch. Cancel-safe.
    pub(super) async fn answered(&mut self) -> Result<Vec<Claimed>, RegisterError> {
        match &mut self.register {
            Some(register) => poll_fn(|context| register.poll_answers(context)).await,
            None => std::future::pending().await,
        }
    }

    /// Notes what an event, already folded into `run`, means for a call.
    pub(super) fn note(&mut self, at: Timestamp, event: &Event, run: &RunState) {
        if self.register.is_none() {
            return;
        }
        let (job, set, key, call_id) = match event {
            Event::BridgeAttempt(of) => (of.job, &of.set, Some(&of.key), Some(&of.call_id)),
            Event::JobExpired(of) => (of.job, &of.set, Some(&of.key), Some(&of.call_id)),
            Event::JobNotAttempted(of) => (of.job, &of.set, of.key.as_ref(), of.call_id.as_ref()),
            Event::Reconciled(of) => (of.job, &of.set, Some(&of.key), Some(&of.call_id)),
            _ => return,
        };
        let found_out = matches!(event, Event::Reconciled(_));
        let Some(state) = run.job(job).filter(|state| state.is_final()) else { return };
        if !self.held.remove(&job) && !found_out {
            return;
        }
        if let (Some(key), Some(call_id)) = (key, call_id) {
            let note = CallNote { at, set: set.clone(), key: key.clone(), call_id: call_id.clone() };
            self.ended.push((note, state.effect()));
        }
    }

    /// A batch goes to the ledger, with all that was noted so far.
    pub(super) fn recorded(&mut self) {
        if self.register.is_some() {
            self.at_ledger.push_back(std::mem::take(&mut self.ended));
        }
    }

    /// The next batch is durable.
    pub(super) fn durable(&mut self) {
        self.to_tell.extend(self.at_ledger.pop_front().unwrap_or_default());
    }

    /// The ledger has failed: what is not on record is not told. The claims stay, and are settled by what the file holds.
    pub(super) fn give_up(&mut self) {
        self.failed = true;
    }

    /// Hands over what has gathered.
    fn submit(&mut self, claims: Vec<CallNote>) -> Result<(), RegisterError> {
        let ended = std::mem::take(&mut self.to_tell);
        if ended.is_empty() && claims.is_empty() {
            return Ok(());
        }
        match &mut self.register {
            Some(register) if !self.failed => register.submit(CallBatch { ended, claims }),
            _ => Ok(()),
        }
    }
}

fn note(at: Timestamp, job: &Job) -> CallNote {
    CallNote { at, set: job.set.clone(), key: job.key.clone(), call_id: job.call_id.as_str().to_owned() }
}

impl<'a, L: Ledger> Engine<'a, L> {
    /// The same run with a register of calls: it sends nothing that another run has sent.
    #[must_use]
    pub fn with_register(mut self, register: Option<&'a mut dyn CallRegister>) -> Self {
        self.claims = register.map(Claims::by).unwrap_or_default();
        self
    }

    /// A job that may go: its intent is noted, or its call is asked for first.
    pub(super) fn send_or_ask(&mut self, ready: Ready, intents: &mut Vec<Ready>) {
        if self.claims.register.is_some() && !self.claims.held.contains(&ready.job.number) {
            self.claims.asking.push(ready);
            return;
        }
        self.happened(Event::BridgeIntent(intent(&ready)));
        intents.push(ready);
    }

    /// Notes the intents of jobs whose claims were granted; a run that is stopping gives the claims back.
    pub(super) fn take_granted<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>, intents: &mut Vec<Ready>) {
        for ready in std::mem::take(&mut self.claims.granted) {
            if self.is_running() {
                self.send_or_ask(ready, intents);
            } else {
                self.put_back(ready, dispatcher);
            }
        }
    }

    /// Asks for the calls of the jobs that were let through, and says what has ended since.
    pub(super) fn ask<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        if self.claims.register.is_none() {
            return;
        }
        if !self.is_running() {
            for ready in std::mem::take(&mut self.claims.asking) {
                self.put_back(ready, dispatcher);
            }
        }
        let asking = std::mem::take(&mut self.claims.asking);
        let at = self.clock.now();
        let claims: Vec<CallNote> = asking.iter().map(|ready| note(at, &ready.job)).collect();
        if !asking.is_empty() {
            self.claims.at_register.push_back(asking);
        }
        if let Err(error) = self.claims.submit(claims) {
            self.register_failed(&error, dispatcher);
        }
    }

    /// Takes the answers to the next batch in.
    pub(super) fn take_answers<S: RowStream>(
        &mut self,
        answers: Result<Vec<Claimed>, RegisterError>,
        dispatcher: &mut Dispatcher<S>,
    ) {
        let answers = match answers {
            Ok(answers) if Some(answers.len()) == self.claims.at_register.front().map(Vec::len) => answers,
            Ok(_) => return self.register_failed(&RegisterError("it answers something else".to_owned()), dispatcher),
            Err(error) => return self.register_failed(&error, dispatcher),
        };
        for (ready, answer) in self.claims.at_register.pop_front().unwrap_or_default().into_iter().zip(answers) {
            match answer {
                Claimed::Granted => {
                    self.claims.held.insert(ready.job.number);
                    self.claims.granted.push(ready);
                }
                Claimed::Taken(by) => {
                    tracing::info!(job = ready.job.number, by, "skipped: the call is another run's");
                    self.leave_to_other(&ready, by);
                    self.gates.news();
                    dispatcher.undo(&ready, Instant::now());
                }
            }
        }
    }

    /// A job whose call another run keeps. One in doubt, which was to be sent again, stays what it was: unknown.
    fn leave_to_other(&mut self, ready: &Ready, by: String) {
        let (job, attempts) = (&ready.job, ready.attempt - 1);
        let event = if self.run.job(job.number) == Some(JobState::Doubtful) {
            Event::JobNotAttempted(JobNotAttempted {
                job: job.number,
                set: job.set.clone(),
                key: Some(job.key.clone()),
                call_id: Some(job.call_id.as_str().to_owned()),
                attempts,
            })
        } else {
            let skipped = JobSkipped::from(job.skipped(SkipReason::OncePer));
            Event::JobSkipped(JobSkipped { detail: Some(by), attempts, ..skipped })
        };
        self.happened(event);
    }

    /// Nothing more is claimed, so nothing more is sent. What is in flight ends as it would; what cannot be told to the
    /// register is read from the audit file when it is next opened.
    fn register_failed<S: RowStream>(&mut self, error: &RegisterError, dispatcher: &mut Dispatcher<S>) {
        self.claims.failed = true;
        self.stop(Ending::GuardFailed, error.to_string());
        self.drop_claims(dispatcher);
    }

    /// Jobs that are not on record yet wait again: nobody comes back to them.
    pub(super) fn drop_claims<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        for ready in std::mem::take(&mut self.claims.at_register).into_iter().flatten() {
            // Its claim may be granted yet; the register hears of its end after that.
            self.claims.held.insert(ready.job.number);
            self.put_back(ready, dispatcher);
        }
        let (asking, granted) = (std::mem::take(&mut self.claims.asking), std::mem::take(&mut self.claims.granted));
        for ready in asking.into_iter().chain(granted) {
            self.put_back(ready, dispatcher);
        }
    }

    fn put_back<S: RowStream>(&mut self, ready: Ready, dispatcher: &mut Dispatcher<S>) {
        if self.claims.held.remove(&ready.job.number) {
            let at = self.clock.now();
            // An earlier attempt may have had its effect: the claim stood in the place of that.
            let before = self.run.job(ready.job.number).and_then(JobState::effect);
            self.claims.to_tell.push((note(at, &ready.job), before));
        }
        dispatcher.put_back(ready, Instant::now());
    }

    /// Tells the register what is left to say at the end of the run.
    pub(super) fn tell_the_rest(&mut self) {
        if let Err(error) = self.claims.submit(Vec::new()) {
            tracing::warn!(%error, "read from the audit file when it is next opened");
        }
    }
}
