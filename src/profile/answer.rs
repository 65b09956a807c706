//! What an answer proves about the effect of a request.

use super::predicate::Predicate;
use crate::model::{Code, MovedStatus, Problem, StatusClass, StatusPattern, printable};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What an answer proves. The most specific entry counts (`409` before `4xx`); a status that stands nowhere is rejected
/// when it is 3xx or 4xx, and unknown otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The bridge is made.
    #[schemars(required, length(min = 1), extend("examples" = [["2xx"]]))]
    succeeded: Option<Vec<Option<StatusPattern>>>,
    /// The request is taken, the bridge not confirmed.
    #[schemars(extend("examples" = [[202]]))]
    accepted: Option<Vec<Option<StatusPattern>>>,
    /// Refused for good, and nothing was done.
    #[schemars(extend("examples" = [[404, 422]]))]
    rejected: Option<Vec<Option<StatusPattern>>>,
    /// Not processed: may be sent again.
    #[schemars(extend("examples" = [[429]]))]
    refused: Option<Vec<Option<StatusPattern>>>,
    /// Not processed, if the answer carries Retry-After.
    #[schemars(extend("examples" = [[503]]))]
    refused_with_retry_after: Option<Vec<Option<StatusPattern>>>,
    /// The token was not taken, nothing was processed.
    #[schemars(extend("examples" = [[401]]))]
    token_refused: Option<Vec<Option<StatusPattern>>>,
    /// The request may have had its effect.
    #[schemars(extend("examples" = [[409, "5xx"]]))]
    unknown: Option<Vec<Option<StatusPattern>>>,
    /// A wait that such an answer asks for pauses the whole run.
    #[schemars(extend("examples" = [[429, 503]]))]
    throttling: Option<Vec<Option<StatusPattern>>>,
    /// What the body of a success says. Where a status means success or acceptance and the body says something else, the
    /// outcome is unknown, or rejected when the body is that of `failure_body`.
    success_body: Option<Predicate>,
    /// What the body of a failure says, for APIs that answer failures with a status of success: nothing was bridged.
    failure_body: Option<Predicate>,
    /// Where the server's words stand in a JSON body, as JSON pointers; the first that is a text counts.
    #[schemars(inner(regex(pattern = "^(/[^/]+)+$")), extend("examples" = [["/error_description", "/message"]]))]
    error_pointers: Option<Vec<Option<String>>>,
    /// The header with the vendor's own id of the exchange.
    #[schemars(length(min = 1), extend("examples" = ["X-Correlation-ID"]))]
    correlation_header: Option<String>,
    /// Headers beside Retry-After that say how long to wait; the first that can be read counts.
    #[schemars(extend("examples" = [[{"name": "x-ratelimit-reset", "unit": "seconds"}]]))]
    wait_headers: Option<Vec<Option<WaitHeader>>>,
    /// What a runbook makes of some statuses, whatever stands above.
    #[serde(skip)]
    moved: Vec<MovedStatus>,
}

/// A header that says how long to wait.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitHeader {
    /// The header.
    #[schemars(required, length(min = 1), extend("examples" = ["x-ratelimit-reset"]))]
    name: Option<String>,
    /// What it counts: `seconds` or `milliseconds` from now, or `unix_time`, the second in which the wait is over.
    #[schemars(required, extend("examples" = ["seconds"]))]
    unit: Option<WaitUnit>,
}

impl WaitHeader {
    /// Its name, and what it counts.
    fn parts(&self) -> Option<(&str, WaitUnit)> {
        Some((self.name.as_deref()?, self.unit?))
    }
}

/// What a header that says how long to wait counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitUnit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since 1970.
    UnixTime,
}

/// The class of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerClass {
    /// The bridge is made.
    Succeeded,
    /// The request is taken, the bridge not confirmed.
    Accepted,
    /// Not processed: may be sent again.
    Refused,
    /// The token was not taken.
    TokenRefused,
    /// Refused for good.
    Rejected,
    /// The request may have had its effect.
    Unknown,
}

/// An answer, as far as its class depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Whether the answer has a Retry-After that can be read.
    pub retry_after: bool,
    /// The body, as far as it came.
    pub body: &'a [u8],
    /// Whether it came to its end. Part of a body is not evidence of what the whole one says.
    pub complete: bool,
}

