//! From a tally to the figures that reports show: counts, rounded rates, exact percentiles.
//!
//! The one place where these are computed; every format prints what stands here.

use super::number::{float, percent, three};
use super::summary::{Figures, LatencyFigures, QueueFigures};
use crate::model::{Latency, SetName};
use crate::state::Tally;
use std::time::Duration;

/// The figures of `set`, or of the run when it is `None`.
pub(super) fn figures(set: Option<&SetName>, tally: &Tally, duration: Duration) -> Figures {
    let counts = tally.counts();
    let throughput = || float(tally.attempted()) / duration.as_secs_f64();
    Figures {
        set: set.cloned(),
        jobs: counts.jobs,
        succeeded: counts.succeeded,
        accepted: counts.accepted,
        rejected: counts.rejected,
        not_sent: counts.not_sent,
        unknown: counts.unknown,
        skipped: counts.skipped,
        not_attempted: counts.not_attempted,
        not_bridged: counts.not_bridged,
        open: tally.open(),
        total_operations: tally.attempted(),
        success_count: tally.successes(),
        failure_count: tally.attempted() - tally.successes(),
        failed: tally.failed(),
        completion_rate_percent: percent(tally.attempted(), counts.jobs.saturating_sub(counts.skipped)),
        success_rate_percent: percent(tally.successes(), tally.attempted()),
        average_latency_ms: tally.latency_mean_ms().map(three),
        latency_ms: latencies(tally),
        queue_ms: queue(tally),
        throughput_per_s: (tally.attempted() > 0 && !duration.is_zero()).then(|| three(throughput())),
        attempts: tally.attempts,
        retries: tally.retries,
        throttled: tally.throttled,
        by_status: tally.by_status.clone(),
    }
}

fn latencies(tally: &Tally) -> Option<LatencyFigures> {
    let at = |quantile| tally.latency(quantile).map(Latency::millis);
    Some(LatencyFigures {
        answers: tally.by_status.values().sum(),
        min: at(0.0)?,
        p50: at(0.5)?,
        p90: at(0.9)?,
        p95: at(0.95)?,
        p99: at(0.99)?,
        max: at(1.0)?,
    })
}

fn queue(tally: &Tally) -> Option<QueueFigures> {
    let at = |quantile| tally.queue(quantile).map(Latency::millis);
    Some(QueueFigures { p50: at(0.5)?, p95: at(0.95)?, max: at(1.0)? })
}

impl Figures {
    /// Jobs by state, each with its word, in the order of every table; `open` are those without a final state.
    pub(super) fn by_state(&self) -> [(&'static str, u64); 9] {
        [
            ("succeeded", self.succeeded),
            ("accepted", self.accepted),
            ("rejected", self.rejected),
            ("not_sent", self.not_sent),
            ("unknown", self.unknown),
            ("not_bridged", self.not_bridged),
            ("skipped", self.skipped),
            ("not_attempted", self.not_attempted),
            ("open", self.open),
        ]
    }

    /// Service times in milliseconds: min, mean, p50, p90, p95, p99, max.
    pub(super) fn service_times(&self) -> [Option<f64>; 7] {
        let of = |time: fn(&LatencyFigures) -> f64| self.latency_ms.as_ref().map(time);
        [
            of(|ms| ms.min),
            self.average_latency_ms,
            of(|ms| ms.p50),
            of(|ms| ms.p90),
            of(|ms| ms.p95),
            of(|ms| ms.p99),
            of(|ms| ms.max),
        ]
    }
}
