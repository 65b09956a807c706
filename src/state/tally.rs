//! The figures of a run, of a set, or of several runs: counts, attempts, latencies.

use crate::event::{BridgeAttempt, Counts};
use crate::model::{Latency, Metric};
use crate::state::JobState;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Significant digits of the histograms; [`Latency`] is rounded so that this loses nothing.
const DIGITS: u8 = 3;

/// Figures that only grow. Merging two tallies is adding them.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Jobs of the plan.
    pub jobs: u64,
    by_state: BTreeMap<JobState, u64>,
    /// Requests that were cleared to leave.
    pub attempts: u64,
    /// Attempts after a job's first.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttled: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    latency: Histogram<u64>,
    latency_sum: u128,
    queue: Histogram<u64>,
}

impl Tally {
    /// A tally of `jobs` pending jobs.
    pub fn new(jobs: u64) -> Self {
        Self {
            jobs,
            by_state: BTreeMap::new(),
            attempts: 0,
            retries: 0,
            throttled: 0,
            by_status: BTreeMap::new(),
            latency: histogram(),
            latency_sum: 0,
            queue: histogram(),
        }
    }

    /// Adds another one: the result is as if one tally had counted the events of both.
    pub fn add(&mut self, other: &Self) {
        self.jobs += other.jobs;
        for (state, count) in &other.by_state {
            *self.by_state.entry(*state).or_default() += count;
        }
        self.attempts += other.attempts;
        self.retries += other.retries;
        self.throttled += other.throttled;
        for (status, count) in &other.by_status {
            *self.by_status.entry(*status).or_default() += count;
        }
        add_all(&mut self.latency, &other.latency);
        self.latency_sum += other.latency_sum;
        add_all(&mut self.queue, &other.queue);
    }

    pub(super) fn move_job(&mut self, from: JobState, to: JobState) {
        if let Some(count) = self.by_state.get_mut(&from) {
            *count = count.saturating_sub(1);
        }
        if to != JobState::Pending {
            *self.by_state.entry(to).or_default() += 1;
        }
    }

    /// Gives its jobs in a state to another one.
    pub(super) fn hand_over(&mut self, state: JobState, to: &mut Self) {
        let Some(jobs) = self.by_state.remove(&state) else { return };
        self.jobs = self.jobs.saturating_sub(jobs);
        to.jobs += jobs;
        *to.by_state.entry(state).or_default() += jobs;
    }

    /// What was not attempted is pending again.
    pub(super) fn resume(&mut self) {
        self.by_state.remove(&JobState::NotAttempted);
    }

    pub(super) fn count_intent(&mut self, attempt: u32) {
        self.attempts += 1;
        self.retries += u64::from(attempt > 1);
    }

    pub(super) fn count_attempt(&mut self, attempt: &BridgeAttempt) {
        record(&mut self.queue, attempt.queue_ms);
        if let Some(status) = attempt.status_code {
            *self.by_status.entry(status).or_default() += 1;
            record(&mut self.latency, attempt.latency_ms);
            self.latency_sum += u128::from(attempt.latency_ms.micros());
        }
    }

