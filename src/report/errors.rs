//! Failed jobs grouped by what became of them, each group with the likely cause and what to do.
//!
//! A group is made of the last attempt of each job that ended rejected, not sent, unknown or not bridged, so the counts of all
//! groups add up to `failure_count`.

use super::jobs::{Cause, JobView, Jobs};
use super::remedies::advise;
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
            let advice = advise(outcome, evidence, status_code);
            ErrorGroup {
                outcome,
                evidence,
                status_code,
                message: message.map(Cow::into_owned),
                count,
                first_jobs,
                cause: advice.cause.to_owned(),
                remedy: advice.remedy.to_owned(),
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
    let evidence = match view.cause {
        Some(Cause::Attempt(evidence)) => evidence,
        // A request may have left, and nobody was there to write down what became of it.
        _ if outcome == Outcome::Unknown => Evidence::Crash,
        _ => return None,
    };
    let message = view.message.map(|message| match view.call_id.as_deref() {
        // A short id would be found in words that have nothing to do with it.
        Some(id) if id.len() >= 4 && message.contains(id) => Cow::Owned(message.replace(id, CALL_ID)),
        _ => Cow::Borrowed(message),
    });
    Some((outcome, evidence, view.status, message))
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
