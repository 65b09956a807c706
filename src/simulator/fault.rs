//! Which fault meets a request, and how long its answer takes.
//!
//! Pure functions of the script, the call id and the number of the request of that call. No state, no clock: the same
//! request of the same call meets the same fault in every run.

use std::{f64::consts::TAU, time::Duration};

use hyper::StatusCode;

use super::{
    rule::{Fault, Moment, Rule},
    script::{LatencySpec, Script},
};

/// Keeps the draws of latencies apart from those of the rules, which use their index.
const LATENCY_STREAM: u64 = u64::MAX;

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// The fault of the first rule that matches the `request`-th request (from 1) of a call.
pub(super) fn pick<'a>(script: &'a Script, call_id: &str, request: u32) -> Option<&'a Fault> {
    let matches = |index: u64, rule: &Rule| {
        rule.requests.is_none_or(|first| request <= first.0)
            && rule.calls.as_ref().is_none_or(|calls| calls.contains(call_id))
            && rule.share.is_none_or(|share| draw(script.seed, index, call_id, 0).f64() < share.0)
    };
    (0..).zip(&script.faults).find(|(index, rule)| matches(*index, rule)).map(|(_, rule)| &rule.fault)
}

/// The latency of the `request`-th request of a call: log-normal, but never under the script's floor.
pub(super) fn latency(script: &Script, call_id: &str, request: u32) -> Duration {
    let LatencySpec { min, median, p99 } = script.latency;
    if median == p99 {
        return median;
    }
    let mut random = draw(script.seed, LATENCY_STREAM, call_id, request);
    // Box-Muller; 1 - x keeps the logarithm off zero.
    let normal = (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (TAU * random.f64()).cos();
    let sigma = p99.div_duration_f64(median).ln() / Z99;
    median.mul_f64((sigma * normal).exp()).max(min)
}

/// The name of a fault in the ledger and in the statistics.
pub(super) fn name(fault: &Fault) -> String {
    let side = |moment: Moment| match moment {
        Moment::BeforeEffect => "before_effect",
        Moment::AfterEffect => "after_effect",
    };
    match fault {
        Fault::Answer { status, effect: false, .. } => format!("answer_{}", StatusCode::as_u16(status)),
        Fault::Answer { status, effect: true, .. } => format!("answer_{}_after_effect", StatusCode::as_u16(status)),
        Fault::Reset(moment) => format!("reset_{}", side(*moment)),
        Fault::Hang(moment) => format!("hang_{}", side(*moment)),
        Fault::Delay(_) => "delay".to_owned(),
    }
}

/// A random source for one decision about one call.
fn draw(seed: u64, stream: u64, call_id: &str, request: u32) -> fastrand::Rng {
    // FNV-1a, because the standard library's hasher may change between releases. The generator does the mixing.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    add(&seed.to_le_bytes());
    add(&stream.to_le_bytes());
    add(&request.to_le_bytes());
    add(call_id.as_bytes());
    fastrand::Rng::with_seed(hash)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn picked(yaml: &str, calls: u32) -> Vec<u32> {
        let script = Script::parse(yaml).unwrap();
        (0..calls).filter(|n| pick(&script, &format!("call-{n}"), 1).is_some()).collect()
    }

    #[test]
    fn a_share_picks_about_that_many_calls_and_always_the_same() {
        let yaml = "{seed: 7, faults: [{share: 3%, delay: 1s}]}";
        let calls = picked(yaml, 10_000);
        assert!((240..=360).contains(&calls.len()), "{}", calls.len());
        assert_eq!(calls, picked(yaml, 10_000));
        assert_ne!(calls, picked("{seed: 8, faults: [{share: 3%, delay: 1s}]}", 10_000));
        assert_eq!(picked("{faults: [{share: 0%, delay: 1s}]}", 1_000).len(), 0);
        assert_eq!(picked("{faults: [{share: 100%, delay: 1s}]}", 1_000).len(), 1_000);
    }

    #[test]
    fn equal_shares_of_two_rules_pick_different_calls() {
        let script = Script::parse("{faults: [{share: 10%, delay: 1s}, {share: 10%, delay: 2s}]}").unwrap();
        let second = (0..10_000)
            .filter(|n| pick(&script, &format!("call-{n}"), 1) == Some(&Fault::Delay(Duration::from_secs(2))))
            .count();
        assert!((750..=1050).contains(&second), "{second}");
    }

    #[test]
    fn the_first_matching_rule_applies_and_counts_requests_by_call() {
        let script = Script::parse(
            "faults:\n- {calls: [a], requests: first 2, delay: 1s}\n- {calls: [a, b], requests: first 3, delay: 2s}",
        )
        .unwrap();
        let seconds = |call, request| match pick(&script, call, request) {
            Some(Fault::Delay(delay)) => delay.as_secs(),
            _ => 0,
        };
        assert_eq!([1, 2, 3, 4].map(|request| seconds("a", request)), [1, 1, 2, 0]);
        assert_eq!([1, 3, 4].map(|request| seconds("b", request)), [2, 2, 0]);
        assert_eq!(seconds("c", 1), 0);
    }

    #[test]
    fn latencies_have_the_floor_the_median_and_the_tail_of_the_script() {
        let script = Script::parse("latency: {min: 15ms, median: 20ms, p99: 120ms}").unwrap();
        let mut drawn: Vec<_> =
            (0..10_000).map(|n| latency(&script, &format!("call-{}", n / 2), 1 + n % 2).as_millis()).collect();
        assert_eq!(latency(&script, "call-3", 2).as_millis(), drawn[7]);
        drawn.sort_unstable();
        assert_eq!(drawn[0], 15);
        assert!((19..=21).contains(&drawn[5_000]), "{}", drawn[5_000]);
        assert!((100..=145).contains(&drawn[9_900]), "{}", drawn[9_900]);
    }

    #[test]
    fn a_script_without_a_spread_has_one_latency() {
        assert_eq!(latency(&Script::default(), "a", 1), Duration::ZERO);
        let fixed = Script::parse("latency: {median: 20ms}").unwrap();
        assert_eq!(latency(&fixed, "a", 1), Duration::from_millis(20));
    }
}
