//! Whether a job is tried again, and when: a pure decision. The random source is passed in, sleeping happens elsewhere.

use crate::model::RetryPolicy;
use crate::profile::WaitUnit;
use std::time::{Duration, SystemTime};

/// Part of Retry-After that is added at random, so that a pause does not end in a burst.
const SPREAD: f64 = 0.1;

/// The back-off before attempt `next` (2 is the first retry): full jitter between `min_wait` and a ceiling that
/// doubles with each attempt up to `max_wait` (AWS Architecture Blog, "Exponential Backoff And Jitter").
pub(super) fn back_off(policy: &RetryPolicy, next: u32, rng: &mut fastrand::Rng) -> Duration {
    let (min, max) = (policy.min_wait.get(), policy.max_wait.get());
    let doubled = min.saturating_mul(1u32.checked_shl(next.saturating_sub(1)).unwrap_or(u32::MAX));
    let ceiling = doubled.clamp(min, max);
    min + ceiling.saturating_sub(min).mul_f64(rng.f64())
}

/// How long a whole run pauses for a Retry-After.
pub(super) fn pause(policy: &RetryPolicy, retry_after: Duration) -> Duration {
    retry_after.min(policy.max_retry_after.get())
}

/// The pause and a little more, for one job.
pub(super) fn spread(pause: Duration, rng: &mut fastrand::Rng) -> Duration {
    pause + pause.mul_f64(SPREAD * rng.f64())
}

/// Retry-After in seconds or as an HTTP-date (RFC 9110 section 10.2.3). A date is compared with the answer's own `Date`,
/// so that a wrong clock on either side does no harm.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now(date)).unwrap_or_default())
}

/// The wait of another header than Retry-After. A point in time is compared with the answer's own `Date`.
pub(super) fn wait(value: &str, unit: WaitUnit, date: Option<&str>) -> Option<Duration> {
    let number: f64 = value.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    match unit {
        WaitUnit::Seconds => Duration::try_from_secs_f64(number).ok(),
        WaitUnit::Milliseconds => Duration::try_from_secs_f64(number / 1000.0).ok(),
        WaitUnit::UnixTime => {
            let until = SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(number).ok()?)?;
            Some(until.duration_since(now(date)).unwrap_or_default())
        }
    }
}

/// What the answer takes for now, or this machine.
fn now(date: Option<&str>) -> SystemTime {
    date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DurationSpec, Share};

    fn policy() -> RetryPolicy {
        let seconds = |n| DurationSpec::from(Duration::from_secs(n));
        let (min_wait, max_wait, max_retry_after) = (seconds(2), seconds(10), seconds(60));
        RetryPolicy { max_attempts: 4, min_wait, max_wait, max_retry_after, budget: Share::Percent(100.0) }
    }

    #[test]
    fn back_off_stays_within_its_bounds_and_fills_them() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (next, ceiling) in [(2, 4.0), (3, 8.0), (4, 10.0), (40, 10.0)] {
            let waits: Vec<f64> = (0..2000).map(|_| back_off(&policy(), next, &mut rng).as_secs_f64()).collect();
            assert!(waits.iter().all(|wait| (2.0..=ceiling).contains(wait)), "attempt {next}");
            let mean = waits.iter().sum::<f64>() / 2000.0;
            assert!((mean - f64::midpoint(2.0, ceiling)).abs() < 0.3, "attempt {next}: mean {mean}");
        }
    }

    #[test]
    fn retry_after_reads_seconds_and_dates_and_nothing_else() {
        assert_eq!(retry_after("1", None), Some(Duration::from_secs(1)));
        assert_eq!(retry_after(" 120 ", None), Some(Duration::from_secs(120)));
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", date), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Sunday, 06-Nov-94 08:49:40 GMT", date), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(Duration::ZERO));
        for bad in ["", "-1", "1.5", "soon", "1s"] {
            assert_eq!(retry_after(bad, None), None, "{bad}");
        }
        assert_eq!(pause(&policy(), Duration::from_secs(3600)), Duration::from_secs(60));
    }

    #[test]
    fn other_headers_are_read_in_their_unit_and_nothing_else() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait("12", WaitUnit::Seconds, date), Some(Duration::from_secs(12)));
        assert_eq!(wait(" 0.5 ", WaitUnit::Seconds, date), Some(Duration::from_millis(500)));
        assert_eq!(wait("1500", WaitUnit::Milliseconds, date), Some(Duration::from_millis(1500)));
        assert_eq!(wait("784111780", WaitUnit::UnixTime, date), Some(Duration::from_secs(3)));
        assert_eq!(wait("784111700", WaitUnit::UnixTime, date), Some(Duration::ZERO));
        for bad in ["", "soon", "-1", "inf", "nan", "1e400", "1e30"] {
            assert_eq!(wait(bad, WaitUnit::Seconds, date), None, "{bad}");
        }
    }
}
