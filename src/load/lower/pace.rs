//! `limits:`, `retry:`, `breaker:`, `waves:`, `window:` and `abort_when:` -> the types that execution keeps to.

use super::quantities::Quantities;
use super::{count, criteria};
use crate::load::raw::{RawBreaker, RawLimits, RawRetry, RawRunbook, RawShare, RawWave, RawWindow};
use crate::model::{
    AbortRule, BreakerPolicy, Code, Criterion, DayTime, Days, Limits, MovedStatus, Problem, RetryPolicy, Share,
    StatusClass, StatusPattern, Wave, Window,
};
use jiff::tz::TimeZone;
use std::str::FromStr;

pub(super) fn limits(raw: Option<&RawLimits>, quantities: &mut Quantities<'_>) -> Limits {
    let none = RawLimits::default();
    let raw = raw.unwrap_or(&none);
    let default = Limits::default();
    let limits = Limits {
        concurrency: raw.concurrency.map_or(default.concurrency, count),
        rate: quantities.rate("/limits/rate", raw.rate.as_deref()),
        burst: raw.burst.map_or(default.burst, |burst| u32::try_from(burst).unwrap_or(u32::MAX)),
        ramp_up: quantities.duration("/limits/ramp_up", raw.ramp_up.as_deref(), default.ramp_up),
        adaptive: raw.adaptive.unwrap_or_default(),
        per_prefix: raw
            .per_prefix
            .iter()
            .flatten()
            .filter_map(|(prefix, most)| Some((prefix.clone(), count((*most)?))))
            .collect(),
        deadline: raw.deadline.as_deref().map(|text| quantities.get("/limits/deadline", Some(text), 3600)),
        drain_timeout: quantities.duration(
            "/limits/drain_timeout",
            raw.drain_timeout.as_deref(),
            default.drain_timeout,
        ),
    };
    let problems = &mut *quantities.problems;
    let refused = problems.iter().any(|problem| problem.pointer == "/limits/rate");
    if limits.burst > 1 && raw.rate.is_none() && !refused {
        let message = "`burst` has no meaning without a `rate`";
        problems
            .push(Problem::at(Code::Contradiction, "/limits/burst", message).help("add `rate`, or remove it").on_key());
    }
    if limits.deadline.is_some_and(|deadline| deadline.get().is_zero()) {
        let message = "a deadline of zero lets no job begin";
        problems.push(Problem::at(Code::OutOfRange, "/limits/deadline", message).help("write for example 45m"));
    }
    limits
}

