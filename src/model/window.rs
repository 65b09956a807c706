//! The hours of the week in which jobs may begin, by the clock on a wall of some place.
//!
//! A moment lies in the window when the local date and time of that place do. Where clocks are put back an hour comes
//! twice, and both count alike; where they are put forward the hour that is left out never comes.

use super::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::{Disambiguation, TimeZone};
use std::fmt;
use std::str::FromStr;

/// Days of the week, as `mon-fri`, `sat`, or `mon,wed,fri-sun`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days([bool; 7]);

/// What is no list of days.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a list of days")]
pub struct DaysError(String);

impl Days {
    /// The pattern that the JSON Schema gives.
    pub const PATTERN: &'static str = "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?(, ?(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)*$";
    const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    /// Every day.
    pub const ALL: Self = Self([true; 7]);

    fn has(self, day: Weekday) -> bool {
        usize::try_from(day.to_monday_zero_offset()).ok().and_then(|day| self.0.get(day)).copied().unwrap_or_default()
    }
}

impl FromStr for Days {
    type Err = DaysError;

    fn from_str(text: &str) -> Result<Self, DaysError> {
        let error = || DaysError(text.to_owned());
        let day = |name: &str| Self::NAMES.iter().position(|known| *known == name).ok_or_else(error);
        let mut days = [false; 7];
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day(first)?, day(last)?);
            // `fri-mon` goes over the end of the week.
            let count = (last + 7 - first) % 7;
            (first..=first + count).for_each(|day| days[day % 7] = true);
        }
        Ok(Self(days))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("every day");
        }
        let days: Vec<&str> = Self::NAMES.iter().zip(self.0).filter_map(|(name, has)| has.then_some(*name)).collect();
        f.write_str(&days.join(","))
    }
}

/// A time of the day in minutes after midnight, 0 to 1,440 (`24:00`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DayTime(u16);

impl DayTime {
    /// The pattern that the JSON Schema gives.
    pub const PATTERN: &'static str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
    /// The first moment of a day.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of a day.
    pub const END: Self = Self(24 * 60);

    fn civil(self) -> Option<Time> {
        Time::new(i8::try_from(self.0 / 60).ok()?, i8::try_from(self.0 % 60).ok()?, 0, 0).ok()
    }
}

impl FromStr for DayTime {
    type Err = DaysError;

    fn from_str(text: &str) -> Result<Self, DaysError> {
        let error = || DaysError(text.to_owned());
        let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5).ok_or_else(error)?;
        let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| error())?, minutes.parse().map_err(|_| error())?);
        let time = Self(hours * 60 + minutes);
        if minutes < 60 && time <= Self::END { Ok(time) } else { Err(error()) }
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// What a run does outside its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutsideWindow {
    /// It ends; what is left is not attempted.
    #[default]
    Stop,
    /// It waits for the window to open.
    Wait,
}

impl OutsideWindow {
    /// The word in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Wait => "wait",
        }
    }
}

/// When jobs may begin.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    /// Days on which it opens.
    pub days: Days,
    /// When it opens.
    pub from: DayTime,
    /// When it closes: on the next day, when it is not later than `from`.
    pub to: DayTime,
    /// Where the clock hangs.
    pub zone: TimeZone,
    /// What a run does outside.
    pub outside: OutsideWindow,
}

impl Window {
    /// Whether jobs may begin at this moment.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at.instant());
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute())).unwrap_or_default();
        let time = DayTime(minute);
        if self.from < self.to {
            return self.days.has(local.weekday()) && self.from <= time && time < self.to;
        }
        // Over midnight the early hours belong to the day before.
        (self.days.has(local.weekday()) && self.from <= time)
            || (self.days.has(local.weekday().previous()) && time < self.to)
    }

    /// The first moment after `at` at which it is closed; `None`: it does not close within some weeks.
    pub fn closes_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.turns_after(at, self.to, false)
    }

    /// The first moment after `at` at which it is open; `None`: it does not open within some weeks.
    pub fn opens_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.turns_after(at, self.from, true)
    }

    /// A moment on the clock of the window's place.
    pub fn local(&self, at: Timestamp) -> String {
        at.instant().to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// It can turn where the local clock shows `time`, and where the clocks are changed.
    fn turns_after(&self, at: Timestamp, time: DayTime, open: bool) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at.instant()).date();
        let days = (-1..16).filter_map(|day| today.checked_add(jiff::Span::new().days(day)).ok());
        let moments = days.flat_map(|date| {
            let local = match time.civil() {
                Some(time) => DateTime::from_parts(date, time),
                None => DateTime::from_parts(date.tomorrow().unwrap_or(date), Time::midnight()),
            };
            let ambiguous = self.zone.to_ambiguous_zoned(local);
            [Disambiguation::Earlier, Disambiguation::Later]
                .into_iter()
                .filter_map(move |which| ambiguous.clone().disambiguate(which).ok())
                .map(|zoned| zoned.timestamp())
        });
        let changes = self.zone.following(at.instant()).take(2).map(|change| change.timestamp());
        moments
            .chain(changes)
            .map(Timestamp::from_instant)
            .filter(|moment| *moment > at && self.is_open(*moment) == open)
            .min()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} {}-{} {zone}", self.days, self.from, self.to)
    }
}

#[cfg(test)]
mod tests;
