//! The fault script: what the simulated API knows, grants and does wrong.
//!
//! A script is read whole or refused: unknown and duplicate keys, missing units and rules with two actions are errors
//! that name line and column. Every key is optional; the empty script is an API that answers at once and never fails.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Deserializer};

use super::{
    quantity::{Span, checked},
    rule::Rule,
};

/// A fault script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a mapping")]
pub struct Script {
    /// Seeds tokens, latencies and the calls that a `share` picks.
    pub(super) seed: u64,
    pub(super) credentials: Credentials,
    pub(super) token: TokenSpec,
    pub(super) calls: CallsSpec,
    pub(super) latency: LatencySpec,
    pub(super) faults: Vec<Rule>,
}

/// A script that cannot be used. The text is one line and ends with line and column.
#[derive(Debug, thiserror::Error)]
#[error("invalid fault script: {0}")]
pub struct ScriptError(serde_yaml::Error);

impl Script {
    /// The same, and a bridged call may be bridged again.
    #[must_use]
    pub fn rebridging(mut self) -> Self {
        self.calls.rebridge = true;
        self
    }

    /// Reads a script from YAML.
    pub fn parse(yaml: &str) -> Result<Self, ScriptError> {
        // A file of comments only is a null document: the empty script, not an error.
        serde_yaml::from_str::<Option<Self>>(yaml).map(Option::unwrap_or_default).map_err(ScriptError)
    }

    /// The script of a rehearsal: some throttling, a long-tailed latency, nothing that is lost in the end.
    pub fn rehearsal() -> Self {
        // The text is part of the binary and a test parses it, so the fallback is never taken.
        Self::parse(include_str!("rehearsal.yaml")).unwrap_or_default()
    }

