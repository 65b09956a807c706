//! Quantities of a fault script that are written as text: `5ms`, `3%`, `first 2`; and mappings that must make sense.
//!
//! Each quantity is a type of its own, so that a slip is reported at its place with an example of what is accepted. A number
//! without its unit is an error, never a guess.

use std::{fmt, marker::PhantomData, time::Duration};

use crate::model::DurationSpec;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

/// A length of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
pub(super) struct Span(pub(super) Duration);

/// A part of the whole, from 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// The first so many requests of each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First(pub(super) u32);

/// A value read from text.
trait Written: Sized {
    /// What is accepted, to follow the word "expected".
    const EXPECTED: &'static str;

    /// The value, if the text is one.
    fn read(text: &str) -> Option<Self>;
}

impl Written for Span {
    const EXPECTED: &'static str = "a duration: whole numbers with ms, s, m or h, such as 5ms or 2m";

    fn read(text: &str) -> Option<Self> {
        let duration = text.parse::<DurationSpec>().ok()?.get();
        // A timer must be able to reach it: 2^32 ms are 49 days, longer than any rehearsal.
        u32::try_from(duration.as_millis()).is_ok().then_some(Self(duration))
    }
}

impl Written for Share {
    const EXPECTED: &'static str = "a percentage from 0% to 100%, such as 3% or 0.5%";

    fn read(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let percent = number.parse::<f64>().ok().filter(|_| plain)?;
        (percent <= 100.0).then_some(Self(percent / 100.0))
    }
}

impl Written for First {
    const EXPECTED: &'static str = "the word first and a whole number above zero, such as first 2";

    fn read(text: &str) -> Option<Self> {
        let count = text.strip_prefix("first ")?.parse().ok()?;
        (count > 0).then_some(Self(count))
    }
}

/// Hands the text of a scalar to `T`; anything else than text is an error that says what was expected.
struct Scalar<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(PhantomData))
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(PhantomData))
    }
}

/// Reads a mapping as `Raw`, then makes a `T` of it.
///
/// What serde's own `try_from` does, but the check runs while the mapping is being read: an error then has the place
/// of the mapping itself, not of the list around it.
pub(super) fn checked<'de, Raw, T, D>(deserializer: D) -> Result<T, D::Error>
where
    Raw: Deserialize<'de>,
    T: TryFrom<Raw, Error = &'static str>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(Mapping(PhantomData::<(Raw, T)>))
}

struct Mapping<Raw, T>(PhantomData<(Raw, T)>);

impl<'de, Raw, T> Visitor<'de> for Mapping<Raw, T>
where
    Raw: Deserialize<'de>,
    T: TryFrom<Raw, Error = &'static str>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let raw = Raw::deserialize(MapAccessDeserializer::new(map))?;
        T::try_from(raw).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_whole_number_and_a_known_unit() {
        let millis = |text| Span::read(text).map(|span| span.0.as_millis());
        assert_eq!(millis("5ms"), Some(5));
        assert_eq!(millis("1s"), Some(1_000));
        assert_eq!(millis("2m"), Some(120_000));
        assert_eq!(millis("1h"), Some(3_600_000));
        for wrong in ["", "5", "ms", "1.5s", "-1s", "5 ms", "5 parsecs", "99999999h"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn percentages_end_at_a_hundred() {
        assert_eq!(Share::read("0.5%"), Some(Share(0.005)));
        assert_eq!(Share::read("100%"), Some(Share(1.0)));
        for wrong in ["3", "101%", "-1%", "nan%", "inf%", "%", "1e1%"] {
            assert_eq!(Share::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn counts_say_first_and_start_at_one() {
        assert_eq!(First::read("first 2"), Some(First(2)));
        for wrong in ["2", "first", "first 0", "first -1", "last 2"] {
            assert_eq!(First::read(wrong), None, "{wrong}");
        }
    }
}
