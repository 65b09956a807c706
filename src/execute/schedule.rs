//! When jobs may begin: deadline and window. Pure: both clocks are passed in.
//!
//! Judged at each dispatch, and once more before a request begins; what is in flight is never cut off by it.

use crate::event::Ending;
use crate::model::{DurationSpec, OutsideWindow, Timestamp, Window};
use crate::state::RunState;
use std::time::Duration;

/// Answers after which their times say how long a request takes; before that it may take as long as it is allowed to.
const ENOUGH_ANSWERS: u64 = 100;

/// What holds now.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Hour {
    /// Jobs may begin, until this moment if nothing changes.
    Open(Option<Timestamp>),
    /// None may begin before this moment, at which the window opens, or closes and is looked at again, or the deadline
    /// passes. The words say what is waited for.
    Wait(Timestamp, String),
    /// None may begin any more.
    Over(Ending, String),
}

/// Deadline and window of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    deadline: Option<(Timestamp, DurationSpec)>,
    window: Option<Window>,
    /// The longest that a request can take.
    timeout: Duration,
    /// When the window was last seen to close or to open: it is not asked of the calendar again before that.
    known: Option<Known>,
}

/// An interval in which the window does not turn.
#[derive(Clone, Copy, Debug)]
struct Known {
    open: bool,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Schedule {
    /// For a run that began at `began`.
    pub(super) fn new(
        began: Timestamp,
        deadline: Option<DurationSpec>,
        window: Option<Window>,
        timeout: Duration,
    ) -> Self {
        let deadline = deadline.map(|deadline| (began.plus(deadline.get()), deadline));
        Self { deadline, window, timeout, known: None }
    }

    /// Whether a job may begin at `wall`; `run` says how long requests take.
    pub(super) fn at(&mut self, wall: Timestamp, run: &RunState) -> Hour {
        if let Some((_, deadline)) = self.deadline.filter(|(end, _)| *end <= wall) {
            return Hour::Over(Ending::Deadline, format!("the deadline of {deadline} has passed"));
        }
        let deadline = self.deadline.map(|(end, _)| end);
        let Some(known) = self.look(wall) else { return Hour::Open(deadline) };
        let Some(window) = &self.window else { return Hour::Open(deadline) };
        if !known.open {
            let opens = known.until.map_or_else(String::new, |opens| format!("; it opens at {}", window.local(opens)));
            return match (window.outside, known.until) {
                (OutsideWindow::Wait, Some(at)) => {
                    Hour::Wait(deadline.map_or(at, |end| end.min(at)), format!("the window {window} is closed{opens}"))
                }
                _ => Hour::Over(Ending::WindowClosed, format!("the window {window} is closed{opens}")),
            };
        }
        let Some(closes) = known.until else { return Hour::Open(deadline) };
        let margin = self.margin(run);
        let last = closes.minus(margin);
        if wall < last {
            return Hour::Open(Some(deadline.map_or(last, |end| end.min(last))));
        }
        match window.outside {
            // Whatever waits looks again when the window is closed: then it knows when it opens.
            OutsideWindow::Wait => {
                let words = format!("the window {window} is about to close");
                Hour::Wait(deadline.map_or(closes, |end| end.min(closes)), words)
            }
            OutsideWindow::Stop => {
                let closes = window.local(closes);
                let margin =
                    DurationSpec::from(Duration::from_millis(margin.as_millis().try_into().unwrap_or(u64::MAX)));
                let words = format!("the window {window} closes at {closes}, and a request may take {margin}");
                Hour::Over(Ending::WindowClosed, words)
            }
        }
    }

    /// The time that a request needs: the 99th percentile of those that were answered, and before there are enough of
    /// them, the request timeout.
    fn margin(&self, run: &RunState) -> Duration {
        let total = run.total();
        let observed = (total.answers() >= ENOUGH_ANSWERS).then(|| total.latency(0.99)).flatten();
        observed.map_or(self.timeout, |latency| Duration::from_micros(latency.micros()).min(self.timeout))
    }

    /// The window at this moment.
    fn look(&mut self, wall: Timestamp) -> Option<Known> {
        let window = self.window.as_ref()?;
        if let Some(known) =
            self.known.filter(|known| known.from <= wall && known.until.is_none_or(|until| wall < until))
        {
            return Some(known);
        }
        let open = window.is_open(wall);
        let until = if open { window.closes_after(wall) } else { window.opens_after(wall) };
        self.known = Some(Known { open, from: wall, until });
        self.known
    }
}

#[cfg(test)]
mod tests;
