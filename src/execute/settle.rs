//! What the end of a request means for its job and for the run, and how a run closes.

use super::auth::{Grant, TokenError, TokenErrorKind};
use super::breaker::Change;
use super::dispatcher::{Dispatcher, Ready, Report, RowStream, is_late};
use super::engine::{Done, End, Engine, MAX_AT_LEDGER, OnWire};
use super::retry;
use super::scrub::Scrubber;
use super::token_store::AfterFailure;
use super::transport::{Exchange, Stop};
use super::verdict::{self, Next, Proof};
use crate::event::{
    BreakerClosed, BreakerOpened, BridgeAttempt, Ending, Event, JobExpired, JobNotAttempted, Ledger, RetryBudgetSpent,
    RunFinished, Throttled, TokenFailed, TokenFetched, Verdict,
};
use crate::model::{Job, JobNumber, Latency, Metric, Outcome, Planned, UnknownRetry};
use crate::state::{JobState, judge};
use std::time::Duration;
use tokio::time::Instant;

/// Longest server text in the audit file, in characters.
const MAX_MESSAGE: usize = 300;

impl<L: Ledger> Engine<'_, L> {
    /// Takes the end of a request in.
    pub(super) fn settle<S: RowStream>(&mut self, done: Done, dispatcher: &mut Dispatcher<S>) {
        match done {
            Done::Token(result) => self.settle_token(result, dispatcher),
            Done::Probe { number, exchange, generation } => {
                self.settle_probe(number, &exchange, generation, dispatcher);
            }
            Done::Withdrawn { number } => {
                if let Some(on_wire) = self.on_wire.remove(&number) {
                    self.withdraw(on_wire.ready, dispatcher);
                }
            }
            Done::Bridge { number, exchange, generation, took } => {
                if let Some(on_wire) = self.on_wire.remove(&number) {
                    self.lead.answered(took);
                    self.settle_bridge(on_wire, exchange, generation, took, dispatcher);
                }
            }
        }
    }

    fn settle_token<S: RowStream>(&mut self, result: Result<Grant, TokenError>, dispatcher: &mut Dispatcher<S>) {
        match result {
            Ok(grant) => {
                self.scrubber.add_token(&grant.value);
                let generation = self.token.accept(&grant, self.profile.token_header(&grant.value));
                if !grant.missing_scopes.is_empty() {
                    tracing::warn!(
                        missing = grant.missing_scopes.join(" "),
                        "the token has fewer scopes than were asked for"
                    );
                }
                tracing::info!(generation, lifetime_s = grant.lifetime.as_secs(), "token fetched");
                self.happened(Event::TokenFetched(TokenFetched {
                    generation,
                    lifetime_s: grant.lifetime.as_secs(),
                    lifetime_from: Some(grant.lifetime_from),
                    latency_ms: Latency::measured(grant.took),
                    base_url: grant.base_url.map(|url| self.policy.numbers.mask(&url)),
                    missing_scopes: grant.missing_scopes,
                }));
            }
            Err(error) => self.settle_no_token(&error, dispatcher),
        }
    }

    /// No token came: harmless while the old one is good, else tried again, or the end of the run.
    fn settle_no_token<S: RowStream>(&mut self, error: &TokenError, dispatcher: &mut Dispatcher<S>) {
        let now = Instant::now();
        let early = self.token.usable(now).is_some();
        let next = self.token.fail(now, error.kind, self.policy.retry.token_attempts);
        let wait = match next {
            AfterFailure::GiveUp => None,
            AfterFailure::AtTheEnd(left) => Some(left),
            AfterFailure::Again(attempt) => {
                let back_off = retry::back_off(&self.policy.retry, attempt, &mut self.rng);
                let asked = error.retry_after.map(|after| retry::pause(&self.policy.retry, after));
                let wait = asked.map_or(back_off, |asked| asked.max(back_off));
                self.token.not_before = Some(now + wait);
                Some(wait)
            }
        };
        let message = self.words(&error.message);
        tracing::warn!(status = error.status, reason = message, early, "no token");
        self.happened(Event::TokenFailed(TokenFailed {
            status_code: error.status,
            error_message: message.clone(),
            retry_in_ms: wait.map(millis),
            early,
        }));
        if next == AfterFailure::GiveUp && self.probes.token_for_these {
            self.give_lookups_up(dispatcher);
        } else if next == AfterFailure::GiveUp {
            let ending = match error.kind {
                TokenErrorKind::Passing => Ending::ApiUnreachable,
                TokenErrorKind::Refused => Ending::CredentialsRefused,
                TokenErrorKind::NotOAuth => Ending::Misconfigured,
                TokenErrorKind::Hopeless(stop) => ending_for(stop),
            };
            self.stop(ending, format!("no access token: {message}"));
        }
    }

    fn settle_bridge<S: RowStream>(
        &mut self,
        on_wire: OnWire,
        exchange: Exchange,
        generation: u64,
        took: Duration,
        dispatcher: &mut Dispatcher<S>,
    ) {
        let OnWire { mut ready, queue, .. } = on_wire;
        let proof = verdict::judge(exchange, self.profile.answers());
        let now = Instant::now();
        let wait = match proof.next {
            Next::Final if proof.outcome == Outcome::Unknown && self.may_repeat() => {
                self.wait_for_retry(&ready, None).and_then(|wait| self.in_time(&ready, wait))
            }
            Next::Final => None,
            Next::FreshToken if !self.profile.asks_for_token() => {
                // The same credentials would be sent again.
                self.stop(Ending::CredentialsRefused, "the API refused the credentials (401)".to_owned());
                None
            }
            Next::FreshToken if ready.token_refused => {
                self.stop(Ending::CredentialsRefused, "the API refused a fresh access token (401)".to_owned());
                None
            }
            Next::Stop(stop) => {
                self.stop(ending_for(stop), proof.message.clone().unwrap_or_default());
                None
            }
            Next::FreshToken => {
                self.token.refuse(generation);
                ready.token_refused = true;
                ready.uncounted += 1;
                self.in_time(&ready, Duration::ZERO)
            }
            Next::Retry(after) => {
                // The token was taken this time; a later 401 is about a later token.
                ready.token_refused = false;
                self.wait_for_retry(&ready, after).and_then(|wait| self.in_time(&ready, wait))
            }
        };
        self.note_attempt(&ready, &proof, Latency::measured(took), queue, wait);
        let lesson = dispatcher.release(&ready, now, proof.report());
        if proof.throttles {
            let pause = match proof.next {
                Next::Retry(Some(after)) => retry::pause(&self.policy.retry, after),
                // Nobody has said how long: where answers set the pace, a slower one is the answer.
                _ if dispatcher.adapts() => Duration::ZERO,
                _ => wait.unwrap_or_default(),
            };
            dispatcher.pause(now + pause);
            self.throttled(&ready, proof.status, pause, lesson.lowered);
        }
        let job = ready.job.number;
        if let Some(wait) = wait {
            let last = self.last_outcome(&ready, proof.outcome);
            dispatcher.retry(ready, now + wait, last);
        } else {
            self.look_up(&ready, dispatcher);
        }
        if let Some(change) = lesson.breaker {
            self.breaker_changed(change, job);
        }
        if proof.status.is_some_and(|status| self.gates.is_forbidden(status)) && self.has_more() {
            let reason = "every answer so far is 403: the account may not bridge calls";
            self.stop(Ending::CredentialsRefused, reason.to_owned());
        }
    }

    /// Whether jobs are left of which nothing may have had an effect yet. What becomes of one in doubt is always worth
    /// finding out.
    pub(super) fn has_more(&self) -> bool {
        self.run.total().count(JobState::Pending) > 0
    }

    fn throttled(&mut self, ready: &Ready, status: Option<u16>, pause: Duration, lowered: Option<f64>) {
        let (job, status_code, pause_ms) = (ready.job.number, status.unwrap_or_default(), millis(pause));
        let rate_per_s = lowered.map(|rate| (rate * 100.0).round() / 100.0);
        tracing::info!(job, status = status_code, pause_ms, rate_per_s, "the server asks to slow down");
        self.happened(Event::Throttled(Throttled { job, status_code, pause_ms, rate_per_s }));
    }

    fn breaker_changed(&mut self, change: Change, job: JobNumber) {
        match change {
            Change::Opened { failures, refusing, pause } => {
                let (pause_ms, in_flight) = (millis(pause), self.on_wire.len() as u64);
                let why = if refusing { "the API takes no job" } else { "the API does not work" };
                tracing::warn!(failures, pause_ms, in_flight, "{why}: nothing is sent for a while");
                self.happened(Event::BreakerOpened(BreakerOpened { failures, refusing, pause_ms, in_flight }));
            }
            Change::Closed => {
                tracing::info!(job, "the API works again");
                self.happened(Event::BreakerClosed(BreakerClosed { job }));
            }
            // Whether that ends the run is known when a job wants to go: one from before may yet come back to be tried again.
            Change::GaveUp => {}
        }
    }

    /// The breaker has tried often enough, and jobs are left.
    pub(super) fn give_up_on_api(&mut self) {
        let ending = if self.run.anything_sent() { Ending::BreakerOpen } else { Ending::ApiUnreachable };
        let tries = self.policy.breaker.probes;
        self.stop(ending, format!("the API does not take jobs: all tries in a row have failed, {tries} of them"));
    }

    /// Whether a request that may have had its effect is sent again: the API knows it by its key.
    fn may_repeat(&self) -> bool {
        let wanted = self.policy.retry.unknown == UnknownRetry::SameKey;
        wanted && self.profile.has_idempotency_key() && self.stopping.is_none()
    }

    /// How the job would end now: once in doubt, a harmless attempt does not make it harmless.
    fn last_outcome(&self, ready: &Ready, last: Outcome) -> Outcome {
        let doubt = self.run.job(ready.job.number) == Some(JobState::Doubtful);
        if doubt { Outcome::Unknown } else { last }
    }

    /// A wait after which the job may still be begun; otherwise this attempt was its last.
    fn in_time(&self, ready: &Ready, wait: Duration) -> Option<Duration> {
        (!is_late(&ready.job, self.clock.now().plus(wait))).then_some(wait)
    }

    /// A job that was to be tried again and whose turn came too late: it ends as its last attempt did.
    pub(super) fn expire(&mut self, ready: &Ready, outcome: Outcome) {
        let job = &ready.job;
        let Some(not_after) = job.not_after else { return };
        self.gates.news();
        self.happened(Event::JobExpired(JobExpired {
            job: job.number,
            set: job.set.clone(),
            key: job.key.clone(),
            call_id: job.call_id.as_str().to_owned(),
            attempts: ready.attempt - 1,
            outcome,
            not_after,
        }));
    }

    /// A job whose intent is on record, and whose time ran out before its request could begin.
    pub(super) fn too_late<S: RowStream>(&mut self, ready: &Ready, dispatcher: &mut Dispatcher<S>) {
        let queue = Latency::measured(ready.due.elapsed());
        self.note_attempt(ready, &Proof::expired(), Latency::default(), queue, None);
        dispatcher.release(ready, Instant::now(), Report::SILENT);
    }

    /// Other people's words as they may be written down.
    fn words(&self, text: &str) -> String {
        self.policy.numbers.text(&self.scrubber.clean(text), MAX_MESSAGE)
    }

    /// The same where they are about a job: the server was sent its texts, and may repeat them.
    fn words_about(&self, job: &Job, text: &str) -> String {
        self.words(&Scrubber::for_secrets(job.private.iter().cloned()).clean(text))
    }

    /// `None`: no further attempt.
    fn wait_for_retry(&mut self, ready: &Ready, after: Option<Duration>) -> Option<Duration> {
        // A fresh token is not an attempt that the policy counts, nor is a request that did not leave.
        let counted = ready.attempt - ready.uncounted;
        if counted >= self.policy.retry.max_attempts {
            return None;
        }
        if self.gates.take_retry().is_none() {
            self.budget_is_spent();
            return None;
        }
        // "Retry-After: 0" or a date in the past says "not processed", not "hammer me".
        Some(match after.filter(|after| !after.is_zero()) {
            Some(after) => retry::spread(retry::pause(&self.policy.retry, after), &mut self.rng),
            None => retry::back_off(&self.policy.retry, counted + 1, &mut self.rng),
        })
    }

    /// Says once that no job is tried again any more.
    fn budget_is_spent(&mut self) {
        if !std::mem::replace(&mut self.budget_noted, true) {
            let retries = self.run.total().retries;
            tracing::warn!(retries, "the retry budget is spent: no job is tried again");
            self.happened(Event::RetryBudgetSpent(RetryBudgetSpent { retries }));
        }
    }

    fn note_attempt(&mut self, ready: &Ready, proof: &Proof, latency: Latency, queue: Latency, wait: Option<Duration>) {
        self.gates.news();
        let job = &ready.job;
        tracing::debug!(job = job.number, attempt = ready.attempt, outcome = ?proof.outcome, status = proof.status, "attempt ended");
        self.happened(Event::BridgeAttempt(BridgeAttempt {
            job: job.number,
            set: job.set.clone(),
            key: job.key.clone(),
            call_id: job.call_id.as_str().to_owned(),
            attempt: ready.attempt,
            request_id: job.request_id.clone(),
            outcome: proof.outcome,
            success: proof.outcome.is_success(),
            evidence: proof.evidence,
            status_code: proof.status,
            latency_ms: latency,
            queue_ms: queue,
            error_message: proof.message.as_deref().map(|message| self.words_about(job, message)),
            correlation_id: proof.correlation_id.as_deref().map(|id| self.words_about(job, id)),
            is_final: wait.is_none(),
            retry_in_ms: wait.map(millis),
            warning: proof.warning.clone(),
        }));
    }

    /// A job whose intent is on record and that is not sent after all: it goes back to those that wait.
    pub(super) fn withdraw<S: RowStream>(&mut self, mut ready: Ready, dispatcher: &mut Dispatcher<S>) {
        let queue = Latency::measured(ready.due.elapsed());
        self.note_attempt(&ready, &Proof::withdrawn(), Latency::default(), queue, Some(Duration::ZERO));
        let now = Instant::now();
        dispatcher.release(&ready, now, Report::SILENT);
        ready.uncounted += 1;
        let last = self.last_outcome(&ready, Outcome::NotSent);
        dispatcher.retry(ready, now, last);
    }

    /// A job on the wire whose answer is not waited for any longer.
    pub(super) fn abandon_one<S: RowStream>(&mut self, number: JobNumber, dispatcher: &mut Dispatcher<S>) {
        if let Some(OnWire { ready, queue, sent_at }) = self.on_wire.remove(&number) {
            self.note_attempt(&ready, &Proof::abandoned(), Latency::measured(sent_at.elapsed()), queue, None);
            dispatcher.release(&ready, Instant::now(), Report::SILENT);
        }
    }

    /// Lists what the run did not come to, judges the criteria, writes the closing record.
    pub(super) async fn close<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        if self.stopping.is_none() {
            self.judge_wave();
        }
        while let Some((planned, attempts)) = dispatcher.give_up() {
            match planned {
                Ok(Planned::Job(job)) => self.happened(Event::JobNotAttempted(JobNotAttempted {
                    job: job.number,
                    set: job.set.clone(),
                    key: Some(job.key.clone()),
                    call_id: Some(job.call_id.as_str().to_owned()),
                    attempts,
                })),
                Ok(Planned::Skipped(skipped)) => self.happened(Event::JobSkipped(skipped.into())),
                // A row that can no longer be read is listed below, by its number.
                Err(_) => {}
            }
            self.close_batch(dispatcher).await;
        }
        let lost = self.run.pending();
        if !lost.is_empty() && self.stopping.is_none() {
            self.stop(Ending::InputChanged, format!("{} rows of the plan are no longer in the input", lost.len()));
        }
        for (job, set) in lost {
            self.happened(Event::JobNotAttempted(JobNotAttempted { job, set, key: None, call_id: None, attempts: 0 }));
            self.close_batch(dispatcher).await;
        }
        let ending = self.stopping.unwrap_or(Ending::Completed);
        let end = self.clock.now();
        let criteria = judge(&self.policy.criteria, &self.run, end);
        let passed = ending == Ending::Completed && criteria.iter().all(|criterion| criterion.met);
        let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
        let unknown_allowed = self
            .policy
            .criteria
            .iter()
            .zip(&criteria)
            .all(|(criterion, result)| criterion.metric() != Metric::Unknown || result.met);
        let finished = RunFinished {
            ending,
            verdict,
            exit_code: (self.policy.exit_code)(End { ending, verdict, unknown_allowed, run: &self.run }),
            totals: self.run.total().counts(),
            sets: self.run.set_counts(),
            waves: self.run.wave_counts(),
            attempts: self.run.total().attempts,
            criteria,
            histograms: self.run.histograms(),
        };
        self.happened_at(end, Event::RunFinished(Box::new(finished)));
        self.record(Vec::new(), dispatcher);
        self.settle_ledger(0, dispatcher).await;
    }

    /// Hands a full batch over, and waits only when the ledger is behind.
    async fn close_batch<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) {
        if self.has_full_batch() {
            self.record(Vec::new(), dispatcher);
            self.settle_ledger(MAX_AT_LEDGER, dispatcher).await;
        }
    }
}

/// How a run ends that cannot get to its API.
fn ending_for(stop: Stop) -> Ending {
    match stop {
        Stop::ServerCertificate => Ending::ApiUnreachable,
        Stop::ClientCertificate | Stop::ProxyCredentials => Ending::CredentialsRefused,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
