//! A run's own inputs, read again from the copies in its directory: the same runbook, profile and rows, or a refusal.
//!
//! The copies of the texts are put into a temporary directory under the names that they had, so that includes and profile are
//! found as they were; data files are read where their copies are. Every text is held against the digests of the opening
//! record. Secrets are read from where the runbook says, relative to where it stood.

use super::args::{PaceArgs, SelectionArgs};
use super::check::Sound;
use super::exit::Exit;
use super::failure::Failure;
use super::inputs::{RUNBOOK, TEXT, VARS};
use super::plan::saved::digest_of;
use super::settings::Sources;
use super::{check, rows, settings, typed};
use crate::event::{FileDigest, RunStarted, Setting, SettingSource};
use crate::expand::Files;
use crate::journal;
use crate::load;
use crate::model::{Role, RowSource, Runbook, SetName, Severity, is_profile_file};
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Folders above the runbook's place in the temporary directory, for paths that lead upwards.
const DEPTH: usize = 16;

/// Largest copy of a text, in bytes: more than `load` takes.
const MAX_TEXT: u64 = 64 * 1024 * 1024;

/// What a run was made from.
pub(super) struct Reopened {
    pub(super) sound: Sound,
    /// Its part of the plan, and its variables.
    pub(super) args: SelectionArgs,
    pub(super) files: Files,
    /// Where the runbook stood: secrets are relative to it.
    pub(super) base: PathBuf,
    _texts: TempDir,
}

/// A run's rows, and where they are: without profile, variables and environment, which have no part in them.
pub(super) struct Inputs {
    pub(super) runbook: Runbook,
    pub(super) files: Files,
    _texts: TempDir,
}

/// Reads where a run's rows are.
pub(super) fn inputs(run_dir: &Path, started: &RunStarted) -> Result<Inputs, Failure> {
    let refuse = |words: String| Failure::new(Exit::Invalid, words);
    // Nobody has looked at the directory yet, and it may be a stranger's.
    for input in &started.inputs {
        let size = std::fs::symlink_metadata(run_dir.join(&input.snapshot)).map_or(0, |found| found.len());
        let wrong = journal::differs(run_dir, &input.snapshot, &input.sha256);
        let large = (is_text(input) && size > MAX_TEXT).then(|| format!("{} is too large", input.snapshot));
        if let Some(wrong) = wrong.or(large) {
            return Err(refuse(wrong));
        }
    }
    let TextCopies { folder, main: (place, _), .. } = copies(run_dir, started)?;
    let source = load::read(&place).map_err(|error| refuse(error.to_string()))?;
    let draft = load::load(source, &[]);
    let runbook = draft.preview().filter(|_| !draft.is_refused()).cloned();
    let mut runbook = runbook.ok_or_else(|| refuse("the copy of the runbook cannot be read any more".to_owned()))?;
    let (rows, resend_unknown) = rows::recall(run_dir, started);
    rows::apply(&mut runbook, &SelectionArgs { rows, resend_unknown, ..SelectionArgs::default() })?;
    let files = files(run_dir, started, &runbook)?;
    Ok(Inputs { runbook, files, _texts: folder })
}

/// Copies of texts under the names that they had.
struct TextCopies {
    folder: TempDir,
    root: PathBuf,
    /// The runbook, and what it was called.
    main: (PathBuf, PathBuf),
    /// Files of variables, the last one of the command line first.
    vars: Vec<PathBuf>,
}

/// Puts the copies of the texts into a temporary directory.
fn copies(run_dir: &Path, started: &RunStarted) -> Result<TextCopies, Failure> {
    let refuse = |words: String| Failure::new(Exit::Invalid, words);
    let cannot = |error: std::io::Error| Failure::new(Exit::CannotCreate, error);
    let texts = TempDir::new().map_err(cannot)?;
    let root = (0..DEPTH).fold(texts.path().to_owned(), |path, _| path.join("d"));
    let (mut main, mut vars) = (None, Vec::new());
    for input in &started.inputs {
        let text = is_text(input);
        if !text {
            continue;
        }
        let copy = run_dir.join(&input.snapshot);
        let bytes = std::fs::read(&copy)
            .map_err(|error| Failure::new(Exit::InputMissing, format!("{}: {error}", copy.display())))?;
        if journal::sha256_hex(&bytes) != input.sha256 {
            return Err(refuse(format!("{} is not the copy that the run has made", copy.display())));
        }
        let place = inside(&root, &relative(Path::new(&input.file)))
            .ok_or_else(|| refuse(format!("{} leads too far up", input.file)))?;
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        std::fs::write(&place, bytes).map_err(cannot)?;
        if input.snapshot.starts_with(VARS) {
            vars.push(place.clone());
        }
        if input.snapshot == RUNBOOK {
            main = Some((place, PathBuf::from(&input.file)));
        }
    }
    // They stand in the order of their weight: the last one of the command line comes first.
    vars.reverse();
    let main = main.ok_or_else(|| refuse("the run has no copy of its runbook".to_owned()))?;
    Ok(TextCopies { folder: texts, root, main, vars })
}