    /// Service and queue times, with their names.
    pub(super) fn histograms(&self) -> [(&'static str, &Histogram<u64>); 2] {
        [("latency", &self.latency), ("queue", &self.queue)]
    }

    /// Jobs in a state. `pending` is what the others leave.
    pub fn count(&self, state: JobState) -> u64 {
        match state {
            JobState::Pending => self.jobs.saturating_sub(self.by_state.values().sum()),
            _ => self.by_state.get(&state).copied().unwrap_or_default(),
        }
    }

    /// succeeded + accepted.
    pub fn successes(&self) -> u64 {
        self.count(JobState::Succeeded) + self.count(JobState::Accepted)
    }

    /// rejected + `not_sent` + `not_bridged`.
    pub fn failed(&self) -> u64 {
        self.count(JobState::Rejected) + self.count(JobState::NotSent) + self.count(JobState::NotBridged)
    }

    /// Jobs without a final state.
    pub fn open(&self) -> u64 {
        let open = [JobState::Pending, JobState::InFlight, JobState::Doubtful, JobState::InFlightDoubtful];
        open.into_iter().map(|state| self.count(state)).sum()
    }

    /// succeeded + accepted + failed + unknown.
    pub fn attempted(&self) -> u64 {
        self.successes() + self.failed() + self.count(JobState::Unknown)
    }

    /// The balance sheet.
    pub fn counts(&self) -> Counts {
        Counts {
            jobs: self.jobs,
            succeeded: self.count(JobState::Succeeded),
            accepted: self.count(JobState::Accepted),
            rejected: self.count(JobState::Rejected),
            not_sent: self.count(JobState::NotSent),
            unknown: self.count(JobState::Unknown),
            skipped: self.count(JobState::Skipped),
            not_attempted: self.count(JobState::NotAttempted),
            not_bridged: self.count(JobState::NotBridged),
        }
    }

    /// Service time by quantile, exactly the nearest-rank value of the recorded ones; `None` without an answer.
    pub fn latency(&self, quantile: f64) -> Option<Latency> {
        quantile_of(&self.latency, quantile)
    }

    /// Queue time by quantile; `None` without an attempt.
    pub fn queue(&self, quantile: f64) -> Option<Latency> {
        quantile_of(&self.queue, quantile)
    }

    /// Answered attempts by service time: each recorded value with its count, ascending.
    pub fn latencies(&self) -> impl Iterator<Item = (Latency, u64)> {
        self.latency.iter_recorded().map(|step| {
            (Latency::from_micros(self.latency.lowest_equivalent(step.value_iterated_to())), step.count_at_value())
        })
    }

    /// Answered attempts.
    pub fn answers(&self) -> u64 {
        self.latency.len()
    }

    /// Service time of all answered attempts together, in microseconds.
    pub fn latency_sum_micros(&self) -> u64 {
        u64::try_from(self.latency_sum).unwrap_or(u64::MAX)
    }

    /// Mean service time in milliseconds, over every answered attempt.
    pub fn latency_mean_ms(&self) -> Option<f64> {
        let answers = self.latency.len();
        (answers > 0).then(|| approximate(self.latency_sum) / approximate(u128::from(answers)) / 1000.0)
    }

    /// (succeeded + accepted) / attempted, 0 to 100.
    pub fn success_rate(&self) -> Option<f64> {
        percent(self.successes(), self.attempted())
    }

    /// A metric's value in its unit, or `None` when there is no data yet.
    pub fn metric(&self, metric: Metric, duration: Duration) -> Option<f64> {
        let count = |number: u64| Some(approximate(u128::from(number)));
        let millis = |latency: Option<Latency>| latency.map(Latency::millis);
        match metric {
            Metric::Jobs => count(self.jobs),
            Metric::Succeeded => count(self.count(JobState::Succeeded)),
            Metric::Accepted => count(self.count(JobState::Accepted)),
            Metric::Rejected => count(self.count(JobState::Rejected)),
            Metric::NotSent => count(self.count(JobState::NotSent)),
            Metric::Unknown => count(self.count(JobState::Unknown)),
            Metric::NotBridged => count(self.count(JobState::NotBridged)),
            Metric::Skipped => count(self.count(JobState::Skipped)),
            Metric::NotAttempted => count(self.count(JobState::NotAttempted)),
            Metric::Failed => count(self.failed()),
            Metric::Attempted => count(self.attempted()),
            Metric::SuccessRate => self.success_rate(),
            Metric::CompletionRate => percent(self.attempted(), self.jobs - self.count(JobState::Skipped)),
            Metric::LatencyMin => millis(self.latency(0.0)),
            Metric::LatencyMean => self.latency_mean_ms(),
            Metric::LatencyP50 => millis(self.latency(0.5)),
            Metric::LatencyP90 => millis(self.latency(0.9)),
            Metric::LatencyP95 => millis(self.latency(0.95)),
            Metric::LatencyP99 => millis(self.latency(0.99)),
            Metric::LatencyMax => millis(self.latency(1.0)),
            Metric::QueueP50 => millis(self.queue(0.5)),
            Metric::QueueP95 => millis(self.queue(0.95)),
            Metric::QueueMax => millis(self.queue(1.0)),
            Metric::Throughput => (self.attempted() > 0 && !duration.is_zero())
                .then(|| approximate(u128::from(self.attempted())) / duration.as_secs_f64()),
            Metric::Duration => Some(duration.as_secs_f64() * 1000.0),
            Metric::Attempts => count(self.attempts),
            Metric::Retries => count(self.retries),
            Metric::Throttled => count(self.throttled),
        }
    }
}

#[expect(clippy::expect_used, reason = "three digits are within the 0..=5 that the constructor takes")]
fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("three significant digits")
}

/// Only `record` grows the histogram; `saturating_record` alone would cut every value to its present range.
fn record(histogram: &mut Histogram<u64>, latency: Latency) {
    if histogram.record(latency.micros()).is_err() {
        histogram.saturating_record(latency.micros());
    }
}

/// Histograms that grow take in any other.
fn add_all(histogram: &mut Histogram<u64>, other: &Histogram<u64>) {
    if histogram.add(other).is_err() {
        for step in other.iter_recorded() {
            histogram.saturating_record_n(step.value_iterated_to(), step.count_at_value());
        }
    }
}

fn quantile_of(histogram: &Histogram<u64>, quantile: f64) -> Option<Latency> {
    (!histogram.is_empty())
        .then(|| Latency::from_micros(histogram.lowest_equivalent(histogram.value_at_quantile(quantile))))
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| approximate(u128::from(part)) * 100.0 / approximate(u128::from(whole)))
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
fn approximate(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_after_fast_ones_keeps_its_latency() {
        let mut answers = histogram();
        for micros in [5_100, 30_000_000] {
            record(&mut answers, Latency::from_micros(micros));
        }
        assert_eq!(quantile_of(&answers, 0.5), Some(Latency::from_micros(5_100)));
        assert_eq!(quantile_of(&answers, 1.0), Some(Latency::from_micros(30_000_000)));
    }
}
