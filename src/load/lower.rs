//! Raw shape -> [`Runbook`]: the meanings that a schema cannot check.
//!
//! What the schema refused is absent here and stands in for itself with a default; a runbook with problems is only a
//! preview.

use super::raw::{RawConnection, RawRunbook, RawSecret, RawSet};
use crate::model::{
    Code, Connection, Criterion, CriterionError, DurationSpec, Endpoints, Limits, Metric, Problem, Rate, RetryPolicy,
    Rows, Runbook, SecretSource, SetName, SetSpec, Source, Timeouts,
};
use crate::template::nearest;
use std::collections::HashMap;
use std::time::Duration;

/// Requests in flight when the runbook does not say.
pub(super) const DEFAULT_CONCURRENCY: usize = 8;
/// The profile when the runbook does not say.
const DEFAULT_PROFILE: &str = "cxone";

/// What to say about a text that misses a pattern which has a meaning of its own.
pub(super) fn explain_pattern(pattern: &str, text: &str) -> Option<(String, String)> {
    match pattern {
        DurationSpec::PATTERN => {
            Some((format!("{text:?} is not a duration"), "write for example 250ms, 30s, 5m or 1h30m".to_owned()))
        }
        Rate::PATTERN => Some((format!("{text:?} is not a rate"), "write for example 25/s, 90/m or 1000/h".to_owned())),
        Criterion::PATTERN => Some(explain_criterion(text)),
        _ => None,
    }
}

fn explain_criterion(text: &str) -> (String, String) {
    let shape = "write `METRIC OP VALUE [in SET]`, for example `success_rate >= 98%`".to_owned();
    match text.parse::<Criterion>() {
        Err(error @ CriterionError::Shape(_)) => (error.to_string(), shape),
        Err(CriterionError::Metric(name)) => {
            let near = nearest(&name, Metric::ALL.iter().map(|metric| metric.name()));
            let help = near.map_or_else(
                || {
                    format!(
                        "metrics: {}",
                        Metric::ALL.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(", ")
                    )
                },
                |near| format!("write `{near}`"),
            );
            (format!("there is no metric `{name}`"), help)
        }
        Err(CriterionError::Value { metric, value, example }) => {
            (format!("`{value}` is not a value of {metric}"), format!("write for example `{metric} <= {example}`"))
        }
        Ok(_) => (format!("{text:?} is not written as a criterion is"), shape),
    }
}

pub(super) fn lower(source: Source, raw: &RawRunbook, problems: &mut Vec<Problem>) -> Runbook {
    let sets = sets(raw, problems);
    let criteria = criteria(raw, &sets, problems);
    let mut durations = Durations { problems: &mut *problems };
    let raw_limits = raw.limits.as_ref();
    let limits = Limits {
        concurrency: raw_limits.and_then(|limits| limits.concurrency).map_or(DEFAULT_CONCURRENCY, count),
        rate: raw_limits.and_then(|limits| durations.rate("/limits/rate", limits.rate.as_deref())),
        drain_timeout: durations.get("/limits/drain_timeout", raw_limits.and_then(|l| l.drain_timeout.as_deref()), 25),
    };
    let raw_retry = raw.retry.as_ref();
    let retry = RetryPolicy {
        max_attempts: raw_retry
            .and_then(|retry| retry.max_attempts)
            .map_or(4, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        min_wait: durations.get("/retry/min_wait", raw_retry.and_then(|retry| retry.min_wait.as_deref()), 2),
        max_wait: durations.get("/retry/max_wait", raw_retry.and_then(|retry| retry.max_wait.as_deref()), 10),
        max_retry_after: durations.get(
            "/retry/max_retry_after",
            raw_retry.and_then(|r| r.max_retry_after.as_deref()),
            60,
        ),
    };
    let empty = RawConnection::default();
    let connection = connection(raw.connection.as_ref().unwrap_or(&empty), &mut durations);
    if retry.min_wait > retry.max_wait {
        let written = raw_retry.is_some_and(|retry| retry.max_wait.is_some());
        let pointer = if written { "/retry/max_wait" } else { "/retry/min_wait" };
        let message = format!("min_wait ({}) is longer than max_wait ({})", retry.min_wait, retry.max_wait);
        problems.push(Problem::at(Code::Contradiction, pointer, message).help("make max_wait the longer one"));
    }
    Runbook {
        source,
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
        max_jobs: raw.guards.as_ref().and_then(|guards| guards.max_jobs),
        criteria,
        numbers: raw.privacy.as_ref().and_then(|privacy| privacy.numbers).unwrap_or_default(),
    }
}

fn sets(raw: &RawRunbook, problems: &mut Vec<Problem>) -> Vec<SetSpec> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut sets = Vec::new();
    for (index, set) in raw.sets.iter().flatten().enumerate() {
        let Some(set) = set else { continue };
        if let Some(name) = &set.name
            && let Some(first) = seen.insert(name, index)
        {
            let message = format!("there are two sets called `{name}`");
            let help = format!("give this one another name: set {} has it already", first + 1);
            problems.push(Problem::at(Code::DuplicateSet, format!("/sets/{index}/name"), message).help(help));
        }
        sets.extend(one_set(index, set));
    }
    sets
}

