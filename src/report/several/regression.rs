//! When a run is worse than those before it: one rule a figure, each a pure function of numbers.
//!
//! The rules are told in `docs/runs.md`. They are made for two mistakes: an alarm for what chance explains, and silence because
//! a change is significant only in the statistician's sense.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One-sided 1% of the normal distribution.
const Z: f64 = 2.326_348;
/// Points that the success rate must have lost.
const POINTS: f64 = 0.5;
/// How many times the median of the earlier ones p95 must be.
const P95_TIMES: f64 = 1.2;
/// Milliseconds that p95 must have gained on it.
const P95_MORE_MS: f64 = 50.0;

/// What became worse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegressionKind {
    /// The verdict: failed after a run that passed.
    Verdict,
    /// More unknown outcomes than in the run before.
    Unknown,
    /// The success rate, against all earlier runs together.
    SuccessRate,
    /// The 95th percentile of the service time, against the median of the earlier runs.
    LatencyP95,
}

impl RegressionKind {
    /// As in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Unknown => "unknown",
            Self::SuccessRate => "success_rate",
            Self::LatencyP95 => "latency_p95",
        }
    }
}

/// Something that is worse than before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Regression {
    /// What.
    pub kind: RegressionKind,
    /// Its value in this run: percent, milliseconds or a count; null for the verdict.
    pub value: Option<f64>,
    /// What it is measured against.
    pub base: Option<f64>,
    /// The same in words.
    pub words: String,
}

/// What the rules look at.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Point {
    /// succeeded + accepted.
    pub(super) successes: u64,
    pub(super) attempted: u64,
    pub(super) unknown: u64,
    /// Milliseconds.
    pub(super) p95: Option<f64>,
    pub(super) passed: bool,
}

/// What is worse in `now` than in the complete runs before it, oldest first. Nothing without any.
pub(super) fn regressions(earlier: &[Point], now: &Point) -> Vec<Regression> {
    let Some(before) = earlier.last() else { return Vec::new() };
    [verdict(before, now), unknown(before, now), success_rate(earlier, now), p95(earlier, now)]
        .into_iter()
        .flatten()
        .collect()
}

fn verdict(before: &Point, now: &Point) -> Option<Regression> {
    let words = "failed; the run before passed".to_owned();
    (before.passed && !now.passed).then_some(Regression {
        kind: RegressionKind::Verdict,
        value: None,
        base: None,
        words,
    })
}

fn unknown(before: &Point, now: &Point) -> Option<Regression> {
    let words = format!("{} unknown; the run before had {}", now.unknown, before.unknown);
    let (value, base) = (Some(float(now.unknown)), Some(float(before.unknown)));
    (now.unknown > before.unknown).then_some(Regression { kind: RegressionKind::Unknown, value, base, words })
}

fn success_rate(earlier: &[Point], now: &Point) -> Option<Regression> {
    let sum = |of: fn(&Point) -> u64| earlier.iter().map(of).sum::<u64>();
    let (successes, attempted) = (sum(|point| point.successes), sum(|point| point.attempted));
    let base = share(successes, attempted)? * 100.0;
    let value = share(now.successes, now.attempted)? * 100.0;
    let worse = base - value >= POINTS && drops((successes, attempted), (now.successes, now.attempted));
    let words = format!("success rate {value:.2}%; {base:.2}% over the earlier runs");
    worse.then_some(Regression { kind: RegressionKind::SuccessRate, value: Some(value), base: Some(base), words })
}

/// Whether the second proportion is lower by more than chance explains: two proportions, pooled variance, one-sided at 1%.
/// With Yates's correction for continuity, because few jobs make a bold test otherwise.
fn drops((before, of_before): (u64, u64), (now, of_now): (u64, u64)) -> bool {
    let (Some(first), Some(second), Some(pooled)) =
        (share(before, of_before), share(now, of_now), share(before + now, of_before + of_now))
    else {
        return false;
    };
    let inverse = 1.0 / float(of_before) + 1.0 / float(of_now);
    let deviation = (pooled * (1.0 - pooled) * inverse).sqrt();
    first - second - inverse / 2.0 > Z * deviation
}

