//! Live progress: bars on a terminal, a plain line now and then otherwise.
//!
//! The observer only counts. A thread of its own draws, since a terminal that is stopped (Ctrl-S) or a pager that does
//! not read would otherwise hold the engine while calls are in flight.

use super::logging::Bars;
use super::print;
use crate::event::{Event, Happened, Observer, RunStarted};
use crate::model::{JobNumber, Outcome, SetName};
use crate::state::{JobState, RunState, Tally};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two looks at the counts.
const LOOK: Duration = Duration::from_millis(100);
/// Time between plain lines when nothing special has happened.
const EVERY: Duration = Duration::from_secs(5);
/// Redraws of the bars per second.
const REDRAWS: u8 = 10;
/// At the end, how long a display that cannot be drawn is waited for.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// A pause that is worth a remark, in milliseconds.
const LONG_PAUSE_MS: u64 = 3000;
/// Remarks that wait to be shown at most.
const MAX_REMARKS: usize = 16;

/// What the observer counts.
#[derive(Clone, Default)]
struct Counts {
    total: u64,
    by_set: HashMap<SetName, u64>,
    /// Jobs with an attempt in doubt: nothing but a success ends the doubt.
    doubtful: HashSet<JobNumber>,
    by_outcome: [u64; Outcome::ALL.len()],
    skipped: u64,
    remarks: Vec<String>,
}

impl Counts {
    fn at(total: u64, run: &RunState) -> Self {
        let ended = |tally: &Tally| tally.attempted() + tally.count(JobState::Skipped);
        let by_set = run.by_set().map(|(set, tally)| (set.clone(), ended(tally))).collect();
        let by_outcome = Outcome::ALL.map(|outcome| run.total().count(outcome.into()));
        Self { total, by_set, by_outcome, skipped: run.total().count(JobState::Skipped), ..Self::default() }
    }

    fn done(&self) -> u64 {
        self.by_set.values().sum()
    }

    fn line(&self) -> String {
        let mut text = format!("{}/{}", self.done(), self.total);
        for (outcome, count) in Outcome::ALL.iter().zip(self.by_outcome) {
            if count > 0 || *outcome == Outcome::Succeeded {
                let _ = write!(text, "  {} {count}", JobState::from(*outcome).word());
            }
        }
        if self.skipped > 0 {
            let _ = write!(text, "  skipped {}", self.skipped);
        }
        text
    }
}

/// How far the run is.
pub(super) struct Progress {
    counts: Arc<Mutex<Counts>>,
    /// Dropped to end the display.
    running: Option<mpsc::Sender<()>>,
    /// Closed when the display has ended.
    ended: mpsc::Receiver<()>,
}

enum Display {
    Plain { began: Instant, last: Option<Instant> },
    Bars { bars: HashMap<SetName, ProgressBar>, state: ProgressBar, remark: String },
}

impl Progress {
    /// The display of a run that stands at `run`: at its beginning an empty one.
    pub(super) fn new(started: &RunStarted, run: &RunState, silent: bool, on_screen: Bars) -> Self {
        let counts = Arc::new(Mutex::new(Counts::at(started.jobs, run)));
        let (running, over) = mpsc::channel::<()>();
        let (alive, ended) = mpsc::channel::<()>();
        if !silent {
            let mut display = if std::io::stderr().is_terminal() {
                bars(started, &on_screen)
            } else {
                Display::Plain { began: Instant::now(), last: None }
            };
            let shared = Arc::clone(&counts);
            // Without a thread there is no display, and the run goes on.
            let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
                let _alive = alive;
                while over.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    display.show(&take(&shared), false);
                }
                display.show(&take(&shared), true);
                *locked(&on_screen) = None;
            });
        }
        Self { counts, running: Some(running), ended }
    }

    /// Takes the bars off the screen, or prints the last plain line.
    pub(super) fn finish(&mut self) {
        self.running = None;
        let _ = self.ended.recv_timeout(LAST_WAIT);
    }
}

