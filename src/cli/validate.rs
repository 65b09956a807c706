//! `bridgebook validate`: every problem of every runbook in one pass; no network.

use super::args::{CheckFormat, OutputArgs, SelectionArgs, StrictnessArgs};
use super::diagnostics::{self, Findings};
use super::exit::Exit;
use super::failure::Failure;
use super::stdin::Spool;
use super::{check, print, settings};
use crate::expand::{Census, Selection};
use crate::load;
use std::path::{Path, PathBuf};

/// Checks each runbook; the worst code counts.
pub(super) fn validate(
    runbooks: &[PathBuf],
    args: &SelectionArgs,
    strictness: StrictnessArgs,
    format: CheckFormat,
    output: OutputArgs,
) -> Result<u8, Failure> {
    let mut worst = Exit::Success;
    let mut all = Findings { deny_warnings: strictness.deny_warnings, ..Findings::default() };
    let mut stdin = Spool::default();
    for path in runbooks {
        let (exit, findings, census) = one(path, args, strictness, &mut stdin)?;
        worst = worse(worst, exit);
        if format == CheckFormat::Human {
            print::note(&diagnostics::human(&findings, print::colours(output)));
            if let (None, Some(census)) = (exit, census) {
                print::text(&sound(path, &census))?;
            }
        }
        all.found.extend(findings.found);
        all.more += findings.more;
    }
    match format {
        CheckFormat::Human => {}
        CheckFormat::Json => drop(print::json(&diagnostics::json(&all))?),
        CheckFormat::Sarif => drop(print::json(&diagnostics::sarif(&all, worst))?),
        CheckFormat::Github => drop(print::text(&diagnostics::github(&all))?),
    }
    Ok(worst.code())
}

/// One runbook: what refuses it, what was found, and what it holds when it could be read. The others are checked
/// whatever becomes of it.
fn one(
    path: &Path,
    args: &SelectionArgs,
    strictness: StrictnessArgs,
    stdin: &mut Spool,
) -> Result<(Option<Exit>, Findings, Option<Census>), Failure> {
    let findings = |found, more| Findings { found, more, deny_warnings: strictness.deny_warnings };
    let source = match load::read(path) {
        Ok(source) => source,
        Err(error) => {
            let found = vec![load::unreadable(path, &error)];
            return Ok((Some(check::exit_of(&error)), findings(found, 0), None));
        }
    };
    let (draft, profile) = check::draft(source, args)?;
    let selection = match draft.preview().filter(|_| !draft.is_refused()) {
        Some(runbook) => settings::select(runbook, args)?,
        None => Selection::default(),
    };
    let census = check::all_problems(&draft, profile.as_ref(), &selection, stdin)?;
    let findings = findings(load::locate(draft.texts(), &census.problems), census.more);
    Ok((findings.refusal(), findings, Some(census)))
}

fn sound(path: &Path, census: &Census) -> String {
    let skipped: u64 = census.sets.iter().map(|set| set.skipped).sum();
    let jobs = print::plural(census.rows() - skipped, "job");
    let sets = print::plural(census.sets.len() as u64, "set");
    format!("{}: ok, {jobs} in {sets}, {} skipped\n", path.display(), print::plural(skipped, "row"))
}

/// Wrong input is worse than missing input, and that than a guard's refusal.
fn worse(a: Exit, b: Option<Exit>) -> Exit {
    let rank = |exit: Exit| match exit {
        Exit::Success => 0,
        Exit::Refused => 1,
        Exit::InputMissing => 2,
        _ => 3,
    };
    b.filter(|b| rank(*b) > rank(a)).unwrap_or(a)
}
