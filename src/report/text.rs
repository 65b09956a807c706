//! The short summary for the terminal: at most some 25 lines, plain text, no colour.
//!
//! Numbers stand without separators and exactly as in the audit file, so that `jq` finds the same. Long lists are
//! cut; what decided the verdict is never cut before what did not.

use super::number::{NO_DATA, criterion_value, span};
use super::summary::{CriterionSummary, Figures, Summary, UnknownJob};
use crate::event::{Ending, Verdict};
use crate::model::printable;

/// Criteria that are shown; failed ones go first when there are more.
const MAX_CRITERIA: usize = 8;
/// Unknown outcomes that are shown.
const MAX_UNKNOWN: usize = 5;
/// Sets that are shown.
const MAX_SETS: usize = 5;
/// Reasons of an incomplete file, and stops, that are shown.
const MAX_REASONS: usize = 2;
/// Characters of somebody's text on one line.
const MAX_TEXT: usize = 100;
/// Characters of the reason for a stop: it must be understood.
const MAX_REASON: usize = 300;

/// All lines.
pub(super) fn lines(summary: &Summary) -> String {
    let mut out = vec![headline(summary)];
    out.extend(summary.problems.iter().take(MAX_REASONS).map(|problem| row("because", &clean(problem))));
    out.push(row("run", &clean(summary.run_id.as_str())));
    // What stopped an earlier process did not stop the run.
    let since = summary.resumptions.last().map(|resumption| resumption.timestamp);
    let stops = summary.stops.iter().filter(|stop| since.is_none_or(|since| stop.timestamp >= since));
    for stop in stops.take(MAX_REASONS) {
        let words = format!("{}; {} in flight at that moment", printable(&stop.reason, MAX_REASON), stop.in_flight);
        out.push(row("stopped", &words));
    }
    let skip = summary.resumptions.len().saturating_sub(MAX_REASONS);
    let resumptions = summary.resumptions.iter().skip(skip).map(super::resumption::words);
    out.extend((skip > 0).then(|| row("resumed", &format!("{} times; the last ones:", summary.resumptions.len()))));
    out.extend(resumptions.map(|words| row("resumed", &printable(&words, MAX_REASON))));
    out.push(row("jobs", &sum(&summary.total)));
    out.extend(waves(summary));
    out.push(row("success", &rate(&summary.total)));
    out.push(row("latency", &latency(&summary.total)));
    let total = &summary.total;
    let attempts = format!("{}  retries {}  throttled {}", total.attempts, total.retries, total.throttled);
    out.push(row("attempts", &attempts));
    let pace = total.throughput_per_s.map_or_else(|| NO_DATA.to_owned(), |pace| format!("{pace} jobs/s"));
    out.push(row("pace", &format!("{pace}  duration {}", span(summary.duration_ms))));
    out.extend(unknown(summary));
    out.extend(super::reconciliation::words(&summary.reconciliation).map(|words| row("reconciled", &words)));
    out.extend(super::skips::words(&summary.skips).map(|words| row("skipped", &words)));
    out.extend(warnings(summary));
    out.extend(criteria(&summary.criteria));
    out.extend(sets(&summary.sets));
    out.push(row("audit", &format!("{} lines, head {}", summary.audit.lines, clean(&summary.audit.head))));
    out.extend(summary.audit.signed_by.as_ref().map(|key| row("signed", &format!("by the key {}", clean(key)))));
    out.push(String::new());
    out.join("\n")
}

/// The last waves: those before them have shown what they had to, or there would be no later one.
fn waves(summary: &Summary) -> impl Iterator<Item = String> {
    let skip = summary.waves.len().saturating_sub(MAX_SETS);
    summary.waves.iter().skip(skip).map(|wave| {
        let counts = &wave.counts.counts;
        let shown = match wave.passed {
            Some(true) => "passed",
            Some(false) => "held back the next one",
            None => "not finished",
        };
        let successes = counts.succeeded + counts.accepted;
        row("wave", &format!("{}: {} jobs, {successes} bridged, {shown}", wave.counts.wave, counts.jobs))
    })
}

/// The word for the run's result; the same in the page.
pub(super) fn verdict(summary: &Summary) -> &'static str {
    match (summary.complete, summary.verdict) {
        (true, Some(Verdict::Passed)) => "PASSED",
        (true, Some(Verdict::Failed)) => "FAILED",
        (true, None) | (false, _) => "INCOMPLETE",
    }
}

/// How a run ended, in words.
pub(super) fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Completed => "every job has its final state",
        Ending::Interrupted => "interrupted by a signal",
        Ending::CredentialsRefused => "the credentials were refused",
        Ending::ApiUnreachable => "the API could not be reached",
        Ending::Misconfigured => "what answers at the token URL is no token endpoint",
        Ending::InputChanged => "the inputs changed under the run",
        Ending::Aborted => "a rule of abort_when held",
        Ending::CriterionLost => "a success criterion could no longer be met",
        Ending::Deadline => "its deadline passed",
        Ending::WindowClosed => "its window was closed",
        Ending::WaveFailed => "a wave did not show what it had to",
        Ending::BreakerOpen => "the API did not work",
        Ending::GuardFailed => "the register of calls failed",
    }
}

