//! Rules on a job's fields that JSON Schema cannot say.

use super::job::JobRules;
use crate::model::{CallId, Code, NumberPrivacy, PhoneNumber, Problem};
use serde_json::Value;
use std::collections::HashSet;

/// The call that a job is about.
pub(super) fn call_id<'a>(spec: &JobRules, fields: &'a Value) -> Option<&'a str> {
    fields.get(&spec.call_id)?.as_str()
}

/// `Value::pointer` without its copies, where the pointer has no escapes: every row is asked several times.
fn value_at<'a>(fields: &'a Value, pointer: &str) -> Option<&'a Value> {
    let Some(path) = pointer.strip_prefix('/').filter(|_| !pointer.contains('~')) else {
        return fields.pointer(pointer);
    };
    path.split('/').try_fold(fields, |value, name| match value {
        Value::Object(members) => members.get(name),
        // An index has rules of its own.
        other => other.pointer(&format!("/{name}")),
    })
}

/// Where a number of a job stands.
#[derive(Clone, Copy, Debug)]
pub enum NumberPlace<'a> {
    /// The value of the target with this index, in the list at this pointer.
    Target(&'a str, usize),
    /// At this pointer.
    Field(&'a str),
}

impl NumberPlace<'_> {
    /// A pointer that starts at the job.
    pub fn pointer(self) -> String {
        match self {
            Self::Target(list, index) => format!("{list}/{index}/value"),
            Self::Field(pointer) => pointer.to_owned(),
        }
    }
}

/// Every telephone number of a job, with its place.
pub(super) fn numbers<'a>(spec: &'a JobRules, fields: &'a Value) -> impl Iterator<Item = (NumberPlace<'a>, &'a str)> {
    let spec = &spec.numbers;
    let targets = value_at(fields, &spec.pointer).and_then(Value::as_array).into_iter().flatten().enumerate();
    let listed =
        targets.filter(|(_, target)| target.get("type").and_then(Value::as_str) == Some(&spec.r#type)).filter_map(
            |(index, target)| Some((NumberPlace::Target(&spec.pointer, index), target.get("value")?.as_str()?)),
        );
    let plain = |pointer: &'a String| Some((NumberPlace::Field(pointer), value_at(fields, pointer)?.as_str()?));
    listed.chain(spec.fields.iter().filter_map(plain))
}

/// The targets as they may be written down: `phone:+1202*****04`, and each number that is a field: `to:+1202*****04`.
pub(super) fn targets(spec: &JobRules, fields: &Value, privacy: NumberPrivacy) -> Vec<String> {
    fn kind_of(target: &Value) -> &str {
        target.get("type").and_then(Value::as_str).unwrap_or_default()
    }
    let shown = |target: &Value| {
        let (kind, value) = (kind_of(target), target.get("value").and_then(Value::as_str).unwrap_or_default());
        let value = if kind == spec.numbers.r#type {
            privacy.number(&PhoneNumber::new(value))
        } else {
            privacy.text(value, 100)
        };
        format!("{kind}:{value}")
    };
    let plain = |pointer: &String| {
        let number = PhoneNumber::new(value_at(fields, pointer)?.as_str()?);
        Some(format!("{}:{}", pointer.rsplit('/').next().unwrap_or_default(), privacy.number(&number)))
    };
    let listed = value_at(fields, &spec.numbers.pointer).and_then(Value::as_array).into_iter().flatten().map(shown);
    listed.chain(spec.numbers.fields.iter().filter_map(plain)).collect()
}

/// The digits of each telephone number of a job, if there are enough of them to be one.
pub(super) fn target_digits<'a>(spec: &'a JobRules, fields: &'a Value) -> impl Iterator<Item = &'a str> {
    const SHORTEST: usize = 7;
    numbers(spec, fields).map(|(_, value)| value.trim_start_matches('+')).filter(|digits| digits.len() >= SHORTEST)
}

/// Everything that is wrong with a job's fields beyond their schema; pointers start at the job.
pub(super) fn problems(spec: &JobRules, fields: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(text) = call_id(spec, fields)
        && let Err(reason) = CallId::new(text)
        && !text.is_empty()
    {
        let problem = Problem::at(Code::BadCallId, format!("/{}", spec.call_id), format!("the call id {reason}"));
        let help = if text.trim() == text {
            "give the id that the vendor's API gave for the live call"
        } else {
            "take the blank away, or let `trim` do it; a text behind `>` or `|` ends with a line feed, behind `>-` with none"
        };
        problems.push(problem.help(help));
    }
    problems.extend(number_warnings(spec, fields));
    problems.extend(leg_problems(spec, fields));
    problems.extend(link_problems(spec, fields));
    problems
}

fn number_warnings(spec: &JobRules, fields: &Value) -> Vec<Problem> {
    numbers(spec, fields)
        .filter(|(_, value)| value.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(place, _)| {
            Problem::at(
                Code::NoCountryCode,
                place.pointer(),
                "a number without its plus: which country it is in depends on the server",
            )
            .help("write it in E.164 form, `+` and country code first")
        })
        .collect()
}

/// More legs than one bridge may have.
fn leg_problems(spec: &JobRules, fields: &Value) -> Option<Problem> {
    let legs = spec.legs.as_ref()?;
    let count = value_at(fields, &legs.pointer)?.as_array()?.len();
    if count <= legs.max {
        return None;
    }
    let message = format!("{count} legs are to be joined to the call, and one bridge takes {} at most", legs.max);
    let help = "spread them over several bridges";
    Some(Problem::at(Code::OutOfRange, legs.pointer.clone(), message).help(help))
}

/// Legs run from 0 (the call) to the number of targets; no link to oneself, none twice.
fn link_problems(spec: &JobRules, fields: &Value) -> Vec<Problem> {
    let Some(spec) = &spec.links else { return Vec::new() };
    let Some(legs) = value_at(fields, &spec.legs).and_then(Value::as_array).map(Vec::len) else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    for (index, link) in value_at(fields, &spec.pointer).and_then(Value::as_array).into_iter().flatten().enumerate() {
        let leg = |key: &str| link.get(key).and_then(Value::as_u64);
        let (Some(source), Some(target)) = (leg(&spec.source), leg(&spec.target)) else { continue };
        let at = |key: &str| format!("{}/{index}/{key}", spec.pointer);
        for (key, leg) in [(&spec.source, source), (&spec.target, target)] {
            if usize::try_from(leg).unwrap_or(usize::MAX) > legs {
                let message = format!("leg {leg} does not exist: the call is leg 0, the last target is leg {legs}");
                problems
                    .push(Problem::at(Code::BadMatrix, at(key), message).help(format!("write a leg from 0 to {legs}")));
            }
        }
        if source == target {
            let message = format!("leg {source} is linked to itself");
            problems.push(Problem::at(Code::BadMatrix, at(&spec.target), message).help("name two different legs"));
        } else if !seen.insert((source, target)) {
            let message = format!("legs {source} and {target} are linked twice");
            problems.push(Problem::at(Code::BadMatrix, at(&spec.target), message).help("remove one of the two links"));
        }
    }
    problems
}
