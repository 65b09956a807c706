//! One look at every job: the slowest of them, and the run over time.

use super::charts::{Clock, Timeline};
use super::jobs::{JobView, Jobs};
use crate::model::{JobNumber, Latency};
use crate::state::RunState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Jobs of the list.
const MAX_LISTED: usize = 20;

/// A job whose last attempt took long, answered or not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SlowJob {
    /// Its number in plan order.
    pub job: JobNumber,
    /// Its set.
    pub set: String,
    /// Its identity by content.
    pub key: Option<String>,
    /// The call.
    pub call_id: Option<String>,
    /// Service time of its last attempt, in milliseconds.
    #[schemars(range(min = 0))]
    pub latency_ms: f64,
    /// The time that this attempt waited between "due" and "sent", in milliseconds.
    #[schemars(range(min = 0))]
    pub queue_ms: f64,
    /// Its attempts.
    pub attempts: u32,
    /// Its state, as in `results.csv`.
    pub state: String,
    /// The last answer's status; null without an answer.
    pub status_code: Option<u16>,
}

/// The slowest jobs, the slowest first, and the run over time.
pub(super) fn look(jobs: &Jobs, run: &RunState, clock: &Clock) -> (Vec<SlowJob>, Option<Timeline>) {
    let mut slowest: BTreeMap<(Reverse<Latency>, JobNumber), SlowJob> = BTreeMap::new();
    let mut timeline = Timeline::over(clock, run);
    for view in jobs.views(run, |_| true) {
        if let Some(timeline) = &mut timeline {
            timeline.count(clock, &view);
        }
        let Some((latency, queue)) = view.times else { continue };
        let place = (Reverse(latency), view.job);
        if slowest.len() < MAX_LISTED || slowest.last_key_value().is_some_and(|(last, _)| place < *last) {
            slowest.insert(place, slow(&view, latency, queue));
        }
        if slowest.len() > MAX_LISTED {
            slowest.pop_last();
        }
    }
    (slowest.into_values().collect(), timeline.filter(Timeline::has_any))
}

fn slow(view: &JobView<'_>, latency: Latency, queue: Latency) -> SlowJob {
    SlowJob {
        job: view.job,
        set: view.set.to_owned(),
        key: view.key.as_deref().map(str::to_owned),
        call_id: view.call_id.as_deref().map(str::to_owned),
        latency_ms: latency.millis(),
        queue_ms: queue.millis(),
        attempts: view.attempts,
        state: view.state.word().to_owned(),
        status_code: view.status,
    }
}
