//! How much at once, how fast, when, and when to stop: the limits, breaker, waves and stop rules of a runbook.

use super::{Criterion, CriterionError, DurationSpec, Rate};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Limits of the whole run.
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// Requests in flight at most. Default 8.
    pub concurrency: usize,
    /// Requests started per second at most; `None`: no limit.
    pub rate: Option<Rate>,
    /// Requests that may start at once after a quiet time, where there is a rate. Default 1.
    pub burst: u32,
    /// The time in which concurrency and rate grow to their full value; zero: from the start.
    pub ramp_up: DurationSpec,
    /// Answers that ask to slow down lower the rate, and success raises it again.
    pub adaptive: bool,
    /// Requests in flight at most by prefix of their targets; for a target the longest prefix counts.
    pub per_prefix: Vec<(String, usize)>,
    /// From this time after its start on the run begins no further job; `None`: no limit.
    pub deadline: Option<DurationSpec>,
    /// After the first signal, how long requests in flight may take. Default 25 s.
    pub drain_timeout: DurationSpec,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 8,
            rate: None,
            burst: 1,
            ramp_up: DurationSpec::from(Duration::ZERO),
            adaptive: false,
            per_prefix: Vec::new(),
            deadline: None,
            drain_timeout: DurationSpec::from(Duration::from_secs(25)),
        }
    }
}

impl Limits {
    /// Which limits of `per_prefix` these numbers count for, each once, in ascending order.
    pub fn prefixes_of<'n>(&self, numbers: impl Iterator<Item = &'n str>) -> Vec<usize> {
        if self.per_prefix.is_empty() {
            return Vec::new();
        }
        let longest = |number: &str| {
            let fits = self.per_prefix.iter().enumerate().filter(|(_, (prefix, _))| number.starts_with(prefix));
            fits.max_by_key(|(_, (prefix, _))| prefix.len()).map(|(index, _)| index)
        };
        let mut found: Vec<usize> = numbers.filter_map(longest).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// When an API that does not work is left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; 0: never. Default 5.
    pub failures: u32,
    /// How long it stays open before a job tries the API; doubles with each such try up to [`Self::MAX_PAUSE`].
    /// Default 10 s.
    pub pause: DurationSpec,
    /// Tries in a row that may fail before the run ends. Default 6.
    pub probes: u32,
}

impl BreakerPolicy {
    /// The longest time between two tries, unless `pause` itself is longer.
    pub const MAX_PAUSE: Duration = Duration::from_secs(60);
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, pause: DurationSpec::from(Duration::from_secs(10)), probes: 6 }
    }
}

/// A number of jobs, or a part of the plan.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Share {
    /// So many.
    Jobs(u64),
    /// So many of a hundred jobs of the plan, rounded up.
    Percent(f64),
}

impl Share {
    /// The pattern that the JSON Schema gives for a text.
    pub const PATTERN: &'static str = "^[0-9]{1,4}(\\.[0-9]{1,3})?%$";

    /// Every job that is left.
    pub fn is_all(self) -> bool {
        matches!(self, Self::Percent(percent) if percent >= 100.0)
    }

    /// Reads a percentage.
    pub fn percent(text: &str) -> Option<Self> {
        let number: f64 = text.strip_suffix('%')?.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(Self::Percent(number))
    }

    /// Jobs, of a plan of so many.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "plans are far below 2^53 jobs, and a share is no more than a hundred times one"
    )]
    pub fn of(self, jobs: u64) -> u64 {
        match self {
            Self::Jobs(count) => count,
            Self::Percent(percent) => ((jobs as f64) * percent / 100.0).ceil() as u64,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// A part of the run that must have gone well before the next part begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Wave {
    /// How many further jobs it begins.
    pub size: Share,
    /// What must hold of its own jobs before the next wave begins.
    pub require: Vec<Criterion>,
    /// How long the run rests before the next wave begins.
    pub pause: DurationSpec,
}

/// A rule that ends the run: `METRIC OP VALUE [in SET] [after N]`.
#[derive(Clone, PartialEq, Debug)]
pub struct AbortRule {
    /// The run ends when this holds.
    pub when: Criterion,
    /// Not before so many jobs have been attempted (in the set, where it names one).
    pub after: u64,
}

impl AbortRule {
    /// The pattern that the JSON Schema gives: the shape, not the sense.
    pub const PATTERN: &'static str = "^ *[a-z][a-z0-9_.]* *(==|!=|<=|>=|<|>) *[0-9][0-9A-Za-z.%/]*( +in +[A-Za-z0-9][A-Za-z0-9_.-]*)?( +after +[0-9]{1,9})? *$";
}

impl FromStr for AbortRule {
    type Err = CriterionError;

    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (rule, after) = match words.as_slice() {
            [rule @ .., "after", number] => {
                let number = number.parse().map_err(|_| CriterionError::Shape(text.to_owned()))?;
                (rule.join(" "), number)
            }
            rule => (rule.join(" "), 0),
        };
        Ok(Self { when: rule.parse()?, after })
    }
}

impl fmt::Display for AbortRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.when.fmt(f)?;
        if self.after > 0 { write!(f, " after {}", self.after) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abort_rules_are_criteria_that_may_wait_for_jobs() {
        let rule = |text: &str| text.parse::<AbortRule>();
        assert!(rule("unknown >= 1").is_ok_and(|rule| rule.after == 0 && rule.to_string() == "unknown >= 1"));
        let late = rule("success_rate < 90% in billing after 50").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((late.after, late.to_string().as_str()), (50, "success_rate < 90% in billing after 50"));
        for bad in ["", "after 5", "unknown >= 1 after", "unknown >= 1 after x", "unknown after 3"] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_of_the_jobs_is_rounded_up() {
        assert_eq!(Share::Percent(10.0).of(55), 6);
        assert_eq!((Share::Percent(0.1).of(10), Share::Percent(0.0).of(10)), (1, 0));
        assert_eq!(Share::percent("10%"), Some(Share::Percent(10.0)));
        assert_eq!(Share::Percent(100.0).of(7), 7);
        assert_eq!(Share::Jobs(5).of(3), 5);
    }
}
