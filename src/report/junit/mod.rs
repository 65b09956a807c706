//! junit.xml: the run as a test report, for CI servers.
//!
//! Suites: `run` (is the audit file complete, did the run come to its end), `criteria` (a case each), then one a set with a case a
//! job. What went wrong with a job is a failure (`rejected`, `not_sent`, `not_bridged`: known to have had no effect) or an error
//! (`unknown`: somebody must look); `skipped` and `not_attempted` are skipped. A report that is INCOMPLETE has an error in its first
//! case, and no criterion of it passes, since none of its figures may be taken for the run's result.
//!
//! The numbers in the attributes are always exact. Cases are not always all there: see [`jobs::Plan`].
//!
//! Grammar: what Jenkins' own schema takes, and the readers of GitLab, GitHub's actions, Maven's Surefire and `junitparser`. Times are
//! seconds; the one of a set is the service time of all its answered attempts, since sets go on at the same time.

mod jobs;

use super::number::{criterion_value, float};
use super::output::Report;
use super::summary::{Figures, Summary};
use super::text::{ending_words, verdict};
use super::xml::{plain, xml};
use crate::event::Ending;
use crate::model::SetName;
use crate::state::Tally;
use std::io::{self, Write};

/// Characters of a name or a value.
const MAX_NAME: usize = 200;
/// Characters of a message.
const MAX_MESSAGE: usize = 400;
/// Labels and problems that are listed; no runbook has as many.
const MAX_ROWS: usize = 200;

