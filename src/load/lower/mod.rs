//! Raw shape -> [`Runbook`]: the meanings that a schema cannot check.
//!
//! What the schema refused is absent here and stands in for itself with a default; a runbook with problems is only a
//! preview.

mod connection;
mod criteria;
mod guards;
mod matrix;
mod names;
mod quantities;
mod rows;
mod sets;

use super::raw::{HOST_PART, NAME, PREFIX, REGION, RawConnection, RawRunbook, SET_NAME, URL, VARIABLE};
use crate::model::{Code, Criterion, DurationSpec, Limits, Problem, Rate, RetryPolicy, Runbook, Texts};
use quantities::Quantities;

/// Requests in flight when the runbook does not say.
const DEFAULT_CONCURRENCY: usize = 8;

/// What to say about a text that misses a pattern which has a meaning of its own.
pub(super) fn explain_pattern(pattern: &str, text: &str) -> Option<(String, String)> {
    match pattern {
        DurationSpec::PATTERN => {
            Some((format!("{text:?} is not a duration"), "write for example 250ms, 30s, 5m or 1h30m".to_owned()))
        }
        Rate::PATTERN => Some((format!("{text:?} is not a rate"), "write for example 25/s, 90/m or 1000/h".to_owned())),
        PREFIX => Some(guards::explain_prefix(text)),
        REGION => Some(guards::explain_region(text)),
        NAME | SET_NAME => names::explain_name(text, pattern == SET_NAME),
        HOST_PART => names::explain_region(text),
        URL => Some(names::explain_url(text)),
        VARIABLE => Some(names::explain_variable()),
        Criterion::PATTERN => Some(criteria::explain(text)),
        _ => None,
    }
}

pub(super) fn lower(texts: Texts, raw: &RawRunbook, problems: &mut Vec<Problem>) -> Runbook {
    let sets = sets::sets(raw, problems);
    let criteria = criteria::criteria(raw, &sets, problems);
    let mut quantities = Quantities { problems: &mut *problems };
    let raw_limits = raw.limits.as_ref();
    let limits = Limits {
        concurrency: raw_limits.and_then(|limits| limits.concurrency).map_or(DEFAULT_CONCURRENCY, count),
        rate: raw_limits.and_then(|limits| quantities.rate("/limits/rate", limits.rate.as_deref())),
        drain_timeout: quantities.get("/limits/drain_timeout", raw_limits.and_then(|l| l.drain_timeout.as_deref()), 25),
    };
    let raw_retry = raw.retry.as_ref();
    let retry = RetryPolicy {
        max_attempts: raw_retry
            .and_then(|retry| retry.max_attempts)
            .map_or(4, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        min_wait: quantities.get("/retry/min_wait", raw_retry.and_then(|retry| retry.min_wait.as_deref()), 2),
        max_wait: quantities.get("/retry/max_wait", raw_retry.and_then(|retry| retry.max_wait.as_deref()), 10),
        max_retry_after: quantities.get(
            "/retry/max_retry_after",
            raw_retry.and_then(|r| r.max_retry_after.as_deref()),
            60,
        ),
        token_attempts: raw_retry
            .and_then(|retry| retry.token_attempts)
            .map_or(8, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        unknown: raw_retry.and_then(|retry| retry.unknown).unwrap_or_default(),
    };
    let guards = guards::guards(raw.guards.as_ref(), &mut quantities);
    let empty = RawConnection::default();
    if raw.connection.is_none() {
        let problem = Problem::at(Code::MissingKey, "/connection", "the runbook has no `connection`");
        // What was refused is not missing.
        if !quantities.problems.iter().any(|problem| problem.pointer == "/connection") {
            let help = "add `connection:` with `region` or `base_url`, and `auth`; or include a file that has it";
            quantities.problems.push(problem.help(help).on_key());
        }
    }
    let connection = connection::connection(raw.connection.as_ref().unwrap_or(&empty), &mut quantities);
    if retry.min_wait > retry.max_wait {
        let written = raw_retry.is_some_and(|retry| retry.max_wait.is_some());
        let pointer = if written { "/retry/max_wait" } else { "/retry/min_wait" };
        let message = format!("min_wait ({}) is longer than max_wait ({})", retry.min_wait, retry.max_wait);
        problems.push(Problem::at(Code::Contradiction, pointer, message).help("make max_wait the longer one"));
    }
    Runbook {
        texts,
        name: raw.name.clone().unwrap_or_default(),
        description: raw.description.clone(),
        owner: raw.owner.clone(),
        labels: raw.labels.clone().unwrap_or_default(),
        connection,
        env: raw.env.iter().flatten().flatten().cloned().collect(),
        vars: raw.vars.clone().unwrap_or_default(),
        sets,
        limits,
        retry,
        guards,
        criteria,
        numbers: raw.privacy.as_ref().and_then(|privacy| privacy.numbers).unwrap_or_default(),
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
