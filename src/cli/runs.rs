//! `bridgebook runs`: which runs there are. Reads the two ends of each audit file, writes nothing.

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::print;
use crate::event::Verdict;
use crate::journal::{self, Glance};
use crate::model::printable;
use crate::report::{ListedRun, ListedState, RunGlance, RunList, Table, span};
use clap::Args;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Characters of a path or a reason on one line.
const MAX_TEXT: usize = 200;

#[derive(Args, Debug, Clone)]
pub(super) struct RunsArgs {
    /// The output directory of `run`; a runbook's folder in it will do, too
    #[arg(value_name = "DIR", default_value = "runs", env = "BRIDGEBOOK_OUT")]
    pub(super) dir: PathBuf,
    /// Only those of this runbook
    #[arg(long, value_name = "NAME")]
    pub(super) runbook: Option<String>,
    /// The newest N
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// The command.
pub(super) fn runs(args: &RunsArgs) -> Result<u8, Failure> {
    let dirs = run_dirs(&args.dir)?;
    let runs = dirs.iter().map(|dir| look(dir));
    let wanted = runs.filter(|run| args.runbook.as_ref().is_none_or(|name| run.runbook == *name));
    let list = RunList::of(wanted.collect(), args.limit);
    match args.format {
        Format::Json => print::json(&list),
        Format::Human => print::text(&text(&list, args)),
    }
}

/// Every directory with an audit file: the given one, those in it, and those in these. Hidden ones are being made, or left over.
fn run_dirs(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let missing = |error: std::io::Error| {
        Failure::new(Exit::InputMissing, format!("{} cannot be read: {error}", dir.display()))
            .help("give the directory that `run --out` names")
    };
    let mut found = Vec::new();
    if is_run(dir) {
        found.push(dir.to_owned());
    }
    let first = match std::fs::read_dir(dir) {
        // Without a run there is no directory yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        read => folders(read.map_err(missing)?),
    };
    for folder in first {
        if is_run(&folder) {
            found.push(folder);
        } else if let Ok(read) = std::fs::read_dir(&folder) {
            found.extend(folders(read).filter(|dir| is_run(dir)));
        }
    }
    // A link such as `latest` is no other run.
    let mut known = HashSet::new();
    found.retain(|dir| dir.canonicalize().map_or(true, |real| known.insert(real)));
    Ok(found)
}

fn folders(read: std::fs::ReadDir) -> impl Iterator<Item = PathBuf> {
    let shown = read.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    shown.map(|entry| entry.path()).filter(|path| path.is_dir())
}

/// What cannot be entered is listed: it may be a run. What can and has no audit file is none.
fn is_run(dir: &Path) -> bool {
    match dir.join("audit.jsonl").symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// Looks at one.
fn look(dir: &Path) -> ListedRun {
    let (glance, problem) = match journal::glance(&dir.join("audit.jsonl")) {
        Ok(glance) => {
            let problem = glance.damage.clone();
            (glance, problem)
        }
        Err(error) => (Glance::default(), Some(format!("audit.jsonl: {error}"))),
    };
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let seen = |alive| RunGlance {
        run_dir: dir.display().to_string(),
        name: name_of(&real),
        folder: real.parent().map(name_of).unwrap_or_default(),
        first: glance.first.as_ref(),
        last: &glance.last,
        problem: problem.clone(),
        torn: glance.torn,
        alive,
    };
    let run = ListedRun::of(seen(None));
    if run.complete {
        return run;
    }
    // Only where the lock's text names this very run is the lock itself looked at.
    let folder =
        real.parent().filter(|folder| journal::left_there(folder).is_some_and(|left| left.is_of(&name_of(&real))));
    let holder = folder.and_then(journal::holder).filter(|holder| holder.is_of(&name_of(&real)));
    match holder {
        Some(holder) => ListedRun::of(seen(Some(holder.to_string()))),
        None => run,
    }
}

fn text(list: &RunList, args: &RunsArgs) -> String {
    let of = args.runbook.as_ref().map(|name| format!(" of runbook {}", clean(name))).unwrap_or_default();
    if list.runs.is_empty() {
        return format!("no runs{of} in {}\n", args.dir.display());
    }
    let mut table =
        Table::new(&["started", "result", ">jobs", ">ok", ">failed", ">unknown", ">skipped", ">left", ">time", "run"]);
    list.runs.iter().for_each(|run| table.row(row(run)));
    let mut out: Vec<String> = table.lines().collect();
    for run in list.runs.iter().filter(|run| !run.complete) {
        let problem = run.alive.as_ref().or(run.problem.as_ref()).map(|words| clean(words)).unwrap_or_default();
        let word = if run.state == ListedState::Running { "running" } else { "INCOMPLETE" };
        out.push(format!("{word}  {}: {problem}", clean(&run.run_dir)));
    }
    if list.left_out > 0 {
        out.push(format!("and {} older", list.left_out));
    }
    out.join("\n") + "\n"
}

fn row(run: &ListedRun) -> [String; 10] {
    let count = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let started = run.started.map(|at| at.to_string()).unwrap_or_default();
    [
        started.get(..16).map_or_else(|| "?".to_owned(), |minute| minute.replace('T', " ")),
        result(run).to_owned(),
        count(run.jobs),
        count(run.successes()),
        count(run.failed()),
        count(run.totals.map(|totals| totals.unknown)),
        count(run.totals.map(|totals| totals.skipped)),
        count(run.totals.map(|totals| totals.not_attempted)),
        run.elapsed_ms.map_or_else(|| "?".to_owned(), |time| span((time / 100.0).round() * 100.0)),
        clean(&run.run_dir),
    ]
}

/// One word: what somebody has to know first.
fn result(run: &ListedRun) -> &'static str {
    match (run.state, run.verdict) {
        (ListedState::Unreadable, _) => "UNREADABLE",
        (ListedState::Running, _) => "running",
        (ListedState::CutOff, _) => "CUT OFF",
        _ if !run.complete => "INCOMPLETE",
        (ListedState::Interrupted, _) => "INTERRUPTED",
        (ListedState::Stopped, _) => "STOPPED",
        (ListedState::Finished, Some(Verdict::Passed)) => "PASSED",
        (ListedState::Finished, _) => "FAILED",
    }
}

fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}