pub(super) fn retry(raw: Option<&RawRetry>, quantities: &mut Quantities<'_>) -> RetryPolicy {
    let none = RawRetry::default();
    let written = raw.is_some_and(|raw| raw.max_wait.is_some());
    let raw = raw.unwrap_or(&none);
    let retry = RetryPolicy {
        max_attempts: raw.max_attempts.map_or(4, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        min_wait: quantities.get("/retry/min_wait", raw.min_wait.as_deref(), 2),
        max_wait: quantities.get("/retry/max_wait", raw.max_wait.as_deref(), 10),
        max_retry_after: quantities.get("/retry/max_retry_after", raw.max_retry_after.as_deref(), 60),
        budget: raw.budget.as_ref().and_then(share).unwrap_or(Share::Percent(100.0)),
        token_attempts: raw.token_attempts.map_or(8, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        unknown: raw.unknown.unwrap_or_default(),
    };
    if retry.min_wait > retry.max_wait {
        let pointer = if written { "/retry/max_wait" } else { "/retry/min_wait" };
        let message = format!("min_wait ({}) is longer than max_wait ({})", retry.min_wait, retry.max_wait);
        let problem = Problem::at(Code::Contradiction, pointer, message).help("make max_wait the longer one");
        quantities.problems.push(problem);
    }
    retry
}

/// Statuses that the runbook gives another meaning, with a warning for each that could bridge a call twice.
pub(super) fn moved(raw: Option<&RawRetry>, problems: &mut Vec<Problem>) -> Vec<MovedStatus> {
    let Some(answers) = raw.and_then(|raw| raw.answers.as_ref()) else { return Vec::new() };
    let lists = [
        (StatusClass::Refused, &answers.refused),
        (StatusClass::Rejected, &answers.rejected),
        (StatusClass::Unknown, &answers.unknown),
    ];
    let mut moved: Vec<MovedStatus> = Vec::new();
    for (class, patterns) in lists {
        for (index, statuses) in patterns.iter().flatten().enumerate() {
            let Some(statuses) = statuses else { continue };
            let pointer = format!("/retry/answers/{}/{index}", class.word());
            if let Some(first) = moved.iter().find(|known| known.statuses == *statuses && known.class != class) {
                let message = format!("{} stands under `{}` too", statuses.text(), first.class.word());
                problems.push(Problem::at(Code::Contradiction, pointer, message).help("keep one of the two"));
            } else if class != StatusClass::Unknown && statuses.has_success() {
                let message = format!("{} says that the bridge is made", statuses.text());
                let help = "a success can be moved to `unknown` only";
                problems.push(Problem::at(Code::Contradiction, pointer, message).help(help));
            } else if class != StatusClass::Unknown && statuses.may_have_had_effect() {
                problems.push(risk(pointer, statuses, class));
            }
            moved.push(MovedStatus { statuses: statuses.clone(), class });
        }
    }
    moved
}

/// The warning about a status of which somebody says that nothing was done.
fn risk(pointer: String, statuses: &StatusPattern, class: StatusClass) -> Problem {
    Problem::at(Code::DoubleBridge, pointer, statuses.risk(class))
        .help("leave it `unknown`, unless the vendor states that such an answer means that nothing was done")
}

pub(super) fn breaker(raw: Option<&RawBreaker>, quantities: &mut Quantities<'_>) -> BreakerPolicy {
    let none = RawBreaker::default();
    let raw = raw.unwrap_or(&none);
    let number = |given: Option<u64>, default| given.map_or(default, |n| u32::try_from(n).unwrap_or(u32::MAX));
    let default = BreakerPolicy::default();
    BreakerPolicy {
        failures: number(raw.failures, default.failures),
        pause: quantities.duration("/breaker/pause", raw.pause.as_deref(), default.pause),
        probes: number(raw.probes, default.probes),
    }
}

pub(super) fn waves(raw: &RawRunbook, quantities: &mut Quantities<'_>) -> Vec<Wave> {
    let written: Vec<(usize, &RawWave)> =
        raw.waves.iter().flatten().enumerate().filter_map(|(index, wave)| Some((index, wave.as_ref()?))).collect();
    let last = written.last().map(|(index, _)| *index);
    let mut waves = Vec::new();
    for (index, wave) in written {
        let at = format!("/waves/{index}");
        let Some(size) = wave.size.as_ref().and_then(share) else { continue };
        let problems = &mut *quantities.problems;
        let is_last = Some(index) == last;
        if size == Share::Jobs(0) || size == Share::Percent(0.0) {
            let problem = Problem::at(Code::OutOfRange, format!("{at}/size"), "a wave of no jobs");
            problems.push(problem.help("write how many jobs it begins, as 5 or \"10%\""));
        } else if matches!(size, Share::Percent(percent) if percent > 100.0) {
            let problem = Problem::at(Code::OutOfRange, format!("{at}/size"), "a wave has no more than all jobs");
            problems.push(problem.help("write \"100%\""));
        } else if is_last && !size.is_all() {
            let problem =
                Problem::at(Code::Contradiction, format!("{at}/size"), "after the last wave, jobs may be left");
            problems.push(problem.help("add a wave `{size: \"100%\"}`: all that are left"));
        } else if !is_last && size.is_all() {
            let problem =
                Problem::at(Code::Contradiction, format!("{at}/size"), "this wave leaves no jobs for the next one");
            problems.push(problem.help("write a smaller part, or remove the waves behind it"));
        }
        if is_last && size.is_all() && wave.require.iter().flatten().next().is_some() {
            let message = "behind the last wave there is none that could be held back";
            let problem = Problem::at(Code::Contradiction, format!("{at}/require"), message).on_key();
            problems.push(problem.help("write it under `success_criteria`"));
        }
        let require = wave.require.iter().flatten().enumerate();
        let require = require
            .filter_map(|(n, text)| {
                expression(raw, &format!("{at}/require/{n}"), text.as_deref()?, problems, Criterion::set)
            })
            .collect();
        waves.push(Wave { size, require, pause: quantities.get(&format!("{at}/pause"), wave.pause.as_deref(), 0) });
    }
    waves
}

pub(super) fn abort_when(raw: &RawRunbook, problems: &mut Vec<Problem>) -> Vec<AbortRule> {
    let rules = raw.abort_when.iter().flatten().enumerate();
    rules
        .filter_map(|(index, text)| {
            expression(raw, &format!("/abort_when/{index}"), text.as_deref()?, problems, |rule: &AbortRule| {
                rule.when.set()
            })
        })
        .collect()
}

/// A criterion or a rule, whose set must be there.
fn expression<T: FromStr>(
    raw: &RawRunbook,
    pointer: &str,
    text: &str,
    problems: &mut Vec<Problem>,
    set: impl Fn(&T) -> Option<&crate::model::SetName>,
) -> Option<T> {
    let Ok(expression) = text.parse::<T>() else {
        // A text that the pattern refused has been spoken of.
        if !problems.iter().any(|problem| problem.pointer == pointer) {
            let (message, help) = criteria::explain_rule(text);
            problems.push(Problem::at(Code::BadForm, pointer, message).help(help));
        }
        return None;
    };
    problems.extend(set(&expression).and_then(|set| criteria::unknown_set(raw, pointer, set.as_str())));
    Some(expression)
}

pub(super) fn window(raw: Option<&RawWindow>, problems: &mut Vec<Problem>) -> Option<Window> {
    let raw = raw?;
    let days = raw.days.as_deref().map_or(Ok(Days::ALL), str::parse).ok()?;
    let from: DayTime = raw.from.as_deref().map_or(Ok(DayTime::MIDNIGHT), str::parse).ok()?;
    let to: DayTime = raw.to.as_deref().map_or(Ok(DayTime::END), str::parse).ok()?;
    if from == to || from == DayTime::END || to == DayTime::MIDNIGHT {
        let key = if from == DayTime::END { "from" } else { "to" };
        let message = format!("a window from {from} to {to} never opens");
        let help = "a whole day is `from: \"00:00\"`, `to: \"24:00\"`";
        problems.push(Problem::at(Code::Contradiction, format!("/window/{key}"), message).help(help));
    }
    let name = raw.timezone.as_deref()?;
    let Ok(zone) = TimeZone::get(name) else {
        let message = format!("there is no time zone `{}`", crate::model::printable(name, 60));
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let help = crate::template::nearest(name, known.iter().map(String::as_str)).map_or_else(
            || "write a name such as America/New_York or UTC".to_owned(),
            |near| format!("write `{near}`"),
        );
        problems.push(Problem::at(Code::BadForm, "/window/timezone", message).help(help));
        return None;
    };
    Some(Window { days, from, to, zone, outside: raw.outside.unwrap_or_default() })
}

/// `None` when the schema has refused it.
fn share(raw: &RawShare) -> Option<Share> {
    match raw.0.as_u64() {
        Some(count) => Some(Share::Jobs(count)),
        None => Share::percent(raw.0.as_str()?),
    }
}

/// What to say about a text that misses a pattern of these keys.
pub(super) fn explain_pattern(pattern: &str, text: &str) -> Option<(String, String)> {
    let shown = crate::model::printable(text, 60);
    let say = |message: String, help: &str| Some((message, help.to_owned()));
    match pattern {
        Share::PATTERN => {
            say(format!("{shown:?} is not a part of the jobs"), "write a number, as 5, or a percentage, as \"10%\"")
        }
        Days::PATTERN => say(format!("{shown:?} is not a list of days"), "write for example mon-fri, or mon,wed,sat"),
        DayTime::PATTERN => say(
            format!("{shown:?} is not a time of the day"),
            "write hours and minutes, as \"08:00\"; the end of a day is \"24:00\"",
        ),
        AbortRule::PATTERN => Some(criteria::explain_rule(text)),
        _ => None,
    }
}