fn p95(earlier: &[Point], now: &Point) -> Option<Regression> {
    let value = now.p95?;
    let base = median(earlier.iter().filter_map(|point| point.p95).collect())?;
    let worse = value >= base * P95_TIMES && value >= base + P95_MORE_MS;
    let words = format!("p95 {value} ms; the median of the earlier runs is {base} ms");
    worse.then_some(Regression { kind: RegressionKind::LatencyP95, value: Some(value), base: Some(base), words })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| crate::report::number::three(f64::midpoint(*lower, upper)))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

fn float(count: u64) -> f64 {
    crate::report::number::float(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(successes: u64, attempted: u64) -> Point {
        Point { successes, attempted, unknown: 0, p95: Some(400.0), passed: true }
    }

    fn kinds(earlier: &[Point], now: Point) -> Vec<RegressionKind> {
        regressions(earlier, &now).into_iter().map(|regression| regression.kind).collect()
    }

    #[test]
    fn the_first_run_is_worse_than_nothing() {
        assert_eq!(kinds(&[], Point { unknown: 9, passed: false, ..point(0, 100) }), []);
    }

    #[test]
    fn a_success_rate_is_worse_only_beyond_chance_and_beyond_half_a_point() {
        let cases = [
            // One of ten is no news after 990 of 1000; five of ten are.
            ((990, 1_000), (9, 10), false),
            ((990, 1_000), (5, 10), true),
            // Two in a thousand may be chance.
            ((995, 1_000), (993, 1_000), false),
            ((995, 1_000), (975, 1_000), true),
            // Beyond all doubt, and too little to mention: 0.4 points.
            ((9_990_000, 10_000_000), (9_950_000, 10_000_000), false),
            ((9_990_000, 10_000_000), (9_930_000, 10_000_000), true),
            // Better, equal, without data.
            ((900, 1_000), (999, 1_000), false),
            ((1_000, 1_000), (1_000, 1_000), false),
            ((0, 0), (1, 2), false),
            ((1, 2), (0, 0), false),
            // Two small runs prove nothing.
            ((3, 3), (2, 3), false),
        ];
        for ((before, of_before), (now, of_now), worse) in cases {
            let found = kinds(&[point(before, of_before)], point(now, of_now));
            assert_eq!(found == [RegressionKind::SuccessRate], worse, "{before}/{of_before} then {now}/{of_now}");
        }
    }

    #[test]
    fn all_earlier_runs_together_are_the_base_of_the_success_rate() {
        let earlier: Vec<Point> = [10, 10, 10, 10, 10, 10, 10, 10, 10, 10].map(|n| point(n, 10)).to_vec();
        assert_eq!(kinds(&earlier[..1], point(7, 10)), []);
        assert_eq!(kinds(&earlier, point(7, 10)), [RegressionKind::SuccessRate]);
    }

    #[test]
    fn p95_is_worse_by_a_fifth_and_by_fifty_milliseconds() {
        let with = |p95| Point { p95: Some(p95), ..point(1, 1) };
        let earlier = [with(100.0), with(9_000.0), with(300.0)];
        for (p95, worse) in [(349.9, false), (360.0, true), (9_000.0, true), (10.0, false)] {
            assert_eq!(
                kinds(&earlier, with(p95)) == [RegressionKind::LatencyP95],
                worse,
                "{p95} after a median of 300"
            );
        }
        let fast = [with(10.0), with(20.0)];
        assert_eq!(kinds(&fast, with(64.0)), [], "four times as slow, and nobody hears 49 ms");
        assert_eq!(kinds(&fast, with(65.0)), [RegressionKind::LatencyP95]);
        assert_eq!(kinds(&[with(1_000.0)], with(1_199.0)), []);
        assert_eq!(kinds(&fast, Point { p95: None, ..point(1, 1) }), []);
        assert_eq!(kinds(&[Point { p95: None, ..point(1, 1) }], with(9_000.0)), []);
    }

    #[test]
    fn unknowns_and_verdict_are_measured_against_the_run_before() {
        let two = Point { unknown: 2, ..point(98, 100) };
        assert_eq!(kinds(&[point(100, 100), two], Point { unknown: 2, ..point(98, 100) }), []);
        assert_eq!(kinds(&[two, point(98, 100)], Point { unknown: 1, ..point(98, 100) }), [RegressionKind::Unknown]);
        let failed = Point { passed: false, ..point(98, 100) };
        assert_eq!(kinds(&[point(98, 100)], failed), [RegressionKind::Verdict]);
        assert_eq!(kinds(&[failed], failed), []);
    }
}
