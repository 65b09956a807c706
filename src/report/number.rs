//! How numbers are written and rounded. One place, so that no two outputs show the same figure differently.
//!
//! Times are milliseconds and exact: a recorded latency has at most three decimals and all of them are shown.

use crate::model::{Criterion, Latency, Unit};
use std::time::Duration;

/// What stands where there is no value.
pub(super) const NO_DATA: &str = "no data";

/// A count as a double, for ratios and drawing.
#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Rounded to three decimals: means, rates and durations.
pub(super) fn three(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// part / whole in percent, two decimals; `None` without a whole. All but all is never 100, next to nothing never 0.
pub(super) fn percent(part: u64, whole: u64) -> Option<f64> {
    if whole == 0 {
        return None;
    }
    let rounded = (float(part) * 10_000.0 / float(whole)).round() / 100.0;
    Some(match part {
        0 => 0.0,
        _ if part == whole => 100.0,
        _ => rounded.clamp(0.01, 99.99),
    })
}

/// A duration in milliseconds with microseconds as decimals.
pub(super) fn millis(duration: Duration) -> f64 {
    three(duration.as_secs_f64() * 1000.0)
}

/// `1,204`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1,204.5`: a number as it is, its whole part in groups of three.
pub(super) fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    rest.map_or_else(|| whole.clone(), |rest| format!("{whole}.{rest}"))
}

/// `5.1`: milliseconds, exact.
pub(super) fn ms(latency: Latency) -> String {
    latency.millis().to_string()
}

/// `48.212 s`, `12 min 03 s`, `2 h 05 min`: for the eye. The exact value is `duration_ms` of summary.json.
pub fn span(millis: f64) -> String {
    let seconds = millis / 1000.0;
    if seconds < 60.0 {
        return format!("{} s", three(seconds));
    }
    let minutes = (seconds / 60.0).floor();
    if minutes < 60.0 {
        return format!("{minutes} min {:02} s", (seconds - minutes * 60.0).floor());
    }
    format!("{} h {:02} min", (minutes / 60.0).floor(), minutes % 60.0)
}

/// A criterion's value in the unit of its metric, exactly as recorded.
pub(super) fn criterion_value(criterion: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return NO_DATA.to_owned() };
    match criterion.parse::<Criterion>().map(|criterion| criterion.metric().unit()) {
        Ok(Unit::Percent) => format!("{value}%"),
        Ok(Unit::Millis) => format!("{value} ms"),
        Ok(Unit::PerSecond) => format!("{value}/s"),
        Ok(Unit::Count) | Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_and_rounding_never_hides_a_failure() {
        assert_eq!([count(7), count(1204), count(1_000_000)], ["7", "1,204", "1,000,000"]);
        assert_eq!([grouped("30000.5"), grouped("7"), grouped("0.25")], ["30,000.5", "7", "0.25"]);
        assert_eq!(percent(999_999, 1_000_000), Some(99.99));
        assert_eq!(percent(1, 1_000_000), Some(0.01));
        assert_eq!(
            [percent(2, 3), percent(3, 3), percent(0, 3), percent(0, 0)],
            [Some(66.67), Some(100.0), Some(0.0), None]
        );
        assert_eq!([span(48_212.0), span(723_400.0), span(7_500_000.0)], ["48.212 s", "12 min 03 s", "2 h 05 min"]);
        assert_eq!(criterion_value("latency.p95 <= 2s", Some(1999.5)), "1999.5 ms");
        assert_eq!(criterion_value("success_rate >= 98%", Some(98.748_333)), "98.748333%");
        assert_eq!(criterion_value("unknown == 0", None), NO_DATA);
    }
}
