//! `bridgebook guard rebuild`: the register of calls, made anew from the audit files.

use super::args::{Format, GuardRebuildArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{once, print};
use crate::register::{StoreError, rebuild as make};
use serde_json::json;

/// The command. Damaged audit files are named, the exit code says so, and the register stays as it is, unless a partial one is
/// wanted.
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
    let rebuilt = make(&store, &outs, args.partial).map_err(|error| match error {
        StoreError::InUse(_) => Failure::new(Exit::Locked, error).help("wait for its runs to end"),
        error => Failure::new(Exit::CannotCreate, error),
    })?;
    match args.format {
        Format::Json => {
            let damaged: Vec<_> =
                rebuilt.damaged.iter().map(|(audit, why)| json!({"audit": audit, "why": why})).collect();
            print::json(
                &json!({"store": store, "runs": rebuilt.runs, "calls": rebuilt.calls, "damaged": damaged, "made": rebuilt.made}),
            )?
        }
        Format::Human => {
            let (runs, calls) = (print::plural(rebuilt.runs, "run"), print::plural(rebuilt.calls, "call"));
            let kept = if rebuilt.made { "" } else { " could be read; the register is left as it is" };
            print::text(&format!("{}: {calls} of {runs}{kept}\n", store.display()))?
        }
    };
    for (audit, why) in &rebuilt.damaged {
        print::note(&format!("warning: {}: {why}; calls behind that cannot be read\n", audit.display()));
    }
    if !rebuilt.made {
        print::note("  = help: find out what these runs have sent, then --partial makes the register without it\n");
    }
    Ok(if rebuilt.damaged.is_empty() { Exit::Success } else { Exit::Invalid }.code())
}
