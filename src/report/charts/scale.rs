//! Round numbers: axis steps, latency buckets, time buckets. Pure functions of the data.

use crate::report::number::{count, float};

/// An axis from zero to a round number above the largest value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    step: f64,
    steps: u8,
}

/// Steps that an axis has at most.
const AXIS_STEPS: u8 = 4;

impl Ticks {
    /// An axis on which `max` fits.
    pub(super) fn up_to(max: f64) -> Self {
        let step = round_up((max / f64::from(AXIS_STEPS)).max(1e-3));
        let steps = (1..=AXIS_STEPS).find(|steps| step * f64::from(*steps) >= max).unwrap_or(AXIS_STEPS);
        Self { step, steps }
    }

    /// An axis of whole numbers.
    pub(super) fn whole(max: u64) -> Self {
        let step = round_up((float(max) / f64::from(AXIS_STEPS)).max(1.0));
        let steps = (1..=AXIS_STEPS).find(|steps| step * f64::from(*steps) >= float(max)).unwrap_or(AXIS_STEPS);
        Self { step, steps }
    }

    /// A value's height.
    pub(super) fn at(&self, value: f64) -> f64 {
        value / (self.step * f64::from(self.steps))
    }

    /// Each number of the axis with its height.
    pub(super) fn values(&self) -> impl Iterator<Item = (String, f64)> {
        (0..=self.steps).map(|step| (plain(self.step * f64::from(step)), f64::from(step) / f64::from(self.steps)))
    }
}

/// The next of 1, 2, 5, 10, 20, 50, ... from `value` on.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powi(exponent(value));
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(10.0 * power)
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a double fits into ten bits")]
fn exponent(value: f64) -> i32 {
    value.log10().floor() as i32
}

/// `1,200`, `0.25`: an axis number without the dust of binary fractions.
fn plain(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "axis numbers are small and positive")]
    if rounded.fract() == 0.0 { count(rounded as u64) } else { rounded.to_string() }
}

/// Buckets that a histogram has at most: more are too thin to point at.
const MAX_BUCKETS: usize = 40;

/// Leading digits of logarithmic bucket edges, coarse to fine, times 100 (preferred numbers, IEC 60063, rounded).
const SERIES: [&[u64]; 4] = [
    &[100, 200, 500],
    &[100, 150, 200, 300, 500, 700],
    &[100, 120, 150, 180, 220, 270, 330, 390, 470, 560, 680, 820],
    &[
        100, 110, 120, 130, 150, 160, 180, 200, 220, 240, 270, 300, 330, 360, 390, 430, 470, 510, 560, 620, 680, 750,
        820, 910,
    ],
];

/// Edges of latency buckets in microseconds: the first is at most `min`, the last above `max`. Logarithmic over a
/// wide range, even steps over a narrow one.
pub(super) fn edges(min: u64, max: u64) -> Vec<u64> {
    if max < min.saturating_mul(3) {
        return even(min, max);
    }
    let fits = SERIES.iter().rev().map(|digits| logarithmic(digits, min, max)).find(|edges| edges.len() <= MAX_BUCKETS);
    fits.unwrap_or_else(|| even(min, max))
}

fn even(min: u64, max: u64) -> Vec<u64> {
    let wanted = (max - min).div_ceil(30).max(1);
    let steps = (0..18).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let step = steps.into_iter().find(|step| *step >= wanted).unwrap_or(wanted);
    let first = min / step;
    (first..=max / step + 1).map(|edge| edge.saturating_mul(step)).collect()
}

fn logarithmic(digits: &[u64], min: u64, max: u64) -> Vec<u64> {
    let mut all: Vec<u64> = vec![0];
    all.extend((0..16).flat_map(|power| digits.iter().map(move |digit| digit * 10u64.pow(power) / 100)));
    all.sort_unstable();
    all.dedup();
    let first = all.partition_point(|edge| *edge <= min).saturating_sub(1);
    let end = all.partition_point(|edge| *edge <= max);
    all.get(first..=end.min(all.len() - 1)).map(<[u64]>::to_vec).unwrap_or_default()
}

/// Widths of time buckets in milliseconds that people count in.
const WIDTHS: [u64; 31] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_200_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
];

/// Time buckets of a drawing at most.
const MAX_TIMES: u64 = 60;

/// The width of a time bucket in milliseconds, so that `span_ms` takes at most [`MAX_TIMES`].
pub(super) fn bucket_width(span_ms: u64) -> u64 {
    let wanted = (span_ms + 1).div_ceil(MAX_TIMES);
    WIDTHS.into_iter().find(|width| *width >= wanted).unwrap_or(wanted)
}

/// `250 ms`, `30 s`, `5 min`, `2 h`, `3 d`, `1:30 min`: a time after the start.
pub(super) fn moment(ms: u64) -> String {
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0 => "0".to_owned(),
        _ if ms < 1_000 => format!("{ms} ms"),
        _ if !ms.is_multiple_of(1_000) => format!("{} s", float(ms) / 1000.0),
        _ if ms < 120_000 => format!("{s} s"),
        _ if ms < 7_200_000 && s.is_multiple_of(60) => format!("{min} min"),
        _ if ms < 7_200_000 => format!("{min}:{:02} min", s % 60),
        _ if h < 48 && min.is_multiple_of(60) => format!("{h} h"),
        _ if h < 48 => format!("{h}:{:02} h", min % 60),
        _ => format!("{} d", (float(h) / 2.4).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_every_value_and_are_few() {
        for (min, max) in
            [(0, 0), (0, 1), (5, 5), (0, 30_000_000), (5_100, 5_400), (5_100, 812_000), (1, 100_000_000_000)]
        {
            let edges = edges(min, max);
            assert!(edges.len() >= 2 && edges.len() <= MAX_BUCKETS, "{min}..{max}: {edges:?}");
            assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{edges:?}");
            assert!(edges[0] <= min && max < edges[edges.len() - 1], "{min}..{max}: {edges:?}");
        }
    }

    #[test]
    fn axes_and_time_buckets_are_round_and_large_enough() {
        for max in [0.0, 0.02, 0.7, 1.0, 3.0, 99.0, 24_900.0] {
            assert!(Ticks::up_to(max).at(max) <= 1.0, "{max}");
        }
        let words: Vec<String> = Ticks::whole(3).values().map(|(value, _)| value).collect();
        assert_eq!(words, ["0", "1", "2", "3"]);
        for span in [0, 1, 59, 60, 61, 48_212, 3_600_000, 864_000_000, 100_000_000_000] {
            assert!(span / bucket_width(span) < MAX_TIMES, "{span}");
        }
        assert_eq!(
            [moment(1_500), moment(90_000), moment(150_000), moment(7_200_000)],
            ["1.5 s", "90 s", "2:30 min", "2 h"]
        );
    }
}
