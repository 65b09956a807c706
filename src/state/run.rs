//! The fold of a run's events: every job's state, the tallies, the moments.
//!
//! Memory: one byte a job. An event that does not fit the state of its job is an error with its words, never ignored.

use crate::event::{Counts, Event, Happened, ReconciliationFinished, RunFinished, RunStarted, SetCounts, WaveCounts};
use crate::model::{JobNumber, Outcome, SetName, Timestamp};
use crate::state::waves::Waves;
use crate::state::{IllegalStep, JobState, Step, Tally};
use std::collections::HashMap;
use std::time::Duration;

/// Jobs of one run at most: a thousand times what any of them holds, and a bound on what a forged file can ask for.
const MAX_JOBS: u64 = 1 << 32;

/// An event that cannot follow the ones before it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// Something before `run_started`.
    #[error("the first event must be run_started")]
    NotStarted,
    /// `run_started` twice.
    #[error("run_started stands twice")]
    StartedTwice,
    /// The plan's numbers do not fit each other, or are beyond all measure.
    #[error("the jobs of the sets do not add up to the jobs of the plan")]
    BadPlan,
    /// Something after `run_finished` that is no reconciliation.
    #[error("there is an event after run_finished that is no reconciliation")]
    AfterTheEnd,
    /// `reconciliation_finished` in a run that goes on.
    #[error("reconciliation_finished stands in front of run_finished")]
    NotFinished,
    /// `signed` where nothing is closed.
    #[error("signed does not stand directly behind a closing record")]
    NotClosed,
    /// A job number that the plan has not.
    #[error("there is no job {0} in the plan")]
    NoSuchJob(JobNumber),
    /// A job in a set that is not its set.
    #[error("job {0} is not in set {1:?}")]
    WrongSet(JobNumber, SetName),
    /// A step that the job's state does not allow.
    #[error("job {job}: {source}")]
    Illegal {
        /// The job.
        job: JobNumber,
        /// Why.
        source: IllegalStep,
    },
}

/// Why the sums are not what they must be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Imbalance {
    /// No closing record.
    #[error("there is no closing record (run_finished): the run or the file was cut off")]
    NotFinished,
    /// Jobs without a final state.
    #[error("{0} jobs have no final state")]
    Open(u64),
    /// The closing record says other totals than the events add up to.
    #[error("run_finished does not agree with the events before it: {0}")]
    Disagrees(String),
    /// Findings that no closing record follows.
    #[error("there is no closing record behind the last reconciled jobs (reconciliation_finished): it was cut off")]
    ReconciliationOpen,
    /// The closing record of a reconciliation says other totals than the events add up to.
    #[error("reconciliation_finished does not agree with the events before it: {0}")]
    ReconciliationDisagrees(String),
}

/// A run, as its events tell it.
#[derive(Clone, Debug)]
pub struct RunState {
    started: Option<(Timestamp, Box<RunStarted>)>,
    finished: Option<(Timestamp, Box<RunFinished>)>,
    /// The last reconciliation after the run.
    reconciled: Option<(Timestamp, Box<ReconciliationFinished>)>,
    /// Whether there are findings behind its closing record.
    reconciling: bool,
    /// Whether a signature is the last event.
    signed: bool,
    /// What a closing record got wrong, when it came.
    disagreement: Option<Imbalance>,
    last: Option<Timestamp>,
    jobs: Vec<JobState>,
    /// First job number of each set, from 1, and the set's place.
    sets: HashMap<SetName, (usize, std::ops::RangeInclusive<u64>)>,
    by_set: Vec<Tally>,
    total: Tally,
    waves: Waves,
    /// Between a process of the run and the next: time that is not the run's.
    idle: Duration,
    /// How often it was resumed.
    resumed: u32,
    /// Attempts that are not proven to have stayed here.
    sent: u64,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            started: None,
            finished: None,
            reconciled: None,
            reconciling: false,
            signed: false,
            disagreement: None,
            last: None,
            jobs: Vec::new(),
            sets: HashMap::new(),
            by_set: Vec::new(),
            total: Tally::new(0),
            waves: Waves::default(),
            idle: Duration::ZERO,
            resumed: 0,
            sent: 0,
        }
    }
}

impl RunState {
    /// Takes one more event in.
    pub fn apply(&mut self, happened: &Happened) -> Result<(), StateError> {
        self.take(happened.at, &happened.event)
    }

