//! An answer, read within bounds of size and time.

use super::super::challenge::{self, TokenFault};
use super::super::retry;
use crate::profile::Answers;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use std::time::Duration;

/// Bytes of an answer's body that are read. The rest cannot change an outcome.
const MAX_BODY: usize = 64 * 1024;

/// How the body of an answer ended. Its time is that of the whole request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::execute) enum BodyEnd {
    /// As the answer's head had said.
    Whole,
    /// Before that.
    Cut,
    /// Not within the request's time limit.
    TooSlow,
    /// Not within 64 KiB; the rest was not read.
    TooLong,
}

impl BodyEnd {
    /// What there is to say about it.
    pub(in crate::execute) fn words(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Cut => Some("the body of the answer was cut"),
            Self::TooSlow => Some("the body of the answer was too slow: it did not end within the request timeout"),
            Self::TooLong => Some("the body of the answer was too long: it is read up to 64 KiB"),
        }
    }
}

/// An answer, bounded.
pub(in crate::execute) struct Response {
    pub(in crate::execute) status: u16,
    headers: HeaderMap,
    pub(in crate::execute) body: Vec<u8>,
    pub(in crate::execute) end: BodyEnd,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// Reads the body of an answer whose head has come.
    pub(super) async fn read(mut answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = Vec::new();
        let end = loop {
            match answer.chunk().await {
                Ok(None) => break BodyEnd::Whole,
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => body.extend_from_slice(&chunk),
                Ok(Some(_)) => break BodyEnd::TooLong,
                Err(error) if error.is_timeout() => break BodyEnd::TooSlow,
                Err(_) => break BodyEnd::Cut,
            }
        };
        Self { status, headers, body, end }
    }

    /// A header as text.
    pub(in crate::execute) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What its challenges say about the token.
    pub(in crate::execute) fn token_fault(&self) -> Option<TokenFault> {
        let challenges = self.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        challenge::token_fault(challenges)
    }

    /// Retry-After, read against the answer's Date.
    pub(in crate::execute) fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(self.header(RETRY_AFTER.as_str())?, self.header(DATE.as_str()))
    }

    /// The wait that the answer asks for in a header of the profile's choice.
    pub(in crate::execute) fn wait(&self, answers: &Answers) -> Option<Duration> {
        let date = self.header(DATE.as_str());
        answers.wait_headers().find_map(|(name, unit)| retry::wait(self.header(name)?, unit, date))
    }
}
