//! One run of a runbook at a time: what becomes of a command that finds another one at work (`--if-running`).

use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use super::report_format::ReportFormat;
use super::{print, signals};
use crate::event::Operator;
use crate::journal::{self, LockError, LockHolder, RunLock};
use crate::model::Timestamp;
use clap::{Args, ValueEnum};
use futures::StreamExt;
use std::path::Path;
use std::time::Duration;

/// How often a lock that is waited for is tried.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What to do while another run of the runbook goes on.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IfRunning {
    /// Exit code 75.
    #[default]
    Fail,
    /// Exit code 0: the other run is enough.
    Skip,
    /// Wait for its end, then run.
    Wait,
}

#[derive(Args, Debug, Clone, Copy, Default)]
pub(super) struct IfRunningArgs {
    /// While another run of this runbook goes on: exit with 75, exit with 0, or wait for its end
    #[arg(long, value_enum, default_value_t = IfRunning::Fail, env = "BRIDGEBOOK_IF_RUNNING")]
    pub(super) if_running: IfRunning,
}

/// The end of trying to take a lock.
pub(super) enum Taken {
    /// It is ours. `waited`: what was read before may be of yesterday.
    Ours { lock: RunLock, waited: bool },
    /// Another run is at work, and that is fine; it has been said.
    Skipped,
}

/// Takes the lock of a runbook's folder. `who` names the holder from now on, from the moment in which the lock is taken.
pub(super) fn take(
    folder: &Path,
    mode: IfRunning,
    format: ReportFormat,
    operator: &Operator,
    who: impl Fn(Timestamp) -> String,
) -> Result<Taken, Failure> {
    // Nothing but the folder is made before the lock is ours: nobody must see more of a run that will not be.
    journal::create_run_dir(folder).map_err(cannot_create)?;
    let attempt = || {
        let now = Timestamp::now();
        RunLock::take(folder, &who(now), &operator.host, &now.to_string())
    };
    match attempt() {
        Ok(lock) => Ok(Taken::Ours { lock: taken_over(lock), waited: false }),
        Err(LockError::Held { holder, .. }) if mode == IfRunning::Skip => skip(folder, holder.as_ref(), format),
        Err(LockError::Held { holder, .. }) if mode == IfRunning::Wait => {
            let lock = wait(attempt, &words(holder.as_ref()))?;
            Ok(Taken::Ours { lock: taken_over(lock), waited: true })
        }
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: LockError) -> Failure {
    match error {
        LockError::Held { .. } => {
            Failure::new(Exit::Locked, error).help("wait for it to end, here with --if-running wait; nothing was sent")
        }
        LockError::Io { .. } => Failure::new(Exit::CannotCreate, error),
    }
}

fn words(holder: Option<&LockHolder>) -> String {
    holder.map_or_else(|| "it does not say which".to_owned(), ToString::to_string)
}

fn skip(folder: &Path, holder: Option<&LockHolder>, format: ReportFormat) -> Result<Taken, Failure> {
    let skipped = format!("skipped, nothing was sent: another run is at work: {}\n", words(holder));
    match format {
        ReportFormat::Json => {
            let lock = folder.join(".lock");
            print::json(
                &serde_json::json!({"skipped": {"reason": "another run is at work", "lock": lock, "holder": holder}}),
            )?
        }
        ReportFormat::Human => print::text(&skipped)?,
        // There is no report, and nothing else may stand in its place.
        ReportFormat::Markdown | ReportFormat::Junit | ReportFormat::Prometheus | ReportFormat::Csv => {
            print::note(&skipped);
            Exit::Success.code()
        }
    };
    Ok(Taken::Skipped)
}

fn taken_over(lock: RunLock) -> RunLock {
    if let Some(dead) = lock.left_by() {
        tracing::warn!(holder = %dead, "the holder of the lock before this one died without finishing");
    }
    lock
}

/// Tries again and again, so that a signal is heard in between: it ends the command, which has sent nothing and has nothing
/// to close.
fn wait(attempt: impl Fn() -> Result<RunLock, LockError>, by: &str) -> Result<RunLock, Failure> {
    let internal = |error: std::io::Error| Failure::new(Exit::Internal, error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    runtime.block_on(async {
        let mut signals = std::pin::pin!(signals::signals().map_err(internal)?);
        print::note(&format!("waiting for the end of another run: {by}\n"));
        loop {
            tokio::select! {
                Some(signal) = signals.next() => {
                    let words = format!("{} received while waiting for another run; nothing was sent", signal.0);
                    return Err(Failure::new(Exit::Interrupted, words));
                }
                () = tokio::time::sleep(LOOK_AGAIN) => match attempt() {
                    Err(LockError::Held { .. }) => {}
                    result => return result.map_err(refused),
                },
            }
        }
    })
}
