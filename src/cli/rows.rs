//! Rows that come again: `--rows FILE` in the place of every set's rows, and what is sent although it may have been bridged.

use super::args::SelectionArgs;
use super::exit::Exit;
use super::failure::Failure;
use crate::event::{FileDigest, RunStarted, Setting};
use crate::model::{Again, RowFormat, RowSource, Runbook, SetName};
use std::path::{Path, PathBuf};

/// How the copy of the file begins.
pub(super) const ROWS: &str = "inputs/rows-";
/// The setting that names the file.
pub(super) const SETTING: &str = "rows";
/// The setting that says why unknowns are sent again.
pub(super) const RESEND: &str = "resend_unknown";

/// Puts the command line over the rows of every set.
pub(super) fn apply(runbook: &mut Runbook, args: &SelectionArgs) -> Result<(), Failure> {
    runbook.again = Again { file: args.rows.clone(), resend_unknown: args.resend_unknown };
    let Some(path) = &args.rows else { return Ok(()) };
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::InputMissing, format!("--rows {}: {error}", path.display()))
            .help("give failed.csv, unknown.csv or not_attempted.csv of a run's directory")
    };
    let found = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !found.is_file() {
        return Err(unreadable(&"not a regular file"));
    }
    for set in &mut runbook.sets {
        set.rows.source = RowSource::File(path.clone(), RowFormat::Csv { delimiter: b',' });
    }
    Ok(())
}

/// Of the selected sets those that have rows, where rows come from the command line: there is nothing to say of the others.
pub(super) fn narrow(only: Vec<SetName>, with_rows: Vec<SetName>) -> Vec<SetName> {
    let both: Vec<SetName> = with_rows.into_iter().filter(|set| only.is_empty() || only.contains(set)).collect();
    if both.is_empty() { only } else { both }
}

/// What a run that goes on was told: its copy of the file, and whether it sends unknowns again.
pub(super) fn recall(run_dir: &Path, started: &RunStarted) -> (Option<PathBuf>, bool) {
    let copy = started.inputs.iter().find(|input| is_copy(input)).map(|input| run_dir.join(&input.snapshot));
    let resend = |setting: &Setting| setting.name == RESEND;
    (copy, started.settings.iter().any(resend))
}

/// Whether an input is the copy of such a file.
pub(super) fn is_copy(input: &FileDigest) -> bool {
    input.snapshot.starts_with(ROWS)
}
