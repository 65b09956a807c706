//! What an exchange proves about the effect of a bridge request: the table of DESIGN section 4, in one place.

use super::breaker::Health;
use super::dispatcher::Report;
use super::pace::Feel;
use super::transport::{BodyEnd, Exchange, NotSent, Response, Stop};
use crate::model::{Evidence, Outcome};
use crate::profile::{Answer, AnswerClass, Answers};
use std::time::Duration;

/// What may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// The job has ended.
    Final,
    /// Proven not processed: may be tried again after a back-off, or after the pause that the answer asks for.
    Retry(Option<Duration>),
    /// The token was not taken: once more with a fresh one.
    FreshToken,
    /// No attempt of any job will do better.
    Stop(Stop),
}

/// The proof of one attempt.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Proof {
    pub(super) outcome: Outcome,
    pub(super) evidence: Evidence,
    pub(super) status: Option<u16>,
    pub(super) message: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) warning: Option<String>,
    pub(super) next: Next,
    /// The answer asks everybody to slow down.
    pub(super) throttles: bool,
}

impl Proof {
    fn unanswered(outcome: Outcome, evidence: Evidence, message: String, next: Next) -> Self {
        let message = Some(message);
        Self { outcome, evidence, status: None, message, correlation_id: None, warning: None, next, throttles: false }
    }

    /// What the attempt says about the API itself.
    pub(super) fn report(&self) -> Report {
        let health = match (self.evidence, self.status) {
            _ if self.throttles => Health::Refusing,
            (_, Some(..500)) => Health::Well,
            (_, Some(500..))
            | (
                Evidence::Dns
                | Evidence::Connect
                | Evidence::Tls
                | Evidence::Certificate
                | Evidence::Proxy
                | Evidence::Timeout
                | Evidence::ConnectionLost
                | Evidence::BadAnswer,
                None,
            ) => Health::Ill,
            (Evidence::NotProcessed, None) => Health::Refusing,
            (
                Evidence::Answer
                | Evidence::Refusal
                | Evidence::TokenRefused
                | Evidence::Abandoned
                | Evidence::Withdrawn
                | Evidence::Crash
                | Evidence::Expired,
                None,
            ) => Health::Neither,
        };
        let feel = match health {
            Health::Refusing => Feel::Throttled,
            Health::Well => Feel::Taken,
            Health::Ill | Health::Neither => Feel::Neither,
        };
        Report { health, feel }
    }

    /// The intent is on record and the request did not leave.
    pub(super) fn withdrawn() -> Self {
        let message = "withdrawn before it was sent".to_owned();
        Self::unanswered(Outcome::NotSent, Evidence::Withdrawn, message, Next::Final)
    }

    /// The intent is on record, and the job's time ran out before the request began.
    pub(super) fn expired() -> Self {
        let message = "its not_after passed before the request could begin".to_owned();
        Self::unanswered(Outcome::NotSent, Evidence::Expired, message, Next::Final)
    }

    /// The request left and its answer is not waited for.
    pub(super) fn abandoned() -> Self {
        let message = "abandoned while its answer was awaited".to_owned();
        Self::unanswered(Outcome::Unknown, Evidence::Abandoned, message, Next::Final)
    }
}

/// Judges an exchange.
pub(super) fn judge(exchange: Exchange, answers: &Answers) -> Proof {
    match exchange {
        Exchange::NotBuilt(message) => Proof::unanswered(Outcome::NotSent, Evidence::Withdrawn, message, Next::Final),
        Exchange::NotSent(NotSent { evidence, message, stop }) => {
            Proof::unanswered(Outcome::NotSent, evidence, message, stop.map_or(Next::Retry(None), Next::Stop))
        }
        Exchange::NoAnswer(evidence, message) => Proof::unanswered(Outcome::Unknown, evidence, message, Next::Final),
        Exchange::Answered(response) => answered(&response, answers),
    }
}

fn answered(response: &Response, answers: &Answers) -> Proof {
    let retry_after = response.retry_after();
    let status = response.status;
    // Only Retry-After says "not processed": gateways put their other headers on every answer.
    let class = answers.classify(Answer {
        status,
        retry_after: retry_after.is_some(),
        body: &response.body,
        complete: response.end == BodyEnd::Whole,
    });
    let fault = response.token_fault().filter(|_| matches!(class, AnswerClass::TokenRefused | AnswerClass::Rejected));
    // Another token would be refused for the same reason.
    let class = if fault.is_some() { AnswerClass::Rejected } else { class };
    let wait = retry_after.or_else(|| response.wait(answers));
    let (outcome, evidence, next) = match class {
        AnswerClass::Succeeded => (Outcome::Succeeded, Evidence::Answer, Next::Final),
        AnswerClass::Accepted => (Outcome::Accepted, Evidence::Answer, Next::Final),
        AnswerClass::Rejected => (Outcome::Rejected, Evidence::Answer, Next::Final),
        AnswerClass::Unknown => (Outcome::Unknown, Evidence::Answer, Next::Final),
        AnswerClass::Refused => (Outcome::Rejected, Evidence::Refusal, Next::Retry(wait)),
        AnswerClass::TokenRefused => (Outcome::Rejected, Evidence::TokenRefused, Next::FreshToken),
    };
    let said = || {
        answers.error_text(&response.body).unwrap_or_else(|| {
            let odd = match response.end.words().filter(|_| outcome == Outcome::Unknown) {
                Some(words) => format!("; {words}"),
                None if (200..300).contains(&status) => ", and not with the body of a success".to_owned(),
                None => String::new(),
            };
            format!("the server answered {status}{odd}")
        })
    };
    let message = match (outcome, fault) {
        (Outcome::Succeeded | Outcome::Accepted, _) => None,
        (_, Some(fault)) => Some(format!("{}; {}", said(), fault.remedy())),
        (_, None) => Some(said()),
    };
    let warning = (outcome.is_success()).then(|| odd_body(response, answers.expects_json())).flatten();
    Proof {
        outcome,
        evidence,
        status: Some(status),
        message,
        correlation_id: answers.correlation_header().and_then(|name| response.header(name)).map(str::to_owned),
        warning,
        next,
        throttles: class == AnswerClass::Refused && answers.throttles(status),
    }
}

/// The status line is the evidence; a body that is cut or no JSON is worth a word, not another outcome.
fn odd_body(response: &Response, json: bool) -> Option<String> {
    if let Some(words) = response.end.words() {
        Some(words.to_owned())
    } else if json
        && !response.body.is_empty()
        && serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_err()
    {
        Some("the body of the answer is not JSON".to_owned())
    } else {
        None
    }
}
