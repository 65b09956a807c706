//! Reading and checking a runbook: what `validate`, `plan` and `run` have in common.

use super::args::{Format, OutputArgs, PaceArgs, SelectionArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{diagnostics, print, profile, settings};
use crate::expand::{Census, Expander, Files, Selection};
use crate::load::{self, Diagnostic, Draft, SourceError};
use crate::model::{Code, Runbook, Severity, Source, Texts};
use crate::profile::Profile;
use std::collections::BTreeMap;
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
pub(super) fn all_problems(draft: &Draft, profile: Option<&Profile>, selection: &Selection) -> Census {
    let mut census = Census::default();
    let mut problems = draft.problems().to_vec();
    if let (Some(runbook), Some(profile)) = (draft.preview(), profile) {
        census = Expander::new(runbook, profile, files(runbook), selection).census(NO_RUN, |_| {});
    }
    problems.append(&mut census.problems);
    census.problems = problems;
    census
}

/// What a plan or a run starts from.
pub(super) struct Sound {
    pub(super) runbook: Runbook,
    pub(super) profile: Profile,
    pub(super) selection: Selection,
}

/// Reads a runbook and puts the command line over it. A refused one is shown with all its problems; its code is the
/// inner error.
pub(super) fn open(
    path: &Path,
    args: &SelectionArgs,
    pace: &PaceArgs,
    format: Format,
    output: OutputArgs,
) -> Result<Result<Sound, Exit>, Failure> {
    let source = load::read(path).map_err(|error| Failure::new(exit_of(&error), error))?;
    let (draft, profile) = draft(source, args)?;
    // A set that is not there may be one that was refused: the runbook's own problems come first.
    let selection = match draft.preview().filter(|_| draft.problems().is_empty()) {
        Some(runbook) => settings::select(runbook, args)?,
        None => Selection::default(),
    };
    let sound = draft.preview().is_some() && draft.problems().is_empty();
    if !sound {
        let census = all_problems(&draft, profile.as_ref(), &selection);
        return Ok(Err(show(draft.texts(), &census, format, output)?.unwrap_or(Exit::Invalid)));
    }
    let Some(profile) = profile else { return Ok(Err(Exit::Invalid)) };
    let Ok(mut runbook) = draft.finish() else { return Ok(Err(Exit::Invalid)) };
    settings::apply_pace(&mut runbook, pace);
    Ok(Ok(Sound { runbook, profile, selection }))
}

/// Checks a runbook's text, with the variables of the command line.
pub(super) fn draft(source: Source, args: &SelectionArgs) -> Result<(Draft, Option<Profile>), Failure> {
    let vars = args
        .vars
        .iter()
        .map(|path| load::read(path).map_err(|error| Failure::new(exit_of(&error), format!("--vars: {error}"))))
        .collect::<Result<_, _>>()?;
    Ok(profile::attach(load::load(source, vars).with(|runbook| settings::apply_vars(runbook, args))?))
}

/// Data files stand relative to the runbook.
pub(super) fn files(runbook: &Runbook) -> Files {
    Files { base: runbook.texts.base().to_owned(), copies: BTreeMap::new() }
}

/// Shows diagnostics and gives the exit code that they mean; `None` when nothing refuses the runbook.
///
/// A program that asked for JSON gets one document on stdout: the diagnostics when they refuse the runbook, else the
/// result, with warnings on stderr.
pub(super) fn show(
    texts: &Texts,
    census: &Census,
    format: Format,
    output: OutputArgs,
) -> Result<Option<Exit>, Failure> {
    let found = load::locate(texts, &census.problems);
    let refusal = refusal(&found);
    if format == Format::Json && refusal.is_some() {
        print::json(&diagnostics::json(&found, census.more))?;
    } else {
        print::note(&diagnostics::human(&found, census.more, print::colours(output)));
    }
    Ok(refusal)
}

/// Missing input is another matter than wrong input, and a guard's refusal than both: each only when nothing else is
/// wrong.
pub(super) fn refusal(found: &[Diagnostic]) -> Option<Exit> {
    let errors: Vec<Code> =
        found.iter().filter(|found| found.severity() == Severity::Error).map(|found| found.code).collect();
    if errors.is_empty() {
        None
    } else if errors.iter().all(|code| {
        matches!(
            code,
            Code::Unreadable | Code::IncludeUnreadable | Code::ProfileUnreadable | Code::DataUnreadable | Code::NoRows
        )
    }) {
        Some(Exit::InputMissing)
    } else if errors.iter().all(|code| *code == Code::TooManyJobs) {
        Some(Exit::Refused)
    } else {
        Some(Exit::Invalid)
    }
}