fn headline(summary: &Summary) -> String {
    let sandbox = if summary.sandbox { "  (sandbox: no real call)" } else { "" };
    let exit =
        summary.exit_code.filter(|code| *code != 0).map(|code| format!("  exit code {code}")).unwrap_or_default();
    row(verdict(summary), &format!("{}{exit}{sandbox}", clean(&summary.runbook)))
}

fn row(label: &str, words: &str) -> String {
    format!("{label:<12}{words}").trim_end().to_owned()
}

fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}

/// `12 = 9 succeeded + 0 unknown + 3 skipped`: the balance sheet on one line.
pub(super) fn sum(figures: &Figures) -> String {
    let always = [(figures.succeeded, "succeeded"), (figures.unknown, "unknown")];
    let others = [
        (figures.accepted, "accepted"),
        (figures.rejected, "rejected"),
        (figures.not_sent, "not_sent"),
        (figures.not_bridged, "not_bridged"),
        (figures.skipped, "skipped"),
        (figures.not_attempted, "not_attempted"),
        (figures.open, "without a final state"),
    ];
    let parts: Vec<String> = always
        .into_iter()
        .chain(others.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{} = {}", figures.jobs, parts.join(" + "))
}

pub(super) fn rate(figures: &Figures) -> String {
    let rate = figures.success_rate_percent.map_or_else(|| NO_DATA.to_owned(), |rate| format!("{rate}%"));
    format!("{rate}  {} of {} attempted", figures.success_count, figures.total_operations)
}

pub(super) fn latency(figures: &Figures) -> String {
    let (Some(ms), Some(mean)) = (&figures.latency_ms, figures.average_latency_ms) else {
        return format!("{NO_DATA}: no attempt was answered");
    };
    let values = [
        ("min", ms.min),
        ("mean", mean),
        ("p50", ms.p50),
        ("p90", ms.p90),
        ("p95", ms.p95),
        ("p99", ms.p99),
        ("max", ms.max),
    ];
    values.map(|(name, value)| format!("{name} {value} ms")).join("  ")
}

/// What somebody has to look up before anything else.
fn unknown(summary: &Summary) -> Vec<String> {
    let all = &summary.unknown;
    let line = |job: &UnknownJob| {
        let call = clean(job.call_id.as_deref().unwrap_or("(no call id)"));
        row("unknown", &format!("job {} of {}, call {call}: {}", job.job, clean(&job.set), clean(&job.why)))
    };
    let mut lines: Vec<String> = all.jobs.iter().take(MAX_UNKNOWN).map(line).collect();
    let count = usize::try_from(all.count).unwrap_or(usize::MAX);
    lines.extend(
        (count > MAX_UNKNOWN)
            .then(|| row("...", &format!("and {} more unknown, all in results.csv", count - MAX_UNKNOWN))),
    );
    lines.extend((count > 0).then(|| {
        row("", "look these calls up, never re-send one blindly; `bridgebook reconcile` takes what was found")
    }));
    lines
}

/// Odd successes: a captive proxy's login page is a 200 too.
fn warnings(summary: &Summary) -> impl Iterator<Item = String> {
    summary
        .warnings
        .iter()
        .take(MAX_REASONS)
        .map(|group| row("warning", &format!("{} jobs: {}", group.count, clean(&group.message))))
}

fn criteria(all: &[CriterionSummary]) -> Vec<String> {
    let mut shown: Vec<&CriterionSummary> = all.iter().collect();
    if shown.len() > MAX_CRITERIA {
        shown.sort_by_key(|criterion| criterion.met == Some(true)); // stable
    }
    let width = shown.iter().take(MAX_CRITERIA).map(|c| clean(&c.criterion).chars().count()).max().unwrap_or_default();
    let line = |criterion: &CriterionSummary| {
        let label = match criterion.met {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "not judged",
        };
        let judged = criterion.met.map(|_| criterion_value(&criterion.criterion, criterion.value));
        let value = judged.unwrap_or_default();
        row(label, &format!("{:<width$}  {value}", clean(&criterion.criterion)))
    };
    let mut lines: Vec<String> = shown.iter().take(MAX_CRITERIA).map(|criterion| line(criterion)).collect();
    lines.extend(more(all.len(), MAX_CRITERIA, "criteria"));
    lines
}

fn sets(all: &[Figures]) -> Vec<String> {
    if all.len() < 2 {
        return Vec::new();
    }
    let name = |figures: &Figures| figures.set.as_ref().map(|set| clean(set.as_str())).unwrap_or_default();
    let width = all.iter().take(MAX_SETS).map(|figures| name(figures).chars().count()).max().unwrap_or_default();
    let line = |figures: &Figures| {
        let p95 = figures.latency_ms.map_or_else(|| NO_DATA.to_owned(), |ms| format!("{} ms", ms.p95));
        let (jobs, unknown) = (figures.jobs, figures.unknown);
        let words =
            format!("{:<width$}  jobs {jobs}  success {}  unknown {unknown}  p95 {p95}", name(figures), rate(figures));
        row("set", &words)
    };
    let mut lines: Vec<String> = all.iter().take(MAX_SETS).map(line).collect();
    lines.extend(more(all.len(), MAX_SETS, "sets"));
    lines
}

fn more(all: usize, shown: usize, what: &str) -> Option<String> {
    (all > shown).then(|| row("...", &format!("and {} more {what}", all - shown)))
}
