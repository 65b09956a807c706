//! Rate, burst and ramp-up by the clock of the test.

use super::{Feel, Pace};
use crate::model::{DurationSpec, Limits};
use std::time::Duration;
use tokio::time::Instant;

fn limits(rate: &str, burst: u32, ramp_up: u64) -> Limits {
    let rate = Some(rate.parse().unwrap_or_else(|error| panic!("{error}")));
    let ramp_up = DurationSpec::from(Duration::from_secs(ramp_up));
    Limits { concurrency: 100, rate, burst, ramp_up, ..Limits::default() }
}

/// Starts as soon as the pace lets them, for so long; gives when each was, in seconds.
fn starts(pace: &mut Pace, time: Duration) -> Vec<f64> {
    let began = Instant::now();
    let mut now = began;
    let mut starts = Vec::new();
    while now < began + time {
        if let Some(next) = pace.gate(now) {
            assert!(next > now, "a gate in the past would keep the loop busy");
            now = next;
        } else {
            pace.started(now);
            starts.push(now.duration_since(began).as_secs_f64());
        }
    }
    starts
}

#[test]
fn no_span_of_time_has_more_starts_than_burst_and_rate_allow() {
    for (rate, per_second, burst) in [("25/s", 25.0, 1), ("25/s", 25.0, 10), ("90/m", 1.5, 1), ("900/s", 900.0, 3)] {
        let mut pace = Pace::new(&limits(rate, burst, 0));
        let starts = starts(&mut pace, Duration::from_secs(10));
        let expected = per_second * 10.0;
        let count = |starts: usize| u32::try_from(starts).map_or(f64::MAX, f64::from);
        assert!(
            (expected..=expected + f64::from(burst) + 5.0).contains(&count(starts.len())),
            "{rate}: {}",
            starts.len()
        );
        for (first, from) in starts.iter().enumerate() {
            for (last, to) in starts.iter().enumerate().skip(first) {
                let most = f64::from(burst) + per_second * (to - from) + per_second * 0.005 + 1e-6;
                assert!(count(last - first + 1) <= most, "{rate}: {} starts in {} s", last - first + 1, to - from);
            }
        }
    }
}

#[test]
fn ramp_up_begins_low_and_ends_at_the_full_pace() {
    let mut pace = Pace::new(&limits("100/s", 1, 10));
    let starts = starts(&mut pace, Duration::from_secs(20));
    let within = |from: f64, to: f64| starts.iter().filter(|at| (from..to).contains(*at)).count();
    // The rate grows in a straight line: 5 starts in the first second, 95 in the last one of the ramp.
    assert!((2..=10).contains(&within(0.0, 1.0)), "{}", within(0.0, 1.0));
    assert!((40..=60).contains(&within(4.5, 5.5)), "{}", within(4.5, 5.5));
    assert!((98..=102).contains(&within(15.0, 16.0)), "{}", within(15.0, 16.0));

    let mut pace = Pace::new(&limits("100/s", 1, 10));
    let began = Instant::now();
    assert_eq!(pace.places(began), 2);
    pace.started(began);
    let at = |seconds| began + Duration::from_secs(seconds);
    assert_eq!((pace.places(at(5)), pace.places(at(10)), pace.places(at(60))), (50, 100, 100));
}

#[test]
fn one_wish_to_slow_down_counts_once_for_all_that_were_on_the_way() {
    let mut pace = Pace::new(&Limits { concurrency: 100, adaptive: true, ..Limits::default() });
    let began = Instant::now();
    let at = |millis| began + Duration::from_millis(millis);
    for start in 0..100 {
        assert_eq!(pace.gate(at(start * 10)), None, "the first second has as many starts as there are places");
        pace.started(at(start * 10));
    }
    let lowered = pace.answered(at(990), at(1000), Feel::Throttled).unwrap_or_default();
    assert!((80.0..100.0).contains(&lowered), "a little less than the 100/s that were too many: {lowered}");
    assert_eq!(pace.answered(at(995), at(1001), Feel::Throttled), None);
    let again = pace.answered(at(1005), at(1050), Feel::Throttled).unwrap_or_default();
    assert!(again < lowered * 0.8, "the first step was not enough: {again}");
}
