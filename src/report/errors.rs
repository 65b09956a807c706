//! Failed jobs grouped by what became of them, each group with the likely cause and what to do.
//!
//! A group is made of the last attempt of each job that ended rejected, not sent, unknown or not bridged, so the counts of all
//! groups add up to `failure_count`. Remedies never advise to send an unknown again.

use super::jobs::{Cause, JobView, Jobs};
use super::summary::ErrorGroup;
use crate::model::{Evidence, JobNumber, Outcome};
use crate::state::{JobState, RunState};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Job numbers that a group names, to start looking.
pub(super) const FIRST_JOBS: usize = 5;

/// Groups that are listed. A server that puts a different text into every answer makes as many groups as jobs.
const MAX_GROUPS: usize = 50;

/// Stands for the job's own call id, which many servers repeat in their message.
const CALL_ID: &str = "{call_id}";

type Kind<'a> = (Outcome, Evidence, Option<u16>, Option<Cow<'a, str>>);

/// The largest groups, and the number of jobs in the ones left out.
pub(super) fn group(jobs: &Jobs, run: &RunState) -> (Vec<ErrorGroup>, u64) {
    let mut groups: BTreeMap<Kind<'_>, (u64, Vec<JobNumber>)> = BTreeMap::new();
    for view in jobs.views(run, |state| outcome(state).is_some()) {
        let Some(kind) = kind(&view) else { continue };
        let (count, first) = groups.entry(kind).or_default();
        *count += 1;
        if first.len() < FIRST_JOBS {
            first.push(view.job);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (count, _))| Reverse(*count)); // stable: equal counts stay in the order of their kind
    let left_out = groups.iter().skip(MAX_GROUPS).map(|(_, (count, _))| count).sum();
    let listed =
        groups.into_iter().take(MAX_GROUPS).map(|((outcome, evidence, status_code, message), (count, first_jobs))| {
            ErrorGroup {
                outcome,
                evidence,
                status_code,
                message: message.map(Cow::into_owned),
                count,
                first_jobs,
                remedy: remedy(outcome, evidence, status_code).to_owned(),
            }
        });
    (listed.collect(), left_out)
}

fn outcome(state: JobState) -> Option<Outcome> {
    match state {
        JobState::Rejected => Some(Outcome::Rejected),
        JobState::NotSent => Some(Outcome::NotSent),
        JobState::Unknown => Some(Outcome::Unknown),
        JobState::NotBridged => Some(Outcome::NotBridged),
        JobState::Pending
        | JobState::InFlight
        | JobState::Doubtful
        | JobState::InFlightDoubtful
        | JobState::Succeeded
        | JobState::Accepted
        | JobState::Skipped
        | JobState::NotAttempted => None,
    }
}

fn kind<'a>(view: &JobView<'a>) -> Option<Kind<'a>> {
    let outcome = outcome(view.state)?;
    let Some(Cause::Attempt(evidence)) = view.cause else { return None };
    let message = view.message.map(|message| match view.call_id.as_deref() {
        // A short id would be found in words that have nothing to do with it.
        Some(id) if id.len() >= 4 && message.contains(id) => Cow::Owned(message.replace(id, CALL_ID)),
        _ => Cow::Borrowed(message),
    });
    Some((outcome, evidence, view.status, message))
}