/// Reads a run's inputs again, with the variables of its command line.
pub(super) fn reopen(run_dir: &Path, started: &RunStarted) -> Result<Reopened, Failure> {
    let TextCopies { folder: texts, root, main: (place, named), vars } = copies(run_dir, started)?;
    let refuse = |words: String| Failure::new(Exit::Invalid, words);
    let (rows, resend_unknown) = rows::recall(run_dir, started);
    let set = typed::recall(run_dir)?;
    let args = &SelectionArgs { set, vars, rows, resend_unknown, ..SelectionArgs::default() };
    let source = load::read(&place).map_err(|error| refuse(error.to_string()))?;
    let named_profile = load::load(source.clone(), &args.vars).preview().map(|book| book.connection.profile.clone());
    // One with a place of its own is read there, as other texts with such a place are.
    let by_runbook = |name: &String| is_profile_file(name) && Path::new(name).is_relative();
    if let Some(name) = named_profile.filter(by_runbook) {
        let folder = Path::new(&named).parent().map(relative).unwrap_or_default();
        let place = inside(&root, &folder.join(&name));
        let place = place.ok_or_else(|| refuse(format!("the profile {name} leads too far up")))?;
        put_profile(run_dir, started, &place).map_err(refuse)?;
    }
    let (draft, profile) = check::draft(source, args)?;
    // The profile is held against its own digest.
    for layer in draft.texts().layers().iter().filter(|layer| layer.role != Role::Profile) {
        let digest = journal::sha256_hex(&layer.source.bytes());
        if !started.inputs.iter().any(|input| input.sha256 == digest) {
            return Err(refuse(format!("{} is not among the inputs of the run", layer.source.path.display())));
        }
    }
    let why = draft.problems().iter().find(|problem| problem.code.severity() == Severity::Error);
    let why = why.map(|problem| format!(": {}", problem.message)).unwrap_or_default();
    let warnings = draft.problems().to_vec();
    let (Ok(mut runbook), Some(profile)) = (draft.finish(), profile) else {
        return Err(refuse(format!("the runbook of the run cannot be read any more{why}"))
            .help("a newer bridgebook may refuse what an older one took"));
    };
    if journal::sha256_hex(profile.text().as_bytes()) != started.profile_sha256 {
        return Err(refuse(format!("the profile {} is another one than that of the run", profile.name()))
            .help("use the version of bridgebook that the run was made with"));
    }
    let args = selected(started, args);
    let selection = settings::select(&runbook, &args)?;
    settings::keep_to(&mut runbook, &selection);
    let files = files(run_dir, started, &runbook)?;
    let directory = started.directory.as_deref().map_or(Path::new(""), Path::new);
    let base = directory.join(named.parent().unwrap_or(Path::new("")));
    let sound = Sound { runbook, profile, selection, warnings };
    Ok(Reopened { sound, args, files, base, _texts: texts })
}

/// Puts the copy of the profile's file where the runbook names it.
fn put_profile(run_dir: &Path, started: &RunStarted, place: &Path) -> Result<(), String> {
    let copy = run_dir.join("inputs/profile.yaml");
    let failed = |error: std::io::Error| format!("{}: {error}", copy.display());
    let bytes = std::fs::read(&copy).map_err(failed)?;
    if journal::sha256_hex(&bytes) != started.profile_sha256 {
        return Err(format!("{} is not the copy that the run has made", copy.display()));
    }
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(place, bytes).map_err(failed)
}

