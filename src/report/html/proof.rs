//! What an auditor looks for: who, what, when, from what; whether the file is whole; and what each page of the paper says.

use super::tables;
use super::words::clean;
use crate::report::number::count;
use crate::report::summary::Summary;
use crate::report::text::{ending_words, verdict};
use serde::Serialize;

/// A line of the provenance.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    name: &'static str,
    value: String,
    code: bool,
}

/// Something that was checked when this page was made.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    what: String,
    result: &'static str,
    tone: &'static str,
}

pub(super) fn facts(summary: &Summary) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>, code| {
        facts.extend(value.filter(|value| !value.is_empty()).map(|value| Fact { name, value: clean(&value), code }));
    };
    let who = summary.operator.as_ref();
    let sudo = |who: &str| format!(", called by {who} through sudo");
    add("Operator", who.map(|w| w.user.clone() + &w.sudo_user.as_deref().map(sudo).unwrap_or_default()), false);
    add("Host", who.map(|who| format!("{}, process {}", who.host, who.pid)), false);
    add("Tool", Some(summary.tool.clone()), false);
    add("Invoked", summary.started.map(|at| at.to_string()), false);
    add("Finished", summary.finished.map(|at| at.to_string()), false);
    let cut = summary.finished.is_none();
    add("Last record", summary.last_record.filter(|_| cut).map(|at| at.to_string()), false);
    for resumption in &summary.resumptions {
        add("Resumed", Some(crate::report::resumption::words(resumption)), false);
    }
    add("Ended because", summary.ending.map(|ending| ending_words(ending).to_owned()), false);
    add("Exit code", summary.exit_code.map(|code| code.to_string()), false);
    add("Working directory", summary.directory.clone(), true);
    add("Run directory", summary.run_dir.clone(), true);
    add("Saved plan", summary.plan_id.clone(), true);
    add("Base URL", summary.base_url.clone(), true);
    add("Token URL", summary.token_url.clone(), true);
    let tokens =
        format!("{} granted, {} refused or failed", count(summary.tokens.fetched), count(summary.tokens.failed));
    add("Access tokens", Some(tokens), false);
    add("Last token error", summary.tokens.last_error.clone(), false);
    add("Scopes not granted", Some(summary.tokens.missing_scopes.join(" ")), true);
    add("Profile", Some(summary.profile.name.clone()), false);
    add("Profile SHA-256", Some(summary.profile.sha256.clone()), true);
    let labels: Vec<String> = summary.labels.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    add("Labels", Some(labels.join(", ")), false);
    add("Telephone numbers", Some(tables::numbers(summary.numbers).to_owned()), false);
    add("Key of the pseudonyms", summary.number_key_id.clone(), true);
    add("Register of calls", summary.once_store.clone(), true);
    facts
}

/// The control totals and what else the reader of the file has looked at.
pub(super) fn checks(summary: &Summary) -> Vec<Check> {
    let total = &summary.total;
    let by_set: u64 = summary.sets.iter().map(|set| set.jobs).sum();
    let states = total.total_operations + total.skipped + total.not_attempted + total.open;
    let skipped: u64 = summary.skips.iter().map(|group| group.count).sum();
    let errors = summary.errors.iter().map(|group| group.count).sum::<u64>() + summary.errors_left_out;
    let jobs = |number| tables::jobs(number);
    [
        (format!("{} of the plan, {} in a state", jobs(total.jobs), count(states)), total.jobs == states),
        (format!("{} of the plan, {} in the sets", jobs(total.jobs), count(by_set)), total.jobs == by_set),
        (format!("{} without a final state", jobs(total.open)), total.open == 0),
        (format!("{} left out, {} with a reason", jobs(total.skipped), count(skipped)), total.skipped == skipped),
        (
            format!("{} failed or unknown, {} listed under errors", jobs(total.failure_count), count(errors)),
            total.failure_count == errors,
        ),
        (
            format!("{} without an outcome in the file", intents(summary.unknown.in_flight)),
            summary.unknown.in_flight == 0,
        ),
        ("the file has its closing record".to_owned(), summary.finished.is_some()),
        ("the file is whole: chain of hashes, order of events, closing totals".to_owned(), summary.complete),
    ]
    .map(|(what, holds)| Check {
        what,
        result: if holds { "✓ holds" } else { "✗ does not hold" },
        tone: if holds { "good" } else { "bad" },
    })
    .into()
}

fn intents(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "intent" } else { "intents" })
}

/// The run's directory as a shell takes it, or a word that stands for it.
pub(super) fn directory(summary: &Summary) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let directory =
        summary.run_dir.clone().filter(|path| path.starts_with('/') && path.len() < 300 && path.chars().all(plain));
    directory.unwrap_or_else(|| "RUN_DIR".to_owned())
}

/// What stands in the margins of each page of paper. Letters, digits and dashes only: it is part of the style sheet.
pub(super) fn margins(summary: &Summary) -> String {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(80).collect()
    };
    let verdict = verdict(summary);
    let note = if verdict == "INCOMPLETE" { "INCOMPLETE: the figures are not the run's result" } else { verdict };
    let colour = if verdict == "PASSED" { "#1b6b40" } else { "#a3262b" };
    format!(
        "@page {{ @top-left {{ content: \"bridgebook {}\"; font: 8pt sans-serif; color: #444444; }} \
         @top-right {{ content: \"{note}\"; font: bold 9pt sans-serif; color: {colour}; }} \
         @bottom-left {{ content: \"run {}\"; font: 8pt sans-serif; color: #444444; }} \
         @bottom-right {{ content: \"page \" counter(page) \" of \" counter(pages); font: 8pt sans-serif; color: #444444; }} }}",
        plain(&summary.runbook),
        plain(summary.run_id.as_str())
    )
}
