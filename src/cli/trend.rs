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
        let files = trend.files();
        let bytes = files.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
        if let Err(failure) = write(to, bytes) {
            return Ok(report::too_late(&failure));
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
    if let Some((dir, _)) = run_dirs.iter().zip([&base, &run]).find(|(_, one)| one.summary().run_id.as_str().is_empty())
    {
        return Err(Failure::new(Exit::Invalid, format!("{} has no opening record", dir.display())));
    }
    if base.summary().run_id == run.summary().run_id {
        return Err(Failure::new(Exit::Usage, format!("both are run {}", run.summary().run_id)));
    }
    let comparison = Comparison::of(&base, &run);
    match format {
        Format::Json => print::json(&comparison)?,
        Format::Human => print::text(&comparison.text())?,
    };
    if let Some(to) = to {
        let bytes = serde_json::to_vec_pretty(&comparison).map_err(|error| Failure::new(Exit::Internal, error));
        let written = bytes.and_then(|mut bytes| {
            bytes.push(b'\n');
            write(to, [("comparison.json", bytes.as_slice())])
        });
        if let Err(failure) = written {
            return Ok(report::too_late(&failure));
        }
    }
    Ok(if comparison.complete { Exit::Success } else { Exit::Invalid }.code())
}

fn entry(run_dir: &Path) -> Result<Entry, Failure> {
    Ok(report::build(run_dir)?.0.into_entry())
}

fn write<'f>(to: &Path, files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<(), Failure> {
    report::make_folder(to, None)?;
    let mut files = files.into_iter();
    files.try_for_each(|(name, bytes)| {
        journal::write_private(&to.join(name), bytes).map_err(|error| Failure::new(Exit::CannotCreate, error))
    })
}
