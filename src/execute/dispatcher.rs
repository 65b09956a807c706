//! Which job may go next: pure state, no clock, no I/O. Concurrency, rate and pauses meet here and nowhere else.

use crate::model::{Job, JobNumber, Limits, Planned, Problem, Skipped};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Timers fire up to a millisecond late, and the loop may be busy; starts that late are made up for.
const TIMER_GRAIN: Duration = Duration::from_millis(5);

/// Jobs that wait for another attempt, for each place in flight: beyond that no new job is begun.
const MAX_WAITING: usize = 4;

/// A set on its way through the run: its stream of rows and its own limit.
#[derive(Debug)]
pub struct Lane<S> {
    /// The rows, in plan order.
    pub rows: S,
    /// Requests of this set in flight at most; `None`: the run's limit.
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
    /// Its last answer was a 401: the next one stops the run.
    pub(super) token_refused: bool,
    /// Attempts that were made only because a token was not taken.
    pub(super) fresh_tokens: u32,
}

/// The dispatcher's answer.
#[derive(Debug)]
pub(super) enum Admission {
    /// This job may go.
    Go(Ready),
    /// This row is left out.
    Skip(Skipped),
    /// Nothing before this moment, or before something in flight ends.
    Wait(Option<Instant>),
    /// A job could go if there were a token.
    NeedsToken,
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

/// The sole owner of what is waiting.
pub(super) struct Dispatcher<S: Iterator> {
    lanes: Vec<LaneState<S>>,
    /// Jobs to be tried again, by the moment they are due; the number keeps the order total.
    waiting: BTreeMap<(Instant, JobNumber), Ready>,
    limit: usize,
    in_flight: usize,
    interval: Option<Duration>,
    next_start: Option<Instant>,
    paused_until: Option<Instant>,
}

impl<S: RowStream> Dispatcher<S> {
    pub(super) fn new(lanes: Vec<Lane<S>>, limits: &Limits) -> Self {
        let lanes = lanes.into_iter().map(|lane| LaneState {
            rows: lane.rows.peekable(),
            limit: lane.concurrency.unwrap_or(limits.concurrency).min(limits.concurrency),
            in_flight: 0,
        });
        Self {
            lanes: lanes.collect(),
            waiting: BTreeMap::new(),
            limit: limits.concurrency,
            in_flight: 0,
            interval: limits.rate.map(|rate| Duration::from_secs_f64(1.0 / rate.per_second())),
            next_start: None,
            paused_until: None,
        }
    }

    /// The next job that may go now. Each `Go` takes a place that [`Self::release`] gives back.
    pub(super) fn admit(&mut self, now: Instant, has_token: bool) -> Admission {
        if let Some(decided) = self.pass_over() {
            return decided;
        }
        if !self.has_work() {
            return Admission::Done;
        }
        if self.in_flight >= self.limit {
            return Admission::Wait(None);
        }
        if let Some(gate) = self.paused_until.max(self.next_start).filter(|gate| *gate > now) {
            return Admission::Wait(Some(gate));
        }
        let retry = self.due_retry(now);
        // A server that refuses everything must not draw the whole input into memory.
        let room = self.waiting.len() < self.limit.saturating_mul(MAX_WAITING);
        let fresh =
            self.lanes.iter_mut().position(|lane| room && lane.in_flight < lane.limit && lane.rows.peek().is_some());
        match (retry, fresh) {
            (None, None) => Admission::Wait(self.waiting.keys().map(|(due, _)| *due).find(|due| *due > now)),
            _ if !has_token => Admission::NeedsToken,
            (Some(key), _) => match self.waiting.remove(&key) {
                Some(ready) => self.go(ready, now),
                None => Admission::Broken(Vec::new()),
            },
            (None, Some(index)) => match self.lanes[index].rows.next() {
                Some(Ok(Planned::Job(job))) => {
                    let ready = Ready {
                        job: Arc::from(job),
                        lane: index,
                        attempt: 1,
                        due: now,
                        token_refused: false,
                        fresh_tokens: 0,
                    };
                    self.go(ready, now)
                }
                // `pass_over` leaves nothing but jobs in front; a run that stops is better than one that hangs.
                _ => Admission::Broken(Vec::new()),
            },
        }
    }

    /// Rows in front of a lane that need no place and no token: skipped ones and broken ones.
    fn pass_over(&mut self) -> Option<Admission> {
        for lane in &mut self.lanes {
            match lane.rows.next_if(|row| !matches!(row, Ok(Planned::Job(_)))) {
                Some(Ok(Planned::Skipped(skipped))) => return Some(Admission::Skip(skipped)),
                Some(Err(problems)) => return Some(Admission::Broken(problems)),
                Some(Ok(Planned::Job(_))) | None => {}
            }
        }
        None
    }

    fn go(&mut self, ready: Ready, now: Instant) -> Admission {
        self.in_flight += 1;
        self.lanes[ready.lane].in_flight += 1;
        // What the timer's grain has cost is made up for, and nothing more: a rate is a bound, not an average.
        self.next_start = self.interval.map(|interval| {
            let earliest = now.checked_sub(interval.max(TIMER_GRAIN)).unwrap_or(now);
            self.next_start.map_or(now, |start| start.max(earliest)) + interval
        });
        Admission::Go(ready)
    }

    /// The first job that is due and whose set has a free place.
    fn due_retry(&self, now: Instant) -> Option<(Instant, JobNumber)> {
        let free = |ready: &Ready| self.lanes[ready.lane].in_flight < self.lanes[ready.lane].limit;
        self.waiting.iter().take_while(|((due, _), _)| *due <= now).find(|(_, ready)| free(ready)).map(|(key, _)| *key)
    }

    /// Gives the place of a job back.
    pub(super) fn release(&mut self, ready: &Ready) {
        self.in_flight -= 1;
        self.lanes[ready.lane].in_flight -= 1;
    }

    /// Takes a job back that is to be tried again at `due`.
    pub(super) fn retry(&mut self, mut ready: Ready, due: Instant) {
        ready.due = due;
        ready.attempt += 1;
        self.waiting.insert((due, ready.job.number), ready);
    }

    /// Nothing starts before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Whether anything waits to be sent.
    fn has_work(&mut self) -> bool {
        !self.waiting.is_empty() || self.lanes.iter_mut().any(|lane| lane.rows.peek().is_some())
    }

    /// Places taken: jobs between their admission and their end.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes one more of those that will not be sent any more: jobs that wait for another attempt, then unread rows.
    pub(super) fn give_up(&mut self) -> Option<Result<Planned, Vec<Problem>>> {
        match self.waiting.pop_first() {
            Some((_, ready)) => Some(Ok(Planned::Job(Box::new(Arc::unwrap_or_clone(ready.job))))),
            None => self.lanes.iter_mut().find_map(|lane| lane.rows.next()),
        }
    }
}
