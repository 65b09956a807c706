//! The register of calls on the command line: where it stands, a run's use of it, and what a failure of it means.

use super::exit::Exit;
use super::failure::Failure;
use super::print;
use crate::model::{RunId, Runbook};
use crate::profile::Urls;
use crate::register::{Api, Keeper, RunOfCalls, StoreError, settle_run};
use std::path::{Path, PathBuf};

/// Its name in an output directory.
const NAME: &str = "calls.sqlite";

/// The register of an output directory.
pub(super) fn in_out(out: &Path) -> PathBuf {
    out.join(NAME)
}

/// Where a runbook's register stands; `None`: other runs do not count.
pub(super) fn place(runbook: &Runbook, out: &Path) -> Option<PathBuf> {
    runbook.guards.once_per?;
    let named = runbook.guards.once_store.as_ref().map(|named| runbook.texts.base().join(named));
    Some(named.unwrap_or_else(|| in_out(out)))
}

/// The register of a run that goes on: where the runbook does not name one it is that of the output directory, which may have
/// been moved, and other runs there use it.
pub(super) fn of_run(runbook: &Runbook, used: &str, out: &Path) -> PathBuf {
    if runbook.guards.once_store.is_some() { PathBuf::from(used) } else { in_out(out) }
}

/// A guard that cannot look lets nothing pass.
pub(super) fn refused(error: &StoreError) -> Failure {
    let exit = if matches!(error, StoreError::InUse(_)) { Exit::Locked } else { Exit::Refused };
    let failure = Failure::new(exit, format!("guards.once_per: {error}"));
    if matches!(error, StoreError::Partial { .. }) {
        failure.help("find out what that run has sent, then `bridgebook guard rebuild --partial`; nothing was sent")
    } else if error.calls_for_a_rebuild() {
        failure.help("`bridgebook guard rebuild` makes it anew from the audit files; nothing was sent")
    } else {
        failure.help("nothing was sent")
    }
}

/// A run, as far as the register is concerned.
pub(super) struct Caller<'a> {
    pub(super) run_id: &'a RunId,
    /// Its directory, by the name that it has now, and by the one that it will have.
    pub(super) dirs: (&'a Path, &'a Path),
    pub(super) out: &'a Path,
    pub(super) profile: &'a str,
    pub(super) urls: &'a Urls,
}

/// Opens the register at `path` for a run with this runbook.
pub(super) fn open(path: &Path, runbook: &Runbook, caller: &Caller<'_>) -> Result<Keeper, Failure> {
    let Caller { run_id, dirs, out, profile, urls } = caller;
    let api = api(profile, urls);
    let window = runbook.guards.once_per.map(crate::model::DurationSpec::get).unwrap_or_default();
    let final_dir = absolute(dirs.1);
    let run = RunOfCalls { run_id, runbook: &runbook.name, api: &api, dir: dirs.0, final_dir: &final_dir, out, window };
    Keeper::open(path, run).map_err(|error| refused(&error))
}

/// Whose calls they are.
pub(super) fn api(profile: &str, urls: &Urls) -> Api {
    Api::new(profile, urls.base_url.as_deref(), urls.token_url.as_deref())
}

/// Another process looks for it from elsewhere.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Tells the register what a reconciliation has found out: the one that the run has used, or that of its output directory, which
/// may have been made from its audit file. That file has it already: a register that cannot be told goes on to say "unknown",
/// which sends nothing.
pub(super) fn after_reconciliation(used: Option<&str>, run_id: &RunId, run_dir: &Path) {
    let used = used.map(PathBuf::from).filter(|store| store.symlink_metadata().is_ok());
    let in_out = || run_dir.ancestors().nth(2).map(in_out).filter(|store| store.symlink_metadata().is_ok());
    let Some(store) = used.or_else(in_out) else { return };
    if let Err(error) = settle_run(&store, run_id.as_str(), run_dir) {
        let help = "bridgebook guard rebuild";
        print::note(&format!("warning: the register of calls was not told: {error}\n  = help: {help}\n"));
    }
}
