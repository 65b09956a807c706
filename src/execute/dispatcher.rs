//! Which job may go next: pure state, no clock, no I/O. Concurrency, pace, breaker and waves meet here and nowhere else.

use super::breaker::{Breaker, Change, Ended, Health, Pass};
use super::pace::{Feel, Pace};
use super::resume::Begun;
use crate::model::{BreakerPolicy, Job, JobNumber, Limits, Outcome, Planned, Problem, SkipReason, Skipped, Timestamp};
use crate::state::RunState;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;
use tokio::time::Instant;

/// Jobs that wait for another attempt, for each place in flight: beyond that no new job is begun.
const MAX_WAITING: usize = 4;

/// Jobs that wait for an earlier job of their call, or for a place of their prefix, for each place in flight: beyond that
/// they wait in their set's rows, and those behind them with them. The job with the smallest number of all that have not ended never waits, so some job
/// can always go.
const MAX_HELD: usize = 4;

/// A set on its way through the run: its stream of rows and its own limit.
#[derive(Debug)]
pub struct Lane<S> {
    /// The rows, in plan order.
    pub rows: S,
    /// Jobs of this set in flight at most; `None`: the run's limit alone.
    pub concurrency: Option<usize>,
}

/// Rows as the dispatcher takes them.
pub trait RowStream: Iterator<Item = Result<Planned, Vec<Problem>>> {}
impl<S: Iterator<Item = Result<Planned, Vec<Problem>>>> RowStream for S {}

/// A job that may be sent, or sent again.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) job: Arc<Job>,
    pub(super) lane: usize,
    /// The attempt that comes next, from 1.
    pub(super) attempt: u32,
    /// When it was due: the queue time counts from here.
    pub(super) due: Instant,
    /// When it was let through.
    pub(super) began: Instant,
    /// It tries an API that did not work.
    pub(super) tries: bool,
    /// Its last answer was a 401: the next one stops the run.
    pub(super) token_refused: bool,
    /// Attempts that the retry policy does not count: for a fresh token, or withdrawn before they left.
    pub(super) uncounted: u32,
    /// What the last attempt came to.
    pub(super) last: Option<Outcome>,
}

/// The dispatcher's answer.
#[derive(Debug)]
pub(super) enum Admission {
    /// This job may go.
    Go(Ready),
    /// This job is left out.
    Skip(Skipped),
    /// This one was to be tried again, and its time has run out.
    Expired(Ready, Outcome),
    /// Nothing before this moment, or before something in flight ends.
    Wait(Option<Instant>),
    /// A job could go if there were a token.
    NeedsToken,
    /// Every job of the wave has ended, and others are left.
    WaveOver,
    /// Jobs are left, and the breaker lets none through any more.
    GivenUp,
    /// A row that cannot be expanded: it could in the first pass, so the input has changed.
    Broken(Vec<Problem>),
    /// Nothing is left.
    Done,
}

struct LaneState<S: Iterator> {
    rows: Peekable<S>,
    limit: usize,
    in_flight: usize,
}

/// What an earlier job of the same call means for a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// It has not ended yet.
    Closed,
    /// Without its success this job has no use.
    Failed,
}

fn gate(job: &Job, run: &RunState, looked_up: &BTreeSet<JobNumber>) -> Gate {
    let Some(after) = job.after else { return Gate::Open };
    match run.job(after.job) {
        Some(state) if !state.is_final() || looked_up.contains(&after.job) => Gate::Closed,
        Some(state) if after.must_succeed && !state.is_success() => Gate::Failed,
        Some(_) | None => Gate::Open,
    }
}

/// Why a job whose turn has come is left out after all.
fn reason_to_skip(job: &Job, gate: Gate, wall: Timestamp) -> Option<SkipReason> {
    if gate == Gate::Failed {
        return Some(SkipReason::EarlierPart);
    }
    is_late(job, wall).then_some(SkipReason::Expired)
}

