//! `bridgebook init`: a project that validates, plans and runs in the sandbox as it is.

use super::exit::Exit;
use super::failure::Failure;
use super::print;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The files, by their path below the directory.
const FILES: [(&str, &str); 4] = [
    ("runbook.yaml", include_str!("init/runbook.yaml")),
    ("data/waiting.csv", include_str!("init/waiting.csv")),
    (".env.example", include_str!("init/env.example")),
    ("crontab.example", include_str!("init/crontab.example")),
];

/// Writes the files; an existing one is never touched.
pub(super) fn init(dir: &Path) -> Result<u8, Failure> {
    if let Some((name, _)) = FILES.iter().find(|(name, _)| dir.join(name).symlink_metadata().is_ok()) {
        let message = format!("{} is there already", dir.join(name).display());
        return Err(Failure::new(Exit::CannotCreate, message).help("give another directory"));
    }
    for (name, text) in FILES {
        let path = dir.join(name);
        let failed = |error: std::io::Error| Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .create(folder)
                .or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
                .map_err(failed)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
    }
    let runbook = dir.join("runbook.yaml");
    let runbook = runbook.display();
    print::text(&format!(
        "wrote {}\nnext:\n  bridgebook validate {runbook}\n  bridgebook plan {runbook}\n  bridgebook run {runbook} --sandbox\n",
        FILES.map(|(name, _)| dir.join(name).display().to_string()).join(", ")
    ))
}
