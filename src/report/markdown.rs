//! summary.md: the run in GitHub-flavoured Markdown, for a pull request's comment or a job's summary.
//!
//! A text of others stands in a code span and nowhere else. In there GitHub makes no link of an address, a number or a hash, calls
//! nobody by an `@`, and knows no HTML; what could end a span or a cell of a table is taken care of in [`code`]. Lists are cut so that
//! the file stays below 65,000 characters whatever the run: a comment holds 65,536, a job's summary a megabyte.

use super::number::{NO_DATA, count, criterion_value, span};
use super::output::Report;
use super::summary::{CriterionSummary, ErrorGroup, Figures, Summary, UnknownJob};
use super::text::{ending_words, verdict};
use crate::model::{Outcome, printable};
use std::fmt::Write as _;

/// Characters of a name, of a message, of a reason.
const MAX_NAME: usize = 60;
const MAX_MESSAGE: usize = 200;
/// Characters of a request id, which is ASCII: it must be found again.
const MAX_REQUEST_ID: usize = 120;
/// Rows of the lists.
const MAX_CRITERIA: usize = 30;
const MAX_SETS: usize = 30;
const MAX_ERRORS: usize = 15;
const MAX_UNKNOWN: usize = 25;
const MAX_REASONS: usize = 5;

/// The file.
pub(super) fn text(report: &Report) -> String {
    let summary = &report.summary;
    let mut out = String::new();
    head(&mut out, summary);
    todo(&mut out, summary);
    criteria(&mut out, &summary.criteria);
    balance(&mut out, summary);
    latency(&mut out, summary);
    errors(&mut out, summary);
    unknown(&mut out, summary);
    let lines = count(summary.audit.lines);
    line(&mut out, &format!("\nAudit file: {lines} lines, head {}", code(&summary.audit.head, MAX_MESSAGE)));
    out
}

/// Adds a line.
fn line(out: &mut String, text: &str) {
    // Writing to memory does not fail.
    let _ = writeln!(out, "{text}");
}

fn head(out: &mut String, summary: &Summary) {
    let runbook = if summary.runbook.is_empty() { "(no opening record)" } else { &summary.runbook };
    line(out, &format!("## {}: {}\n", verdict(summary), code(runbook, MAX_NAME)));
    if summary.sandbox {
        line(out, "Sandbox: the built-in simulator answered, no real call was touched.\n");
    }
    for problem in summary.problems.iter().take(MAX_REASONS) {
        line(out, &format!("- **INCOMPLETE**: {}", code(problem, MAX_MESSAGE)));
    }
    if !summary.complete {
        line(out, "\nThe figures below are what the audit file holds. They are not the run's result.\n");
    }
    let mut facts = vec![format!("run {}", code(summary.run_id.as_str(), MAX_NAME))];
    facts.extend(summary.started.map(|at| format!("began {at}")));
    facts.push(format!("took {}", span(summary.duration_ms)));
    facts.extend(summary.ending.map(|ending| ending_words(ending).to_owned()));
    facts.extend(summary.exit_code.map(|code| format!("exit code {code}")));
    facts.push(code(&summary.tool, MAX_NAME));
    line(out, &facts.join(" · "));
    // What stopped an earlier process did not stop the run.
    let since = summary.resumptions.last().map(|resumption| resumption.timestamp);
    let stops = summary.stops.iter().filter(|stop| since.is_none_or(|since| stop.timestamp >= since));
    for stop in stops.take(MAX_REASONS) {
        let reason = code(&stop.reason, MAX_MESSAGE);
        line(out, &format!("\nStopped early: {reason}, {} in flight at that moment.", count(stop.in_flight)));
    }
}

