//! Reading secrets from where the runbook says, never from the runbook.

use super::exit::Exit;
use super::failure::Failure;
use crate::model::{Credentials, NumberKey, NumberPrivacy, Numbers, Runbook, Secret, SecretSource};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a command may take to say a secret. A password manager that asks a person is not for scheduled runs.
const EXEC_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a secret at most; the longest real ones are signed tokens of a few KiB.
const MAX_SECRET: u64 = 64 * 1024;

/// The credentials of a runbook.
pub(super) fn credentials(runbook: &Runbook) -> Result<Credentials, Failure> {
    credentials_at(runbook, runbook.texts.base())
}

/// The same for a runbook that once stood in this folder.
pub(super) fn credentials_at(runbook: &Runbook, base: &Path) -> Result<Credentials, Failure> {
    let one = |(name, source)| Ok((name, read(source, crate::model::CredentialName::as_str(name), base)?));
    runbook.connection.auth.iter().map(|(name, source)| (*name, source)).map(one).collect()
}

/// Reads the key of a runbook's pseudonyms, where it has one. Only what writes a run's files needs it.
pub(super) fn read_number_key(runbook: &mut Runbook) -> Result<(), Failure> {
    let base = runbook.texts.base().to_owned();
    read_number_key_at(runbook, &base)
}

/// The same for a runbook that once stood in this folder.
pub(super) fn read_number_key_at(runbook: &mut Runbook, base: &Path) -> Result<(), Failure> {
    let Some(source) = runbook.number_key.as_ref().filter(|_| runbook.numbers.privacy() == NumberPrivacy::Keyed) else {
        return Ok(());
    };
    let secret = read(source, "privacy.key", base)?;
    let key = NumberKey::new(&secret).map_err(|error| {
        Failure::new(Exit::Configuration, format!("privacy.key: {error}"))
            .help("make one at random: openssl rand -hex 32")
    })?;
    runbook.numbers = Numbers::keyed(key);
    Ok(())
}

/// One secret, on one line.
pub(super) fn read(source: &SecretSource, what: &str, base: &Path) -> Result<Secret<String>, Failure> {
    secret(source, what, base, Shape::Line)
}

/// A private key in PEM, which has many lines.
pub(super) fn pem(source: &SecretSource, what: &str, base: &Path) -> Result<Secret<String>, Failure> {
    secret(source, what, base, Shape::Lines)
}

/// How much of what a source gives is the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Its only line.
    Line,
    /// All of it.
    Lines,
}

fn secret(source: &SecretSource, what: &str, base: &Path, shape: Shape) -> Result<Secret<String>, Failure> {
    let value = match source {
        SecretSource::Env(name) => std::env::var(name).map_err(|_| {
            Failure::new(Exit::Configuration, format!("{what}: the environment variable {name} is not set"))
                .help("set it, or rehearse with --sandbox, which needs no credentials")
        })?,
        SecretSource::File(path) => file(&base.join(path), what, shape)?,
        SecretSource::Exec(command) => exec(command, what, base, shape)?,
    };
    if value.is_empty() {
        return Err(Failure::new(Exit::Configuration, format!("{what} is empty")));
    }
    Ok(Secret::new(value))
}

fn file(path: &Path, what: &str, shape: Shape) -> Result<String, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Configuration, format!("{what}: {}: {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        let message = format!("{what}: {} is not a regular file", path.display());
        return Err(Failure::new(Exit::Configuration, message));
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("{what}: {} can be read by others (mode {:04o})", path.display(), mode & 0o7777);
        return Err(Failure::new(Exit::Configuration, message).help(format!("chmod 600 {}", path.display())));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(failed)?;
    text_of(bytes, what, &path.display().to_string(), "keep the secret alone in its file", shape)
}

/// What a command prints, without a shell. What it says on stderr may hold anything and is not shown.
fn exec(command: &[String], what: &str, base: &Path, shape: Shape) -> Result<String, Failure> {
    let failed = |words: String| Failure::new(Exit::Configuration, format!("{what}: {words}"));
    let [program, arguments @ ..] = command else { return Err(failed("the command is empty".to_owned())) };
    let folder = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("{program} cannot be run: {error}")))?;
    let stdout = child.stdout.take();
    let (send, output) = mpsc::channel();
    // A pipe has no timeout; a thread that waits for it has.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_SECRET + 1).read_to_end(&mut bytes));
        let _ = send.send(read.transpose().map(|_| bytes));
    });
    let Ok(bytes) = output.recv_timeout(EXEC_LIMIT) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed(format!("{program} has not ended after {} s", EXEC_LIMIT.as_secs())));
    };
    let bytes = bytes.map_err(|error| failed(format!("{program}: {error}")))?;
    // Its output has ended: it is on its way out, or has closed it and hangs.
    let status = ended(&mut child).map_err(|error| failed(format!("{program}: {error}")))?;
    let Some(status) = status else {
        return Err(failed(format!("{program} has not ended after {} s", EXEC_LIMIT.as_secs())));
    };
    if !status.success() {
        return Err(failed(format!("{program} failed: {status}")).help("run it by hand in the runbook's folder"));
    }
    text_of(bytes, what, program, "let the command print the secret alone, on one line", shape)
}

/// Waits for the end of a process; `None`: it did not come, and the process is killed.
fn ended(child: &mut std::process::Child) -> std::io::Result<Option<std::process::ExitStatus>> {
    const STEP: Duration = Duration::from_millis(10);
    let mut left = EXEC_LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
}

fn text_of(bytes: Vec<u8>, what: &str, whence: &str, help: &str, shape: Shape) -> Result<String, Failure> {
    let refuse = |words: &str| Failure::new(Exit::Configuration, format!("{what}: {whence} {words}")).help(help);
    if bytes.len() as u64 > MAX_SECRET {
        return Err(refuse("gives more than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("gives something that is not text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if shape == Shape::Line && text.contains('\n') {
        return Err(refuse("holds more than one line"));
    }
    Ok(text.to_owned())
}
