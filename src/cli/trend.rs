//! `bridgebook report` of several runs: their trend, and two of them side by side.

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::{print, report};
use crate::journal;
use crate::report::{Comparison, Entry, Several};
use std::path::{Path, PathBuf};

/// The figures together, and the trend.
pub(super) fn trend(run_dirs: &[PathBuf], to: Option<&Path>, format: Format) -> Result<u8, Failure> {
    let mut several = Several::default();
    for run_dir in run_dirs {
        several.take(entry(run_dir)?).map_err(|conflict| {
            Failure::new(Exit::Invalid, format!("{}: {conflict}", run_dir.display())).help(
                "one of them is an older copy, or was changed: ask `bridgebook verify` of both, and give only one",
            )
        })?;
    }
    let trend = several.trend();
    match format {
        Format::Json => print::json(&trend)?,
        Format::Human => print::text(&trend.text())?,
    };
    if let Some(to) = to {
        report::make_folder(to)?;
        for (name, bytes) in trend.files() {
            write(to, name, &bytes)?;
        }
        if format == Format::Human {
            print::text(&format!("{:<12}{}\n", "report", to.join("trend.html").display()))?;
        }
    }
    Ok(if trend.complete { Exit::Success } else { Exit::Invalid }.code())
}

/// Two runs side by side.
pub(super) fn compare(run_dirs: &[PathBuf], to: Option<&Path>, format: Format) -> Result<u8, Failure> {
    let [base, run] = run_dirs else {
        return Err(Failure::new(Exit::Usage, "--compare takes two runs: the base, and the one to look at"));
    };
    let (base, run) = (entry(base)?, entry(run)?);
    if base.summary().run_id == run.summary().run_id {
        return Err(Failure::new(Exit::Usage, format!("both are run {}", run.summary().run_id)));
    }
    let comparison = Comparison::of(&base, &run);
    match format {
        Format::Json => print::json(&comparison)?,
        Format::Human => print::text(&comparison.text())?,
    };
    if let Some(to) = to {
        report::make_folder(to)?;
        let mut bytes = serde_json::to_vec_pretty(&comparison).map_err(|error| Failure::new(Exit::Internal, error))?;
        bytes.push(b'\n');
        write(to, "comparison.json", &bytes)?;
    }
    Ok(if comparison.complete { Exit::Success } else { Exit::Invalid }.code())
}

fn entry(run_dir: &Path) -> Result<Entry, Failure> {
    Ok(report::build(run_dir)?.0.into_entry())
}

fn write(to: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    journal::write_private(&to.join(name), bytes).map_err(|error| Failure::new(Exit::CannotCreate, error))
}
