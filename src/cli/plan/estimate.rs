//! How long a run may take: from its limits and a latency, assumed or that of a past run.

use crate::cli::args::PlanArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::expand::Census;
use crate::model::Runbook;
use crate::report::Summary;
use serde::Serialize;
use std::path::Path;

/// Latency when nothing is known, in seconds.
const ASSUMED: f64 = 0.5;

/// The latency that an estimate stands on.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct LatencyBasis {
    /// In seconds.
    pub(super) seconds: f64,
    /// Where it comes from, in words.
    pub(super) source: String,
}

/// The latency that the command line asks for.
pub(super) fn latency(args: &PlanArgs) -> Result<LatencyBasis, Failure> {
    match (args.latency, &args.latency_of) {
        (Some(given), _) => Ok(LatencyBasis { seconds: given.get().as_secs_f64(), source: "as given".to_owned() }),
        (None, Some(run_dir)) => {
            Ok(LatencyBasis { seconds: mean_of(run_dir)?, source: format!("the mean of {}", run_dir.display()) })
        }
        (None, None) => Ok(LatencyBasis { seconds: ASSUMED, source: "assumed".to_owned() }),
    }
}

fn mean_of(run_dir: &Path) -> Result<f64, Failure> {
    let path = run_dir.join("summary.json");
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(Exit::InputMissing, format!("{shown} cannot be read: {error}"))
            .help("give the directory of a run that has its reports")
    })?;
    let summary: Summary = serde_json::from_str(&text)
        .map_err(|error| Failure::new(Exit::Invalid, format!("{shown} is not a summary: {error}")))?;
    let help = "take the latency of a run that sent something, or give one with --latency";
    let mean = summary.total.average_latency_ms;
    mean.map(|milliseconds| milliseconds / 1000.0)
        .ok_or_else(|| Failure::new(Exit::Invalid, format!("{shown} has no mean latency")).help(help))
}

/// The shortest time that limits, ramp-up and waves allow, in seconds; retries, pauses, prefixes and jobs of one call that
/// follow each other come on top.
pub(super) fn duration(runbook: &Runbook, census: &Census, latency: f64) -> f64 {
    let number = |count: u64| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
    // A round of requests takes its time, however few it holds.
    let by_places = |jobs: u64, places: usize| number(jobs.div_ceil(places.max(1) as u64)) * latency;
    let limits = &runbook.limits;
    let by_set = census.sets.iter().map(|counted| {
        let own = runbook.sets.iter().find(|set| set.name == counted.name).and_then(|set| set.concurrency);
        by_places(counted.rows - counted.skipped, own.unwrap_or(limits.concurrency).min(limits.concurrency))
    });
    let by_rate = limits.rate.map_or(0.0, |rate| number(census.to_run()) / rate.per_second());
    let longest = by_set.fold(by_places(census.to_run(), limits.concurrency).max(by_rate), f64::max);
    // A ramp-up begins near nothing: half of its time is lost. After each wave its slowest request is waited for.
    let ramp = limits.ramp_up.get().as_secs_f64() / 2.0;
    let rests: f64 = runbook.waves.iter().rev().skip(1).map(|wave| wave.pause.get().as_secs_f64() + latency).sum();
    let longest = longest + ramp + rests;
    (longest * 10.0).round() / 10.0
}
