//! Latencies with eleven significant bits, recorded so that every figure of a report can be recounted exactly.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// Significant bits that are kept: one part in 2,048, a histogram of three significant digits.
const SIGNIFICANT_BITS: u32 = 11;

/// A service or queue time in microseconds, rounded to eleven significant bits (at most 0.05% off).
///
/// A histogram with three significant digits holds such values without loss. The percentile that it gives is
/// therefore exactly the nearest-rank percentile of the values in the audit file, and anyone can recount it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Latency(u64);

impl Latency {
    /// Rounds a measured time.
    pub fn measured(time: Duration) -> Self {
        Self::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX >> 1))
    }

    /// Rounds a number of microseconds.
    pub fn from_micros(micros: u64) -> Self {
        let bits = u64::BITS - micros.leading_zeros();
        let shift = bits.saturating_sub(SIGNIFICANT_BITS);
        let half = (1u64 << shift) >> 1;
        let rounded = (micros.saturating_add(half) >> shift) << shift;
        Self(rounded)
    }

    /// Microseconds.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// Milliseconds, with up to three decimals.
    #[expect(clippy::cast_precision_loss, reason = "eleven significant bits fit a double many times over")]
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.millis())
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)?;
        if !(0.0..=1e12).contains(&millis) {
            return Err(serde::de::Error::custom("a latency is a number of milliseconds, 0 or more"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked above")]
        Ok(Self((millis * 1000.0).round() as u64))
    }
}

impl schemars::JsonSchema for Latency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Latency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0})
    }
    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;

    #[test]
    fn rounding_keeps_eleven_bits_and_is_idempotent() {
        for micros in [0, 1, 2047, 2048, 2049, 52_831, 999_999, 4_095_999, u64::MAX >> 2] {
            let once = Latency::from_micros(micros);
            assert_eq!(once, Latency::from_micros(once.micros()), "{micros}");
            assert!(once.micros().abs_diff(micros) <= micros / 2048 + 1, "{micros} became {}", once.micros());
        }
        assert_eq!(Latency::from_micros(52_831).micros(), 52_832);
    }

    #[test]
    fn a_histogram_of_three_digits_gives_the_recorded_value_back() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let value = Latency::from_micros(rng.u64(1..10_000_000_000)).micros();
            let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap_or_else(|e| panic!("{e}"));
            histogram.record(value).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(histogram.lowest_equivalent(histogram.value_at_quantile(0.5)), value);
        }
    }
}
