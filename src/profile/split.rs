//! A job with more targets than one bridge takes, as several bridges of the same call.
//!
//! Targets are taken in order, as many as one bridge takes at a time. A link belongs to the part that has its targets,
//! and its legs are counted anew there; one that would join targets of two parts cannot be made.

use super::job::{JobRules, Links};
use crate::model::{Code, Problem};
use serde_json::Value;

/// One of the bridges that a job becomes.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its fields.
    pub fields: Value,
    /// Targets before its first one.
    before: usize,
    /// Where its links stood.
    links: Vec<usize>,
    /// Pointers of the targets and of the links.
    lists: Option<(String, Option<String>)>,
}

impl Part {
    fn whole(fields: Value) -> Self {
        Self { fields, before: 0, links: Vec::new(), lists: None }
    }

    /// Where a place of this part stood in the whole job.
    pub fn original(&self, pointer: &str) -> String {
        let Some((targets, links)) = &self.lists else { return pointer.to_owned() };
        let moved = |list: &str, to: &dyn Fn(usize) -> Option<usize>| {
            let rest = pointer.strip_prefix(list)?.strip_prefix('/')?;
            let (index, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            Some(format!("{list}/{}{below}", to(index.parse().ok()?)?))
        };
        moved(targets, &|index| Some(index + self.before))
            .or_else(|| moved(links.as_deref()?, &|index| self.links.get(index).copied()))
            .unwrap_or_else(|| pointer.to_owned())
    }
}

/// The parts of a job: itself when it is not too large; the error names links between two parts.
pub(super) fn split(spec: &JobRules, fields: Value) -> Result<Vec<Part>, Vec<Problem>> {
    let Some(legs) = &spec.legs else { return Ok(vec![Part::whole(fields)]) };
    let targets = match fields.pointer(&legs.pointer).and_then(Value::as_array) {
        Some(targets) if targets.len() > legs.max && legs.max > 0 => targets.clone(),
        _ => return Ok(vec![Part::whole(fields)]),
    };
    let links_at = spec.links.as_ref().map(|links| links.pointer.clone());
    let mut parts: Vec<Part> = targets
        .chunks(legs.max)
        .enumerate()
        .map(|(index, chunk)| {
            let mut part = Part::whole(fields.clone());
            (part.before, part.lists) = (index * legs.max, Some((legs.pointer.clone(), links_at.clone())));
            set(&mut part.fields, &legs.pointer, chunk.to_vec());
            part
        })
        .collect();
    if let Some(links) = &spec.links {
        share_links(links, &fields, legs.max, targets.len(), &mut parts)?;
    }
    Ok(parts)
}

/// Gives each part its links.
fn share_links(spec: &Links, fields: &Value, max: usize, legs: usize, parts: &mut [Part]) -> Result<(), Vec<Problem>> {
    let Some(links) = fields.pointer(&spec.pointer).and_then(Value::as_array) else { return Ok(()) };
    let mut problems = Vec::new();
    let mut shared: Vec<Vec<Value>> = vec![Vec::new(); parts.len()];
    for (index, link) in links.iter().enumerate() {
        let leg = |key: &str| link.get(key).and_then(Value::as_u64).and_then(|leg| usize::try_from(leg).ok());
        // Leg 0 is the call, which every part has. What is no leg at all is left to the part's own check.
        let part_of = |leg: usize| leg.checked_sub(1).map(|target| target / max);
        let ends = [&spec.source, &spec.target].map(|key| leg(key).map(|leg| (key, leg)));
        if let Some((key, leg)) = ends.iter().flatten().find(|(_, leg)| *leg > legs) {
            let message = format!("leg {leg} does not exist: the call is leg 0, the last target is leg {legs}");
            let problem = Problem::at(Code::BadMatrix, format!("{}/{index}/{key}", spec.pointer), message);
            problems.push(problem.help(format!("write a leg from 0 to {legs}")));
            continue;
        }
        let mut found = ends.iter().flatten().filter_map(|(key, leg)| Some((key, part_of(*leg)?)));
        let part = found.next().map_or(0, |(_, part)| part);
        if let Some((key, other)) = found.next().filter(|(_, other)| *other != part) {
            let message =
                format!("this links a target of part {} with one of part {} of the split bridge", part + 1, other + 1);
            let help = format!("link targets that stand among the same {max}, or put them there");
            problems.push(
                Problem::at(Code::LinkAcrossParts, format!("{}/{index}/{key}", spec.pointer), message).help(help),
            );
            continue;
        }
        let mut link = link.clone();
        for (key, leg) in ends.into_iter().flatten().filter(|(_, leg)| *leg > 0) {
            link[key] = Value::from(leg - part * max);
        }
        shared[part].push(link);
        parts[part].links.push(index);
    }
    for (part, links) in parts.iter_mut().zip(shared) {
        set(&mut part.fields, &spec.pointer, links);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn set(fields: &mut Value, pointer: &str, list: Vec<Value>) {
    if let Some(place) = fields.pointer_mut(pointer) {
        *place = Value::Array(list);
    }
}
