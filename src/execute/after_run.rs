//! Looking unknowns up after their run: the profile's read-only request, one job after the other. Nothing else is sent but
//! requests for a token.

use super::auth::{self, TokenErrorKind};
use super::retry;
use super::scrub::Scrubber;
use super::token_check::NoToken;
use super::token_store::{Access, AfterFailure, TokenStore};
use super::transport::{BodyEnd, Exchange, Response, Stop, Transport};
use crate::model::{Credentials, JobNumber, ProbeRequest, RetryPolicy, printable};
use crate::profile::{Answer, AnswerClass, ProbeFinding, Profile};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Times that one job is looked up without an answer that says something.
const MAX_LOOKS: u32 = 3;
/// Longest repetition of a server's words, in characters.
const MAX_WORDS: usize = 300;

/// A job to look up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The job.
    pub job: JobNumber,
    /// What is asked.
    pub probe: ProbeRequest,
    /// The time since its last attempt.
    pub since: Duration,
}

/// What was found out about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeReply {
    /// The job.
    pub job: JobNumber,
    /// What the answer says.
    pub finding: ProbeFinding,
    /// Its status, if there was one.
    pub status: Option<u16>,
}

/// Looks jobs up in turn. Without a token nothing is known, and the error says why.
pub async fn look_up_after(
    transport: &Transport,
    credentials: &Credentials,
    profile: &Profile,
    policy: &RetryPolicy,
    questions: &[Question],
) -> Result<Vec<ProbeReply>, NoToken> {
    let standing = profile.standing_header(credentials).map_err(NoToken::Misconfigured)?;
    let token = if profile.asks_for_token() { TokenStore::default() } else { TokenStore::standing(standing) };
    let rng = fastrand::Rng::new();
    let mut looker = Looker { transport, credentials, profile, policy, token, rng, began: Instant::now() };
    let mut replies = Vec::with_capacity(questions.len());
    for question in questions {
        replies.push(looker.look_up(question).await?);
    }
    Ok(replies)
}

struct Looker<'a> {
    transport: &'a Transport,
    credentials: &'a Credentials,
    profile: &'a Profile,
    policy: &'a RetryPolicy,
    token: TokenStore,
    rng: fastrand::Rng,
    began: Instant,
}

impl Looker<'_> {
    async fn look_up(&mut self, question: &Question) -> Result<ProbeReply, NoToken> {
        let mut reply = ProbeReply { job: question.job, finding: ProbeFinding::CannotTell, status: None };
        for look in 1..=MAX_LOOKS {
            let (access, generation) = self.access().await?;
            let since = question.since + self.began.elapsed();
            let exchange = self.transport.probe(&question.probe.path, &access).await;
            let mut asked = Duration::ZERO;
            if let Exchange::Answered(response) = &exchange {
                reply.status = Some(response.status);
                asked = response.retry_after().map(|after| retry::pause(self.policy, after)).unwrap_or_default();
                if self.refuses_token(response) {
                    self.token.refuse(generation);
                } else if response.end == BodyEnd::Whole {
                    reply.finding = self.profile.judge_probe(&question.probe, response.status, &response.body, since);
                }
            }
            if matches!(reply.finding, ProbeFinding::Bridged | ProbeFinding::NotBridged) {
                break;
            }
            if look < MAX_LOOKS {
                tokio::time::sleep(asked.max(retry::back_off(self.policy, look + 1, &mut self.rng))).await;
            }
        }
        Ok(reply)
    }

    fn refuses_token(&self, response: &Response) -> bool {
        let complete = response.end == BodyEnd::Whole;
        let answer = Answer { status: response.status, retry_after: false, body: &response.body, complete };
        self.profile.asks_for_token() && self.profile.answers().classify(answer) == AnswerClass::TokenRefused
    }

    async fn access(&mut self) -> Result<(Arc<Access>, u64), NoToken> {
        loop {
            let now = Instant::now();
            if let Some(token) = self.token.usable(now) {
                return Ok((Arc::clone(&token.access), token.generation));
            }
            match auth::fetch(self.transport, self.credentials, self.profile).await {
                Ok(grant) => {
                    let header = self.profile.token_header(&grant.value);
                    self.token.accept(&grant, header);
                }
                Err(error) => match self.token.fail(now, error.kind, self.policy.token_attempts) {
                    AfterFailure::Again(attempt) => {
                        tokio::time::sleep(retry::back_off(self.policy, attempt, &mut self.rng)).await;
                    }
                    AfterFailure::AtTheEnd(_) | AfterFailure::GiveUp => {
                        return Err(no_token(self.profile, self.credentials, error.kind, &error.message));
                    }
                },
            }
        }
    }
}

/// Why there is no token, without the credentials that the server may have repeated.
pub(super) fn no_token(profile: &Profile, credentials: &Credentials, kind: TokenErrorKind, message: &str) -> NoToken {
    let words = Scrubber::for_secrets(profile.hidden(credentials)).clean(message);
    let words = printable(&words, MAX_WORDS).into_owned();
    match kind {
        TokenErrorKind::Passing | TokenErrorKind::Hopeless(Stop::ServerCertificate) => NoToken::Unreachable(words),
        TokenErrorKind::Refused | TokenErrorKind::Hopeless(Stop::ClientCertificate | Stop::ProxyCredentials) => {
            NoToken::Refused(words)
        }
        TokenErrorKind::NotOAuth => NoToken::Misconfigured(words),
    }
}