/// What somebody has to do, most urgent first. `RUN_DIR` is theirs to fill in: a report does not know where its file is.
fn todo(out: &mut String, summary: &Summary) {
    let total = &summary.total;
    let mut steps = Vec::new();
    if !summary.complete {
        steps.push("Find out what is wrong with the audit file: `bridgebook verify RUN_DIR`.".to_owned());
    }
    if summary.unknown.count > 0 {
        steps.push(format!(
            "{} may be bridged, or not. Look each call up in the vendor's records, never re-send one blindly, and record \
             what you find: `bridgebook reconcile RUN_DIR`.",
            jobs(summary.unknown.count)
        ));
    }
    if total.not_attempted > 0 {
        let left = jobs(total.not_attempted);
        steps.push(format!("{left} had no turn: `bridgebook resume RUN_DIR` goes on with them."));
    }
    if total.failed > 0 {
        let failed = jobs(total.failed);
        steps.push(format!("{failed} failed without effect; what to do about each kind stands under Errors."));
    }
    if !steps.is_empty() {
        line(out, "\n### What to do\n");
        for step in &steps {
            line(out, &format!("- {step}"));
        }
    }
}

fn criteria(out: &mut String, all: &[CriterionSummary]) {
    line(out, "\n### Success criteria\n");
    if all.is_empty() {
        return line(out, "The runbook has none.");
    }
    // Failed ones go first where there are more than are shown.
    let mut shown: Vec<&CriterionSummary> = all.iter().collect();
    if shown.len() > MAX_CRITERIA {
        shown.sort_by_key(|criterion| criterion.met == Some(true)); // stable
    }
    line(out, "| criterion | actual | result |\n|---|---:|---|");
    for criterion in shown.into_iter().take(MAX_CRITERIA) {
        let result = match criterion.met {
            Some(true) => "met",
            Some(false) => "**NOT met**",
            None => "not judged",
        };
        let value = criterion.met.map(|_| criterion_value(&criterion.criterion, criterion.value)).unwrap_or_default();
        line(out, &format!("| {} | {value} | {result} |", cell(&criterion.criterion, MAX_MESSAGE)));
    }
    left_out(out, all.len(), MAX_CRITERIA, "criteria");
}

fn balance(out: &mut String, summary: &Summary) {
    line(out, "\n### Jobs\n");
    let open = summary.total.open > 0;
    let columns =
        "set | jobs | succeeded | accepted | rejected | not_sent | unknown | not_bridged | skipped | not_attempted";
    line(out, &format!("| {columns} |{} success |", if open { " open |" } else { "" }));
    line(out, &format!("|---|{}", "---:|".repeat(if open { 11 } else { 10 })));
    each_set(out, summary, |figures| {
        let states = figures.by_state();
        let shown = if open { &states[..] } else { &states[..states.len() - 1] };
        let counts = std::iter::once(figures.jobs).chain(shown.iter().map(|(_, jobs)| *jobs)).map(count);
        let rate = figures.success_rate_percent.map_or_else(|| NO_DATA.to_owned(), |rate| format!("{rate}%"));
        counts.chain([rate]).collect()
    });
}

fn latency(out: &mut String, summary: &Summary) {
    line(out, "\n### Attempts and latency\n");
    line(out, "Service time of every answered attempt, in milliseconds.\n");
    line(out, "| set | attempts | retries | throttled | answers | min | mean | p50 | p90 | p95 | p99 | max |");
    line(out, &format!("|---|{}", "---:|".repeat(11)));
    each_set(out, summary, |figures| {
        let counts = [figures.attempts, figures.retries, figures.throttled];
        let times = figures.service_times().map(|time| time.map(|time| time.to_string()).unwrap_or_default());
        let answers = count(figures.latency_ms.map_or(0, |ms| ms.answers));
        counts.map(count).into_iter().chain([answers]).chain(times).collect()
    });
}

/// A row a set, and the last one for all.
fn each_set(out: &mut String, summary: &Summary, cells: impl Fn(&Figures) -> Vec<String>) {
    for figures in summary.sets.iter().take(MAX_SETS) {
        let name = figures.set.as_ref().map(|set| cell(set.as_str(), MAX_NAME)).unwrap_or_default();
        line(out, &format!("| {name} | {} |", cells(figures).join(" | ")));
    }
    line(out, &format!("| **total** | {} |", cells(&summary.total).join(" | ")));
    left_out(out, summary.sets.len(), MAX_SETS, "sets");
}

