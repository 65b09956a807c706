//! `success_criteria:` -> [`Criterion`]s, and what is said about one that cannot be read.

use crate::load::raw::RawRunbook;
use crate::model::{Code, Criterion, CriterionError, Metric, Problem, SetName, SetSpec};
use crate::template::nearest;

pub(super) fn explain(text: &str) -> (String, String) {
    let shape = "write `METRIC OP VALUE [in SET]`, for example `success_rate >= 98%`".to_owned();
    match text.parse::<Criterion>() {
        Err(error @ CriterionError::Shape(_)) => (error.to_string(), operator(text).unwrap_or(shape)),
        Err(CriterionError::Metric(name)) => {
            let all = || Metric::ALL.iter().map(|metric| metric.name());
            // `latency.p42` is near to every percentile.
            let family = name.split_once('.').filter(|(_, last)| last.ends_with(|c: char| c.is_ascii_digit()));
            let near = if family.is_some() { None } else { nearest(&name, all()) };
            let help = near.map_or_else(
                || {
                    let of = |metric: &&str| family.is_none_or(|(first, _)| metric.starts_with(first));
                    format!("metrics: {}", all().filter(of).collect::<Vec<_>>().join(", "))
                },
                |near| format!("write `{near}`"),
            );
            (format!("there is no metric `{name}`"), help)
        }
        Err(CriterionError::Value { sign, metric, value, example }) => {
            (format!("`{value}` is not a value of {metric}"), format!("write for example `{metric} {sign} {example}`"))
        }
        Ok(_) => (format!("{text:?} is not written as a criterion is"), shape),
    }
}

/// The same about a rule of `abort_when`.
pub(super) fn explain_rule(text: &str) -> (String, String) {
    let criterion = text.split(" after").next().unwrap_or(text);
    if criterion.parse::<Criterion>().is_err() {
        return explain(criterion);
    }
    let help = "write `METRIC OP VALUE [in SET] [after N]`, for example `success_rate < 90% after 50`";
    (format!("{:?} is not written as a rule is", crate::model::printable(text, 100)), help.to_owned())
}

/// What to say about a set that is not there.
pub(super) fn unknown_set(raw: &RawRunbook, pointer: &str, set: &str) -> Option<Problem> {
    let names: Vec<&str> = raw.sets.iter().flatten().flatten().filter_map(|set| set.name.as_deref()).collect();
    if names.is_empty() || names.contains(&set) {
        return None;
    }
    let help = nearest(set, names.iter().copied())
        .map_or_else(|| format!("sets: {}", names.join(", ")), |near| format!("write `in {near}`"));
    Some(Problem::at(Code::UnknownSet, pointer, format!("there is no set `{set}`")).help(help))
}

/// The remedy for signs that no comparison has.
fn operator(text: &str) -> Option<String> {
    let sign: String = text.chars().filter(|c| matches!(c, '=' | '<' | '>' | '!')).collect();
    let meant = match sign.as_str() {
        "=" => "==",
        "=<" => "<=",
        "=>" => ">=",
        "<>" | "=!" => "!=",
        _ => return None,
    };
    Some(format!("write `{meant}`, as in `success_rate >= 98%`"))
}

pub(super) fn criteria(raw: &RawRunbook, sets: &[SetSpec], problems: &mut Vec<Problem>) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    for (index, text) in raw.success_criteria.iter().flatten().enumerate() {
        let Some(text) = text else { continue };
        let pointer = format!("/success_criteria/{index}");
        match text.parse::<Criterion>() {
            Err(_) => {
                let (message, help) = explain(text);
                problems.push(Problem::at(Code::BadForm, pointer, message).help(help));
            }
            Ok(criterion) => {
                if !sets.is_empty() {
                    let set = criterion.set().map(SetName::as_str);
                    problems.extend(set.and_then(|set| unknown_set(raw, &pointer, set)));
                }
                criteria.push(criterion);
            }
        }
    }
    // What nobody has said is: no failure, and no outcome that somebody has to look up.
    // What somebody has said of one set says nothing of the others.
    let successes =
        [Metric::Succeeded, Metric::SuccessRate, Metric::Failed, Metric::Rejected, Metric::NotSent, Metric::Accepted];
    let implied = [(&successes[..], "failed == 0"), (&[Metric::Unknown], "unknown == 0")];
    let implied: Vec<Criterion> =
        implied.into_iter().flat_map(|(about, text)| unsaid(&criteria, about, text, sets)).collect();
    criteria.extend(implied);
    criteria
}

/// What holds where no criterion is about these metrics: for the run, or for the sets of which none speaks.
fn unsaid(written: &[Criterion], about: &[Metric], text: &str, sets: &[SetSpec]) -> Vec<Criterion> {
    let said: Vec<Option<&SetName>> =
        written.iter().filter(|criterion| about.contains(&criterion.metric())).map(Criterion::set).collect();
    let texts = if said.is_empty() {
        vec![text.to_owned()]
    } else if said.contains(&None) {
        Vec::new()
    } else {
        let silent = sets.iter().filter(|set| !said.contains(&Some(&set.name)));
        silent.map(|set| format!("{text} in {}", set.name)).collect()
    };
    texts.iter().filter_map(|text| text.parse().ok().map(Criterion::implied)).collect()
}
