//! `probe:` -> a compiled probe.

use super::Templates;
use super::request::target;
use crate::model::{Code, DurationSpec, Problem};
use crate::profile::job::JobRules;
use crate::profile::probe::{Expectation, Probe, Question};
use crate::profile::spec::{ProbeAnswerSpec, ProbeSpec};
use crate::template::{Tree, TreeError};
use serde_json::Value;
use std::time::Duration;

/// How long a request may still be worked on, where the profile does not say.
const SETTLED_AFTER: Duration = Duration::from_secs(30);

/// Compiles `probe:`; what is wrong with it is a problem at its place.
pub(super) fn probe(spec: ProbeSpec, rules: &JobRules, templates: &mut Templates<'_>) -> Option<Probe> {
    templates.problems.extend(about_nobody(&spec));
    let same = spec.bridged.is_some() && spec.bridged == spec.not_bridged;
    if same {
        let message = "an answer cannot mean *bridged* and *not bridged* at once";
        let problem = Problem::at(Code::ProfileContradiction, "/probe/not_bridged", message).on_key();
        templates.problems.push(problem.help("let it ask for another value than `bridged`"));
    }
    let target = target("/probe", spec.path.as_deref(), spec.query.as_ref(), rules, templates);
    if spec.bridged.is_none() && spec.not_bridged.is_none() {
        let message = "a probe whose answers say nothing finds nothing out";
        templates.problems.push(
            Problem::at(Code::ProfileContradiction, "/probe", message)
                .help("add `bridged: {pointer: /state, equals: bridged}`")
                .on_key(),
        );
    }
    let settled_after = match spec.settled_after.as_deref().map(str::parse::<DurationSpec>) {
        None => SETTLED_AFTER,
        Some(Ok(duration)) => duration.get(),
        Some(Err(error)) => {
            let problem = Problem::at(Code::OutOfRange, "/probe/settled_after", error.to_string());
            templates.problems.push(problem.help("write for example 30s"));
            SETTLED_AFTER
        }
    };
    let bridged = spec.bridged.and_then(|answer| expectation("/probe/bridged", answer, templates));
    let not_bridged = spec.not_bridged.and_then(|answer| expectation("/probe/not_bridged", answer, templates));
    Some(Probe { target: target?, bridged, not_bridged, settled_after })
}

/// A probe that asks the same for every job would say of one call what is true of another.
fn about_nobody(spec: &ProbeSpec) -> Option<Problem> {
    let path = spec.path.as_deref()?;
    let query = spec.query.iter().flat_map(|query| query.values()).cloned();
    let answers = [&spec.bridged, &spec.not_bridged].into_iter().flatten();
    let values = answers.flat_map(|answer| {
        let values = [&answer.equals, &answer.contains].into_iter().flatten().cloned();
        values.chain(answer.one_of.iter().flatten().cloned())
    });
    let texts = std::iter::once(Value::String(path.to_owned())).chain(query).chain(values);
    let about = |value: &Value| {
        let text = value.to_string();
        text.contains("{{") && ["job.", "call.", "job_number", "job_uuid"].iter().any(|name| text.contains(name))
    };
    if texts.into_iter().any(|value| about(&value)) {
        return None;
    }
    let message = "the probe is the same for every job: its answer would be about another call";
    Some(
        Problem::at(Code::ProfileContradiction, "/probe/path", message)
            .help("name the call in it, as in `/calls/{{job.call_id}}`"),
    )
}

fn expectation(at: &str, spec: ProbeAnswerSpec, templates: &mut Templates<'_>) -> Option<Expectation> {
    let status: Vec<_> = spec.status.into_iter().flatten().flatten().collect();
    let (key, question, value) = match (spec.pointer, spec.equals, spec.one_of, spec.contains, spec.text_starts_with) {
        (Some(pointer), Some(value), None, None, None) => ("equals", Question::Equals(pointer), Some(value)),
        (Some(pointer), None, Some(values), None, None) => {
            ("one_of", Question::OneOf(pointer), Some(Value::Array(values)))
        }
        (Some(pointer), None, None, Some(value), None) => ("contains", Question::Contains(pointer), Some(value)),
        (None, None, None, None, Some(start)) => {
            ("text_starts_with", Question::TextStartsWith, Some(Value::String(start)))
        }
        (None, None, None, None, None) if !status.is_empty() => ("status", Question::Status, None),
        _ => {
            let message = "an answer is known by its status, by one value of its body (`pointer` with `equals`, \
                               `one_of` or `contains`) or by its beginning";
            templates.problems.push(
                    Problem::at(Code::ProfileContradiction, at, message)
                        .help("write `{pointer: /state, equals: bridged}`, `{text_starts_with: \"+OK\"}` or `{status: [404]}`")
                        .on_key(),
                );
            return None;
        }
    };
    let value = match value.map(|value| Tree::compile(&value, templates.engine, &templates.scope)).transpose() {
        Ok(tree) => tree,
        Err(errors) => {
            for TreeError { pointer, error } in errors {
                let problem = super::problem(&format!("{at}/{key}{pointer}"), error, super::request::NAMES);
                templates.problems.push(problem);
            }
            return None;
        }
    };
    Some(Expectation { status, question, value })
}