/// Whether every prefix of a job's targets has a free place.
fn has_room(prefixes: &[(usize, usize)], job: &Job) -> bool {
    job.prefixes.iter().all(|prefix| prefixes.get(*prefix).is_none_or(|(limit, in_flight)| in_flight < limit))
}

/// Whether a job may no longer be begun.
pub(super) fn is_late(job: &Job, wall: Timestamp) -> bool {
    job.not_after.is_some_and(|moment| moment <= wall)
}

/// Whether a job goes on with a bridge of which a part is made: it belongs to the wave of that part.
fn goes_on(job: &Job) -> bool {
    job.after.is_some_and(|after| after.must_succeed)
}

/// What the end of a request says about the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Report {
    pub(super) health: Health,
    pub(super) feel: Feel,
}

impl Report {
    /// Nothing was sent.
    pub(super) const SILENT: Self = Self { health: Health::Neither, feel: Feel::Neither };
}

/// What the run has learned from it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Lesson {
    pub(super) breaker: Option<Change>,
    /// The new rate, where it was lowered.
    pub(super) lowered: Option<f64>,
}

/// The sole owner of what is waiting.
pub(super) struct Dispatcher<S: Iterator> {
    lanes: Vec<LaneState<S>>,
    /// Jobs to be tried again, by the moment they are due; the number keeps the order total.
    waiting: BTreeMap<(Instant, JobNumber), Ready>,
    /// Jobs that wait for an earlier job of their call or for a place of their prefix, with their lane.
    held: BTreeMap<JobNumber, (usize, Box<Job>)>,
    /// Jobs that have ended unknown and are being looked up: those behind them go on waiting.
    looked_up: BTreeSet<JobNumber>,
    limit: usize,
    in_flight: usize,
    /// Limit and requests in flight of each prefix.
    prefixes: Vec<(usize, usize)>,
    pace: Pace,
    breaker: Breaker,
    /// Jobs that the wave may still begin; `None`: all.
    quota: Option<u64>,
}

impl<S: RowStream> Dispatcher<S> {
    pub(super) fn new(lanes: Vec<Lane<S>>, limits: &Limits, breaker: BreakerPolicy) -> Self {
        let lanes = lanes.into_iter().map(|lane| LaneState {
            rows: lane.rows.peekable(),
            limit: lane.concurrency.unwrap_or(usize::MAX),
            in_flight: 0,
        });
        Self {
            lanes: lanes.collect(),
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            looked_up: BTreeSet::new(),
            limit: limits.concurrency,
            in_flight: 0,
            prefixes: limits.per_prefix.iter().map(|(_, limit)| (*limit, 0)).collect(),
            pace: Pace::new(limits),
            breaker: Breaker::new(breaker),
            quota: None,
        }
    }

