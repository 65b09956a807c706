//! The rules of a fault script: which requests, and what goes wrong with them.
//!
//! A rule has exactly one action, and `effect` only where it means something; a rule that could be read in two ways
//! is an error.

use std::{collections::BTreeSet, time::Duration};

use hyper::StatusCode;
use serde::{Deserialize, Deserializer, de::Error};

use super::quantity::{First, Share, Span, checked};

/// One rule: the requests it matches and what happens to them.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Only these calls. Where `share` is given as well, both must hold.
    pub(super) calls: Option<BTreeSet<String>>,
    pub(super) share: Option<Share>,
    pub(super) requests: Option<First>,
    pub(super) fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another answer than the true one; with `effect` the call is bridged all the same.
    Answer { status: StatusCode, retry_after: Option<Duration>, effect: bool },
    /// The connection is reset after the whole request was read.
    Reset(Moment),
    /// No answer, on a connection that stays open.
    Hang(Moment),
    /// The true answer, later.
    Delay(Duration),
}

/// On which side of the effect a connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Moment {
    BeforeEffect,
    AfterEffect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    calls: Option<BTreeSet<String>>,
    share: Option<Share>,
    requests: Option<First>,
    answer: Option<RawAnswer>,
    effect: Option<bool>,
    reset: Option<Moment>,
    hang: Option<Moment>,
    delay: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with status")]
struct RawAnswer {
    #[serde(deserialize_with = "status")]
    status: StatusCode,
    retry_after: Option<Span>,
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::<RawRule, _, _>(deserializer)
    }
}

impl TryFrom<RawRule> for Rule {
    type Error = &'static str;

    fn try_from(raw: RawRule) -> Result<Self, Self::Error> {
        let effect = raw.effect.unwrap_or(false);
        if raw.effect.is_some() && raw.answer.is_none() {
            return Err("effect belongs to answer; reset and hang say before_effect or after_effect themselves");
        }
        let fault = match (raw.answer, raw.reset, raw.hang, raw.delay) {
            (Some(RawAnswer { status, retry_after }), None, None, None) => {
                Fault::Answer { status, retry_after: retry_after.map(|span| span.0), effect }
            }
            (None, Some(moment), None, None) => Fault::Reset(moment),
            (None, None, Some(moment), None) => Fault::Hang(moment),
            (None, None, None, Some(span)) => Fault::Delay(span.0),
            _ => return Err("a fault needs exactly one of answer, reset, hang and delay"),
        };
        Ok(Self { calls: raw.calls, share: raw.share, requests: raw.requests, fault })
    }
}

/// Interim answers (1xx) would not end the request, hence the lower bound.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(deserializer)?;
    StatusCode::from_u16(number)
        .ok()
        .filter(|_| (200..600).contains(&number))
        .ok_or_else(|| D::Error::custom(format!("status {number} is not between 200 and 599")))
}