/// `None` when the schema has refused a part without which no row can be read.
fn one_set(index: usize, raw: &RawSet) -> Option<SetSpec> {
    let source = raw.rows.as_ref()?;
    let rows = match (&source.csv, &source.jsonl, &source.items) {
        (Some(path), None, None) => Rows::Csv(path.into()),
        (None, Some(path), None) => Rows::Jsonl(path.into()),
        (None, None, Some(items)) => Rows::Items(items.iter().flatten().cloned().collect()),
        _ => return None,
    };
    Some(SetSpec {
        name: SetName::new(raw.name.as_deref()?),
        index,
        rows,
        when: raw.when.clone(),
        key: raw.key.clone(),
        job: raw.job.clone()?,
        concurrency: raw.limits.as_ref().and_then(|limits| limits.concurrency).map(count),
        allow_empty: raw.allow_empty.unwrap_or(false),
    })
}

fn criteria(raw: &RawRunbook, sets: &[SetSpec], problems: &mut Vec<Problem>) -> Vec<Criterion> {
    let names: Vec<&str> = raw.sets.iter().flatten().flatten().filter_map(|set| set.name.as_deref()).collect();
    let mut criteria = Vec::new();
    for (index, text) in raw.success_criteria.iter().flatten().enumerate() {
        let Some(text) = text else { continue };
        let pointer = format!("/success_criteria/{index}");
        match text.parse::<Criterion>() {
            Err(_) => {
                let (message, help) = explain_criterion(text);
                problems.push(Problem::at(Code::BadForm, pointer, message).help(help));
            }
            Ok(criterion) => {
                if let Some(set) = criterion.set().map(SetName::as_str)
                    && !names.contains(&set)
                    && !sets.is_empty()
                {
                    let help = nearest(set, names.iter().copied())
                        .map_or_else(|| format!("sets: {}", names.join(", ")), |near| format!("write `in {near}`"));
                    problems
                        .push(Problem::at(Code::UnknownSet, pointer, format!("there is no set `{set}`")).help(help));
                }
                criteria.push(criterion);
            }
        }
    }
    // What nobody has said is: no failure, and no outcome that somebody has to look up.
    let about = |metric: Metric| criteria.iter().any(|criterion: &Criterion| criterion.metric() == metric);
    let successes =
        [Metric::Succeeded, Metric::SuccessRate, Metric::Failed, Metric::Rejected, Metric::NotSent, Metric::Accepted];
    let (failures, unknown) = (successes.into_iter().any(about), about(Metric::Unknown));
    criteria.extend((!failures).then(|| "failed == 0".parse().ok()).flatten());
    criteria.extend((!unknown).then(|| "unknown == 0".parse().ok()).flatten());
    criteria
}