fn errors(out: &mut String, summary: &Summary) {
    if summary.errors.is_empty() {
        return;
    }
    line(out, "\n### Errors\n");
    line(out, "| jobs | outcome | status | what was said | what to do |\n|---:|---|---:|---|---|");
    let row = |group: &ErrorGroup| {
        let outcome = match group.outcome {
            Outcome::Unknown => "**unknown**",
            Outcome::NotSent => "not_sent",
            Outcome::NotBridged => "not_bridged",
            Outcome::Rejected | Outcome::Succeeded | Outcome::Accepted => "rejected",
        };
        let why = super::errors::evidence_words(group.outcome, group.evidence);
        let said = group.message.as_deref().map(|said| format!(": {}", cell(said, MAX_MESSAGE))).unwrap_or_default();
        let status = group.status_code.map(|status| status.to_string()).unwrap_or_default();
        format!("| {} | {outcome} | {status} | {why}{said} | {} |", count(group.count), group.remedy)
    };
    for group in summary.errors.iter().take(MAX_ERRORS) {
        line(out, &row(group));
    }
    let more: u64 = summary.errors.iter().skip(MAX_ERRORS).map(|group| group.count).sum();
    let more = more + summary.errors_left_out;
    if more > 0 {
        line(out, &format!("\n{} failed in other ways; `results.csv` has them all.", jobs(more)));
    }
}

fn unknown(out: &mut String, summary: &Summary) {
    let all = &summary.unknown;
    if all.count == 0 {
        return;
    }
    line(out, &format!("\n### Unknown: {}\n", count(all.count)));
    line(out, "| job | set | call | request id | why |\n|---:|---|---|---|---|");
    let or_none = |text: Option<&str>, limit| text.map(|text| cell(text, limit)).unwrap_or_default();
    let row = |job: &UnknownJob| {
        let (call, request) =
            (or_none(job.call_id.as_deref(), MAX_NAME), or_none(job.request_id.as_deref(), MAX_REQUEST_ID));
        format!("| {} | {} | {call} | {request} | {} |", job.job, cell(&job.set, MAX_NAME), cell(&job.why, MAX_NAME))
    };
    for job in all.jobs.iter().take(MAX_UNKNOWN) {
        line(out, &row(job));
    }
    left_out(out, usize::try_from(all.count).unwrap_or(usize::MAX), MAX_UNKNOWN, "unknown jobs");
}

/// `1 job`, `1,204 jobs`.
fn jobs(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "job" } else { "jobs" })
}

fn left_out(out: &mut String, all: usize, shown: usize, what: &str) {
    let more = u64::try_from(all.saturating_sub(shown)).unwrap_or(u64::MAX);
    if more > 0 {
        line(out, &format!("\n{} more {what} stand in `summary.json`, every job in `results.csv`.", count(more)));
    }
}

/// A text of others as a code span. It ends at a row of backticks as long as the one it began with, so it begins with one more
/// than the text has anywhere.
fn code(text: &str, limit: usize) -> String {
    let text = printable(text, limit);
    if text.is_empty() {
        return "` `".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // A blank beside the fence keeps a backtick apart from it, and is not shown.
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// The same in a table, whose cells end at a bar wherever it stands. A backslash in front of it makes it a letter; one that the
/// text has there already gets a blank between, or readers would not agree on which of the two it belongs to.
fn cell(text: &str, limit: usize) -> String {
    let text = printable(text, limit).replace("\\|", "\\ |");
    code(&text, usize::MAX).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_where_we_end_it() {
        assert_eq!(code("a", 9), "`a`");
        assert_eq!(code("a`b``c", 9), "```a`b``c```");
        assert_eq!(code("`", 9), "`` ` ``");
        assert_eq!(code("", 9), "` `");
        assert_eq!(code(" \n", 9), "` `");
        assert_eq!(cell("a|b\\|c", 9), "`a\\|b\\ \\|c`");
    }
}