/// The likely cause and what to do.
pub(super) fn remedy(outcome: Outcome, evidence: Evidence, status: Option<u16>) -> &'static str {
    match (outcome, evidence) {
        (Outcome::Unknown, Evidence::Timeout) => {
            "No answer came within the request timeout, so the bridge may be up. Look each call up in the vendor's \
             records; never re-send it blindly. If it happens often, raise the request timeout or lower the concurrency."
        }
        (Outcome::Unknown, Evidence::Abandoned) => {
            "The operator stopped the run twice while the request was in flight. Look each call up in the vendor's \
             records; never re-send it blindly. One signal and some patience lets requests in flight end."
        }
        (Outcome::Unknown, _) if status == Some(409) => {
            "The API says that the call is in another state than expected: it may be bridged already. Look each call \
             up in the vendor's records; never re-send it blindly."
        }
        (Outcome::Unknown, Evidence::Crash) => {
            "The process died while the request was in flight. Look each call up in the vendor's records; never re-send it \
             blindly."
        }
        (Outcome::Unknown, _) => {
            "The request may have had its effect although no usable answer came. Look each call up in the vendor's \
             records; never re-send it blindly."
        }
        (Outcome::NotBridged, _) => {
            "It was unknown at first, and was found since to have had no effect. Such a job may be run again, if its call \
             is still up."
        }
        (_, Evidence::TokenRefused) => {
            "A fresh access token was refused. Check the client id and its secret, that the client may use this API \
             and region, and this machine's clock."
        }
        (_, Evidence::Connect | Evidence::Dns | Evidence::Tls) => {
            "No connection came about, so nothing was sent. Check base URL, DNS, firewall, proxy and certificates \
             from this machine; then these jobs may be run again."
        }
        (_, Evidence::Certificate) => {
            "One side does not accept the other's certificate, so nothing was sent. Compare base URL, `connection.tls` and \
             this machine's clock with what the message says; then these jobs may be run again."
        }
        (_, Evidence::Proxy) => {
            "The proxy made no tunnel, so nothing was sent. Check `connection.proxy`, its credentials, and that the proxy \
             allows this host and port; then these jobs may be run again."
        }
        (_, Evidence::NotProcessed) => {
            "The server said that it had not processed the request (HTTP/2), so nothing was bridged. These jobs may be run \
             again."
        }
        (_, Evidence::Withdrawn) => {
            "The run was stopped before the first byte left, so nothing was sent. These jobs may be run again."
        }
        (_, Evidence::Expired) => {
            "The jobs' time ran out before the first byte left, so nothing was sent. Start earlier, or raise the rate or \
             the concurrency; run them again only if the calls are still up."
        }
        (_, Evidence::Refusal) => {
            "The API was too busy and refused to the last attempt. Lower the rate or the concurrency, or allow more \
             attempts and a longer Retry-After; then these jobs may be run again."
        }
        (
            _,
            Evidence::Answer
            | Evidence::Timeout
            | Evidence::ConnectionLost
            | Evidence::BadAnswer
            | Evidence::Abandoned
            | Evidence::Crash,
        ) => by_status(status),
    }
}

fn by_status(status: Option<u16>) -> &'static str {
    match status {
        Some(300..=399) => {
            "The API answered with a redirect, which is never followed with a bridge request. Set the base URL to the \
             address it points to, if that is the vendor's."
        }
        Some(400 | 422) => {
            "The API found the request itself wrong. Compare the job's fields with the API's reference and correct \
             the runbook or its data."
        }
        Some(401) => "The access token was not taken. Check the client id, its secret and this machine's clock.",
        Some(403) => {
            "The client may not do this. Check the scopes it was granted and its rights on the account that owns the \
             calls."
        }
        Some(404 | 410) => {
            "The API knows no such call: it has ended, or its id is of another account or region. Take fresher rows, \
             and check the region."
        }
        Some(405 | 406 | 415) => "The address is not the bridge operation. Check base URL and profile.",
        Some(413) => "The request is too large for the API. Use fewer targets in one job.",
        Some(400..=499) => "The API refused the request. Its message says why; correct the runbook or its data.",
        _ => "The answer is not what the profile calls a success. Read the message and check the profile.",
    }
}

/// The stable word for a row's evidence.
pub(super) fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Attempt(evidence) => evidence_word(evidence),
        Cause::Skip(reason) => reason.word(),
    }
}

/// The stable word for an evidence, as in the audit file.
pub(super) fn evidence_word(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Answer => "answer",
        Evidence::Refusal => "refusal",
        Evidence::TokenRefused => "token_refused",
        Evidence::Dns => "dns",
        Evidence::Connect => "connect",
        Evidence::Tls => "tls",
        Evidence::Certificate => "certificate",
        Evidence::Proxy => "proxy",
        Evidence::NotProcessed => "not_processed",
        Evidence::BadAnswer => "bad_answer",
        Evidence::Timeout => "timeout",
        Evidence::ConnectionLost => "connection_lost",
        Evidence::Abandoned => "abandoned",
        Evidence::Withdrawn => "withdrawn",
        Evidence::Expired => "expired",
        Evidence::Crash => "crash",
    }
}

/// The same in words, for the outcome that it led to.
pub(super) fn evidence_words(outcome: Outcome, evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Answer if outcome == Outcome::Unknown => "the answer leaves it open",
        Evidence::Answer => "by the answer",
        Evidence::Refusal => "refused, not processed",
        Evidence::TokenRefused => "access token refused",
        Evidence::Dns => "name not resolved",
        Evidence::Connect => "no connection",
        Evidence::Tls => "no TLS connection",
        Evidence::Certificate => "certificate not accepted",
        Evidence::Proxy => "no way through the proxy",
        Evidence::NotProcessed => "not processed, by the server's word",
        Evidence::BadAnswer => "what came back is no answer",
        Evidence::Timeout => "no answer in time",
        Evidence::ConnectionLost => "connection lost before an answer",
        Evidence::Abandoned => "in flight when the run was stopped",
        Evidence::Withdrawn => "stopped before the first byte",
        Evidence::Expired => "too late before the first byte",
        Evidence::Crash => "in flight when the process died",
    }
}
