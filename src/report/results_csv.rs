//! results.csv: one row a job of the plan, in plan order, jobs without any event too.
//!
//! Latency, queue time, status, evidence and message are those of the job's last attempt. An empty cell says that
//! there is nothing to tell: no attempt, or none with an outcome.

use super::cell::{finish, safe, writer};
use super::errors::cause_word;
use super::jobs::JobView;
use super::number::ms;
use super::output::Report;
use super::reconciliation::reconciled_word;
use std::borrow::Cow;

/// The columns. New ones go to the end.
const COLUMNS: [&str; 15] = [
    "job",
    "set",
    "key",
    "call_id",
    "state",
    "attempts",
    "status_code",
    "latency_ms",
    "queue_ms",
    "request_id",
    "first_sent",
    "last_answer",
    "evidence",
    "error_message",
    "reconciled_by",
];

/// The file.
pub(super) fn bytes(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut writer = writer();
    writer.write_record(COLUMNS)?;
    for view in report.jobs.views(&report.run) {
        writer.write_record(row(&view).iter().map(AsRef::as_ref).map(str::as_bytes))?;
    }
    finish(writer)
}

fn row<'a>(view: &JobView<'a>) -> [Cow<'a, str>; COLUMNS.len()] {
    let text = |text: Option<&'a str>| text.map(safe).unwrap_or_default();
    [
        view.job.to_string().into(),
        safe(view.set),
        text(view.key),
        text(view.call_id),
        view.state.word().into(),
        view.attempts.to_string().into(),
        view.status.map(|status| status.to_string()).unwrap_or_default().into(),
        view.times.map(|(latency, _)| ms(latency)).unwrap_or_default().into(),
        view.times.map(|(_, queue)| ms(queue)).unwrap_or_default().into(),
        text(view.request_id),
        view.first_sent.map(|at| at.to_string()).unwrap_or_default().into(),
        view.last_answer.map(|at| at.to_string()).unwrap_or_default().into(),
        view.cause.map(cause_word).unwrap_or_default().into(),
        text(view.message),
        view.reconciled.map(reconciled_word).unwrap_or_default().into(),
    ]
}
