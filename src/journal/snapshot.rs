//! The run directory: private, new, and holding a copy of everything that the run reads.

use super::chain::hex;
use crate::event::FileDigest;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file or directory that cannot be made or copied.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct SnapshotError {
    path: PathBuf,
    source: io::Error,
}

impl SnapshotError {
    /// What it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// End of the name of a run directory whose inputs are not checked yet.
pub const STAGING: &str = ".staging";

/// Removes what killed runs have left of their staging. One that holds an audit file has lost its name in a power cut:
/// it is evidence, and gets the name back.
pub fn remove_staging(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(run_id) = name.strip_suffix(STAGING).map(|name| name.trim_start_matches('.')) else { continue };
        // What cannot be removed or renamed is in nobody's way.
        let _ = if entry.path().join("audit.jsonl").exists() {
            std::fs::rename(entry.path(), folder.join(run_id))
        } else {
            std::fs::remove_dir_all(entry.path())
        };
    }
}

fn sync_folder(folder: &Path) -> Result<(), SnapshotError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(at(folder))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError { path, source }
}

/// Makes `{out}/{name}` if need be. Only its owner may enter what is new.
pub fn create_run_dir(path: &Path) -> Result<(), SnapshotError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

/// Gives a checked run its name. The name, and the folders above it, must survive a power cut as the audit lines do.
pub fn publish(staging: &Path, run_dir: &Path) -> Result<(), SnapshotError> {
    sync_folder(&staging.join("inputs"))?;
    sync_folder(staging)?;
    std::fs::rename(staging, run_dir).map_err(at(run_dir))?;
    run_dir.ancestors().skip(1).take(3).try_for_each(sync_folder)
}

/// Copies an input into the run directory and gives its digest: of what was copied, not of what may stand there later.
/// The copy is as old as the file: what is stale stays stale.
pub fn copy_input(from: &Path, shown: &str, run_dir: &Path, to: &Path) -> Result<FileDigest, SnapshotError> {
    let mut input = File::open(from).map_err(at(from))?;
    let modified = input.metadata().and_then(|metadata| metadata.modified()).map_err(at(from))?;
    copy_stream(&mut input, shown, run_dir, to, Some(modified))
}

/// The same for what has no file, such as standard input.
pub fn copy_stream(
    input: &mut impl Read,
    shown: &str,
    run_dir: &Path,
    to: &Path,
    modified: Option<SystemTime>,
) -> Result<FileDigest, SnapshotError> {
    let target = run_dir.join(to);
    if let Some(folder) = target.parent() {
        create_run_dir(folder)?;
    }
    let mut output = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target).map_err(at(&target))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = input.read(&mut buffer).map_err(at(Path::new(shown)))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
        output.write_all(&buffer[..read]).map_err(at(&target))?;
    }
    if let Some(modified) = modified {
        output.set_modified(modified).map_err(at(&target))?;
    }
    output.sync_all().map_err(at(&target))?;
    Ok(FileDigest {
        file: shown.to_owned(),
        snapshot: to.to_string_lossy().into_owned(),
        sha256: hex(&hash.finalize()),
        bytes,
    })
}

/// Writes a whole file that only its owner may read; an older one is replaced at once.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    write_private_with(path, |out| out.write_all(bytes))
}

/// The same for what is not in memory as a whole.
pub fn write_private_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), SnapshotError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let _ = std::fs::remove_file(&temporary);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(at(&temporary))?;
    let mut out = BufWriter::with_capacity(64 * 1024, &file);
    let written = write(&mut out)
        .and_then(|()| out.flush())
        .and_then(|()| file.sync_all())
        .map_err(at(&temporary))
        .and_then(|()| std::fs::rename(&temporary, path).map_err(at(path)));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
