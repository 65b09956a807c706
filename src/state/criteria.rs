//! Success criteria at the end of a run.

use crate::event::CriterionResult;
use crate::model::{Criterion, Timestamp};
use crate::state::RunState;

/// Judges each criterion by the run's figures at its last moment. Without data a criterion is not met.
pub fn judge(criteria: &[Criterion], run: &RunState, end: Timestamp) -> Vec<CriterionResult> {
    let duration = run.duration(end);
    criteria
        .iter()
        .map(|criterion| {
            let tally = criterion.set().map_or(Some(run.total()), |set| run.set(set));
            let value = tally.and_then(|tally| tally.metric(criterion.metric(), duration));
            CriterionResult {
                criterion: criterion.to_string(),
                value: value.map(|value| (value * 1e6).round() / 1e6),
                met: value.is_some_and(|value| criterion.is_met_by(value)),
            }
        })
        .collect()
}