impl Answers {
    /// The class of an answer.
    pub fn classify(&self, answer: Answer<'_>) -> AnswerClass {
        let class = self.by_status(answer);
        if !matches!(class, AnswerClass::Succeeded | AnswerClass::Accepted) {
            return class;
        }
        if !answer.complete && (self.success_body.is_some() || self.failure_body.is_some()) {
            return AnswerClass::Unknown;
        }
        let says = |predicate: &Option<Predicate>| predicate.as_ref().map(|predicate| predicate.fits(answer.body));
        match (says(&self.success_body), says(&self.failure_body)) {
            // A body that says both says nothing.
            (Some(true), Some(true)) => AnswerClass::Unknown,
            (_, Some(true)) => AnswerClass::Rejected,
            (Some(false), _) => AnswerClass::Unknown,
            (Some(true) | None, Some(false) | None) => class,
        }
    }

    /// Lets a runbook say what some statuses mean.
    pub(super) fn move_statuses(&mut self, moved: Vec<MovedStatus>) {
        self.moved = moved;
    }

    fn by_status(&self, answer: Answer<'_>) -> AnswerClass {
        let moved = self.moved.iter().map(|moved| (moved.statuses.fit(answer.status), moved.class));
        // The first of the best.
        let moved = moved.filter(|(fit, _)| *fit > 0).rev().max_by_key(|(fit, _)| *fit);
        if let Some((_, class)) = moved {
            return match class {
                StatusClass::Refused => AnswerClass::Refused,
                StatusClass::Rejected => AnswerClass::Rejected,
                StatusClass::Unknown => AnswerClass::Unknown,
            };
        }
        let best = |patterns: &Option<Vec<Option<StatusPattern>>>| {
            let patterns = patterns.iter().flatten().flatten();
            patterns.map(|pattern| pattern.fit(answer.status)).max().unwrap_or(0)
        };
        let refused_later = if answer.retry_after { best(&self.refused_with_retry_after) } else { 0 };
        // Later entries win ties, so that doubt ends in `unknown`.
        [
            (best(&self.succeeded), AnswerClass::Succeeded),
            (best(&self.accepted), AnswerClass::Accepted),
            (best(&self.rejected), AnswerClass::Rejected),
            (best(&self.token_refused), AnswerClass::TokenRefused),
            (best(&self.refused), AnswerClass::Refused),
            (refused_later, AnswerClass::Refused),
            (best(&self.unknown), AnswerClass::Unknown),
        ]
        .into_iter()
        .filter(|(fit, _)| *fit > 0)
        .max_by_key(|(fit, _)| *fit)
        .map_or(
            if matches!(answer.status, 300..=499) { AnswerClass::Rejected } else { AnswerClass::Unknown },
            |(_, class)| class,
        )
    }

    /// Whether a wait that this status asks for pauses the whole run.
    pub fn throttles(&self, status: u16) -> bool {
        self.throttling.iter().flatten().flatten().any(|pattern| pattern.fit(status) > 0)
    }

    /// The header with the vendor's own id of the exchange.
    pub fn correlation_header(&self) -> Option<&str> {
        self.correlation_header.as_deref()
    }

    /// Headers beside Retry-After that say how long to wait.
    pub fn wait_headers(&self) -> impl Iterator<Item = (&str, WaitUnit)> {
        self.wait_headers.iter().flatten().flatten().filter_map(WaitHeader::parts)
    }

    /// Whether a body of success must be JSON to be one.
    pub fn expects_json(&self) -> bool {
        !self.success_body.as_ref().or(self.failure_body.as_ref()).is_some_and(Predicate::is_text)
    }

    /// The server's words in an error body.
    pub fn error_text(&self, body: &[u8]) -> Option<String> {
        error_text(body, self.error_pointers.iter().flatten().flatten().map(String::as_str))
    }

    /// Statuses that it says are not processed, though their requests may have had an effect; pointers start at the profile.
    pub(super) fn risks(&self) -> Vec<Problem> {
        let claims = [("refused", &self.refused), ("refused_with_retry_after", &self.refused_with_retry_after)];
        let written = claims.into_iter().flat_map(|(key, patterns)| {
            patterns
                .iter()
                .flatten()
                .enumerate()
                .filter_map(move |(index, pattern)| Some((key, index, pattern.as_ref()?)))
        });
        written
            // 503 with Retry-After is the one that is known to be honest.
            .filter(|(key, _, pattern)| {
                pattern.may_have_had_effect() && !(*key == "refused_with_retry_after" && pattern.fit(503) == 2)
            })
            .map(|(key, index, pattern)| {
                let at = format!("/answers/{key}/{index}");
                Problem::at(Code::DoubleBridge, at, pattern.risk(StatusClass::Refused)).help(
                    "list it under `unknown`, unless the vendor states that such an answer means that nothing was done",
                )
            })
            .collect()
    }

