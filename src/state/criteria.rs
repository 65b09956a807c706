//! Criteria and abort rules, judged by a run's figures: at its end, and while it goes on.

use crate::event::CriterionResult;
use crate::model::{AbortRule, Criterion, Metric, Operator, SetName, Timestamp};
use crate::state::{JobState, RunState, Tally};
use std::time::Duration;

/// Judges each criterion by the run's figures at its last moment. Without data a criterion is not met.
pub fn judge(criteria: &[Criterion], run: &RunState, end: Timestamp) -> Vec<CriterionResult> {
    let of = |criterion: &Criterion| criterion.set().map_or(Some(run.total()), |set| run.set(set));
    judge_by(criteria, of, run.duration(end))
}

/// Judges what a wave had to show by the wave's own figures. `in SET` looks at the whole set.
pub fn judge_wave(require: &[Criterion], run: &RunState, now: Timestamp) -> Vec<CriterionResult> {
    let of = |criterion: &Criterion| criterion.set().map_or(run.wave(), |set| run.set(set));
    judge_by(require, of, run.duration(now))
}

fn judge_by<'r>(
    criteria: &[Criterion],
    tally: impl Fn(&Criterion) -> Option<&'r Tally>,
    duration: Duration,
) -> Vec<CriterionResult> {
    let judged = criteria.iter().map(|criterion| {
        let value = tally(criterion).and_then(|tally| tally.metric(criterion.metric(), duration));
        CriterionResult {
            criterion: criterion.to_string(),
            value: value.map(|value| (value * 1e6).round() / 1e6),
            met: value.is_some_and(|value| criterion.is_met_by(value)),
        }
    });
    judged.collect()
}

/// The first rule that holds now, with the value that makes it hold. A metric without data makes no rule hold.
pub fn broken<'r>(rules: &'r [AbortRule], run: &RunState, now: Timestamp) -> Option<(&'r AbortRule, f64)> {
    let duration = run.duration(now);
    rules.iter().find_map(|rule| {
        let tally = rule.when.set().map_or(Some(run.total()), |set| run.set(set))?;
        let value = tally.metric(rule.when.metric(), duration)?;
        (tally.attempted() >= rule.after && rule.when.is_met_by(value)).then_some((rule, value))
    })
}

/// The first criterion that cannot be met any more, whatever becomes of the jobs that have not ended. Criteria that nobody
/// has written are not looked at. `looked_up` says of how many unknowns it may yet be found out what became of them: those of
/// the run, or of a set.
pub fn lost<'c>(
    criteria: &'c [Criterion],
    run: &RunState,
    now: Timestamp,
    looked_up: impl Fn(Option<&SetName>) -> u64,
) -> Option<&'c Criterion> {
    let duration = run.duration(now);
    criteria.iter().filter(|criterion| !criterion.is_implied()).find(|criterion| {
        let tally = criterion.set().map_or(Some(run.total()), |set| run.set(set));
        let looked_up = looked_up(criterion.set());
        tally.and_then(|tally| reach(tally, criterion.metric(), duration, looked_up)).is_some_and(|(least, most)| {
            let met = |value| criterion.is_met_by(value);
            match criterion.operator() {
                Operator::Less | Operator::AtMost => !met(least),
                Operator::Greater | Operator::AtLeast => !met(most),
                Operator::Equal => criterion.value() < least || criterion.value() > most,
                Operator::NotEqual => least >= most && !met(least),
            }
        })
    })
}

/// The least and the most that a metric can be at the end of the run; `None`: nobody can say.
fn reach(tally: &Tally, metric: Metric, duration: Duration, looked_up: u64) -> Option<(f64, f64)> {
    let open = [JobState::Pending, JobState::InFlight, JobState::Doubtful, JobState::InFlightDoubtful];
    let open: u64 = open.into_iter().map(|state| tally.count(state)).sum();
    let number = |metric: Metric| tally.metric(metric, duration);
    #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
    let (open, looked_up) = (open as f64, looked_up as f64);
    let from = |least: f64| Some((least, f64::INFINITY));
    match metric {
        Metric::Jobs => number(metric).map(|jobs| (jobs, jobs)),
        Metric::Unknown => number(metric).map(|count| ((count - looked_up).max(0.0), count + open)),
        Metric::Succeeded | Metric::NotBridged | Metric::Failed => {
            number(metric).map(|count| (count, count + open + looked_up))
        }
        Metric::Accepted
        | Metric::Rejected
        | Metric::NotSent
        | Metric::Skipped
        | Metric::NotAttempted
        | Metric::Attempted => number(metric).map(|count| (count, count + open)),
        Metric::SuccessRate => {
            let attempted = number(Metric::Attempted)?;
            let successes = number(Metric::Succeeded)? + number(Metric::Accepted)?;
            let all = attempted + open;
            (all > 0.0).then(|| (successes * 100.0 / all, (successes + open + looked_up) * 100.0 / all))
        }
        Metric::CompletionRate => {
            let (jobs, skipped) = (number(Metric::Jobs)?, number(Metric::Skipped)?);
            let attempted = number(Metric::Attempted)?;
            // Whether a job is skipped or attempted, the rest of the jobs can still be complete.
            (jobs > skipped).then(|| {
                (
                    attempted * 100.0 / (jobs - skipped),
                    if open > 0.0 { 100.0 } else { attempted * 100.0 / (jobs - skipped) },
                )
            })
        }
        Metric::Attempts
        | Metric::Retries
        | Metric::Throttled
        | Metric::Duration
        | Metric::LatencyMax
        | Metric::QueueMax => number(metric).and_then(from),
        Metric::LatencyMin => number(metric).map(|least| (0.0, least)),
        Metric::LatencyMean
        | Metric::LatencyP50
        | Metric::LatencyP90
        | Metric::LatencyP95
        | Metric::LatencyP99
        | Metric::QueueP50
        | Metric::QueueP95
        | Metric::Throughput => None,
    }
}
