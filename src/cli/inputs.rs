//! The copies of its inputs that a run reads: what is checked, sent and kept is one and the same.

use super::args::SelectionArgs;
use super::check::Sound;
use super::exit::Exit;
use super::failure::Failure;
use super::rows::ROWS;
use super::{check, stdin, typed};
use crate::event::FileDigest;
use crate::expand::Files;
use crate::journal::{self, SnapshotError};
use crate::model::{Layer, Role};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The runbook's copy.
pub(super) const RUNBOOK: &str = "inputs/runbook.yaml";
/// How the copies of what it includes begin.
pub(super) const TEXT: &str = "inputs/text-";
/// How the copies of files of variables begin.
pub(super) const VARS: &str = "inputs/vars-";

/// Copies runbook, profile, data files and standard input into the run directory; gives their digests, and where they
/// are read.
pub(super) fn snapshot(
    sound: &Sound,
    args: &SelectionArgs,
    run_dir: &Path,
) -> Result<(Vec<FileDigest>, Files), Failure> {
    let Sound { runbook, profile, selection, .. } = sound;
    let mut inputs = Vec::new();
    let mut files = check::files(runbook);
    journal::create_run_dir(&run_dir.join("inputs")).map_err(cannot_create)?;
    let mut others = 0;
    let mut layers: Vec<&Layer> = runbook.texts.layers().iter().collect();
    layers.sort_by_key(|layer| layer.role != Role::Runbook);
    for layer in layers {
        let path = &layer.source.path;
        let snapshot = if layer.role == Role::Runbook {
            RUNBOOK.to_owned()
        } else {
            others += 1;
            let name = path.file_name().map_or_else(|| "text".into(), |name| name.to_string_lossy());
            let kind = if layer.role == Role::Vars { VARS } else { TEXT };
            format!("{kind}{others}-{name}")
        };
        let text = layer.source.bytes();
        journal::write_private(&run_dir.join(&snapshot), &text).map_err(cannot_create)?;
        let (file, sha256) = (path.display().to_string(), journal::sha256_hex(&text));
        inputs.push(FileDigest { file, snapshot, sha256, bytes: text.len() as u64 });
    }
    inputs.extend(typed::keep(args, runbook, run_dir)?);
    journal::write_private(&run_dir.join("inputs/profile.yaml"), profile.text().as_bytes()).map_err(cannot_create)?;
    for named in runbook.input_files() {
        let from = files.base.join(named);
        let name = named.file_name().map_or_else(|| "data".into(), |name| name.to_string_lossy().into_owned());
        let given = files.given.as_deref() == Some(named);
        let from = if given { named.to_owned() } else { from };
        let number = files.copies.len() + 1;
        let to = PathBuf::from(if given { format!("{ROWS}{name}") } else { format!("inputs/{number}-{name}") });
        // What is missing is left to the check, which says it with the place in the runbook.
        if std::fs::metadata(&from).is_ok_and(|metadata| metadata.is_file()) {
            let shown = named.display().to_string();
            inputs.push(journal::copy_input(&from, &shown, run_dir, &to).map_err(cannot_create)?);
        }
        files.copies.insert(named.to_owned(), run_dir.join(to));
    }
    if let Some(format) = stdin::format(runbook, selection)
        && !stdin::is_terminal()
    {
        let to = PathBuf::from(format!("inputs/stdin.{}", format.name()));
        let copied = journal::copy_stream(&mut stdin::Stdin::new(), Files::STDIN, run_dir, &to, None);
        let failed = |error: SnapshotError| {
            let read = error.path() == Path::new(Files::STDIN);
            Failure::new(if read { Exit::InputMissing } else { Exit::CannotCreate }, error)
        };
        inputs.push(copied.map_err(failed)?);
        let path = run_dir.join(to);
        let opened = File::open(&path).map_err(|error| stdin::unreadable(&error))?;
        files.stdin = Some(Arc::new(opened));
    }
    Ok((inputs, files))
}

pub(super) fn cannot_create(error: SnapshotError) -> Failure {
    Failure::new(Exit::CannotCreate, error)
}
