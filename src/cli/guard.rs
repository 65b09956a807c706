//! `bridgebook guard rebuild`: the register of calls, made anew from the audit files.

use super::args::{Format, GuardRebuildArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{once, print};
use crate::register::{StoreError, rebuild as make};
use serde_json::json;

/// The command. Damaged audit files do not keep the others out; they are named, and the exit code says so.
pub(super) fn rebuild(args: &GuardRebuildArgs) -> Result<u8, Failure> {
    let store = match (&args.store, args.out.as_slice()) {
        (Some(store), _) => store.clone(),
        (None, [out]) => once::in_out(out),
        (None, _) => {
            let words = "several output directories have no register in common";
            return Err(Failure::new(Exit::Usage, words).help("name it: --store FILE, as `guards.once_store` does"));
        }
    };
    if let Some(out) = args.out.iter().find(|out| !out.is_dir()) {
        return Err(Failure::new(Exit::InputMissing, format!("{} is no directory", out.display()))
            .help("name the output directory: --out DIR"));
    }
    let outs: Vec<_> = args.out.iter().map(|out| once::absolute(out)).collect();
    let rebuilt = make(&store, &outs).map_err(|error| match error {
        StoreError::InUse(_) => Failure::new(Exit::Locked, error).help("wait for its runs to end"),
        error => Failure::new(Exit::CannotCreate, error),
    })?;
    match args.format {
        Format::Json => {
            let damaged: Vec<_> =
                rebuilt.damaged.iter().map(|(audit, why)| json!({"audit": audit, "why": why})).collect();
            print::json(&json!({"store": store, "runs": rebuilt.runs, "calls": rebuilt.calls, "damaged": damaged}))?
        }
        Format::Human => {
            let (runs, calls) = (print::plural(rebuilt.runs, "run"), print::plural(rebuilt.calls, "call"));
            print::text(&format!("{}: {calls} of {runs}\n", store.display()))?
        }
    };
    for (audit, why) in &rebuilt.damaged {
        print::note(&format!("warning: {}: {why}; calls behind that are not in the register\n", audit.display()));
    }
    Ok(if rebuilt.damaged.is_empty() { Exit::Success } else { Exit::Invalid }.code())
}