/// The counts as they are; remarks are taken out.
fn take(counts: &Mutex<Counts>) -> Counts {
    let mut counts = locked(counts);
    let remarks = std::mem::take(&mut counts.remarks);
    Counts { remarks, ..counts.clone() }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Display {
    fn show(&mut self, counts: &Counts, last_time: bool) {
        match self {
            Self::Plain { began, last } => {
                let elapsed = began.elapsed().as_secs_f64();
                let line = |remark: &str| print::note(&format!("{elapsed:>6.1} s  {}{remark}\n", counts.line()));
                counts.remarks.iter().for_each(|remark| line(&format!("  {remark}")));
                if last_time {
                    line("  done");
                } else if last.is_none_or(|last| last.elapsed() >= EVERY) {
                    *last = Some(Instant::now());
                    line("");
                }
            }
            Self::Bars { bars, state, .. } if last_time => {
                bars.values().for_each(ProgressBar::finish_and_clear);
                state.finish_and_clear();
            }
            Self::Bars { bars, state, remark, .. } => {
                for (set, bar) in bars {
                    bar.set_position(counts.by_set.get(set).copied().unwrap_or_default());
                }
                if let Some(last) = counts.remarks.last() {
                    *remark = format!("\n{last}");
                }
                state.set_message(counts.line() + remark);
            }
        }
    }
}

fn bars(started: &RunStarted, on_screen: &Bars) -> Display {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
    let width = started.sets.iter().map(|set| set.name.as_str().chars().count()).max().unwrap_or(0).min(24);
    let template = format!("{{prefix:<{width}}} {{bar:30.green/dim}} {{pos:>6}}/{{len}}  {{rate:>8}}  eta {{eta}}");
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            // A bar that cannot be drawn is not worth a word.
            let _ = write!(out, "{:.1}/s", state.per_sec());
        })
        .progress_chars("━━─");
    let mut bars = HashMap::new();
    for set in &started.sets {
        let bar = all.add(ProgressBar::new(set.jobs)).with_style(style.clone()).with_prefix(set.name.to_string());
        bars.insert(set.name.clone(), bar);
    }
    let line = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let state = all.add(ProgressBar::new_spinner()).with_style(line);
    *locked(on_screen) = Some(all);
    Display::Bars { bars, state, remark: String::new() }
}

impl Observer for Progress {
    fn observe(&mut self, batch: &Arc<[Happened]>) {
        let mut counts = locked(&self.counts);
        batch.iter().for_each(|happened| counts.see(&happened.event));
    }
}

impl Counts {
    fn see(&mut self, event: &Event) {
        let remark = match event {
            Event::BridgeAttempt(attempt) if attempt.is_final => {
                let doubted = self.doubtful.remove(&attempt.job) && !attempt.outcome.is_success();
                let ended = if doubted { Outcome::Unknown } else { attempt.outcome };
                if let Some(place) = Outcome::ALL.iter().position(|outcome| *outcome == ended) {
                    self.by_outcome[place] += 1;
                }
                *self.by_set.entry(attempt.set.clone()).or_default() += 1;
                return;
            }
            Event::BridgeAttempt(attempt) if attempt.outcome == Outcome::Unknown => {
                self.doubtful.insert(attempt.job);
                return;
            }
            Event::JobExpired(expired) => {
                if let Some(place) = Outcome::ALL.iter().position(|outcome| *outcome == expired.outcome) {
                    self.by_outcome[place] += 1;
                }
                *self.by_set.entry(expired.set.clone()).or_default() += 1;
                return;
            }
            Event::JobSkipped(skipped) => {
                self.skipped += 1;
                *self.by_set.entry(skipped.set.clone()).or_default() += 1;
                return;
            }
            Event::Reconciled(found) => {
                let place = |wanted| Outcome::ALL.iter().position(|outcome| *outcome == wanted);
                if let (Some(from), Some(to)) = (place(found.from), place(found.outcome)) {
                    self.by_outcome[from] = self.by_outcome[from].saturating_sub(1);
                    self.by_outcome[to] += 1;
                }
                return;
            }
            Event::JobReopened(job) => {
                let place = Outcome::ALL.iter().position(|outcome| *outcome == Outcome::Unknown).unwrap_or_default();
                self.by_outcome[place] = self.by_outcome[place].saturating_sub(1);
                let done = self.by_set.entry(job.set.clone()).or_default();
                *done = done.saturating_sub(1);
                self.doubtful.insert(job.job);
                return;
            }
            Event::Stopping(stopping) => format!(
                "stopping: {}; waiting for {} in flight, a second signal abandons them",
                stopping.reason, stopping.in_flight
            ),
            Event::Waiting(waiting) => waiting.reason.clone(),
            Event::TokenFailed(failed) => format!("no token: {}", failed.error_message),
            Event::BreakerOpened(opened) => format!(
                "the API {} ({} in a row): next try in {:.0} s",
                if opened.refusing { "refuses every job" } else { "does not work" },
                opened.failures,
                Duration::from_millis(opened.pause_ms).as_secs_f64()
            ),
            Event::Throttled(throttled) if throttled.pause_ms >= LONG_PAUSE_MS => format!(
                "the server asks for a pause ({}): going on in {:.0} s",
                throttled.status_code,
                Duration::from_millis(throttled.pause_ms).as_secs_f64()
            ),
            Event::BreakerClosed(_) => "the API works again".to_owned(),
            Event::RetryBudgetSpent(_) => "the retry budget is spent: no job is tried again".to_owned(),
            Event::WaveStarted(wave) => format!("wave {} begins", wave.wave),
            Event::WaveFinished(finished) => {
                let words = if finished.passed { "has shown what it had to" } else { "has not shown what it had to" };
                format!("wave {} {words}", finished.wave.wave)
            }
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::Throttled(_)
            | Event::BridgeAttempt(_)
            | Event::TokenFetched(_)
            | Event::BridgeIntent(_)
            | Event::JobNotAttempted(_)
            | Event::Seal(_)
            | Event::RunFinished(_)
            | Event::ReconciliationFinished(_)
            | Event::Signed(_) => return,
        };
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(remark);
        }
    }
}