    /// The same for a reader that holds the event inside a record and need not copy it.
    pub fn take(&mut self, at: Timestamp, event: &Event) -> Result<(), StateError> {
        if self.finished.is_some() && !matches!(event, Event::RunResumed(_)) {
            return self.take_after_the_end(at, event);
        }
        if self.started.is_none() && !matches!(event, Event::RunStarted(_)) {
            return Err(StateError::NotStarted);
        }
        let before = self.last.replace(at);
        match event {
            Event::RunStarted(started) => return self.start(at, started),
            Event::RunResumed(_) => self.resume(before.map_or(Duration::ZERO, |before| at.since(before))),
            Event::JobReopened(job) => {
                self.step(job.job, &job.set, Step::Reopens)?;
            }
            Event::BridgeIntent(intent) => {
                self.waves.join(intent.attempt == 1);
                let set = self.step(intent.job, &intent.set, Step::Intent)?;
                self.both(set, |tally| tally.count_intent(intent.attempt));
            }
            Event::BridgeAttempt(attempt) => {
                let step = if attempt.is_final { Step::Ends(attempt.outcome) } else { Step::Retries(attempt.outcome) };
                let set = self.step(attempt.job, &attempt.set, step)?;
                self.both(set, |tally| tally.count_attempt(attempt));
                self.sent += u64::from(attempt.outcome != Outcome::NotSent);
            }
            Event::JobSkipped(skipped) if self.waves.rest() => {
                self.beside_waves(skipped.job, &skipped.set, Step::Skip)?;
            }
            Event::JobSkipped(skipped) => {
                self.waves.join(skipped.attempts == 0);
                self.step(skipped.job, &skipped.set, Step::Skip)?;
            }
            Event::JobExpired(expired) => {
                self.step(expired.job, &expired.set, Step::Expires(expired.outcome))?;
            }
            // No wave has come to a job that was never begun.
            Event::JobNotAttempted(job) if job.attempts == 0 => self.beside_waves(job.job, &job.set, Step::GiveUp)?,
            Event::JobNotAttempted(job) => {
                self.step(job.job, &job.set, Step::GiveUp)?;
            }
            Event::WaveStarted(_) => self.waves.begin(),
            Event::WaveFinished(_) => self.waves.finish(),
            Event::Stopping(_) => self.waves.stop(),
            Event::Throttled(throttled) => {
                let set = self.sets.values().find(|(_, jobs)| jobs.contains(&throttled.job)).map(|(set, _)| *set);
                let set = set.ok_or(StateError::NoSuchJob(throttled.job))?;
                self.both(set, |tally| tally.throttled += 1);
            }
            Event::Reconciled(found) => {
                self.step(found.job, &found.set, Step::Reconciles(found.outcome))?;
            }
            Event::RunFinished(finished) => {
                let agrees = self.agrees(&finished.totals, &finished.sets);
                let agrees = agrees.and_then(|()| match () {
                    () if finished.attempts != self.total.attempts => Err("the number of attempts differs"),
                    () if finished.waves != self.wave_counts() => Err("the waves' totals differ"),
                    () => Ok(()),
                });
                let agrees = agrees.map_err(str::to_owned);
                let agrees = agrees.and_then(|()| finished.histograms.as_ref().map_or(Ok(()), |h| self.agrees_with(h)));
                self.disagreement = agrees.err().map(Imbalance::Disagrees);
                self.finished = Some((at, finished.clone()));
            }
            Event::ReconciliationFinished(_) => return Err(StateError::NotFinished),
            Event::Signed(_) => return Err(StateError::NotClosed),
            Event::TokenFetched(_)
            | Event::TokenFailed(_)
            | Event::BreakerOpened(_)
            | Event::BreakerClosed(_)
            | Event::RetryBudgetSpent(_)
            | Event::Waiting(_)
            | Event::Seal(_) => {}
        }
        Ok(())
    }

    /// After the run only its unknown jobs change; its moments stay those of the run.
    fn take_after_the_end(&mut self, at: Timestamp, event: &Event) -> Result<(), StateError> {
        let signed = std::mem::take(&mut self.signed);
        match event {
            Event::Signed(_) if signed || self.reconciling => Err(StateError::NotClosed),
            Event::Signed(_) => {
                self.signed = true;
                Ok(())
            }
            Event::Reconciled(found) => {
                self.step(found.job, &found.set, Step::Reconciles(found.outcome))?;
                self.reconciling = true;
                Ok(())
            }
            Event::ReconciliationFinished(closing) => {
                let agrees = self.agrees(&closing.totals, &closing.sets);
                let wrong = agrees.err().map(|what| Imbalance::ReconciliationDisagrees(what.to_owned()));
                self.disagreement = self.disagreement.take().or(wrong);
                self.reconciled = Some((at, closing.clone()));
                self.reconciling = false;
                Ok(())
            }
            _ => Err(StateError::AfterTheEnd),
        }
    }

