//! Quantities that people write: durations (`2s`, `1h30m`) and rates (`25/s`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text that is not the quantity it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct QuantityError {
    text: String,
    wanted: &'static str,
}

/// A duration as written: whole numbers with `ms`, `s`, `m`, `h` or `d`, largest first (`1h30m`). At most 10 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DurationSpec(Duration);

impl DurationSpec {
    /// The pattern that the JSON Schema gives for a duration.
    pub const PATTERN: &'static str = "^([0-9]{1,9}(ms|s|m|h|d))+$";
    const MAX: Duration = Duration::from_hours(10 * 365 * 24);
    /// Unit and its length in milliseconds, largest first.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for DurationSpec {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for DurationSpec {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError { text: text.to_owned(), wanted: "a duration such as 250ms, 30s, 5m or 1h30m" };
        let long = || QuantityError { text: text.to_owned(), wanted: "a duration of at most 10 years" };
        let mut millis = 0u64;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| error())?;
            let (_, length) = Self::UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
            millis = number.checked_mul(length).and_then(|part| millis.checked_add(part)).ok_or_else(long)?;
            rest = tail;
        }
        let duration = Duration::from_millis(millis);
        if text.is_empty() {
            return Err(error());
        }
        if duration > Self::MAX { Err(long()) } else { Ok(Self(duration)) }
    }
}

impl fmt::Display for DurationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, length) in Self::UNITS {
            let count = millis / length;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                millis %= length;
            }
        }
        Ok(())
    }
}

/// A rate as written: `25/s`, `90/m`, `1000/h`. Above zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    count: f64,
    per: char,
}

impl Rate {
    /// The pattern that the JSON Schema gives for a rate.
    pub const PATTERN: &'static str = "^[0-9]{1,9}(\\.[0-9]{1,6})?/(s|m|h)$";

    /// Requests per second.
    pub fn per_second(self) -> f64 {
        match self.per {
            'h' => self.count / 3600.0,
            'm' => self.count / 60.0,
            _ => self.count,
        }
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error =
            || QuantityError { text: text.to_owned(), wanted: "a rate above zero such as 25/s, 90/m or 1000/h" };
        let (count, per) = text.split_once('/').ok_or_else(error)?;
        let plain = !count.is_empty() && count.len() <= 16 && count.chars().all(|c| c.is_ascii_digit() || c == '.');
        let count: f64 = count.parse().map_err(|_| error())?;
        match per {
            "s" | "m" | "h" if plain && count > 0.0 => Ok(Self { count, per: per.chars().next().unwrap_or('s') }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_read_what_people_write_and_refuse_the_rest() {
        for (text, millis) in [("250ms", 250), ("2s", 2000), ("1h30m", 5_400_000), ("0s", 0), ("90m", 5_400_000)] {
            assert_eq!(text.parse::<DurationSpec>().map(|d| d.get().as_millis()), Ok(millis), "{text}");
        }
        for text in ["", "2", "s", "2 s", "-2s", "2S", "1.5s", "99999999999999999999s", "999999999d"] {
            assert!(text.parse::<DurationSpec>().is_err(), "{text}");
        }
        assert_eq!("90m".parse::<DurationSpec>().map(|d| d.to_string()), Ok("1h30m".to_owned()));
        assert_eq!("90/m".parse::<Rate>().map(Rate::per_second), Ok(1.5));
        for text in ["0/s", "/s", "5", "5/d", "inf/s", "-1/s", "1e3/s", ""] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
