//! The list of runs: what the two ends of an audit file say of a run. The shape is that of `runs --format json`.
//!
//! Nothing is recounted here: counts and verdict are those of the closing record.

use crate::event::{Counts, Ending, Event, ReconciliationFinished, Record, RunFinished, Verdict};
use crate::model::Timestamp;
use crate::report::number::millis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the list's format. 1: the first.
const FORMAT_VERSION: u32 = 1;

/// Runs of an output directory, newest first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RunList {
    /// Format version of this document.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// The runs.
    pub runs: Vec<ListedRun>,
    /// How many older ones `--limit` leaves out.
    pub left_out: u64,
}

/// How a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListedState {
    /// Every job has its final state.
    Finished,
    /// It ended early: by a rule, its deadline, its window, refused credentials, or an API that does not work.
    Stopped,
    /// A signal ended it, in order.
    Interrupted,
    /// There is no closing record, and nobody is at work on it: the process or the file was cut off.
    CutOff,
    /// There is no closing record, and a process holds its lock.
    Running,
    /// Its audit file cannot be read, or does not begin with an opening record.
    Unreadable,
}

/// A run, as its audit file says that it is. `verify` proves it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ListedRun {
    /// Its directory, as it can be given to other commands.
    pub run_dir: String,
    /// Its id; the directory's name where the file does not say it.
    pub run_id: String,
    /// Its runbook; the folder's name where the file does not say it.
    pub runbook: String,
    /// True when the built-in simulator answered.
    pub sandbox: bool,
    /// How it is.
    pub state: ListedState,
    /// Whether the closing record is there and fits the opening one, and nothing of what was looked at is damaged.
    pub complete: bool,
    /// Why it is not, in words.
    pub problem: Option<String>,
    /// Who is at work on it.
    pub alive: Option<String>,
    /// When it began, in UTC.
    pub started: Option<Timestamp>,
    /// When it was closed, in UTC; null without a closing record.
    pub finished: Option<Timestamp>,
    /// From the opening record to the closing one in milliseconds, with the time between two processes of a run that was
    /// resumed; null without a closing record.
    pub elapsed_ms: Option<f64>,
    /// Passed or failed, as the last reconciliation has it if there was one.
    pub verdict: Option<Verdict>,
    /// Why it ended.
    pub ending: Option<Ending>,
    /// The exit code of its process.
    pub exit_code: Option<u8>,
    /// Jobs of the plan.
    pub jobs: Option<u64>,
    /// Jobs by state, as the last closing record has them; null without one.
    pub totals: Option<Counts>,
}

/// What was seen of a run.
#[derive(Debug, Default)]
pub struct RunGlance<'a> {
    /// Its directory as it can be typed.
    pub run_dir: String,
    /// The directory's name.
    pub name: String,
    /// The name of the folder around it.
    pub folder: String,
    /// The first record.
    pub first: Option<&'a Record>,
    /// The last ones, from the closing record on.
    pub last: &'a [Record],
    /// Why the file cannot be read, or what is wrong with the lines that were.
    pub problem: Option<String>,
    /// The last line has no end.
    pub torn: bool,
    /// Who is at work on it.
    pub alive: Option<String>,
}

impl RunList {
    /// The newest of these.
    pub fn of(mut runs: Vec<ListedRun>, limit: Option<u64>) -> Self {
        // Ids begin with the moment of the start; a directory that cannot be read has nothing else.
        let began = |run: &ListedRun| run.started.map_or_else(|| run.run_id.clone(), Timestamp::compact);
        runs.sort_by_cached_key(|run| {
            std::cmp::Reverse((began(run), run.started, run.run_id.clone(), run.run_dir.clone()))
        });
        let keep = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let left_out = runs.len().saturating_sub(keep) as u64;
        runs.truncate(keep);
        Self { v: FORMAT_VERSION, runs, left_out }
    }
}

/// What the last records close with.
#[derive(Default)]
struct Closing<'a> {
    finished: Option<(Timestamp, &'a RunFinished)>,
    reconciled: Option<&'a ReconciliationFinished>,
    /// Findings that no closing record follows.
    open: bool,
}

