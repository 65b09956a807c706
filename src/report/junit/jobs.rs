//! The cases of the jobs, written one by one and never held.

use super::{Case, Finding, Numbers, write_case};
use crate::model::Outcome;
use crate::report::errors::evidence_words;
use crate::report::jobs::{Cause, JobView};
use crate::report::output::Report;
use crate::report::reconciliation::reconciled_word;
use crate::report::remedies::advise;
use crate::report::unknown::why;
use crate::state::JobState;
use std::io::{self, Write};
use std::iter::Peekable;

/// Cases at most. CI servers hold every case in memory and show each on a page; GitLab reads no more than half a million, Jenkins'
/// page of a suite is slow from some ten thousand on.
const MAX_CASES: u64 = 10_000;

/// Which cases are written. All, where they are [`MAX_CASES`] or fewer. Of a larger run those that somebody must act upon: errors,
/// then failures, up to that bound. So nothing that is left out could turn a red report green: where errors are left out, ten
/// thousand stand there.
pub(super) struct Plan<'a> {
    views: Peekable<Box<dyn Iterator<Item = JobView<'a>> + 'a>>,
    /// Passed and skipped ones are written, too.
    all: bool,
    errors: u64,
    failures: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let total = Numbers::of_jobs(&report.summary.total);
        let all = total.tests <= MAX_CASES;
        let wanted = move |state: JobState| all || !is_fine(state);
        let views: Box<dyn Iterator<Item = JobView<'a>> + 'a> = Box::new(report.jobs.views(&report.run, wanted));
        let errors = total.errors.min(MAX_CASES);
        Self { views: views.peekable(), all, errors, failures: MAX_CASES - errors }
    }

    /// Writes the cases of the next set.
    pub(super) fn write_set(
        &mut self,
        out: &mut dyn Write,
        set: &str,
        class: &str,
        numbers: Numbers,
    ) -> io::Result<()> {
        let mut written = 0;
        while let Some(view) = self.views.next_if(|view| view.set == set) {
            let finding = finding(&view);
            let budget = match &finding {
                Finding::Error(..) => Some(&mut self.errors),
                Finding::Failure(..) => Some(&mut self.failures),
                Finding::Passed | Finding::Skipped(..) => None,
            };
            match budget {
                Some(0) if !self.all => continue,
                Some(left) => *left = left.saturating_sub(1),
                None => {}
            }
            // The number first: two cases of one name would be taken for one, and the second left out.
            let key = view.key.as_deref().or(view.call_id.as_deref());
            let name = format!("job {}{}", view.job, key.map(|key| format!(": {key}")).unwrap_or_default());
            let micros = view.times.map(|(latency, _)| latency.micros());
            write_case(out, &Case { class, name: &name, micros, finding })?;
            written += 1;
        }
        let left_out = numbers.tests.saturating_sub(written);
        if left_out > 0 {
            let kinds = if self.all { "" } else { ", those that passed or were skipped among them" };
            writeln!(
                out,
                "<system-out>{left_out} of {} jobs have no case here{kinds}; results.csv has them all.</system-out>",
                numbers.tests
            )?;
        }
        Ok(())
    }
}

/// Whether nobody has to act.
fn is_fine(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Accepted | JobState::Skipped | JobState::NotAttempted)
}

fn finding(view: &JobView<'_>) -> Finding {
    match view.state {
        JobState::Succeeded | JobState::Accepted => Finding::Passed,
        JobState::Rejected => failure(view, "rejected", Outcome::Rejected),
        JobState::NotSent => failure(view, "not_sent", Outcome::NotSent),
        JobState::NotBridged => {
            let by = view.reconciled.map(|by| format!(", by {}", reconciled_word(by))).unwrap_or_default();
            let message = format!("it was unknown, and was found to have had no effect{by}");
            Finding::Failure("not_bridged", message, details(view, Outcome::NotBridged))
        }
        JobState::Unknown => {
            let request = view.request_id.as_deref().unwrap_or("(none is known)");
            let message = format!("may have had an effect: look it up with request id {request}");
            Finding::Error("unknown", message, format!("{}. {}", why(view), details(view, Outcome::Unknown)))
        }
        JobState::Pending | JobState::InFlight | JobState::Doubtful | JobState::InFlightDoubtful => {
            let message = "it has no final state in what can be read of the audit file".to_owned();
            Finding::Error(view.state.word(), message, details(view, Outcome::Unknown))
        }
        JobState::Skipped => {
            let reason = match view.cause {
                Some(Cause::Skip(reason)) => reason.word(),
                Some(Cause::Attempt(_)) | None => "skipped",
            };
            let detail = view.message.map(|detail| format!(": {detail}")).unwrap_or_default();
            Finding::Skipped("skipped", format!("{reason}{detail}"))
        }
        JobState::NotAttempted => Finding::Skipped("not_attempted", "the run ended first".to_owned()),
    }
}

fn failure(view: &JobView<'_>, word: &'static str, outcome: Outcome) -> Finding {
    let Some(Cause::Attempt(evidence)) = view.cause else {
        return Finding::Failure(word, word.to_owned(), details(view, outcome));
    };
    let status = view.status.map(|status| format!(", status {status}")).unwrap_or_default();
    let said = view.message.map(|message| format!(": {message}")).unwrap_or_default();
    Finding::Failure(word, format!("{}{status}{said}", evidence_words(outcome, evidence)), details(view, outcome))
}

/// What helps to find it again, and what to do.
fn details(view: &JobView<'_>, outcome: Outcome) -> String {
    let todo = match view.cause {
        Some(Cause::Attempt(evidence)) => advise(outcome, evidence, view.status).remedy,
        Some(Cause::Skip(_)) | None => "",
    };
    let named = [
        ("call", view.call_id.as_deref()),
        ("request id", view.request_id.as_deref()),
        ("vendor's id", view.correlation_id),
    ];
    let named: Vec<String> = named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
    format!("{todo} Job {}: {}; {} attempts.", view.job, named.join(", "), view.attempts)
}
