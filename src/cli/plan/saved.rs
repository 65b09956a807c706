//! `plan --save` and `run --plan`: what a run depends on, read from the files as they are now.

use crate::cli::args::RunArgs;
use crate::cli::check::{self, Sound};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::event::Setting;
use crate::expand::{Expander, Files};
use crate::journal::{sha256_hex, sha256_of};
use crate::model::{Role, Timestamp, is_profile_file};
use crate::plan::{Basis, FileRole, FileSum, PayloadDigest, SavedPlan};
use crate::profile::Urls;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

/// Longest saved plan: its size grows with the number of files, not of jobs.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What a run of this runbook would depend on. Expands every row.
pub(in crate::cli) fn basis(sound: &Sound, files: &Files, settings: &[Setting]) -> Result<Basis, Failure> {
    let Sound { runbook, profile, selection, .. } = sound;
    // `check::open` has refused what gives no URLs.
    let Urls { base_url, token_url, .. } = profile.urls(&runbook.connection.endpoints).unwrap_or_default();
    let mut sums: Vec<FileSum> = Vec::new();
    for layer in runbook.texts.layers() {
        let path = &layer.source.path;
        let (role, file) = match layer.role {
            Role::Runbook => (FileRole::Runbook, path.file_name().map_or(path.as_path(), Path::new)),
            Role::Include => (FileRole::Include, path.strip_prefix(runbook.texts.base()).unwrap_or(path)),
            Role::Vars => (FileRole::Vars, path.as_path()),
            Role::Profile => continue,
        };
        let (file, sha256) = (file.display().to_string(), sha256_hex(&layer.source.bytes()));
        sums.push(FileSum { role, file, sha256 });
    }
    let profile_file = &runbook.connection.profile;
    if is_profile_file(profile_file) {
        let sha256 = sha256_hex(profile.text().as_bytes());
        sums.push(FileSum { role: FileRole::Profile, file: profile_file.clone(), sha256 });
    }
    for named in runbook.input_files() {
        let file = named.display().to_string();
        let failed = |error: io::Error| Failure::new(Exit::InputMissing, format!("{file}: {error}"));
        let sha256 = digest_of(&files.found(named)).map_err(failed)?;
        let role = if files.given.as_deref() == Some(named) { FileRole::Rows } else { FileRole::Input };
        sums.push(FileSum { role, file, sha256 });
    }
    if let Some(stdin) = &files.stdin {
        let failed = |error: io::Error| Failure::new(Exit::InputMissing, format!("{}: {error}", Files::STDIN));
        let mut stdin = stdin.as_ref();
        let sha256 = stdin.rewind().and_then(|()| sha256_of(stdin)).map_err(failed)?;
        sums.push(FileSum { role: FileRole::Input, file: Files::STDIN.to_owned(), sha256 });
    }
    sums.sort_by(|a, b| (a.role.name(), &a.file).cmp(&(b.role.name(), &b.file)));
    let mut payloads = PayloadDigest::default();
    let expander = Expander::new(runbook, profile, files.clone(), selection);
    let census = expander.census(check::NO_RUN, |job| payloads.add(job));
    Ok(Basis {
        runbook: runbook.name.clone(),
        files: sums,
        profile: profile.name().to_owned(),
        profile_sha256: sha256_hex(profile.text().as_bytes()),
        base_url: base_url.unwrap_or_default(),
        token_url: token_url.unwrap_or_default(),
        settings: settings.iter().map(|setting| (setting.name.clone(), setting.value.clone())).collect(),
        jobs: census.to_run(),
        skipped: census.rows() - census.to_run(),
        payloads_sha256: payloads.finish(),
    })
}

/// Saves a plan; gives its id.
pub(in crate::cli) fn save(basis: Basis, path: &Path) -> Result<String, Failure> {
    let plan = SavedPlan::new(basis, Timestamp::now(), concat!("bridgebook ", env!("CARGO_PKG_VERSION")));
    let mut text = serde_json::to_string_pretty(&plan).map_err(|error| Failure::new(Exit::Internal, error))?;
    text.push('\n');
    let failed = |error: io::Error| Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()));
    let mut file = super::create(path)?;
    io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| io::Write::flush(&mut file)).map_err(failed)?;
    Ok(plan.id().to_owned())
}

/// Reads the plan that a run must keep to, and compares its files at once: before anything is said about their content.
pub(in crate::cli) fn open(args: &RunArgs) -> Result<Option<SavedPlan>, Failure> {
    let Some(path) = &args.plan else { return Ok(None) };
    let shown = path.display();
    let unreadable = |error: String| Failure::new(Exit::InputMissing, format!("{shown} cannot be read: {error}"));
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(unreadable("it is not a file, or larger than any saved plan".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let plan = SavedPlan::parse(&text).map_err(|error| {
        Failure::new(Exit::Refused, format!("{shown}: {error}"))
            .help("make a plan with `bridgebook plan RUNBOOK --save FILE`")
    })?;
    let base = args.runbook.parent().unwrap_or(Path::new(""));
    let place = |sum: &FileSum| -> PathBuf {
        match sum.role {
            FileRole::Runbook => args.runbook.clone(),
            FileRole::Vars | FileRole::Rows => PathBuf::from(&sum.file),
            FileRole::Include | FileRole::Profile | FileRole::Input => base.join(&sum.file),
        }
    };
    let now: Vec<FileSum> = plan
        .basis()
        .files
        .iter()
        .filter_map(|sum| match sum.file.as_str() {
            // It can be read only once: it is compared when the run has its copy.
            Files::STDIN => Some(sum.clone()),
            _ => Some(FileSum { sha256: digest_of(&place(sum)).ok()?, ..sum.clone() }),
        })
        .collect();
    refuse(&plan.basis().changed_files(&now))?;
    Ok(Some(plan))
}

/// Refuses a run that is not the planned one.
pub(in crate::cli) fn refuse(differences: &[String]) -> Result<(), Failure> {
    if differences.is_empty() {
        return Ok(());
    }
    let lines = differences.join("\n  - ");
    Err(Failure::new(Exit::Refused, format!("this is not what was planned:\n  - {lines}"))
        .help("look at what has changed, then make and approve a new plan; nothing was sent"))
}

pub(in crate::cli) fn digest_of(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    sha256_of(File::open(path)?)
}