/// Texts are the runbook, what it includes and files of variables.
fn is_text(input: &FileDigest) -> bool {
    input.snapshot == RUNBOOK || [TEXT, VARS].iter().any(|kind| input.snapshot.starts_with(kind))
}

/// A path without its root.
fn relative(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::RootDir | Component::Prefix(_))).collect()
}

/// A place below the root for a path that may lead upwards, but not out of the temporary directory: the audit file may be a
/// stranger's.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut depth = DEPTH;
    for part in path.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth = depth.checked_sub(1).filter(|depth| *depth > 0)?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(root.join(path))
}

/// The pace that the run was told to keep, where it is not told another one now.
pub(super) fn pace(started: &RunStarted, typed: &PaceArgs, sources: &mut Sources) -> PaceArgs {
    let mut told = |name: &str| {
        let told = |setting: &&Setting| matches!(setting.source, SettingSource::Flag | SettingSource::Environment);
        let setting = started.settings.iter().filter(told).find(|setting| setting.name == name)?;
        sources.entry(name.to_owned()).or_insert(setting.source);
        Some(setting.value.as_str())
    };
    let (concurrency, rate) = (told("concurrency"), told("rate"));
    PaceArgs {
        concurrency: typed.concurrency.or_else(|| concurrency?.parse().ok().filter(|places| *places > 0)),
        rate: typed.rate.or_else(|| rate?.parse().ok()),
    }
}

/// The part of the plan that the run was told to do.
fn selected(started: &RunStarted, args: &SelectionArgs) -> SelectionArgs {
    let value = |name: &str| started.settings.iter().find(|setting| setting.name == name).map(|found| &found.value);
    let only = value("only").map(|names| names.split(", ").map(SetName::new).collect()).unwrap_or_default();
    let limit = value("limit").and_then(|limit| limit.parse().ok());
    let reason = value(rows::RESEND).cloned();
    SelectionArgs { only, limit, reason, ..args.clone() }
}

fn files(run_dir: &Path, started: &RunStarted, runbook: &Runbook) -> Result<Files, Failure> {
    let mut files = check::files(runbook);
    for input in started.inputs.iter().filter(|input| !is_text(input)) {
        let copy = run_dir.join(&input.snapshot);
        let missing = |error| Failure::new(Exit::InputMissing, format!("{}: {error}", copy.display()));
        if digest_of(&copy).map_err(missing)? != input.sha256 {
            let words = format!("{} is not the copy that the run has made", copy.display());
            return Err(Failure::new(Exit::Invalid, words).help("put the original copy back; nothing was asked"));
        }
        if input.file == typed::NAME || rows::is_copy(input) {
            // Read where it is needed, or named by its copy already.
        } else if input.file == Files::STDIN {
            files.stdin = Some(Arc::new(File::open(&copy).map_err(missing)?));
        } else {
            files.copies.insert(PathBuf::from(&input.file), copy);
        }
    }
    // The file of that name may be another one by now, and in a stranger's directory it may name anything.
    let read = runbook.sets.iter().filter_map(|set| match &set.rows.source {
        RowSource::File(path, _) => Some(path),
        RowSource::Stdin(_) | RowSource::Items(_) | RowSource::One => None,
    });
    let has_copy = |path: &&PathBuf| files.copies.contains_key(*path) || runbook.again.file.as_ref() == Some(*path);
    if let Some(path) = read.into_iter().find(|path| !has_copy(path)) {
        return Err(Failure::new(Exit::Invalid, format!("the run has no copy of {}", path.display())));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_a_stranger_s_file_leads_out_of_the_temporary_directory() {
        let root = Path::new("/tmp/x/d");
        assert_eq!(inside(root, Path::new("a/b.yaml")), Some("/tmp/x/d/a/b.yaml".into()));
        assert_eq!(inside(root, Path::new("../shared/b.yaml")), Some("/tmp/x/d/../shared/b.yaml".into()));
        let out = "../".repeat(DEPTH);
        for bad in [format!("{out}etc/passwd"), format!("a/{out}../b"), "/etc/passwd".to_owned()] {
            assert_eq!(inside(root, Path::new(&bad)), None, "{bad}");
        }
        assert_eq!(relative(Path::new("/srv/books/a.yaml")), PathBuf::from("srv/books/a.yaml"));
    }
}