/// What became of a case.
enum Finding {
    /// Nothing to say.
    Passed,
    /// It failed: `type`, `message`, text.
    Failure(&'static str, String, String),
    /// Nobody knows, or it may not be taken for anything.
    Error(&'static str, String, String),
    /// It was left out.
    Skipped(&'static str, String),
}

/// A case. Its texts are raw.
struct Case<'a> {
    class: &'a str,
    name: &'a str,
    micros: Option<u64>,
    finding: Finding,
}

/// Numbers of a suite, or of all.
#[derive(Clone, Copy, Default)]
struct Numbers {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Numbers {
    fn of(cases: &[Case<'_>]) -> Self {
        let count = |wanted: fn(&Finding) -> bool| cases.iter().filter(|case| wanted(&case.finding)).count() as u64;
        Self {
            tests: cases.len() as u64,
            failures: count(|finding| matches!(finding, Finding::Failure(..))),
            errors: count(|finding| matches!(finding, Finding::Error(..))),
            skipped: count(|finding| matches!(finding, Finding::Skipped(..))),
        }
    }

    fn of_jobs(figures: &Figures) -> Self {
        Self {
            tests: figures.jobs,
            failures: figures.rejected + figures.not_sent + figures.not_bridged,
            errors: figures.unknown + figures.open,
            skipped: figures.skipped + figures.not_attempted,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// Writes the file, job by job.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let summary = &report.summary;
    let book = class_part(&summary.runbook);
    let (run_class, criteria_class) = (format!("{book}.run"), format!("{book}.criteria"));
    let (run, criteria) = (run_cases(summary, &run_class), criteria_cases(summary, &criteria_class));
    let (of_run, of_criteria) = (Numbers::of(&run), Numbers::of(&criteria));
    let all = of_run.and(of_criteria).and(Numbers::of_jobs(&summary.total));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let name = if summary.runbook.is_empty() { "bridgebook" } else { &summary.runbook };
    let time = plain("time", seconds_of_millis(summary.duration_ms));
    // Jenkins' schema knows no `skipped` here.
    let Numbers { tests, failures, errors, .. } = all;
    let counts = plain("tests", tests) + &plain("failures", failures) + &plain("errors", errors);
    writeln!(out, "<testsuites name=\"{}\"{counts}{time}>", xml(name, MAX_NAME))?;
    let place = place(summary);
    suite(out, "run", of_run, &(time + &place))?;
    properties(out, &run_properties(summary))?;
    cases(out, &run)?;
    writeln!(out, "</testsuite>")?;
    suite(out, "criteria", of_criteria, &(plain("time", "0") + &place))?;
    cases(out, &criteria)?;
    writeln!(out, "</testsuite>")?;
    let mut plan = jobs::Plan::of(report);
    for (figures, (_, tally)) in summary.sets.iter().zip(report.run.by_set()) {
        let set = figures.set.as_ref().map(SetName::as_str).unwrap_or_default();
        let time = plain("time", seconds(tally.latency_sum_micros()));
        suite(out, &format!("set {set}"), Numbers::of_jobs(figures), &(time + &place))?;
        properties(out, &set_properties(figures, tally))?;
        plan.write_set(out, set, &format!("{book}.sets.{}", class_part(set)), Numbers::of_jobs(figures))?;
        writeln!(out, "</testsuite>")?;
    }
    writeln!(out, "</testsuites>")?;
    if report.jobs.is_unreadable() {
        return Err(io::Error::other("a temporary file of this report cannot be read back"));
    }
    out.flush()
}

/// Whether the file is whole, and how the run ended.
fn run_cases<'a>(summary: &Summary, class: &'a str) -> Vec<Case<'a>> {
    let whole = if summary.complete {
        Finding::Passed
    } else {
        let problems: Vec<&str> = summary.problems.iter().take(MAX_ROWS).map(String::as_str).collect();
        let message = format!("INCOMPLETE: {}", problems.first().copied().unwrap_or("nobody knows why"));
        let more = "None of the figures in this report may be taken for the run's result. Find out more with \
                    `bridgebook verify RUN_DIR`.";
        Finding::Error("incomplete", message, format!("{}. {more}", problems.join(". ")))
    };
    let end = match summary.ending {
        Some(Ending::Completed) => Finding::Passed,
        Some(ending) => {
            let exit = summary.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            let reasons: Vec<&str> = summary.stops.iter().map(|stop| stop.reason.as_str()).collect();
            Finding::Failure("stopped", format!("{}{exit}", ending_words(ending)), reasons.join(". "))
        }
        None => Finding::Error("incomplete", "there is no closing record".to_owned(), String::new()),
    };
    let case = |name, finding| Case { class, name, micros: None, finding };
    vec![case("the audit file is complete", whole), case("the run came to its end", end)]
}

fn criteria_cases<'a>(summary: &'a Summary, class: &'a str) -> Vec<Case<'a>> {
    let case = |criterion: &'a super::CriterionSummary| {
        let value = || criterion_value(&criterion.criterion, criterion.value);
        let finding = match criterion.met.filter(|_| summary.complete) {
            Some(true) => Finding::Passed,
            Some(false) => Finding::Failure("criterion", format!("it was {}", value()), String::new()),
            None => Finding::Skipped("not_judged", "not judged: the audit file is not complete".to_owned()),
        };
        Case { class, name: &criterion.criterion, micros: None, finding }
    };
    summary.criteria.iter().map(case).collect()
}

fn run_properties(summary: &Summary) -> Vec<(String, String)> {
    let own = |name: &str, value: &dyn ToString| Some((name.to_owned(), value.to_string()));
    let mut all: Vec<(String, String)> = [
        own("run_id", &summary.run_id),
        own("runbook", &summary.runbook),
        own("verdict", &verdict(summary)),
        own("complete", &summary.complete),
        summary.exit_code.and_then(|code| own("exit_code", &code)),
        summary.owner.as_ref().and_then(|owner| own("owner", owner)),
        own("tool", &summary.tool),
        own("profile", &summary.profile.name),
        own("sandbox", &summary.sandbox),
        summary.started.and_then(|at| own("started", &at)),
        summary.finished.and_then(|at| own("finished", &at)),
        own("audit_lines", &summary.audit.lines),
        own("head", &summary.audit.head),
    ]
    .into_iter()
    .flatten()
    .collect();
    let labels = summary.labels.iter().take(MAX_ROWS);
    all.extend(labels.map(|(name, value)| (format!("label.{name}"), value.clone())));
    all.extend(figures(&summary.total));
    all
}

fn set_properties(set: &Figures, tally: &Tally) -> Vec<(String, String)> {
    let mut all = figures(set);
    all.push(("latency_sum_ms".to_owned(), (float(tally.latency_sum_micros()) / 1000.0).to_string()));
    all
}

fn figures(figures: &Figures) -> Vec<(String, String)> {
    let sums = [
        ("total_operations", figures.total_operations),
        ("success_count", figures.success_count),
        ("failure_count", figures.failure_count),
        ("attempts", figures.attempts),
        ("retries", figures.retries),
        ("throttled", figures.throttled),
    ];
    let counts = std::iter::once(("jobs", figures.jobs)).chain(figures.by_state()).chain(sums);
    let times = [
        "latency_min_ms",
        "average_latency_ms",
        "latency_p50_ms",
        "latency_p90_ms",
        "latency_p95_ms",
        "latency_p99_ms",
        "latency_max_ms",
    ];
    let rate = ("success_rate_percent", figures.success_rate_percent);
    let measures = std::iter::once(rate).chain(times.into_iter().zip(figures.service_times()));
    let counts = counts.map(|(name, count)| (name.to_owned(), count.to_string()));
    // No data, no property: an empty value would be read as one.
    let measures = measures.filter_map(|(name, value)| Some((name.to_owned(), value?.to_string())));
    counts.chain(measures).collect()
}

/// When and where: of every suite.
fn place(summary: &Summary) -> String {
    // Readers of this format know no zone; the run's exact moments, with `Z`, are properties.
    let at = summary.started.map(|at| at.to_string()).and_then(|at| at.get(..19).map(|at| plain("timestamp", at)));
    let host = summary.operator.as_ref().map(|who| format!(" hostname=\"{}\"", xml(&who.host, MAX_NAME)));
    at.unwrap_or_default() + &host.unwrap_or_default()
}

fn suite(out: &mut dyn Write, name: &str, numbers: Numbers, more: &str) -> io::Result<()> {
    let Numbers { tests, failures, errors, skipped } = numbers;
    let counts = [("tests", tests), ("failures", failures), ("errors", errors), ("skipped", skipped)];
    let counts = counts.map(|(name, count)| plain(name, count)).concat();
    writeln!(out, "<testsuite name=\"{}\"{counts}{more}>", xml(name, MAX_NAME))
}

fn properties(out: &mut dyn Write, all: &[(String, String)]) -> io::Result<()> {
    writeln!(out, "<properties>")?;
    for (name, value) in all {
        writeln!(out, "<property name=\"{}\" value=\"{}\"/>", xml(name, MAX_NAME), xml(value, MAX_NAME))?;
    }
    writeln!(out, "</properties>")
}

fn cases(out: &mut dyn Write, all: &[Case<'_>]) -> io::Result<()> {
    all.iter().try_for_each(|case| write_case(out, case))
}

fn write_case(out: &mut dyn Write, case: &Case<'_>) -> io::Result<()> {
    let time = case.micros.map(|micros| plain("time", seconds(micros))).unwrap_or_default();
    write!(out, "<testcase classname=\"{}\" name=\"{}\"{time}", xml(case.class, MAX_NAME), xml(case.name, MAX_NAME))?;
    let mut element = |tag: &str, kind: &str, message: &str, text: &str| {
        let (message, text) = (xml(message, MAX_MESSAGE), xml(text, 2 * MAX_MESSAGE));
        writeln!(out, "><{tag} type=\"{kind}\" message=\"{message}\">{text}</{tag}></testcase>")
    };
    match &case.finding {
        Finding::Passed => writeln!(out, "/>"),
        Finding::Failure(kind, message, text) => element("failure", kind, message, text),
        Finding::Error(kind, message, text) => element("error", kind, message, text),
        Finding::Skipped(kind, message) => element("skipped", kind, message, ""),
    }
}

/// Part of a class name: the dots in it would be taken for packages.
fn class_part(name: &str) -> String {
    if name.is_empty() { "bridgebook".to_owned() } else { name.replace('.', "_") }
}

/// `0.052832`.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The same of milliseconds with three decimals.
fn seconds_of_millis(millis: f64) -> String {
    format!("{:.6}", millis / 1000.0)
}
