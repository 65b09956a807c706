//! `bridgebook validate`: every problem of every runbook in one pass; no network.

use super::args::{Format, OutputArgs, SelectionArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{check, diagnostics, print, settings};
use crate::expand::Selection;
use crate::load;
use std::path::PathBuf;

/// Checks each runbook; the worst code counts.
pub(super) fn validate(
    runbooks: &[PathBuf],
    args: &SelectionArgs,
    format: Format,
    output: OutputArgs,
) -> Result<u8, Failure> {
    let mut worst = Exit::Success;
    let mut all = Vec::new();
    let mut more = 0;
    for path in runbooks {
        let source = match load::read(path) {
            Ok(source) => source,
            Err(error) => {
                // The other runbooks are checked all the same.
                let found = load::unreadable(path, &error);
                worst = worse(worst, Some(check::exit_of(&error)));
                if format == Format::Human {
                    print::note(&diagnostics::human(std::slice::from_ref(&found), 0, print::colours(output)));
                }
                all.push(found);
                continue;
            }
        };
        let (draft, profile) = check::draft(source, args)?;
        let selection = match draft.preview().filter(|_| draft.problems().is_empty()) {
            Some(runbook) => settings::select(runbook, args)?,
            None => Selection::default(),
        };
        let census = check::all_problems(&draft, profile.as_ref(), &selection);
        let found = load::locate(draft.texts(), &census.problems);
        let refusal = check::refusal(&found);
        worst = worse(worst, refusal);
        if format == Format::Human {
            print::note(&diagnostics::human(&found, census.more, print::colours(output)));
            if refusal.is_none() {
                let skipped: u64 = census.sets.iter().map(|set| set.skipped).sum();
                let jobs = census.rows() - skipped;
                let (jobs, sets) = (print::plural(jobs, "job"), print::plural(census.sets.len() as u64, "set"));
                let skipped = print::plural(skipped, "row");
                print::text(&format!("{}: ok, {jobs} in {sets}, {skipped} skipped\n", path.display()))?;
            }
        }
        all.extend(found);
        more += census.more;
    }
    if format == Format::Json {
        print::json(&diagnostics::json(&all, more))?;
    }
    Ok(worst.code())
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
