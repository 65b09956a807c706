//! Two runs side by side on a terminal.

use super::compare::{ComparedRun, Comparison, CriterionChange, Difference};
use super::text::minute;
use crate::event::Verdict;
use crate::model::printable;
use crate::report::number::{NO_DATA, criterion_value};
use crate::report::table::Table;

/// Characters of somebody's text on one line.
const MAX_TEXT: usize = 60;
/// Lines of one kind.
const MAX_LINES: usize = 12;
/// Digits of a digest that are shown.
const MAX_DIGEST: usize = 40;

/// All lines.
pub(super) fn lines(comparison: &Comparison) -> String {
    let mut out = vec![side("base", &comparison.base), side("run", &comparison.run)];
    for run in [&comparison.base, &comparison.run] {
        let why = run.problems.first().map(|problem| clean(problem)).unwrap_or_default();
        out.extend((!run.complete).then(|| format!("INCOMPLETE  {}: {why}", clean(run.run_id.as_str()))));
    }
    if !comparison.alike {
        out.push("different   these are not two runs of one runbook against the same kind of API".to_owned());
    }
    out.extend(comparison.regressions.iter().map(|worse| format!("WORSE       {}", clean(&worse.words))));
    out.push(String::new());
    out.extend(figures(&comparison.figures));
    for (title, lines) in [
        ("criteria", criteria(comparison)),
        ("errors (jobs of the base, of the run)", errors(comparison)),
        ("settings", differences(comparison.settings.iter().map(|one| (&one.name, &one.base, &one.run)))),
        ("inputs", differences(comparison.inputs.iter().map(|one| (&one.input, &one.base, &one.run)))),
    ] {
        section(&mut out, title, lines);
    }
    out.push(String::new());
    out.join("\n")
}

fn section(out: &mut Vec<String>, title: &str, lines: Vec<String>) {
    out.push(String::new());
    if lines.is_empty() {
        out.push(format!("{title}: no difference"));
        return;
    }
    let more = lines.len().saturating_sub(MAX_LINES);
    out.push(title.to_owned());
    out.extend(lines.into_iter().take(MAX_LINES).map(|line| format!("  {line}")));
    out.extend((more > 0).then(|| format!("  ... and {more} more; --format json has all")));
}

fn side(label: &str, run: &ComparedRun) -> String {
    let result = match (run.complete, run.verdict) {
        (true, Some(Verdict::Passed)) => "PASSED",
        (true, Some(Verdict::Failed)) => "FAILED",
        (true, None) | (false, _) => "INCOMPLETE",
    };
    let sandbox = if run.sandbox { "  (sandbox: no real call)" } else { "" };
    let started = run.started.map(|at| format!("  {}", minute(at))).unwrap_or_default();
    format!("{label:<12}{result}  {}  {}{started}{sandbox}", clean(&run.runbook), clean(run.run_id.as_str()))
}

/// All but those that are zero, or without data, in both.
fn figures(all: &[Difference]) -> impl Iterator<Item = String> {
    let mut table = Table::new(&["figure", ">base", ">run", ">difference", ">relative"]);
    let number = |value: Option<f64>| value.map_or_else(|| NO_DATA.to_owned(), |value| value.to_string());
    for one in all.iter().filter(|one| one.base.unwrap_or(0.0) != 0.0 || one.run.unwrap_or(0.0) != 0.0) {
        let signed = |value: f64, unit: &str| format!("{}{value}{unit}", if value > 0.0 { "+" } else { "" });
        table.row([
            format!("{}{}", one.figure, unit(&one.figure)),
            number(one.base),
            number(one.run),
            one.difference.map(|value| signed(value, "")).unwrap_or_default(),
            one.relative_percent.map(|value| signed((value * 10.0).round() / 10.0, "%")).unwrap_or_default(),
        ]);
    }
    table.lines().collect::<Vec<_>>().into_iter()
}

fn unit(figure: &str) -> &'static str {
    match figure.split('.').next() {
        Some("latency" | "queue" | "duration") => " ms",
        Some("success_rate") => " %",
        Some("throughput") => " jobs/s",
        _ => "",
    }
}

fn criteria(comparison: &Comparison) -> Vec<String> {
    let changed = comparison.criteria.iter().filter(|one| one.change != CriterionChange::Same);
    let line = |one: &super::compare::CriterionDifference| {
        let word = match one.change {
            CriterionChange::Same => "same",
            CriterionChange::NowMet => "now met",
            CriterionChange::NoLongerMet => "NO LONGER met",
            CriterionChange::New => "new",
            CriterionChange::Gone => "gone",
            CriterionChange::NotJudged => "not judged",
        };
        let (base, run) = (criterion_value(&one.criterion, one.base), criterion_value(&one.criterion, one.run));
        format!("{word:<14}{}: {base} -> {run}", clean(&one.criterion))
    };
    changed.map(line).collect()
}

fn errors(comparison: &Comparison) -> Vec<String> {
    let line = |one: &super::compare::ErrorDifference| {
        let word = match (one.base, one.run) {
            (0, _) => "new",
            (_, 0) => "gone",
            _ => "differs",
        };
        let status = one.status_code.map(|status| format!(" {status}")).unwrap_or_default();
        let message = one.message.as_deref().map(|message| format!(": {}", clean(message))).unwrap_or_default();
        let outcome = serde_json::to_value(one.outcome).ok();
        let outcome = outcome.as_ref().and_then(|word| word.as_str()).unwrap_or_default();
        format!("{word:<8}{} -> {}  {outcome}{status}{message}", one.base, one.run)
    };
    comparison.errors.iter().map(line).collect()
}

fn differences<'a>(all: impl Iterator<Item = (&'a String, &'a Option<String>, &'a Option<String>)>) -> Vec<String> {
    let shown = |value: &Option<String>| {
        value.as_deref().map_or_else(|| "none".to_owned(), |value| printable(value, MAX_DIGEST).into_owned())
    };
    all.map(|(name, base, run)| format!("{}: {} -> {}", clean(name), shown(base), shown(run))).collect()
}

fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}
