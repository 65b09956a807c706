//! What an answer proves about the effect of a request.

use crate::model::printable;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A status or a class of statuses: `429` or `5xx`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum StatusPattern {
    /// One status.
    Exact(#[schemars(range(min = 100, max = 599))] u16),
    /// A hundred statuses.
    Class(#[schemars(regex(pattern = "^[1-5]xx$"))] String),
}

impl StatusPattern {
    /// 2 for an exact match, 1 for a class, 0 for none.
    fn fit(&self, status: u16) -> u8 {
        match self {
            Self::Exact(exact) => u8::from(*exact == status) * 2,
            Self::Class(class) => {
                u8::from(class.strip_suffix("xx").and_then(|hundred| hundred.parse().ok()) == Some(status / 100))
            }
        }
    }
}

/// What an answer proves. The most specific entry counts; a status that stands nowhere is rejected when it is 3xx or
/// 4xx, and unknown otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// The bridge is made.
    #[schemars(extend("examples" = [["2xx"]]))]
    succeeded: Vec<StatusPattern>,
    /// The request is taken, the bridge not confirmed.
    #[schemars(extend("examples" = [[202]]))]
    accepted: Vec<StatusPattern>,
    /// Not processed: may be sent again.
    #[schemars(extend("examples" = [[408, 429]]))]
    refused: Vec<StatusPattern>,
    /// Not processed, if the answer carries Retry-After.
    #[schemars(extend("examples" = [[503]]))]
    refused_with_retry_after: Vec<StatusPattern>,
    /// The token was not taken, nothing was processed.
    #[schemars(extend("examples" = [[401]]))]
    token_refused: Vec<StatusPattern>,
    /// The request may have had its effect.
    #[schemars(extend("examples" = [[409, "5xx"]]))]
    unknown: Vec<StatusPattern>,
    /// Retry-After of these pauses the whole run.
    #[schemars(extend("examples" = [[429, 503]]))]
    throttling: Vec<StatusPattern>,
    /// Where the server's words stand in a JSON body, as JSON pointers; the first that is a text counts.
    #[schemars(extend("examples" = [["/message", "/error"]]))]
    error_pointers: Vec<String>,
    /// The header with the vendor's own id of the exchange.
    #[schemars(extend("examples" = ["X-Correlation-ID"]))]
    correlation_header: Option<String>,
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
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Whether the answer has a Retry-After that can be read.
    pub retry_after: bool,
}

impl Answers {
    /// The class of an answer.
    pub fn classify(&self, answer: Answer) -> AnswerClass {
        let best =
            |patterns: &[StatusPattern]| patterns.iter().map(|pattern| pattern.fit(answer.status)).max().unwrap_or(0);
        let refused_later = if answer.retry_after { best(&self.refused_with_retry_after) } else { 0 };
        // Later entries win ties, so that doubt ends in `unknown`.
        [
            (best(&self.succeeded), AnswerClass::Succeeded),
            (best(&self.accepted), AnswerClass::Accepted),
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

    /// Whether Retry-After of this status pauses the whole run.
    pub fn throttles(&self, status: u16) -> bool {
        self.throttling.iter().any(|pattern| pattern.fit(status) > 0)
    }

    /// The header with the vendor's own id of the exchange.
    pub fn correlation_header(&self) -> Option<&str> {
        self.correlation_header.as_deref()
    }

    /// The server's words in an error body.
    pub fn error_text(&self, body: &[u8]) -> Option<String> {
        error_text(body, self.error_pointers.iter().map(String::as_str))
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
        let class = |status, retry_after| profile.answers().classify(Answer { status, retry_after });
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
