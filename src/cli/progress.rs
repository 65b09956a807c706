//! Live progress: bars on a terminal, a plain line now and then otherwise. An observer; it cannot fail a run.

use super::print;
use crate::event::{Event, Happened, Observer, RunStarted};
use crate::model::{Outcome, SetName, Timestamp};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

/// Time between plain lines.
const EVERY: Duration = Duration::from_secs(5);
/// Redraws of the bars per second.
const REDRAWS: u8 = 10;

/// How far the run is.
pub(super) struct Progress {
    display: Display,
    total: u64,
    done: u64,
    by_outcome: [u64; 5],
    skipped: u64,
}

enum Display {
    Silent,
    Plain { last: Option<Timestamp>, began: Option<Timestamp> },
    Bars { bars: HashMap<SetName, ProgressBar>, state: ProgressBar, _all: MultiProgress },
}

impl Progress {
    pub(super) fn new(started: &RunStarted, silent: bool) -> Self {
        let display = if silent {
            Display::Silent
        } else if std::io::stderr().is_terminal() {
            bars(started)
        } else {
            Display::Plain { last: None, began: None }
        };
        Self { display, total: started.jobs, done: 0, by_outcome: [0; 5], skipped: 0 }
    }

    /// Takes the bars off the screen, or prints the last plain line.
    pub(super) fn finish(&mut self) {
        match &self.display {
            Display::Bars { bars, state, .. } => {
                bars.values().for_each(ProgressBar::finish_and_clear);
                state.finish_and_clear();
            }
            Display::Plain { began: Some(_), .. } => self.show(Timestamp::now(), "  done"),
            Display::Plain { .. } | Display::Silent => {}
        }
    }

    fn counts(&self) -> String {
        let mut text = format!("{}/{}", self.done, self.total);
        for (outcome, count) in Outcome::ALL.iter().zip(self.by_outcome) {
            if count > 0 || *outcome == Outcome::Succeeded {
                let word = crate::state::JobState::from(*outcome).word();
                let _ = write!(text, "  {word} {count}");
            }
        }
        if self.skipped > 0 {
            let _ = write!(text, "  skipped {}", self.skipped);
        }
        text
    }

    fn advance(&mut self, set: &SetName) {
        self.done += 1;
        if let Display::Bars { bars, .. } = &self.display
            && let Some(bar) = bars.get(set)
        {
            bar.inc(1);
        }
    }

    fn show(&mut self, at: Timestamp, word: &str) {
        let counts = self.counts();
        match &mut self.display {
            Display::Silent => {}
            Display::Bars { state, .. } => state.set_message(format!("{counts}{word}")),
            Display::Plain { last, began } => {
                let began = *began.get_or_insert(at);
                if !word.is_empty() || last.is_none_or(|last| at.since(last) >= EVERY) {
                    *last = Some(at);
                    print::note(&format!("{:>6.1} s  {counts}{word}\n", at.since(began).as_secs_f64()));
                }
            }
        }
    }
}

fn bars(started: &RunStarted) -> Display {
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
    Display::Bars { bars, state, _all: all }
}

impl Observer for Progress {
    fn observe(&mut self, happened: &Happened) {
        let word = match &happened.event {
            Event::BridgeAttempt(attempt) if attempt.is_final => {
                if let Some(place) = Outcome::ALL.iter().position(|outcome| *outcome == attempt.outcome) {
                    self.by_outcome[place] += 1;
                }
                self.advance(&attempt.set);
                String::new()
            }
            Event::JobSkipped(skipped) => {
                self.skipped += 1;
                self.advance(&skipped.set);
                String::new()
            }
            Event::Stopping(stopping) => format!(
                "  stopping: {}, waiting for {} in flight; a second signal abandons them",
                stopping.reason, stopping.in_flight
            ),
            Event::RunStarted(_) | Event::BridgeAttempt(_) | Event::Throttled(_) | Event::TokenFetched(_) => {
                String::new()
            }
            Event::TokenFailed(failed) => format!("  no token: {}", failed.error_message),
            Event::BridgeIntent(_) | Event::JobNotAttempted(_) | Event::Seal(_) | Event::RunFinished(_) => return,
        };
        self.show(happened.at, &word);
    }
}
