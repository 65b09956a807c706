//! `bridgebook report`: every report of a run, from its audit file alone; also the end of `run`.

use super::exit::Exit;
use super::failure::Failure;
use super::report_args::ReportArgs;
use super::report_format::ReportFormat;
use super::{left, past, print, trend};
use crate::event::Ending;
use crate::journal::{self, LockHolder, Verification};
use crate::report::{Evidence, Left, Report, ReportBuilder};
use std::fs::File;
use std::path::Path;

/// Reads a run's audit file into a report. After the first damaged or impossible line nothing more is taken in.
pub(super) fn build(run_dir: &Path) -> Result<(Report, Verification), Failure> {
    let mut builder = ReportBuilder::default();
    let mut sound = true;
    let audit = run_dir.join("audit.jsonl");
    let checked = journal::verify(&audit, |record| sound = sound && builder.apply(record).is_ok())
        .map_err(|error| Failure::new(Exit::InputMissing, error).help("give the directory of a run"))?;
    let alive = super::verify::alive(run_dir, &checked);
    Ok((builder.finish(evidence(&checked, alive.as_ref())), checked))
}

/// The same for an audit file that comes alone, or through a pipe. Whether somebody is at work on it cannot be told.
fn build_from(file: &Path) -> Result<Report, Failure> {
    let mut builder = ReportBuilder::default();
    let mut sound = true;
    let take = |record: &_| sound = sound && builder.apply(record).is_ok();
    let missing = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::InputMissing, error).help("give an audit file, or `-` for standard input")
    };
    let checked = if file.as_os_str() == "-" {
        journal::verify_from(std::io::stdin(), Path::new("standard input"), take)
    } else {
        let opened =
            File::open(file).map_err(|error| missing(&format!("{} cannot be read: {error}", file.display())))?;
        journal::verify_from(opened, file, take)
    };
    let checked = checked.map_err(|error| missing(&error))?;
    Ok(builder.finish(evidence(&checked, None)))
}

/// What the check of a file says beyond its records.
fn evidence(checked: &Verification, alive: Option<&LockHolder>) -> Evidence {
    Evidence {
        head: checked.head.to_string(),
        lines: checked.lines,
        signed_by: checked.signature.map(|key| key.fingerprint()),
        alive: alive.map(ToString::to_string),
        unread: checked.serious_damage().is_some(),
        damage: checked.damage.as_ref().map(|finding| format!("line {}: {}", finding.line, finding.reason)),
    }
}

/// Whether a process can go on with a run, as far as its file and those at work on it are concerned.
fn can_go_on(checked: &Verification, run_dir: &Path) -> bool {
    let alive = super::verify::alive(run_dir, checked).is_some();
    checked.run_id.is_some() && !alive && checked.serious_damage().is_none() && checked.disorder.is_none()
}

/// The line that says how a run goes on of which something is left.
fn how_to_go_on(report: &Report, run_dir: &Path) -> String {
    let summary = report.summary();
    if summary.finished.is_some() && summary.total.not_attempted == 0 {
        return String::new();
    }
    if summary.finished.is_none() && report.started().is_some_and(past::may_lack_its_end) {
        return format!("{:<12}{}: find out first what was sent\n", "go on", past::LACKS_ITS_END);
    }
    // What holds already stops each process at once.
    let ruled = summary.ending.is_some_and(|ending| matches!(ending, Ending::Aborted | Ending::WaveFailed));
    let first = if ruled { "; find out about its unknowns first, or add --despite-rules --reason TEXT" } else { "" };
    format!("{:<12}bridgebook resume {}{first}\n", "go on", run_dir.display())
}

/// Writes all files of a report; `run_dir` has the inputs of its run.
fn write(report: &Report, run_dir: Option<&Path>, to: &Path) -> Result<(), Failure> {
    for file in report.files() {
        journal::write_private_with(&to.join(file.name), |out| file.write_to(out))
            .map_err(|error| Failure::new(Exit::CannotCreate, error))?;
    }
    left::write(report, run_dir, to)
}

/// Prints a report: with how its run goes on where that may be said, and where the files are if there are any.
fn print(report: &Report, go_on: Option<&Path>, files: Option<&Path>, format: ReportFormat) -> Result<(), Failure> {
    let wanted = format.file();
    if let Some(file) = report.files().find(|file| Some(file.name) == wanted) {
        print::with(|out| file.write_to(out))?;
    } else {
        let go_on = go_on.map(|run_dir| how_to_go_on(report, run_dir)).unwrap_or_default();
        let left = files.map(|_| what_is_left(report)).unwrap_or_default();
        let look = files.map(where_to_look).unwrap_or_default();
        print::text(&format!("{}{left}{go_on}{look}", report.text()))?;
    }
    Ok(())
}

