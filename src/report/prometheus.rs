//! metrics.prom: the last run in Prometheus' text format, for `node_exporter`'s textfile collector.
//!
//! A run is over when its file is read, so everything in it is a gauge, counts too: nothing here goes on counting from one run to
//! the next. Base units (seconds, ratios from 0 to 1), no `_total`, figures of sets in families of their own so that a sum over a
//! family counts nothing twice.
//!
//! Series stay the same from run to run: `runbook`, `set`, `state`, `criterion` are few. Only `bridgebook_run_info` has the run's
//! id, so that an alert can name the run: one new series a run, not one for each figure of it.

use super::number::{float, percent};
use super::output::Report;
use super::summary::{Figures, Summary};
use crate::event::Verdict;
use crate::model::{SetName, Timestamp, printable};
use crate::state::Tally;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Characters of a label's value.
const MAX_LABEL: usize = 200;
/// Sets and criteria that have series. The families without `set` count the jobs of all.
const MAX_SERIES: usize = 200;

/// The file, being written.
#[derive(Default)]
struct Page {
    text: String,
    runbook: String,
}

/// A line: what follows the family's name, labels beyond `runbook` as `,name="value"`, the value.
type Sample = (&'static str, String, String);

impl Page {
    /// A family: its name, type and help, and its values.
    fn family(&mut self, name: &str, kind: &str, help: &str, values: impl IntoIterator<Item = Sample>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        // Writing to memory does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (suffix, labels, value) in values {
            let _ = writeln!(self.text, "{name}{suffix}{{runbook=\"{}\"{labels}}} {value}", self.runbook);
        }
    }

    /// A family of one value.
    fn gauge(&mut self, name: &str, help: &str, value: Option<String>) {
        self.family(name, "gauge", help, value.map(|value| ("", String::new(), value)));
    }
}

/// The file.
pub(super) fn text(report: &Report) -> String {
    let summary = &report.summary;
    let mut page = Page { text: String::new(), runbook: label(&summary.runbook) };
    info(&mut page, summary);
    state(&mut page, summary);
    moments(&mut page, summary);
    let total = [(String::new(), &summary.total, report.run.total())];
    counts(&mut page, "bridgebook_run", "of the run", &total);
    latency(&mut page, "bridgebook_run", "of the run", &total);
    let names = unique(summary.sets.iter().map(|set| set.set.as_ref().map(SetName::as_str).unwrap_or_default()));
    let sets: Vec<_> = names
        .into_iter()
        .zip(&summary.sets)
        .zip(report.run.by_set())
        .take(MAX_SERIES)
        .map(|((name, figures), (_, tally))| (format!(",set=\"{name}\""), figures, tally))
        .collect();
    counts(&mut page, "bridgebook_run_set", "of each set", &sets);
    latency(&mut page, "bridgebook_run_set", "of each set", &sets);
    page.text
}

fn info(page: &mut Page, summary: &Summary) {
    let version = summary.tool.rsplit(' ').next().unwrap_or_default();
    let labels = [
        ("run_id", summary.run_id.as_str()),
        ("version", version),
        ("profile", &summary.profile.name),
        ("sandbox", if summary.sandbox { "true" } else { "false" }),
    ];
    let labels = labels.map(|(name, value)| format!(",{name}=\"{}\"", label(value))).concat();
    let help = "The last run; always 1.";
    page.family("bridgebook_run_info", "gauge", help, [("", labels, "1".to_owned())]);
}

/// Whether it went well. A report that is INCOMPLETE has passed nothing, whatever its closing record says.
fn state(page: &mut Page, summary: &Summary) {
    let yes = |yes: bool| if yes { "1" } else { "0" }.to_owned();
    let passed = summary.complete && summary.verdict == Some(Verdict::Passed);
    let help = "1 when the audit file is whole and balances; 0: no other value here may be taken for the run's result.";
    page.gauge("bridgebook_run_complete", help, Some(yes(summary.complete)));
    let help = "1 when the run completed and every success criterion is met, and its audit file is whole; else 0.";
    page.gauge("bridgebook_run_passed", help, Some(yes(passed)));
    let help = "Exit code of the run's process; absent while there is no closing record.";
    page.gauge("bridgebook_run_exit_code", help, summary.exit_code.map(|code| code.to_string()));
    // Those that are not met go first where there are more than have series.
    let mut criteria: Vec<_> = summary.criteria.iter().collect();
    if criteria.len() > MAX_SERIES {
        criteria.sort_by_key(|criterion| criterion.met == Some(true)); // stable
    }
    let criteria = criteria.into_iter().take(MAX_SERIES);
    let names = unique(criteria.clone().map(|criterion| criterion.criterion.as_str()));
    let help = "1 when the success criterion is met in a run whose audit file is whole; else 0.";
    let met = names.into_iter().zip(criteria).map(|(name, criterion)| {
        ("", format!(",criterion=\"{name}\""), yes(summary.complete && criterion.met == Some(true)))
    });
    page.family("bridgebook_run_criterion_met", "gauge", help, met);
}