impl<'a> Closing<'a> {
    fn of(last: &'a [Record]) -> Self {
        let mut closing = Self::default();
        for record in last {
            match &record.event {
                Event::RunFinished(finished) => {
                    closing = Self { finished: Some((record.timestamp, finished)), ..Self::default() };
                }
                Event::ReconciliationFinished(end) => {
                    (closing.reconciled, closing.open) = (Some(end.as_ref()), false);
                }
                Event::Reconciled(_) => closing.open = true,
                Event::Signed(_) => {}
                _ => closing = Self::default(),
            }
        }
        closing
    }

    /// Behind thousands of reconciled jobs the closing record of the run itself may be out of sight.
    fn is_closed(&self) -> bool {
        self.finished.is_some() || self.reconciled.is_some()
    }
}

impl ListedRun {
    /// What these lines say.
    pub fn of(seen: RunGlance<'_>) -> Self {
        let started = seen.first.and_then(|record| match &record.event {
            Event::RunStarted(started) => Some((record.timestamp, started.as_ref())),
            _ => None,
        });
        let closing = Closing::of(seen.last);
        let (finished, reconciled) = (closing.finished, closing.reconciled);
        let totals = reconciled.map(|end| end.totals).or(finished.map(|(_, end)| end.totals));
        let jobs = started.map(|(_, started)| started.jobs);
        let state = state(started.is_some(), &seen, &closing);
        let cut = || match state {
            ListedState::Unreadable => Some("it does not begin with an opening record".to_owned()),
            ListedState::Running => Some("the run is still going on".to_owned()),
            _ if !closing.is_closed() => Some("there is no closing record: the run or the file was cut off".to_owned()),
            _ if seen.torn => Some("its last line is torn".to_owned()),
            _ if closing.open => Some("a reconciliation was cut off".to_owned()),
            _ => totals.filter(|totals| !fits(totals, jobs)).map(|_| "the closing record does not add up".to_owned()),
        };
        let problem = seen.problem.or_else(cut);
        Self {
            run_dir: seen.run_dir,
            run_id: seen.first.map_or(seen.name, |record| record.run_id.as_str().to_owned()),
            runbook: started.map_or(seen.folder, |(_, started)| started.runbook.clone()),
            sandbox: started.is_some_and(|(_, started)| started.sandbox),
            state,
            complete: problem.is_none(),
            problem,
            alive: seen.alive,
            started: started.map(|(at, _)| at),
            finished: finished.map(|(at, _)| at),
            elapsed_ms: started.zip(finished).map(|((began, _), (ended, _))| millis(ended.since(began))),
            verdict: reconciled.map(|end| end.verdict).or(finished.map(|(_, end)| end.verdict)),
            ending: finished.map(|(_, end)| end.ending),
            exit_code: finished.map(|(_, end)| end.exit_code),
            jobs,
            totals,
        }
    }

    /// rejected + `not_sent` + `not_bridged`.
    pub fn failed(&self) -> Option<u64> {
        self.totals.map(|totals| totals.rejected + totals.not_sent + totals.not_bridged)
    }

    /// succeeded + accepted.
    pub fn successes(&self) -> Option<u64> {
        self.totals.map(|totals| totals.succeeded + totals.accepted)
    }
}

fn state(has_start: bool, seen: &RunGlance<'_>, closing: &Closing<'_>) -> ListedState {
    let empty = seen.first.is_none() && seen.problem.is_none();
    match closing.finished.map(|(_, end)| end.ending) {
        _ if seen.alive.is_some() => ListedState::Running,
        _ if !has_start && !empty => ListedState::Unreadable,
        None if !closing.is_closed() => ListedState::CutOff,
        None | Some(Ending::Completed) => ListedState::Finished,
        Some(Ending::Interrupted) => ListedState::Interrupted,
        Some(_) => ListedState::Stopped,
    }
}

/// The balance, and the plan's number of jobs.
fn fits(totals: &Counts, jobs: Option<u64>) -> bool {
    let Counts { jobs: all, succeeded, accepted, rejected, not_sent, unknown, skipped, not_attempted, not_bridged } =
        *totals;
    let parts = [succeeded, accepted, rejected, not_sent, unknown, skipped, not_attempted, not_bridged];
    let sum = parts.into_iter().try_fold(0u64, u64::checked_add);
    jobs == Some(all) && sum == Some(all)
}