    /// What is contradictory in it; pointers start at the profile.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let predicates = [("success_body", &self.success_body), ("failure_body", &self.failure_body)];
        let of = |(key, predicate): (&str, &Option<Predicate>)| {
            predicate.as_ref().map(|predicate| predicate.problems(&format!("/answers/{key}"))).unwrap_or_default()
        };
        let same = self.success_body.is_some() && self.success_body == self.failure_body;
        let same = same.then(|| {
            let message = "a body cannot mean success and failure at once";
            Problem::at(Code::ProfileContradiction, "/answers/failure_body", message)
                .help("let it ask for another value than `success_body`")
                .on_key()
        });
        predicates.into_iter().flat_map(of).chain(self.ambiguous()).chain(same).collect()
    }

    /// A status cannot prove two things; which of them counts would depend on an order that nobody sees. A hundred and
    /// one of its statuses are no contradiction: the status counts.
    fn ambiguous(&self) -> Vec<Problem> {
        let meanings = [
            ("succeeded", &self.succeeded),
            ("accepted", &self.accepted),
            ("rejected", &self.rejected),
            ("refused", &self.refused),
            ("refused_with_retry_after", &self.refused_with_retry_after),
            ("token_refused", &self.token_refused),
            ("unknown", &self.unknown),
        ];
        let mut seen: Vec<(&StatusPattern, &str)> = Vec::new();
        let mut problems = Vec::new();
        for (key, patterns) in meanings {
            for (index, pattern) in patterns.iter().flatten().enumerate() {
                let Some(pattern) = pattern else { continue };
                // Without Retry-After 503 may well be what `unknown` says.
                let other = |(known, first): &&(&StatusPattern, &str)| {
                    *known == pattern && *first != key && !(key == "unknown" && *first == "refused_with_retry_after")
                };
                if let Some((_, first)) = seen.iter().find(other) {
                    let message = format!("{} stands under `{first}` too: it can prove one thing only", pattern.text());
                    let at = format!("/answers/{key}/{index}");
                    problems.push(
                        Problem::at(Code::ProfileContradiction, at, message)
                            .help(format!("keep it here or under `{first}`")),
                    );
                }
                seen.push((pattern, key));
            }
        }
        problems
    }
}

/// Longest piece of a server's words that is kept, in characters.
const MAX_WORDS: usize = 300;

/// The first text that a pointer finds in a JSON body, or the body itself when it is no JSON.
pub fn error_text<'a>(body: &[u8], mut pointers: impl Iterator<Item = &'a str>) -> Option<String> {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(json) => pointers.find_map(|pointer| json.pointer(pointer)?.as_str().map(str::to_owned))?,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text = printable(&text, MAX_WORDS).into_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn the_contract_s_table_holds_for_every_status() {
        let profile = Profile::built_in("cxone").unwrap_or_else(|e| panic!("{e}"));
        let class =
            |status, retry_after| profile.answers().classify(Answer { status, retry_after, body: b"", complete: true });
        for status in 100..=599 {
            let expected = match status {
                202 => AnswerClass::Accepted,
                200..=299 => AnswerClass::Succeeded,
                401 => AnswerClass::TokenRefused,
                408 | 421 | 425 | 429 => AnswerClass::Refused,
                409 => AnswerClass::Unknown,
                300..=499 => AnswerClass::Rejected,
                _ => AnswerClass::Unknown,
            };
            assert_eq!(class(status, false), expected, "{status}");
            let with_retry_after = if status == 503 { AnswerClass::Refused } else { expected };
            assert_eq!(class(status, true), with_retry_after, "{status} with Retry-After");
        }
    }

    #[test]
    fn server_words_are_found_and_made_printable() {
        let words = |body: &str| error_text(body.as_bytes(), ["/error_description", "/error"].into_iter());
        assert_eq!(words(r#"{"error":"x","error_description":"no such call"}"#).as_deref(), Some("no such call"));
        assert_eq!(words("<h1>Bad\u{1b}[2J\ngateway</h1>").as_deref(), Some("<h1>Bad [2J gateway</h1>"));
        assert_eq!(words(r#"{"other":1}"#), None);
        assert_eq!(words(""), None);
    }
}
