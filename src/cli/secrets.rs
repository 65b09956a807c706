//! Reading secrets from where the runbook says, never from the runbook.

use super::exit::Exit;
use super::failure::Failure;
use crate::model::{ClientCredentials, Runbook, Secret, SecretSource};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The OAuth client of a runbook.
pub(super) fn credentials(runbook: &Runbook) -> Result<ClientCredentials, Failure> {
    let base = runbook.texts.base();
    let id = read(&runbook.connection.client_id, "client_id", base)?;
    let secret = read(&runbook.connection.client_secret, "client_secret", base)?;
    Ok(ClientCredentials { id, secret })
}

fn read(source: &SecretSource, what: &str, base: &Path) -> Result<Secret<String>, Failure> {
    let value = match source {
        SecretSource::Env(name) => std::env::var(name).map_err(|_| {
            Failure::new(Exit::Configuration, format!("{what}: the environment variable {name} is not set"))
                .help("set it, or rehearse with --sandbox, which needs no credentials")
        })?,
        SecretSource::File(path) => {
            let path = base.join(path);
            let failed = |error: std::io::Error| {
                Failure::new(Exit::Configuration, format!("{what}: {}: {error}", path.display()))
            };
            let metadata = std::fs::metadata(&path).map_err(failed)?;
            if !metadata.is_file() {
                let message = format!("{what}: {} is not a regular file", path.display());
                return Err(Failure::new(Exit::Configuration, message));
            }
            let mode = metadata.permissions().mode();
            if mode & 0o077 != 0 {
                let message = format!("{what}: {} can be read by others (mode {:04o})", path.display(), mode & 0o7777);
                return Err(Failure::new(Exit::Configuration, message).help(format!("chmod 600 {}", path.display())));
            }
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            let text = text.trim_end_matches(['\r', '\n']);
            if text.contains('\n') {
                let message = format!("{what}: {} holds more than one line", path.display());
                return Err(Failure::new(Exit::Configuration, message).help("keep the secret alone in its file"));
            }
            text.to_owned()
        }
    };
    if value.is_empty() {
        return Err(Failure::new(Exit::Configuration, format!("{what} is empty")));
    }
    Ok(Secret::new(value))
}
