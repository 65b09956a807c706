//! Raw shape -> [`Runbook`]: the meanings that a schema cannot check.
//!
//! What the schema refused is absent here and stands in for itself with a default; a runbook with problems is only a
//! preview.

mod audit;
mod connection;
mod criteria;
mod guards;
mod link;
mod matrix;
mod names;
mod pace;
mod privacy;
mod quantities;
mod rows;
mod sets;

use super::raw::{
    HOST_PART, NAME, PREFIX, PROXY, PROXY_URL, REGION, RawConnection, RawRunbook, SET_NAME, URL, VARIABLE,
};
use crate::model::{Again, Code, Criterion, DurationSpec, HostPattern, Problem, Rate, Runbook, Texts};
use quantities::Quantities;

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
        PROXY | PROXY_URL => Some(link::explain_proxy()),
        HostPattern::PATTERN => Some(link::explain_host(text)),
        VARIABLE => Some(names::explain_variable()),
        Criterion::PATTERN => Some(criteria::explain(text)),
        _ => pace::explain_pattern(pattern, text),
    }
}

pub(super) fn lower(texts: Texts, raw: &RawRunbook, problems: &mut Vec<Problem>) -> Runbook {
    let sets = sets::sets(raw, problems);
    let criteria = criteria::criteria(raw, &sets, problems);
    let mut quantities = Quantities { problems: &mut *problems };
    let limits = pace::limits(raw.limits.as_ref(), &mut quantities);
    let retry = pace::retry(raw.retry.as_ref(), &mut quantities);
    let breaker = pace::breaker(raw.breaker.as_ref(), &mut quantities);
    let waves = pace::waves(raw, &mut quantities);
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
    let (numbers, number_key) = privacy::privacy(raw.privacy.as_ref(), quantities.problems);
    let moved = pace::moved(raw.retry.as_ref(), problems);
    let window = pace::window(raw.window.as_ref(), problems);
    let abort_when = pace::abort_when(raw, problems);
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
        moved,
        breaker,
        waves,
        window,
        abort_when,
        on_lost_criterion: raw.on_lost_criterion.unwrap_or_default(),
        guards,
        criteria,
        audit: audit::audit(raw.audit.as_ref()),
        numbers: numbers.into(),
        number_key,
        again: Again::default(),
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
