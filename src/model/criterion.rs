//! Success criteria: `METRIC OP VALUE [in SET]` (DESIGN section 1, "Metrics").

use super::{DurationSpec, Rate, SetName};
use std::fmt;
use std::str::FromStr;

/// What a metric's value is measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A whole number.
    Count,
    /// 0 to 100.
    Percent,
    /// Milliseconds.
    Millis,
    /// Jobs per second.
    PerSecond,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $unit:ident;)*) => {
        /// A figure of a run; reports, criteria and progress use the same words.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Metric {
            $($(#[$doc])* $variant,)*
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it in a runbook.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its value is measured in.
            pub fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// All jobs of the plan.
    Jobs = "jobs", Count;
    /// Bridged, as the server says.
    Succeeded = "succeeded", Count;
    /// Taken by the server, not confirmed.
    Accepted = "accepted", Count;
    /// Refused by an answer.
    Rejected = "rejected", Count;
    /// Never reached the server.
    NotSent = "not_sent", Count;
    /// May have had an effect.
    Unknown = "unknown", Count;
    /// Was unknown, and had no effect, as the profile's probe has found since.
    NotBridged = "not_bridged", Count;
    /// Left out by `when` or a guard.
    Skipped = "skipped", Count;
    /// The run ended first.
    NotAttempted = "not_attempted", Count;
    /// rejected + `not_sent` + `not_bridged`.
    Failed = "failed", Count;
    /// succeeded + accepted + failed + unknown.
    Attempted = "attempted", Count;
    /// (succeeded + accepted) / attempted.
    SuccessRate = "success_rate", Percent;
    /// attempted / (jobs - skipped).
    CompletionRate = "completion_rate", Percent;
    /// Shortest service time of an answered attempt.
    LatencyMin = "latency.min", Millis;
    /// Mean service time.
    LatencyMean = "latency.mean", Millis;
    /// Median service time.
    LatencyP50 = "latency.p50", Millis;
    /// 90th percentile of the service time.
    LatencyP90 = "latency.p90", Millis;
    /// 95th percentile of the service time.
    LatencyP95 = "latency.p95", Millis;
    /// 99th percentile of the service time.
    LatencyP99 = "latency.p99", Millis;
    /// Longest service time.
    LatencyMax = "latency.max", Millis;
    /// Median time between "due" and "sent".
    QueueP50 = "queue.p50", Millis;
    /// 95th percentile of that time.
    QueueP95 = "queue.p95", Millis;
    /// Longest such time.
    QueueMax = "queue.max", Millis;
    /// Attempted jobs per second of the run.
    Throughput = "throughput", PerSecond;
    /// From the run's first record to its last.
    Duration = "duration", Millis;
    /// Requests that were cleared to leave.
    Attempts = "attempts", Count;
    /// Attempts after a job's first.
    Retries = "retries", Count;
    /// Answers that asked to slow down (429, 503 with Retry-After).
    Throttled = "throttled", Count;
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Operator {
    /// Longer signs first, so that `<=` is not read as `<`.
    const SIGNS: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left.total_cmp(&right).is_eq(),
            Self::NotEqual => left.total_cmp(&right).is_ne(),
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Greater => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// Why a text is not a criterion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CriterionError {
    /// Not METRIC OP VALUE.
    #[error("{0:?} is not `METRIC OP VALUE [in SET]`")]
    Shape(String),
    /// No metric of that name.
    #[error("there is no metric {0:?}")]
    Metric(String),
    /// The value does not suit the metric.
    #[error("{value:?} is not a value of {metric}")]
    Value {
        /// The comparison as written.
        sign: &'static str,
        /// The metric.
        metric: &'static str,
        /// The value as written.
        value: String,
        /// An example that would do.
        example: &'static str,
    },
}

/// A parsed criterion; `Display` gives the text as written.
#[derive(Clone, PartialEq, Debug)]
pub struct Criterion {
    text: String,
    metric: Metric,
    operator: Operator,
    value: f64,
    set: Option<SetName>,
    implied: bool,
}

impl Criterion {
    /// The pattern that the JSON Schema gives: the shape, not the sense.
    pub const PATTERN: &'static str =
        "^ *[a-z][a-z0-9_.]* *(==|!=|<=|>=|<|>) *[0-9][0-9A-Za-z.%/]*( +in +[A-Za-z0-9][A-Za-z0-9_.-]*)? *$";

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The set it is about; `None` for the whole run.
    pub fn set(&self) -> Option<&SetName> {
        self.set.as_ref()
    }

    /// The comparison.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What the metric is compared with, in its unit.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The same as one that nobody has written.
    #[must_use]
    pub fn implied(self) -> Self {
        Self { implied: true, ..self }
    }

    /// Whether nobody has written it: it holds where the runbook says nothing of its subject.
    pub fn is_implied(&self) -> bool {
        self.implied
    }

    /// Whether a value meets it.
    pub fn is_met_by(&self, value: f64) -> bool {
        self.operator.holds(value, self.value)
    }
}

impl FromStr for Criterion {
    type Err = CriterionError;

    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let shape = || CriterionError::Shape(text.to_owned());
        let (at, sign, operator) = Operator::SIGNS
            .into_iter()
            .filter_map(|(sign, operator)| text.find(sign).map(|at| (at, sign, operator)))
            .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
            .ok_or_else(shape)?;
        let name = text[..at].trim();
        if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
            return Err(shape());
        }
        let mut words = text[at + sign.len()..].split_whitespace();
        let value = words.next().ok_or_else(shape)?;
        let set = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("in"), Some(set), None) => Some(SetName::new(set)),
            _ => return Err(shape()),
        };
        let metric = Metric::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| CriterionError::Metric(name.to_owned()))?;
        let value = parse_value(metric, sign, value)?;
        Ok(Self { text: text.trim().to_owned(), metric, operator, value, set, implied: false })
    }
}

fn parse_value(metric: Metric, sign: &'static str, text: &str) -> Result<f64, CriterionError> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let (value, example) = match metric.unit() {
        // What is pasted must not hold by itself.
        Unit::Count if sign.starts_with('>') => (text.parse::<u32>().ok().map(f64::from), "1"),
        Unit::Count => (text.parse::<u32>().ok().map(f64::from), "0"),
        Unit::Percent => (text.strip_suffix('%').and_then(number).filter(|percent| *percent <= 100.0), "98%"),
        Unit::Millis => (text.parse::<DurationSpec>().ok().map(|d| d.get().as_secs_f64() * 1000.0), "2s"),
        Unit::PerSecond => (text.parse::<Rate>().ok().map(Rate::per_second), "25/s"),
    };
    value.ok_or_else(|| CriterionError::Value { sign, metric: metric.name(), value: text.to_owned(), example })
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_read_and_compare() {
        let parse = |text: &str| text.parse::<Criterion>();
        let criterion = parse("success_rate >= 98%").unwrap_or_else(|e| panic!("{e}"));
        assert!(criterion.is_met_by(98.0) && !criterion.is_met_by(97.99));
        let criterion = parse("failed<=3 in billing").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(criterion.set().map(SetName::as_str), Some("billing"));
        assert!(criterion.is_met_by(3.0) && !criterion.is_met_by(4.0));
        assert!(parse("latency.p95 < 2s").is_ok_and(|c| c.is_met_by(1999.0) && !c.is_met_by(2000.0)));
        for bad in [
            "",
            "unknown",
            "unknown ==",
            "unknown == 98%",
            "success_rate >= 98",
            "nope == 1",
            "failed <= 3 on x",
            "success_rate > 101%",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