fn moments(page: &mut Page, summary: &Summary) {
    let help = "When the run began, in seconds since 1970.";
    page.gauge("bridgebook_run_start_timestamp_seconds", help, summary.started.and_then(epoch));
    let help = "When the run ended, in seconds since 1970; absent while there is no closing record.";
    page.gauge("bridgebook_run_end_timestamp_seconds", help, summary.finished.and_then(epoch));
    let help = "From the first record to the last, without the time between two processes of the run.";
    page.gauge("bridgebook_run_duration_seconds", help, Some(seconds(summary.duration_ms)));
}

/// What figures belong to, as labels, and the figures.
type Scope<'a> = (String, &'a Figures, &'a Tally);

fn counts(page: &mut Page, prefix: &str, whose: &str, scopes: &[Scope<'_>]) {
    let jobs = scopes.iter().flat_map(|(labels, figures, _)| {
        figures
            .by_state()
            .into_iter()
            .map(move |(state, jobs)| ("", format!("{labels},state=\"{state}\""), jobs.to_string()))
    });
    page.family(&format!("{prefix}_jobs"), "gauge", &format!("Jobs {whose} by state."), jobs);
    let each = |value: fn(&Figures) -> u64| {
        scopes.iter().map(move |(labels, figures, _)| ("", labels.clone(), value(figures).to_string()))
    };
    let mut count = |name: &str, help: &str, value: fn(&Figures) -> u64| {
        page.family(&format!("{prefix}_{name}"), "gauge", &format!("{help} {whose}."), each(value));
    };
    count("attempts", "Requests that were cleared to leave,", |figures| figures.attempts);
    count("retries", "Attempts after a job's first,", |figures| figures.retries);
    count("throttled_answers", "Answers that asked to slow down,", |figures| figures.throttled);
    let ratio = scopes.iter().filter_map(|(labels, figures, _)| {
        let ratio = percent(figures.success_count, figures.total_operations)?;
        // Two decimals of a percentage are four of a ratio; no binary rest behind them.
        Some(("", labels.clone(), format!("{:.4}", ratio / 100.0)))
    });
    let help = format!("Succeeded and accepted jobs by attempted ones {whose}; absent without an attempt.");
    page.family(&format!("{prefix}_success_ratio"), "gauge", &help, ratio);
}

fn latency(page: &mut Page, prefix: &str, whose: &str, scopes: &[Scope<'_>]) {
    let values = scopes.iter().flat_map(|(labels, figures, tally)| {
        let ms = figures.latency_ms;
        let quantiles = ms.into_iter().flat_map(|ms| {
            let all = [("0", ms.min), ("0.5", ms.p50), ("0.9", ms.p90), ("0.95", ms.p95), ("0.99", ms.p99)];
            all.into_iter().chain([("1", ms.max)])
        });
        let quantiles =
            quantiles.map(move |(quantile, ms)| ("", format!("{labels},quantile=\"{quantile}\""), seconds(ms)));
        let sum = ("_sum", labels.clone(), seconds(float(tally.latency_sum_micros()) / 1000.0));
        quantiles.chain([sum, ("_count", labels.clone(), tally.answers().to_string())])
    });
    let help = format!("Service time of every answered attempt {whose}; quantile 0 is the shortest, 1 the longest.");
    page.family(&format!("{prefix}_latency_seconds"), "summary", &help, values);
}

/// Milliseconds of three decimals in seconds, exactly.
fn seconds(millis: f64) -> String {
    format!("{:.6}", millis / 1000.0)
}

/// Seconds since 1970, with microseconds.
fn epoch(at: Timestamp) -> Option<String> {
    let since = at.since(Timestamp::parse("1970-01-01T00:00:00Z")?);
    Some(format!("{}.{:06}", since.as_secs(), since.subsec_micros()))
}

/// A label's value: printable, cut, escaped as the text format wants it.
fn label(text: &str) -> String {
    printable(text, MAX_LABEL).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The same of several in one family. Two equal ones would be one series given twice, for which a reader refuses the whole file.
fn unique<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut one = |text: &str| {
        let value = label(text);
        let numbered = (2..).map(|number| format!("{value} ({number})"));
        let fresh = std::iter::once(value.clone()).chain(numbered).find(|value| !seen.contains(value));
        let fresh = fresh.unwrap_or(value);
        seen.insert(fresh.clone());
        fresh
    };
    texts.take(MAX_SERIES).map(&mut one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_cut_and_never_twice_the_same() {
        assert_eq!(label("a\\b\"c\nd\u{1b}[0m"), "a\\\\b\\\"c d [0m");
        assert_eq!(label(&"x".repeat(500)).chars().count(), MAX_LABEL);
        assert_eq!(unique(["a", "a", "a (2)", "a"].into_iter()), ["a", "a (2)", "a (2) (2)", "a (3)"]);
    }
}
