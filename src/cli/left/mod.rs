//! `failed.csv`, `unknown.csv` and `not_attempted.csv` of a run: its jobs from the audit file, their rows from the copies of its
//! inputs, side by side in plan order.
//!
//! No template is rendered: a job's row is found by its place. Without the copies the files hold the jobs alone, and a word
//! says that they cannot be fed back. Where nothing is left nothing is read.

mod pairing;

use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use super::print;
use super::reopen::{self, Inputs};
use crate::event::RunStarted;
use crate::journal;
use crate::report::{InputColumns, Left, LeftWriter, Report};
use pairing::Pairing;
use std::io::{self, Write};
use std::path::Path;

/// What the files are made of.
struct Making<'a> {
    report: &'a Report,
    /// The opening record, and the run's rows; `None`: they are gone, or nobody needs them.
    source: Option<(&'a RunStarted, Inputs)>,
    /// Why rows are missing.
    reason: Option<String>,
}

/// Writes all three into `to`: one without a job has a header, so that none of an earlier report stays behind. `run_dir` has the
/// inputs of the run; an audit file that came alone has none.
pub(super) fn write(report: &Report, run_dir: Option<&Path>, to: &Path) -> Result<(), Failure> {
    let some = Left::ALL.iter().any(|kind| report.count_left(*kind) > 0);
    let started = report.started().filter(|_| some);
    let alone = || Failure::new(Exit::InputMissing, "the audit file came without its directory");
    let source = started.map(|started| {
        let inputs = run_dir.ok_or_else(alone).and_then(|run_dir| reopen::inputs(run_dir, started));
        inputs.map(|inputs| (started, inputs))
    });
    let mut making = match source.transpose() {
        Ok(source) => Making { report, source, reason: None },
        Err(failure) => Making { report, source: None, reason: Some(failure.to_string()) },
    };
    for kind in Left::ALL {
        journal::write_private_with(&to.join(kind.file()), |out| making.write(kind, out)).map_err(cannot_create)?;
    }
    if !report.is_complete() && report.summary().total.not_attempted > 0 {
        print::note(
            "note: not_attempted.csv has no rows: the run is not closed, and other jobs may be sent than its file says. `bridgebook resume` \
             goes on with it, `bridgebook reconcile --close` ends it\n",
        );
    }
    if let Some(reason) = making.reason {
        print::note(&format!(
            "note: failed.csv, unknown.csv and not_attempted.csv lack rows of the input and cannot be fed back as they are: {reason}\n"
        ));
    }
    Ok(())
}

impl Making<'_> {
    fn write(&mut self, kind: Left, out: &mut dyn Write) -> io::Result<()> {
        let Self { report, source, reason } = self;
        let source = source.as_ref().filter(|_| report.count_left(kind) > 0);
        let columns = source.map(|(started, inputs)| columns(report, kind, started, inputs)).transpose();
        let columns = columns.unwrap_or_else(|why| {
            reason.get_or_insert(why);
            None
        });
        let mut pairing = source.filter(|_| columns.is_some()).map(|(started, inputs)| Pairing::new(started, inputs));
        let columns = columns.unwrap_or_default();
        let mut writer = LeftWriter::new(report, &columns, out)?;
        let every = pairing.as_ref().is_some_and(Pairing::needs_every_job);
        let jobs = (report.count_left(kind) > 0).then(|| report.left(kind, every));
        // Of a bridge that is split a part follows the one before: in this file, or it is bridged already.
        let mut before = None;
        for job in jobs.into_iter().flatten() {
            let row = pairing.as_mut().and_then(|pairing| pairing.row(&job));
            if job.is_held() {
                let follows = row.as_ref().and_then(|row| row.part).is_some_and(|part| part.part > 1);
                let is_free = !follows || before == job.number().checked_sub(1);
                writer.write(&job, row.as_ref(), is_free)?;
            }
            before = Some(job.number()).filter(|_| job.is_held() || job.is_success());
        }
        if let Some(why) = pairing.and_then(Pairing::trouble) {
            reason.get_or_insert(why);
        }
        if report.has_lost_jobs() {
            return Err(io::Error::other("a temporary file of this report cannot be read back"));
        }
        writer.finish()
    }
}

/// The columns of the rows that a file will hold.
fn columns(report: &Report, kind: Left, started: &RunStarted, inputs: &Inputs) -> Result<InputColumns, String> {
    let mut columns = InputColumns::default();
    let mut pairing = Pairing::new(started, inputs);
    let every = pairing.needs_every_job();
    // Of a file with a header nothing more need be read.
    for job in report.left(kind, every) {
        if let Some(header) = pairing.header(&job)? {
            if job.is_held() {
                columns.add(header);
            }
        } else if let Some(row) = pairing.row(&job).filter(|_| job.is_held()) {
            columns.add(row.values.keys());
        }
    }
    Ok(columns)
}
