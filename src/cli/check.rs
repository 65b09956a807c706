//! Reading and checking a runbook: what `validate`, `plan` and `run` have in common.

use super::args::{Format, OutputArgs, PaceArgs, SelectionArgs, StrictnessArgs};
use super::diagnostics::Findings;
use super::exit::Exit;
use super::failure::Failure;
use super::stdin::Spool;
use super::{diagnostics, link, print, profile, rows, settings};
use crate::expand::{Census, Expander, Files, Selection};
use crate::load::{self, Draft, SourceError};
use crate::model::{Problem, Runbook, Source, Texts};
use crate::profile::Profile;
use std::path::Path;

/// Stands for the run's id where there is no run: in `validate` and `plan`.
pub(super) const NO_RUN: &str = "RUN";

/// The exit code for a runbook that cannot be read.
pub(super) fn exit_of(error: &SourceError) -> Exit {
    match error {
        SourceError::Io { .. } => Exit::InputMissing,
        SourceError::NotAFile(_) | SourceError::TooLarge(_) | SourceError::NotText { .. } => Exit::Invalid,
    }
}

/// Everything that is wrong with a runbook and its data, in one pass, even when the runbook itself is refused.
pub(super) fn all_problems(
    draft: &Draft,
    profile: Option<&Profile>,
    selection: &Selection,
    stdin: &mut Spool,
) -> Result<Census, Failure> {
    let mut census = Census::default();
    if let (Some(runbook), Some(profile)) = (draft.preview(), profile) {
        let files = Files { stdin: stdin.file(runbook, selection)?, ..files(runbook) };
        census = Expander::new(runbook, profile, files, selection).census(NO_RUN, |_| {});
    }
    census.put_first(draft.problems());
    Ok(census)
}

/// How the command was asked to judge and to talk.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) format: Format,
    pub(super) output: OutputArgs,
    pub(super) strictness: StrictnessArgs,
}

/// What a plan or a run starts from.
pub(super) struct Sound {
    pub(super) runbook: Runbook,
    pub(super) profile: Profile,
    pub(super) selection: Selection,
    /// What is worth a look in the runbook itself.
    pub(super) warnings: Vec<Problem>,
}

/// Reads a runbook and puts the command line over it. A refused one is shown with all its problems; its code is the
/// inner error.
pub(super) fn open(
    path: &Path,
    args: &SelectionArgs,
    pace: &PaceArgs,
    manner: Manner,
) -> Result<Result<Sound, Exit>, Failure> {
    let source = match load::read(path) {
        Ok(source) => source,
        Err(error) => {
            let found = vec![load::unreadable(path, &error)];
            present(&Findings { found, more: 0, deny_warnings: false }, manner)?;
            return Ok(Err(exit_of(&error)));
        }
    };
    let (draft, profile) = draft(source, args)?;
    // A set that is not there may be one that was refused: the runbook's own problems come first.
    let sound = draft.preview().filter(|_| !draft.is_refused());
    let selection = sound.map_or_else(|| Ok(Selection::default()), |runbook| settings::select(runbook, args))?;
    if sound.is_none() {
        let census = all_problems(&draft, profile.as_ref(), &selection, &mut Spool::default())?;
        return Ok(Err(show(draft.texts(), &[], &census, manner)?.unwrap_or(Exit::Invalid)));
    }
    let Some(profile) = profile else { return Ok(Err(Exit::Invalid)) };
    let warnings = draft.problems().to_vec();
    let Ok(mut runbook) = draft.finish() else { return Ok(Err(Exit::Invalid)) };
    settings::apply_pace(&mut runbook, pace);
    Ok(Ok(Sound { runbook, profile, selection, warnings }))
}

/// Checks a runbook's text, with the variables of the command line.
pub(super) fn draft(source: Source, args: &SelectionArgs) -> Result<(Draft, Option<Profile>), Failure> {
    let (draft, profile) = profile::attach(load::load(source, &args.vars).with(|runbook| {
        settings::apply_vars(runbook, args)?;
        rows::apply(runbook, args)
    })?);
    let problems = draft.preview().map(|runbook| link::problems(runbook, profile.as_ref())).unwrap_or_default();
    Ok((draft.refuse(problems), profile))
}

/// Data files stand relative to the runbook; standard input is not among them.
pub(super) fn files(runbook: &Runbook) -> Files {
    Files { base: runbook.texts.base().to_owned(), given: runbook.again.file.clone(), ..Files::default() }
}

/// Shows what is wrong with a runbook and its data, and gives the exit code that it means; `None` when nothing refuses
/// it. `warnings` are those of the runbook itself.
pub(super) fn show(
    texts: &Texts,
    warnings: &[Problem],
    census: &Census,
    manner: Manner,
) -> Result<Option<Exit>, Failure> {
    let problems: Vec<Problem> = warnings.iter().chain(&census.problems).cloned().collect();
    let found = load::locate(texts, &problems);
    let findings = Findings { found, more: census.more, deny_warnings: manner.strictness.deny_warnings };
    present(&findings, manner)?;
    Ok(findings.refusal())
}

/// A program that asked for JSON gets one document on stdout: the diagnostics when they refuse the runbook, else the
/// result, with warnings on stderr.
fn present(findings: &Findings, manner: Manner) -> Result<(), Failure> {
    if manner.format == Format::Json && findings.refusal().is_some() {
        print::json(&diagnostics::json(findings))?;
    } else {
        print::note(&diagnostics::human(findings, print::colours(manner.output)));
    }
    Ok(())
}
