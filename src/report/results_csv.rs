//! results.csv: one row a job of the plan, in plan order, jobs without any event too.
//!
//! Latency, queue time, status, evidence and message are those of the job's last attempt. An empty cell says that
//! there is nothing to tell: no attempt, or none with an outcome.

use super::cell::{safe, writer};
use super::errors::cause_word;
use super::jobs::JobView;
use super::number::ms;
use super::output::Report;
use super::reconciliation::reconciled_word;
use std::borrow::Cow;
use std::io::{self, Write};

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

/// Writes the file, row by row.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = writer(out);
    writer.write_record(COLUMNS)?;
    for view in report.jobs.views(&report.run, |_| true) {
        writer.write_record(row(&view).iter().map(AsRef::as_ref).map(str::as_bytes))?;
    }
    if report.jobs.is_unreadable() {
        return Err(io::Error::other("a temporary file of this report cannot be read back"));
    }
    writer.flush()
}

fn row<'a>(view: &'a JobView<'_>) -> [Cow<'a, str>; COLUMNS.len()] {
    let text = |text: Option<&'a str>| text.map(safe).unwrap_or_default();
    [
        view.job.to_string().into(),
        safe(view.set),
        text(view.key.as_deref()),
        text(view.call_id.as_deref()),
        view.state.word().into(),
        view.attempts.to_string().into(),
        view.status.map(|status| status.to_string()).unwrap_or_default().into(),
        view.times.map(|(latency, _)| ms(latency)).unwrap_or_default().into(),
        view.times.map(|(_, queue)| ms(queue)).unwrap_or_default().into(),
        text(view.request_id.as_deref()),
        view.first_sent.map(|at| at.to_string()).unwrap_or_default().into(),
        view.last_answer.map(|at| at.to_string()).unwrap_or_default().into(),
        view.cause.map(cause_word).unwrap_or_default().into(),
        text(view.message),
        view.reconciled.map(reconciled_word).unwrap_or_default().into(),
    ]
}