/// The line that says which files have rows to send again.
fn what_is_left(report: &Report) -> String {
    let some = Left::ALL.into_iter().filter(|kind| report.count_left(*kind) > 0);
    let files: Vec<String> = some.map(|kind| format!("{} {}", kind.file(), report.count_left(kind))).collect();
    if files.is_empty() { String::new() } else { format!("{:<12}{}\n", "left", files.join("  ")) }
}

/// The line with the report's path.
fn where_to_look(files: &Path) -> String {
    format!("{:<12}{}\n", "report", files.join("report.html").display())
}

/// The command.
pub(super) fn report(args: &ReportArgs) -> Result<u8, Failure> {
    let to = args.to.as_deref();
    let (report, run_dir, go_on) = match (&args.from, args.run_dirs.as_slice()) {
        (Some(file), _) => (build_from(file)?, None, false),
        (None, [run_dir]) if !args.compare => {
            let (report, checked) = build(run_dir)?;
            (report, Some(run_dir.as_path()), can_go_on(&checked, run_dir))
        }
        (None, run_dirs) if args.compare => return trend::compare(run_dirs, to, args.of_several()?),
        (None, run_dirs) => return trend::trend(run_dirs, to, args.of_several()?),
    };
    let files = to.or(run_dir);
    print(&report, run_dir.filter(|_| go_on), files, args.format)?;
    if let Some(files) = files {
        let made = to.map_or(Ok(()), |to| make_folder(to, run_dir));
        if let Err(failure) = made.and_then(|()| write(&report, run_dir, files)) {
            return Ok(too_late(&failure));
        }
    }
    Ok(if report.is_complete() { Exit::Success } else { Exit::Invalid }.code())
}

/// A directory for files that are asked for elsewhere. Only its owner may enter it if it is new.
pub(super) fn make_folder(to: &Path, run_dir: Option<&Path>) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().ok();
    if to.join("audit.jsonl").symlink_metadata().is_ok() && run_dir.and_then(real) != real(to) {
        let words = format!("{} is the directory of a run: the reports there are its own", to.display());
        return Err(Failure::new(Exit::CannotCreate, words).help("give another directory"));
    }
    journal::create_run_dir(to).map_err(|error| Failure::new(Exit::CannotCreate, error))
}

/// A report that stands on stdout already and cannot be written to its files: a program that reads it must not find a second
/// document there.
pub(super) fn too_late(failure: &Failure) -> u8 {
    print::note(&format!("error: {failure}\n"));
    failure.exit().code()
}

/// Writes every report of a run anew after its audit file has grown; that file is the result, the reports only show it.
pub(super) fn make_anew(run_dir: &Path) {
    if let Err(failure) = build(run_dir).and_then(|(report, _)| write(&report, Some(run_dir), run_dir)) {
        print::note(&format!("warning: {failure}\n  = help: bridgebook report {}\n", run_dir.display()));
    }
}

/// Reports a run that has just ended with this exit code; `live` is its report where the process has it. Calls were made:
/// nothing that goes wrong here may hide it.
pub(super) fn after_run(run_dir: &Path, format: ReportFormat, exit_code: u8, live: Option<Report>) -> u8 {
    let warn = |failure: Failure| {
        print::note(&format!("warning: {failure}\n  = help: bridgebook report {}\n", run_dir.display()));
    };
    let read = || build(run_dir).map(|(report, checked)| (report, can_go_on(&checked, run_dir)));
    match live.map_or_else(read, |report| Ok((report, true))) {
        Err(failure) => warn(failure),
        Ok((report, can_go_on)) => {
            print(&report, can_go_on.then_some(run_dir), Some(run_dir), format).unwrap_or_else(warn);
            write(&report, Some(run_dir), run_dir).unwrap_or_else(warn);
            if !report.is_complete() {
                // A note and no failure: what was asked for stands on stdout already, and says the same.
                let words = Failure::new(Exit::Internal, "the audit file of this run is not complete")
                    .help(format!("bridgebook verify {}", run_dir.display()));
                print::note(&format!("error: {words}\n"));
                return Exit::Internal.code();
            }
        }
    }
    exit_code
}
