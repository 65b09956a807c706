//! The fold: one record after the other, in the file's order.
//!
//! [`RunState`] owns states and tallies; here is only what a report needs beyond them. A record that it refuses
//! changes nothing here, so a report of the lines before it is still sound.

use super::charts::Clock;
use super::course::Course;
use super::jobs::Jobs;
use super::output::{Evidence, Report};
use super::skips::Skips;
use super::summarise::summarise;
use super::summary::{ReconciliationSummary, ResumptionSummary, StopSummary, TokenSummary};
use super::{reconciliation, resumption, slowest};
use crate::event::{Event, Record, Setting, WaveFinished};
use crate::model::{RunId, Timestamp};
use crate::state::{RunState, StateError};
use std::collections::BTreeSet;

/// Stop records that are kept. A run writes one, two when a second signal comes; a forged file may hold more.
const MAX_STOPS: usize = 20;

/// Scopes that are kept, for the same reason.
const MAX_SCOPES: usize = 50;

/// Waves whose ends are kept: more than a runbook may have.
const MAX_WAVES: usize = 200;

/// Folds the records of one audit file into a [`Report`].
#[derive(Debug, Default)]
pub struct ReportBuilder {
    pub(super) run: RunState,
    pub(super) jobs: Jobs,
    pub(super) run_id: Option<RunId>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) stops: Vec<StopSummary>,
    pub(super) resumptions: Vec<ResumptionSummary>,
    pub(super) waves: Vec<WaveFinished>,
    pub(super) breaker_openings: u64,
    /// Left-out jobs by reason.
    pub(super) skips: Skips,
    /// Settings in effect.
    settings: Vec<Setting>,
    course: Course,
    clock: Clock,
    pub(super) tokens: TokenSummary,
    pub(super) reconciliation: ReconciliationSummary,
    /// The first record that cannot follow the ones before it: nothing behind it is told.
    pub(super) disorder: Option<String>,
    /// Intents that a crash left without an outcome.
    pub(super) open_intents: u64,
    missing_scopes: BTreeSet<String>,
}

impl ReportBuilder {
    /// Takes the next record in. The error says which rule of the state machine it breaks.
    pub fn apply(&mut self, record: &Record) -> Result<(), StateError> {
        let taken = self.take(&record.run_id, record.timestamp, &record.event);
        if let Err(error) = &taken {
            self.disorder.get_or_insert_with(|| format!("line {}: {error}", record.seq));
        }
        taken
    }

    /// The same for an event that is on its way into a record. Seals and signatures say nothing here and may be missing.
    pub fn take(&mut self, run_id: &RunId, at: Timestamp, event: &Event) -> Result<(), StateError> {
        let before = self.run.last();
        self.run.take(at, event)?;
        self.course.take(at, before, event);
        match event {
            Event::RunStarted(started) => {
                self.settings.clone_from(&started.settings);
                self.run_id = Some(run_id.clone());
                self.jobs.begin(at);
                self.clock.begin(at);
            }
            Event::BridgeIntent(intent) => self.jobs.intent(at, intent),
            Event::BridgeAttempt(attempt) => self.jobs.attempt(at, attempt),
            Event::JobSkipped(skipped) => {
                self.jobs.skipped(skipped);
                self.skips.take(skipped);
            }
            Event::JobNotAttempted(job) => self.jobs.not_attempted(job),
            Event::TokenFetched(token) => {
                self.tokens.fetched += 1;
                if self.missing_scopes.len() < MAX_SCOPES {
                    self.missing_scopes.extend(token.missing_scopes.iter().cloned());
                }
            }
            Event::TokenFailed(failed) => {
                self.tokens.failed += 1;
                self.tokens.last_error = Some(failed.error_message.clone());
            }
            Event::Stopping(stopping) if self.stops.len() < MAX_STOPS => self.stops.push(StopSummary {
                timestamp: at,
                ending: stopping.ending,
                reason: stopping.reason.clone(),
                in_flight: stopping.in_flight,
            }),
            Event::RunFinished(_) => self.finished_at = Some(at),
            Event::Reconciled(found) => {
                self.jobs.reconciled(found.job, found.by);
                let in_run = self.finished_at.is_none();
                reconciliation::take(&mut self.reconciliation, at, found, in_run);
            }
            Event::ReconciliationFinished(closing) => reconciliation::close(&mut self.reconciliation, at, closing),
            // Why it ended so is what its last attempt has said.
            Event::WaveFinished(wave) if self.waves.len() < MAX_WAVES => self.waves.push(wave.clone()),
            Event::BreakerOpened(_) => self.breaker_openings += 1,
            Event::JobExpired(expired) => self.jobs.ended(expired.job),
            Event::RunResumed(resumed) => {
                self.finished_at = None;
                self.clock.resume(at, before.unwrap_or(at));
                resumption::take(&mut self.resumptions, at, resumed, &self.settings);
                self.settings.clone_from(&resumed.settings);
            }
            Event::JobReopened(_) => self.resumptions.last_mut().into_iter().for_each(|last| last.reopened += 1),
            Event::Signed(_)
            | Event::Throttled(_)
            | Event::BreakerClosed(_)
            | Event::RetryBudgetSpent(_)
            | Event::WaveStarted(_)
            | Event::WaveFinished(_)
            | Event::Waiting(_)
            | Event::Stopping(_)
            | Event::Seal(_) => {}
        }
        Ok(())
    }

    /// The report of what was taken in. Without a single record it is an INCOMPLETE one without figures.
    pub fn finish(mut self, evidence: Evidence) -> Report {
        self.tokens.missing_scopes = std::mem::take(&mut self.missing_scopes).into_iter().collect();
        // What is not known to be over is open: the file says more than was taken in, or a process is at work.
        let goes_on = evidence.unread || evidence.alive.is_some() || self.disorder.is_some();
        self.open_intents = if goes_on { self.run.in_flight() } else { self.run.settle() };
        let mut summary = summarise(&self, evidence);
        let (slow_jobs, timeline) = slowest::look(&self.jobs, &self.run, &self.clock);
        summary.slowest = slow_jobs;
        (summary.events, summary.events_left_out) = self.course.finish(self.run.last());
        Report { summary, run: self.run, jobs: self.jobs, timeline, clock: self.clock }
    }
}
