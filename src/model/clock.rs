//! The run's clock: wall time read once, then advanced by the monotonic clock.
//!
//! A step of the machine's clock in mid run therefore never makes a duration negative or a record go back in time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, Instant};

/// A moment in UTC with microseconds: `2026-11-22T08:01:02.123456Z` (RFC 3339).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The wall clock, cut to microseconds.
    pub fn now() -> Self {
        Self::cut(jiff::Timestamp::now())
    }

    /// Reads RFC 3339: date, `T`, time, and an offset or `Z`. Nothing looser, so that no zone is guessed.
    pub fn parse(text: &str) -> Option<Self> {
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
        let fraction = rest.strip_prefix('.').map(|rest| rest.trim_start_matches('0'));
        let offset = match fraction {
            Some(offset) if rest.starts_with(".0") => offset,
            Some(_) => return None,
            None => rest,
        };
        matches!(offset, "Z" | "+00:00" | "-00:00").then(|| text.parse().ok().map(Self::cut)).flatten()
    }

    /// This moment plus `elapsed`; past the year 9999 it stays where it is.
    #[must_use]
    pub fn plus(self, elapsed: Duration) -> Self {
        jiff::SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.0.checked_add(elapsed).ok())
            .map_or(self, Self::cut)
    }

    /// This moment less `time`; before the year -9999 it stays where it is.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        jiff::SignedDuration::try_from(time).ok().and_then(|time| self.0.checked_sub(time).ok()).map_or(self, Self::cut)
    }

    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.duration_since(earlier.0).try_into().unwrap_or_default()
    }

    /// `20261122T080102Z`: sorts by time and is safe in a file name.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The moment, for calendars.
    pub(super) fn instant(self) -> jiff::Timestamp {
        self.0
    }

    /// A calendar's moment.
    pub(super) fn from_instant(moment: jiff::Timestamp) -> Self {
        Self::cut(moment)
    }

    fn cut(moment: jiff::Timestamp) -> Self {
        // `as_microsecond` leaves the rest out, towards 1970.
        Self(jiff::Timestamp::from_microsecond(moment.as_microsecond()).unwrap_or(moment))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(Self)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"
        })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// Gives timestamps that never go back during a run.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    wall: Timestamp,
    monotonic: Instant,
}

impl RunClock {
    /// Starts the clock at the machine's wall time.
    pub fn start() -> Self {
        Self { wall: Timestamp::now(), monotonic: Instant::now() }
    }

    /// The same, and not before this moment: a clock that was put back must not put the records back.
    #[must_use]
    pub fn not_before(mut self, moment: Timestamp) -> Self {
        self.wall = self.wall.max(moment);
        self
    }

    /// Wall time at the start plus what the monotonic clock has counted since.
    pub fn now(&self) -> Timestamp {
        self.wall.plus(self.monotonic.elapsed())
    }
}
