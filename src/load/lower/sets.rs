//! `sets:` -> [`SetSpec`]s.

use super::{count, rows};
use crate::load::raw::{RawRunbook, RawSet};
use crate::model::{Code, Problem, SetName, SetSpec};
use std::collections::HashMap;

pub(super) fn sets(raw: &RawRunbook, problems: &mut Vec<Problem>) -> Vec<SetSpec> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut sets = Vec::new();
    let mut stdin = None;
    for (index, set) in raw.sets.iter().flatten().enumerate() {
        let Some(set) = set else { continue };
        if let Some(name) = &set.name
            && let Some(first) = seen.insert(name, index)
        {
            let message = format!("there are two sets called `{name}`");
            let help = format!("give this one another name: set {} has it already", first + 1);
            problems.push(Problem::at(Code::DuplicateSet, format!("/sets/{index}/name"), message).help(help));
        }
        let refused = |pointer: &str| problems.iter().any(|problem| problem.pointer == pointer);
        let job = format!("/sets/{index}/job");
        if set.job.is_none() && !refused(&job) && !refused("/defaults/job") && !refused("/defaults") {
            let help = "add `job:` with its fields, here or in `defaults`";
            problems.push(Problem::at(Code::MissingKey, job, "the set has no `job`").help(help).on_key());
        }
        if set.rows.as_ref().is_some_and(|rows| rows.stdin.is_some())
            && let Some(first) = stdin.replace(index)
        {
            let message = "standard input can be read only once, and another set has it";
            let help = format!("keep it in set {}, and give this one a file", first + 1);
            problems.push(Problem::at(Code::Contradiction, format!("/sets/{index}/rows/stdin"), message).help(help));
        }
        sets.extend(one_set(index, set, problems));
    }
    sets
}

/// `None` when the schema has refused a part without which no row can be read.
fn one_set(index: usize, raw: &RawSet, problems: &mut Vec<Problem>) -> Option<SetSpec> {
    let rows = rows::rows(raw.rows.as_ref()?, &format!("/sets/{index}/rows"), problems);
    let mut job = raw.job.clone()?;
    // The engine's own field: the profile does not know it.
    let not_after = job.shift_remove("not_after").and_then(|value| value.as_str().map(str::to_owned));
    Some(SetSpec {
        name: SetName::new(raw.name.as_deref()?),
        index,
        rows: rows?,
        when: raw.when.clone(),
        key: raw.key.clone(),
        job,
        not_after,
        legs: raw.legs.unwrap_or_default(),
        concurrency: raw.limits.as_ref().and_then(|limits| limits.concurrency).map(count),
        allow_empty: raw.allow_empty.unwrap_or(false),
    })
}