    /// The next job that may go now. Each `Go` takes a place that [`Self::release`] gives back. `wall` is the run's clock,
    /// `run` says which jobs have ended. `lead` jobs may be let through ahead of a free place, as long as nothing takes places away.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        wall: Timestamp,
        has_token: bool,
        lead: usize,
        run: &RunState,
    ) -> Admission {
        if let Some(decided) = self.pass_over(wall, run) {
            return decided;
        }
        if !self.has_work() {
            return Admission::Done;
        }
        if self.breaker.pass(now) == Pass::Never {
            return Admission::GivenUp;
        }
        let places = self.places(now);
        if self.in_flight >= if places == self.limit { places + lead } else { places } {
            return Admission::Wait(self.pace.look_again(now));
        }
        match self.breaker.pass(now) {
            Pass::Free | Pass::Try => {}
            Pass::After(until) => return Admission::Wait(Some(until)),
            Pass::Trying | Pass::Never => return Admission::Wait(None),
        }
        let held = self.open_held(run);
        let fresh = self.open_fresh(run);
        let again = self.due_retry(now, run);
        if again.is_none() && held.is_none() && fresh.is_none() {
            return self.wait(now);
        }
        if let Some(gate) = self.pace.gate(now) {
            return Admission::Wait(Some(gate));
        }
        if let Some(key) = again {
            return self.go_again(key, now, wall, has_token);
        }
        if !has_token {
            return Admission::NeedsToken;
        }
        let held = held.and_then(|number| self.held.remove(&number));
        let fresh = || {
            let index = fresh?;
            match self.lanes[index].rows.next() {
                Some(Ok(Planned::Job(job))) => Some((index, job)),
                _ => None,
            }
        };
        match held.or_else(fresh) {
            Some((lane, job)) => {
                let job = Arc::from(job);
                if !goes_on(&job) {
                    self.quota = self.quota.map(|left| left.saturating_sub(1));
                }
                let (token_refused, uncounted, last) = (false, 0, None);
                let (due, began, tries) = (now, now, false);
                let ready = Ready { job, lane, attempt: 1, due, began, tries, token_refused, uncounted, last };
                self.go(ready, now)
            }
            // `pass_over` leaves nothing but jobs in front; a run that stops is better than one that hangs.
            None => Admission::Broken(Vec::new()),
        }
    }

    /// Requests that may be on the wire now.
    pub(super) fn places(&self, now: Instant) -> usize {
        self.pace.places(now).min(self.breaker.places(self.limit))
    }

    /// Sends a job once more, unless its time has run out.
    fn go_again(&mut self, key: (Instant, JobNumber), now: Instant, wall: Timestamp, has_token: bool) -> Admission {
        let late = self.waiting.get(&key).and_then(|ready| ready.last.filter(|_| is_late(&ready.job, wall)));
        if late.is_none() && !has_token {
            return Admission::NeedsToken;
        }
        match (self.waiting.remove(&key), late) {
            (Some(ready), Some(outcome)) => Admission::Expired(ready, outcome),
            (Some(ready), None) => self.go(ready, now),
            (None, _) => Admission::Broken(Vec::new()),
        }
    }

    /// Nothing can go now.
    fn wait(&self, now: Instant) -> Admission {
        if self.quota == Some(0) && self.in_flight == 0 && self.waiting.is_empty() && self.looked_up.is_empty() {
            return Admission::WaveOver;
        }
        let due = self.waiting.keys().map(|(due, _)| *due).find(|due| *due > now);
        if due.is_none() && self.in_flight == 0 && self.waiting.is_empty() && self.looked_up.is_empty() {
            // All that is left waits for jobs that are not in the input any more.
            return Admission::Broken(Vec::new());
        }
        Admission::Wait(due)
    }

    /// Rows in front of a lane that need no place and no token: skipped ones, broken ones, jobs that are left out, and
    /// jobs that have to wait for an earlier one of their call, which step aside.
    pub(super) fn pass_over(&mut self, wall: Timestamp, run: &RunState) -> Option<Admission> {
        let out = self.held.iter().find_map(|(number, (_, job))| {
            let gate = gate(job, run, &self.looked_up);
            let reason = (gate != Gate::Closed).then(|| reason_to_skip(job, gate, wall)).flatten()?;
            Some((*number, job.skipped(reason)))
        });
        if let Some((number, skipped)) = out {
            self.held.remove(&number);
            return Some(Admission::Skip(skipped));
        }
        let wave_is_full = self.quota == Some(0);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            loop {
                let decided = match lane.rows.peek() {
                    // The rest belongs to the next wave.
                    Some(row) if wave_is_full && !matches!(row, Ok(Planned::Job(job)) if goes_on(job)) => break,
                    Some(Ok(Planned::Job(job))) => {
                        let gate = gate(job, run, &self.looked_up);
                        let steps_aside = gate == Gate::Closed || !has_room(&self.prefixes, job);
                        match reason_to_skip(job, gate, wall).filter(|_| gate != Gate::Closed) {
                            Some(reason) => Some(Admission::Skip(job.skipped(reason))),
                            None if steps_aside && self.held.len() < self.limit.saturating_mul(MAX_HELD) => None,
                            None => break,
                        }
                    }
                    Some(_) => None,
                    None => break,
                };
                match (lane.rows.next(), decided) {
                    (_, Some(skip)) => return Some(skip),
                    (Some(Ok(Planned::Job(job))), None) => drop(self.held.insert(job.number, (index, job))),
                    (Some(Ok(Planned::Skipped(skipped))), None) => return Some(Admission::Skip(skipped)),
                    (Some(Err(problems)), None) => return Some(Admission::Broken(problems)),
                    (None, None) => break,
                }
            }
        }
        None
    }

    /// The first job that has waited for an earlier one or for its prefix, need not wait any more, and whose set has a free
    /// place.
    fn open_held(&self, run: &RunState) -> Option<JobNumber> {
        let free = |lane: usize| self.lanes[lane].in_flight < self.lanes[lane].limit;
        let in_wave = |job: &Job| self.quota != Some(0) || goes_on(job);
        let mut held = self.held.iter();
        let open = held.find(|(_, (lane, job))| {
            free(*lane)
                && in_wave(job)
                && has_room(&self.prefixes, job)
                && gate(job, run, &self.looked_up) == Gate::Open
        });
        open.map(|(number, _)| *number)
    }

    /// The first set with a job in front that may go, and a free place.
    fn open_fresh(&mut self, run: &RunState) -> Option<usize> {
        // A server that refuses everything must not draw the whole input into memory.
        let room = self.waiting.len() < self.limit.saturating_mul(MAX_WAITING);
        let (quota, prefixes, looked_up) = (self.quota, &self.prefixes, &self.looked_up);
        let open = |job: &Job| {
            gate(job, run, looked_up) == Gate::Open && has_room(prefixes, job) && (quota != Some(0) || goes_on(job))
        };
        let open = |row: &S::Item| matches!(row, Ok(Planned::Job(job)) if open(job));
        self.lanes
            .iter_mut()
            .position(|lane| room && lane.in_flight < lane.limit && lane.rows.peek().is_some_and(&open))
    }

    fn go(&mut self, mut ready: Ready, now: Instant) -> Admission {
        self.in_flight += 1;
        self.lanes[ready.lane].in_flight += 1;
        for prefix in &ready.job.prefixes {
            self.prefixes[*prefix].1 += 1;
        }
        self.pace.started(now);
        (ready.began, ready.tries) = (now, self.breaker.started());
        Admission::Go(ready)
    }

    /// A start for a request that is no job's attempt; the error says when to ask again.
    pub(super) fn take_start(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(later) = self.pace.gate(now) {
            return Err(later);
        }
        self.pace.started(now);
        Ok(())
    }

    /// Those behind this job go on waiting, although it has ended.
    pub(super) fn hold(&mut self, number: JobNumber) {
        self.looked_up.insert(number);
    }

    /// They need not wait any longer.
    pub(super) fn let_go(&mut self, number: JobNumber) {
        self.looked_up.remove(&number);
    }

    /// The first job that is due and whose set has a free place. One that was sent before an earlier job of its call was
    /// reopened waits for that again.
    fn due_retry(&self, now: Instant, run: &RunState) -> Option<(Instant, JobNumber)> {
        let free = |ready: &Ready| {
            self.lanes[ready.lane].in_flight < self.lanes[ready.lane].limit
                && has_room(&self.prefixes, &ready.job)
                && gate(&ready.job, run, &self.looked_up) != Gate::Closed
        };
        self.waiting.iter().take_while(|((due, _), _)| *due <= now).find(|(_, ready)| free(ready)).map(|(key, _)| *key)
    }

    /// Gives the place of a job back, and takes in what its end says about the API.
    pub(super) fn release(&mut self, ready: &Ready, now: Instant, report: Report) -> Lesson {
        self.in_flight -= 1;
        self.lanes[ready.lane].in_flight -= 1;
        for prefix in &ready.job.prefixes {
            self.prefixes[*prefix].1 -= 1;
        }
        let ended = Ended { began: ready.began, tried: ready.tries, health: report.health };
        let breaker = self.breaker.ended(ended, now, self.limit);
        if breaker == Some(Change::Closed) {
            self.pace.recovered(now);
        }
        Lesson { breaker, lowered: self.pace.answered(ready.began, now, report.feel) }
    }

    /// Whether a job that was let through may not leave after all: the breaker has opened, and it is not the one that tries.
    pub(super) fn is_shut_to(&self, ready: &Ready, now: Instant) -> bool {
        !ready.tries && self.breaker.pass(now) != Pass::Free
    }

    /// Takes in a job that was begun before the run was cut off, and is to be tried again.
    pub(super) fn take_up(&mut self, begun: Begun, now: Instant) {
        let Begun { job, lane, attempts, uncounted, last } = begun;
        let (job, attempt, last) = (Arc::new(job), attempts + 1, Some(last));
        let ready =
            Ready { job, lane, attempt, due: now, began: now, tries: false, token_refused: false, uncounted, last };
        self.waiting.insert((now, ready.job.number), ready);
    }

    /// See [`Breaker::reopen`].
    pub(super) fn reopen_breaker(&mut self, until: Instant) {
        self.breaker.reopen(until);
    }

    /// Begins a wave of so many jobs.
    pub(super) fn begin_wave(&mut self, jobs: u64) {
        self.quota = Some(jobs);
    }

    /// Whether answers set the pace.
    pub(super) fn adapts(&self) -> bool {
        self.pace.adapts()
    }

    /// Takes a job back that is to be tried again at `due`.
    pub(super) fn retry(&mut self, mut ready: Ready, due: Instant, last: Outcome) {
        ready.last = Some(last);
        ready.due = due;
        ready.attempt += 1;
        self.waiting.insert((due, ready.job.number), ready);
    }

    /// A job that was let through and does not go after all: its place, its start and its part of the wave are free again.
    pub(super) fn undo(&mut self, ready: &Ready, now: Instant) {
        self.release(ready, now, Report::SILENT);
        self.pace.not_started();
        if ready.attempt == 1 && !goes_on(&ready.job) {
            self.quota = self.quota.map(|left| left + 1);
        }
    }

    /// The same for a job that waits again as if it had never been let through.
    pub(super) fn put_back(&mut self, ready: Ready, now: Instant) {
        self.undo(&ready, now);
        self.waiting.insert((now, ready.job.number), ready);
    }

    /// Until when nothing may start, because the server has asked for a pause.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.pace.paused(now)
    }

    /// Nothing starts before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.pace.pause(until);
    }

    /// Whether anything waits to be sent.
    pub(super) fn has_work(&mut self) -> bool {
        !self.waiting.is_empty()
            || !self.held.is_empty()
            || self.lanes.iter_mut().any(|lane| lane.rows.peek().is_some())
    }

    /// Places taken: jobs between their admission and their end.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes one more of those that will not be sent any more: jobs that wait for another attempt or for an
    /// earlier one, then unread rows. Each with its attempts.
    pub(super) fn give_up(&mut self) -> Option<(S::Item, u32)> {
        if let Some((_, ready)) = self.waiting.pop_first() {
            return Some((Ok(Planned::Job(Box::new(Arc::unwrap_or_clone(ready.job)))), ready.attempt - 1));
        }
        if let Some((_, (_, job))) = self.held.pop_first() {
            return Some((Ok(Planned::Job(job)), 0));
        }
        self.lanes.iter_mut().find_map(|lane| lane.rows.next()).map(|row| (row, 0))
    }
}

#[cfg(test)]
mod tests;