    fn agrees(&self, totals: &Counts, sets: &[SetCounts]) -> Result<(), &'static str> {
        if *totals != self.total.counts() {
            return Err("the totals differ");
        }
        if sets != self.set_counts() {
            return Err("the sets' totals differ");
        }
        Ok(())
    }

    fn start(&mut self, at: Timestamp, started: &RunStarted) -> Result<(), StateError> {
        if self.started.is_some() {
            return Err(StateError::StartedTwice);
        }
        // The record may come from a stranger's file: its numbers must make sense before memory is given to them.
        let sum = started.sets.iter().try_fold(0u64, |sum, set| sum.checked_add(set.jobs));
        let jobs = usize::try_from(started.jobs).ok().filter(|_| sum == Some(started.jobs) && started.jobs <= MAX_JOBS);
        let jobs = jobs.ok_or(StateError::BadPlan)?;
        let mut first = 1;
        for (index, set) in started.sets.iter().enumerate() {
            self.sets.insert(set.name.clone(), (index, first..=first + set.jobs - 1));
            self.by_set.push(Tally::new(set.jobs));
            first += set.jobs;
        }
        self.total = Tally::new(started.jobs);
        self.jobs = vec![JobState::Pending; jobs];
        self.started = Some((at, Box::new(started.clone())));
        Ok(())
    }

    /// The run goes on: what was left out may be sent after all, in the wave that it had been left out of.
    fn resume(&mut self, idle: Duration) {
        (self.finished, self.reconciled, self.reconciling, self.disagreement) = (None, None, false, None);
        self.signed = false;
        self.waves.resume();
        self.idle += idle;
        self.resumed += 1;
        if self.total.count(JobState::NotAttempted) == 0 {
            return;
        }
        for state in &mut self.jobs {
            *state = state.apply(Step::Resumes).unwrap_or(*state);
        }
        self.by_set.iter_mut().chain([&mut self.total]).for_each(Tally::resume);
    }

    fn step(&mut self, job: JobNumber, set: &SetName, step: Step) -> Result<usize, StateError> {
        let (index, range) = self.sets.get(set).ok_or_else(|| StateError::WrongSet(job, set.clone()))?;
        let (index, in_range) = (*index, range.contains(&job));
        let state = job
            .checked_sub(1)
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| self.jobs.get_mut(at))
            .ok_or(StateError::NoSuchJob(job))?;
        if !in_range {
            return Err(StateError::WrongSet(job, set.clone()));
        }
        let before = *state;
        let after = before.apply(step).map_err(|source| StateError::Illegal { job, source })?;
        *state = after;
        for tally in self.by_set.get_mut(index).into_iter().chain([&mut self.total]) {
            tally.move_job(before, after);
        }
        self.waves.move_job(job, before, after);
        Ok(index)
    }

    /// A step that no wave has a part in.
    fn beside_waves(&mut self, job: JobNumber, set: &SetName, step: Step) -> Result<(), StateError> {
        let waves = std::mem::take(&mut self.waves);
        let stepped = self.step(job, set, step);
        self.waves = waves;
        stepped.map(drop)
    }

    fn both(&mut self, set: usize, change: impl Fn(&mut Tally)) {
        change(&mut self.total);
        if let Some(wave) = self.waves.last_mut() {
            change(wave);
        }
        if let Some(tally) = self.by_set.get_mut(set) {
            change(tally);
        }
    }

    /// What the end of a run that did not close means for its jobs: an intent without an outcome is `unknown`, what was
    /// not begun is `not_attempted`. A closed run stays as it is. Gives the number of intents that were open.
    pub fn settle(&mut self) -> u64 {
        let open = self.in_flight();
        if self.finished.is_some() {
            return open;
        }
        let Self { jobs, by_set, total, sets, waves, .. } = self;
        for (index, numbers) in sets.values() {
            for number in numbers.clone() {
                let state = usize::try_from(number - 1).ok().and_then(|at| jobs.get_mut(at));
                let Some((state, after)) = state.and_then(|state| state.after_crash().map(|after| (state, after)))
                else {
                    continue;
                };
                // What was in flight belongs to the wave that was going on; what was not begun belongs to none.
                let wave = waves.last_mut().filter(|_| *state != JobState::Pending);
                for tally in by_set.get_mut(*index).into_iter().chain([&mut *total]).chain(wave) {
                    tally.move_job(*state, after);
                }
                *state = after;
            }
        }
        waves.give_up();
        open
    }

    /// The opening record.
    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref().map(|(_, started)| started.as_ref())
    }

    /// The closing record.
    pub fn finished(&self) -> Option<&RunFinished> {
        self.finished.as_ref().map(|(_, finished)| finished.as_ref())
    }

    /// Whether there are findings after the run that no closing record follows.
    pub fn is_reconciling(&self) -> bool {
        self.reconciling
    }

    /// When the run ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.finished.as_ref().map(|(at, _)| *at)
    }

    /// The closing record of the last reconciliation after the run, and its moment.
    pub fn reconciliation(&self) -> Option<(Timestamp, &ReconciliationFinished)> {
        self.reconciled.as_ref().map(|(at, closing)| (*at, closing.as_ref()))
    }

    /// When the run began.
    pub fn began(&self) -> Option<Timestamp> {
        self.started.as_ref().map(|(at, _)| *at)
    }

    /// The moment of the run's last event; what is found out later does not move it.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// From the first record to `until`, without the time between two processes of the run.
    pub fn duration(&self, until: Timestamp) -> Duration {
        self.began().map_or(Duration::ZERO, |began| until.since(began).saturating_sub(self.idle))
    }

    /// How often the run was resumed.
    pub fn resumed(&self) -> u32 {
        self.resumed
    }

    /// Whether the wave that has begun last has been judged.
    pub fn wave_is_over(&self) -> bool {
        self.waves.is_over()
    }

    /// The figures of the whole run.
    pub fn total(&self) -> &Tally {
        &self.total
    }

    /// The figures of each set, in order.
    pub fn by_set(&self) -> impl Iterator<Item = (&SetName, &Tally)> {
        let names = self.started.iter().flat_map(|(_, started)| started.sets.iter().map(|set| &set.name));
        names.zip(&self.by_set)
    }

    /// The figures of one set.
    pub fn set(&self, name: &SetName) -> Option<&Tally> {
        self.sets.get(name).and_then(|(index, _)| self.by_set.get(*index))
    }

    /// A job's state.
    pub fn job(&self, number: JobNumber) -> Option<JobState> {
        usize::try_from(number.checked_sub(1)?).ok().and_then(|at| self.jobs.get(at)).copied()
    }

    /// Jobs whose intent has no outcome: what a crash leaves.
    pub fn in_flight(&self) -> u64 {
        self.total.count(JobState::InFlight) + self.total.count(JobState::InFlightDoubtful)
    }

    /// Jobs that have not been begun, or wait for another attempt, with their sets.
    pub fn pending(&self) -> Vec<(JobNumber, SetName)> {
        let waits = |state| matches!(state, JobState::Pending | JobState::Doubtful);
        if self.total.count(JobState::Pending) + self.total.count(JobState::Doubtful) == 0 {
            return Vec::new();
        }
        let mut pending: Vec<_> = self
            .sets
            .iter()
            .flat_map(|(set, (_, numbers))| numbers.clone().map(move |number| (number, set)))
            .filter(|(number, _)| self.job(*number).is_some_and(waits))
            .map(|(number, set)| (number, set.clone()))
            .collect();
        pending.sort_unstable_by_key(|(number, _)| *number);
        pending
    }

    /// Whether any bridge request may have left this machine.
    pub fn anything_sent(&self) -> bool {
        self.sent > 0 || self.in_flight() > 0
    }

    /// The figures of the wave that has begun last.
    pub fn wave(&self) -> Option<&Tally> {
        self.waves.last()
    }

    /// Counts of each wave.
    pub fn wave_counts(&self) -> Vec<WaveCounts> {
        self.waves.counts()
    }

    /// Counts of each set.
    pub fn set_counts(&self) -> Vec<SetCounts> {
        self.by_set().map(|(set, tally)| SetCounts { set: set.clone(), counts: tally.counts() }).collect()
    }

    /// The balance sheet: every job in exactly one final state, and the closing record says the same.
    pub fn balance(&self) -> Result<(), Imbalance> {
        if self.finished.is_none() {
            return Err(Imbalance::NotFinished);
        }
        match (self.total.open(), &self.disagreement) {
            (0, None) if self.reconciling => Err(Imbalance::ReconciliationOpen),
            (0, None) => Ok(()),
            (0, Some(disagreement)) => Err(disagreement.clone()),
            (open, _) => Err(Imbalance::Open(open)),
        }
    }
}
