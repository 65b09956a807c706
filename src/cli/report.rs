//! `bridgebook report`: every report of a run, from its audit file alone; also the end of `run`.

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::print;
use crate::event::Ending;
use crate::journal::{self, Verification};
use crate::report::{Evidence, Report, ReportBuilder, Summary};
use std::path::Path;

/// Reads an audit file into a report. After the first damaged or impossible line nothing more is taken in.
fn build(run_dir: &Path) -> Result<(Report, Verification), Failure> {
    let mut builder = ReportBuilder::default();
    let mut sound = true;
    let audit = run_dir.join("audit.jsonl");
    let checked = journal::verify(&audit, |record| sound = sound && builder.apply(record).is_ok())
        .map_err(|error| Failure::new(Exit::InputMissing, error).help("give the directory of a run"))?;
    let alive = super::verify::alive(run_dir, &checked);
    let evidence = Evidence {
        head: checked.head.to_string(),
        lines: checked.lines,
        signed_by: checked.signature.map(|key| key.fingerprint()),
        alive: alive.map(|holder| holder.to_string()),
        unread: checked.serious_damage().is_some(),
        damage: checked.damage.as_ref().map(|finding| format!("line {}: {}", finding.line, finding.reason)),
    };
    Ok((builder.finish(evidence), checked))
}

/// Whether a process can go on with a run, as far as its file and those at work on it are concerned.
fn can_go_on(checked: &Verification, run_dir: &Path) -> bool {
    let alive = super::verify::alive(run_dir, checked).is_some();
    checked.run_id.is_some() && !alive && checked.serious_damage().is_none()
}

/// The line that says how a run goes on of which something is left.
fn how_to_go_on(summary: &Summary, run_dir: &Path) -> String {
    if summary.finished.is_some() && summary.total.not_attempted == 0 {
        return String::new();
    }
    // What holds already stops each process at once.
    let ruled = summary.ending.is_some_and(|ending| matches!(ending, Ending::Aborted | Ending::WaveFailed));
    let first = if ruled { "; find out about its unknowns first, or add --despite-rules --reason TEXT" } else { "" };
    format!("{:<12}bridgebook resume {}{first}\n", "go on", run_dir.display())
}

fn write(report: &Report, run_dir: &Path) -> Result<(), Failure> {
    for file in report.files() {
        journal::write_private_with(&run_dir.join(file.name), |out| file.write_to(out))
            .map_err(|error| Failure::new(Exit::CannotCreate, error))?;
    }
    Ok(())
}

fn print(report: &Report, can_go_on: bool, run_dir: &Path, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => print::json(report.summary())?,
        Format::Human => {
            let go_on = if can_go_on { how_to_go_on(report.summary(), run_dir) } else { String::new() };
            print::text(&format!("{}{go_on}{}", report.text(), where_to_look(run_dir)))?
        }
    };
    Ok(())
}

/// The line with the report's path.
fn where_to_look(run_dir: &Path) -> String {
    format!("{:<12}{}\n", "report", run_dir.join("report.html").display())
}

/// The command.
pub(super) fn report(run_dir: &Path, format: Format) -> Result<u8, Failure> {
    let (report, checked) = build(run_dir)?;
    print(&report, can_go_on(&checked, run_dir), run_dir, format)?;
    write(&report, run_dir)?;
    Ok(if report.is_complete() { Exit::Success } else { Exit::Invalid }.code())
}

/// Writes every report of a run anew after its audit file has grown; that file is the result, the reports only show it.
pub(super) fn make_anew(run_dir: &Path) {
    if let Err(failure) = build(run_dir).and_then(|(report, _)| write(&report, run_dir)) {
        print::note(&format!("warning: {failure}\n  = help: bridgebook report {}\n", run_dir.display()));
    }
}

/// Reports a run that has just ended with this exit code; `live` is its report where the process has it. Calls were made:
/// nothing that goes wrong here may hide it.
pub(super) fn after_run(run_dir: &Path, format: Format, exit_code: u8, live: Option<Report>) -> Result<u8, Failure> {
    let warn = |failure: Failure| {
        print::note(&format!("warning: {failure}\n  = help: bridgebook report {}\n", run_dir.display()));
    };
    let read = || build(run_dir).map(|(report, checked)| (report, can_go_on(&checked, run_dir)));
    match live.map_or_else(read, |report| Ok((report, true))) {
        Err(failure) => warn(failure),
        Ok((report, can_go_on)) => {
            print(&report, can_go_on, run_dir, format).unwrap_or_else(warn);
            write(&report, run_dir).unwrap_or_else(warn);
            if !report.is_complete() {
                return Err(Failure::new(Exit::Internal, "the audit file of this run is not complete")
                    .help(format!("bridgebook verify {}", run_dir.display())));
            }
        }
    }
    Ok(exit_code)
}