fn connection(raw: &RawConnection, durations: &mut Durations<'_>) -> Connection {
    let timeouts = raw.timeouts.as_ref();
    let timeouts = Timeouts {
        connect: durations.get("/connection/timeouts/connect", timeouts.and_then(|t| t.connect.as_deref()), 5),
        request: durations.get("/connection/timeouts/request", timeouts.and_then(|t| t.request.as_deref()), 30),
        token: durations.get("/connection/timeouts/token", timeouts.and_then(|t| t.token.as_deref()), 15),
    };
    let problems = &mut *durations.problems;
    // What the schema has refused is not there, and is not missing either.
    let refused = ["/connection", "/connection/region", "/connection/base_url"]
        .iter()
        .any(|place| problems.iter().any(|problem| problem.pointer == *place));
    let zero = [("connect", timeouts.connect), ("request", timeouts.request), ("token", timeouts.token)];
    for (name, _) in zero.iter().filter(|(_, timeout)| timeout.get().is_zero()) {
        problems.push(
            Problem::at(
                Code::OutOfRange,
                format!("/connection/timeouts/{name}"),
                "a time limit of zero lets nothing through",
            )
            .help("write for example 5s"),
        );
    }
    if timeouts.connect > timeouts.request {
        let message = format!("connect ({}) is longer than request ({})", timeouts.connect, timeouts.request);
        problems.push(
            Problem::at(Code::Contradiction, "/connection/timeouts", message)
                .help("make request the longer one")
                .on_key(),
        );
    }
    let plain_allowed = raw.allow_plain_http.unwrap_or(false);
    for (key, url) in [("base_url", &raw.base_url), ("token_url", &raw.token_url)] {
        let Some(url) = url else { continue };
        let pointer = format!("/connection/{key}");
        match reqwest::Url::parse(url) {
            Err(error) => problems.push(
                Problem::at(Code::BadForm, pointer, format!("{url} is not a URL: {error}"))
                    .help("write for example https://api.example.com"),
            ),
            Ok(parsed) if parsed.scheme() == "http" && !plain_allowed && !is_loopback(&parsed) => {
                let message = "plain http would show token and numbers to everybody on the way";
                problems.push(
                    Problem::at(Code::PlainHttp, pointer, message)
                        .help("write https:, or allow it with `allow_plain_http: true`"),
                );
            }
            Ok(_) => {}
        }
    }
    let endpoints = match (&raw.region, &raw.base_url) {
        (Some(region), None) => Endpoints::Region(region.clone()),
        (None, Some(base_url)) => {
            Endpoints::Urls { base_url: base_url.trim_end_matches('/').to_owned(), token_url: raw.token_url.clone() }
        }
        (Some(_), Some(_)) => {
            let message = "`region` and `base_url` are both given: a token for one host could go to the other";
            problems.push(
                Problem::at(Code::Contradiction, "/connection/base_url", message).help("keep one of the two").on_key(),
            );
            Endpoints::Region(String::new())
        }
        (None, None) if refused => Endpoints::Region(String::new()),
        (None, None) => {
            let message = "`connection` says neither `region` nor `base_url`";
            problems.push(
                Problem::at(Code::Contradiction, "/connection", message)
                    .help("add `region: mynicecx` or `base_url: https://api.example.com`")
                    .on_key(),
            );
            Endpoints::Region(String::new())
        }
    };
    if raw.region.is_some() && raw.base_url.is_none() && raw.token_url.is_some() {
        let message = "`token_url` goes with `base_url`; `region` decides both";
        problems.push(
            Problem::at(Code::Contradiction, "/connection/token_url", message)
                .help("remove it, or write `base_url` in place of `region`")
                .on_key(),
        );
    }
    let auth = raw.auth.as_ref();
    Connection {
        profile: raw.profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned()),
        endpoints,
        client_id: secret(auth.and_then(|auth| auth.client_id.as_ref())),
        client_secret: secret(auth.and_then(|auth| auth.client_secret.as_ref())),
        timeouts,
    }
}

/// RFC 6761 section 6.3 and the loopback ranges.
fn is_loopback(url: &reqwest::Url) -> bool {
    match url.host_str() {
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

fn secret(raw: Option<&RawSecret>) -> SecretSource {
    match raw {
        Some(RawSecret { file: Some(path), .. }) => SecretSource::File(path.into()),
        Some(RawSecret { env, .. }) => SecretSource::Env(env.clone().unwrap_or_default()),
        None => SecretSource::Env(String::new()),
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Reads quantities; what does not fit is a problem, and the default stands in.
struct Durations<'a> {
    problems: &'a mut Vec<Problem>,
}

impl Durations<'_> {
    fn get(&mut self, pointer: &str, text: Option<&str>, default_secs: u64) -> DurationSpec {
        let default = DurationSpec::from(Duration::from_secs(default_secs));
        match text.map(str::parse) {
            None => default,
            Some(Ok(duration)) => duration,
            Some(Err(error)) => {
                let error: crate::model::QuantityError = error;
                self.problems.push(
                    Problem::at(Code::OutOfRange, pointer, error.to_string())
                        .help("write a duration of at most 10 years"),
                );
                default
            }
        }
    }

    fn rate(&mut self, pointer: &str, text: Option<&str>) -> Option<Rate> {
        match text?.parse::<Rate>() {
            Ok(rate) => Some(rate),
            Err(error) => {
                self.problems
                    .push(Problem::at(Code::OutOfRange, pointer, error.to_string()).help("write for example 25/s"));
                None
            }
        }
    }
}