    /// The client id and the client secret that the token endpoint accepts.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.credentials.client_id, &self.credentials.client_secret)
    }
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a mapping")]
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { client_id: "sandbox".into(), client_secret: "sandbox-secret".into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a mapping")]
pub(super) struct TokenSpec {
    pub(super) lifetime: Span,
    /// What a client may ask for; asking for more is `invalid_scope`.
    pub(super) scopes: BTreeSet<String>,
    /// What a client gets of what it asked for: everything, unless given.
    pub(super) granted: Option<BTreeSet<String>>,
    pub(super) latency: Span,
}

impl Default for TokenSpec {
    fn default() -> Self {
        let scopes = ["cti:calls:read", "cti:calls:write", "cti:bridge:write"];
        Self {
            lifetime: Span(Duration::from_secs(3600)),
            scopes: scopes.map(Into::into).into(),
            granted: None,
            latency: Span::default(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a mapping")]
pub(super) struct CallsSpec {
    /// The only calls that exist, if given.
    pub(super) known: Option<BTreeSet<String>>,
    /// Calls that do not exist.
    pub(super) missing: BTreeSet<String>,
    /// Calls that somebody else has bridged already.
    pub(super) bridged: BTreeSet<String>,
    /// Whether a bridged call may be bridged again, which a conference of many legs needs. Off: 409.
    pub(super) rebridge: bool,
}

/// A log-normal latency, given by two of its percentiles and a floor.
#[derive(Debug, Clone, Default)]
pub(super) struct LatencySpec {
    pub(super) min: Duration,
    pub(super) median: Duration,
    pub(super) p99: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLatency {
    min: Option<Span>,
    median: Option<Span>,
    p99: Option<Span>,
}

impl<'de> Deserialize<'de> for LatencySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::<RawLatency, _, _>(deserializer)
    }
}

impl TryFrom<RawLatency> for LatencySpec {
    type Error = &'static str;

    fn try_from(raw: RawLatency) -> Result<Self, Self::Error> {
        let min = raw.min.unwrap_or_default();
        let median = raw.median.unwrap_or(min);
        let p99 = raw.p99.unwrap_or(median);
        if min > median || median > p99 {
            return Err("a latency needs min <= median <= p99");
        }
        if median.0.is_zero() && !p99.0.is_zero() {
            return Err("a latency with a p99 needs a median above zero");
        }
        Ok(Self { min: min.0, median: median.0, p99: p99.0 })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use hyper::StatusCode;

    use super::{
        super::{
            quantity::First,
            rule::{Fault, Moment},
        },
        *,
    };

    #[test]
    fn every_key_is_optional() {
        for yaml in ["", "# nothing yet\n", "{}", "token: {}", "latency: {}", "faults: []", "calls: {}"] {
            let script = Script::parse(yaml).unwrap();
            assert_eq!(script.credentials(), ("sandbox", "sandbox-secret"), "{yaml:?}");
            assert_eq!(script.token.scopes.len(), 3, "{yaml:?}");
            assert_eq!(script.latency.p99, Duration::ZERO, "{yaml:?}");
        }
    }

    #[test]
    fn every_action_of_a_rule_is_understood() {
        let script = Script::parse(
            "faults:\n\
             - {calls: [a, b], requests: first 2, answer: {status: 429, retry_after: 1s}}\n\
             - {share: 1%, answer: {status: 500}, effect: true}\n\
             - {reset: before_effect}\n\
             - {hang: after_effect}\n\
             - {delay: 3s}\n",
        )
        .unwrap();
        let faults: Vec<_> = script.faults.into_iter().map(|rule| rule.fault).collect();
        let second = Duration::from_secs(1);
        assert_eq!(
            faults,
            [
                Fault::Answer { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(second), effect: false },
                Fault::Answer { status: StatusCode::INTERNAL_SERVER_ERROR, retry_after: None, effect: true },
                Fault::Reset(Moment::BeforeEffect),
                Fault::Hang(Moment::AfterEffect),
                Fault::Delay(second * 3),
            ]
        );
    }

    #[test]
    fn a_slip_is_one_line_that_says_what_and_where() {
        for (yaml, what, place) in [
            ("seed: 1\nfautls: []", "unknown field `fautls`", "line 2 column 1"),
            ("faults:\n  - {delay: 3s, dealy: 1s}", "unknown field `dealy`", "line 2"),
            ("token:\n  lifetime: 5", "expected a duration", "line 2 column 13"),
            ("token: {latency: 1.5s}", "such as 5ms or 2m", "line 1 column 18"),
            ("faults:\n- {share: 120%, delay: 1s}", "a percentage from 0% to 100%", "line 2"),
            ("faults:\n- {requests: 2, delay: 1s}", "such as first 2", "line 2"),
            ("faults:\n- delay: 1s\n- share: 3%", "exactly one of answer, reset, hang and delay", "line 3"),
            ("faults:\n- {delay: 1s, reset: after_effect}", "exactly one of", "line 2"),
            ("faults:\n- {reset: after_effect, effect: true}", "effect belongs to answer", "line 2"),
            ("faults:\n- {answer: {status: 99}}", "status 99 is not between", "line 2"),
            ("latency: {min: 2s, median: 1s}", "min <= median <= p99", "line 1"),
            ("seed: 1\nlatency: {p99: 1s}", "a median above zero", "line 2 column 10"),
            ("calls: {missing: [{}]}", "expected a string", "line 1 column 19"),
            // Of the outermost mapping itself the reader gives no place, but the key says enough.
            ("seed: 1\nseed: 2", "duplicate field `seed`", ""),
            ("token: {latency: 1s,\n latency: 2s}", "duplicate field `latency`", "line 1 column 8"),
            ("- seed: 1", "expected a mapping", ""),
        ] {
            let message = Script::parse(yaml).unwrap_err().to_string();
            assert!(message.contains(what) && message.contains(place), "{yaml}\n  gave {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    #[test]
    fn the_secret_is_not_in_the_debug_output() {
        assert!(!format!("{:?}", Script::default()).contains("sandbox-secret"));
    }

    #[test]
    fn a_rehearsal_only_refuses_what_a_retry_mends() {
        let script = Script::parse(include_str!("rehearsal.yaml")).unwrap();
        assert_eq!(script.faults.len(), 2);
        for rule in &script.faults {
            assert_eq!(rule.requests, Some(First(1)));
            let Fault::Answer { status, retry_after, effect: false } = rule.fault else { panic!("{rule:?}") };
            assert!(matches!(status.as_u16(), 429 | 503), "{rule:?}");
            assert_eq!(retry_after, Some(Duration::from_secs(1)));
        }
        assert_eq!(format!("{:?}", Script::rehearsal()), format!("{script:?}"));
    }
}
