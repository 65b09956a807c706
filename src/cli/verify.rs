//! `bridgebook verify`: is an audit file as it was written, and does it balance?

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::print;
use crate::journal;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// Checks a run's audit file.
pub(super) fn verify(path: &Path, format: Format) -> Result<u8, Failure> {
    let audit = if path.is_dir() { path.join("audit.jsonl") } else { path.to_owned() };
    let checked = journal::verify(&audit, |_| {})
        .map_err(|error| Failure::new(Exit::InputMissing, error).help("give the directory of a run"))?;
    let sound = checked.damage.is_none() && checked.incomplete.is_none();
    let exit = if sound { Exit::Success } else { Exit::Invalid };
    match format {
        Format::Json => {
            let damage = checked.damage.as_ref().map(|finding| json!({"line": finding.line, "reason": finding.reason}));
            print::json(&json!({
                "file": audit.display().to_string(),
                "run_id": checked.run_id,
                "lines": checked.lines,
                "head": checked.head.to_string(),
                "integrity": {"ok": checked.damage.is_none(), "damage": damage},
                "completeness": {"ok": checked.incomplete.is_none(), "reason": checked.incomplete},
                "totals": checked.run.total().counts(),
                "reconciled": checked.run.reconciliation().map(|(at, _)| at),
            }))?;
        }
        Format::Human => {
            let mut text = format!("{}\n", audit.display());
            let integrity = match &checked.damage {
                None => format!("ok: {} lines, head {}", checked.lines, checked.head),
                Some(finding) => format!("DAMAGED at line {}: {}", finding.line, finding.reason),
            };
            let completeness = match &checked.incomplete {
                None => {
                    let counts = checked.run.total().counts();
                    format!(
                        "ok: {} jobs, each in one final state, {} attempts{}",
                        counts.jobs,
                        checked.run.total().attempts,
                        checked
                            .run
                            .reconciliation()
                            .map(|(at, _)| format!("; reconciled after the run, last {at}"))
                            .unwrap_or_default()
                    )
                }
                Some(reason) => format!("INCOMPLETE: {reason}"),
            };
            let _ = writeln!(text, "integrity    {integrity}\ncompleteness {completeness}");
            print::text(&text)?;
        }
    }
    Ok(exit.code())
}
