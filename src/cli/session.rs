//! One process of a run, the first or a later one: what it talks to, how it is watched, and its engine.

use super::args::{LogFormat, OutputArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::live::Live;
use super::logging::Log;
use super::progress::Progress;
use super::sandbox::{self, Sandbox};
use super::signals::{Signals, signals};
use super::{keys, link, secrets};
use crate::event::{CallRegister, Observer, RunStarted};
use crate::execute::{Engine, ExecuteError, Lane, Opening, Policy, RowStream, Transport, TransportSettings};
use crate::expand;
use crate::journal::{FileLedger, Keeping, Written};
use crate::model::{Credentials, Problem, Runbook};
use crate::profile::{Profile, Urls};
use crate::register::Keeper;
use crate::state::RunState;
use std::path::Path;
use tokio::runtime::Runtime;

/// Where the sandbox hands out tokens.
const SANDBOX_TOKEN_PATH: &str = "/oauth/token";

/// What a run talks to.
pub(super) struct Target {
    pub(super) urls: Urls,
    credentials: Credentials,
    transport: TransportSettings,
    sandbox: Option<Sandbox>,
    /// How its audit file is kept.
    pub(super) keeping: Keeping,
}

impl Target {
    /// The API of the runbook. `base`: the folder to which its secrets are relative.
    pub(super) fn api(runbook: &Runbook, profile: &Profile, base: &Path) -> Result<Self, Failure> {
        let unusable = |problems: Vec<Problem>| {
            misconfigured(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))
        };
        let urls = profile.urls(&runbook.connection.endpoints).map_err(unusable)?;
        let credentials = secrets::credentials_at(runbook, base)?;
        // What no header can carry is better known before anything is created.
        profile.standing_header(&credentials).map_err(misconfigured)?;
        let transport = link::settings_at(runbook, base, &urls)?;
        let keeping = keys::keeping(&runbook.audit, base)?;
        Ok(Self { urls, credentials, transport, sandbox: None, keeping })
    }

    /// A simulator of its own; `script` is a fault script, `None` a rehearsal with some throttling.
    pub(super) fn sandbox(runbook: &Runbook, profile: &Profile, script: Option<&Path>) -> Result<Self, Failure> {
        let script = script.map_or_else(|| Ok(sandbox::rehearsal(runbook)), sandbox::script)?;
        let credentials = sandbox::credentials(&script, profile);
        let surface = profile.surface(SANDBOX_TOKEN_PATH, &credentials).map_err(misconfigured)?;
        let sandbox = Sandbox::start((!profile.is_reference()).then_some(surface), script)?;
        let token_url = profile.asks_for_token().then(|| format!("{}{SANDBOX_TOKEN_PATH}", sandbox.url()));
        let urls = Urls { base_url: Some(sandbox.url()), token_url, discovery: None };
        profile.standing_header(&credentials).map_err(misconfigured)?;
        let transport = link::settings(runbook, &urls, true)?;
        // No rehearsal needs secrets, and none is worth a signature.
        let keeping = Keeping { durability: runbook.audit.durability, key: None };
        Ok(Self { urls, credentials, transport, sandbox: Some(sandbox), keeping })
    }

    /// Whether the built-in simulator answers.
    pub(super) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }
}

fn misconfigured(words: String) -> Failure {
    Failure::new(Exit::Configuration, words)
}

/// How a run is watched.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) no_progress: bool,
    pub(super) output: OutputArgs,
    pub(super) log: &'a Log,
}

impl Watch<'_> {
    /// The display of a run that stands at `run`.
    pub(super) fn progress(self, started: &RunStarted, run: &RunState) -> Progress {
        let silent = self.no_progress || self.output.quiet || self.output.log_format == LogFormat::Json;
        Progress::new(started, run, silent, self.log.bars())
    }
}

/// What a run must keep to, as its runbook says; `jobs` are those that nothing leaves out.
pub(super) fn policy(runbook: &Runbook, jobs: u64) -> Policy {
    Policy {
        limits: runbook.limits.clone(),
        retry: runbook.retry,
        breaker: runbook.breaker,
        waves: runbook.waves.clone(),
        window: runbook.window.clone(),
        abort_when: runbook.abort_when.clone(),
        on_lost_criterion: runbook.on_lost_criterion,
        jobs,
        request_timeout: runbook.connection.timeouts.request.get(),
        numbers: runbook.numbers.clone(),
        criteria: runbook.criteria.clone(),
        seed: fastrand::u64(..),
        exit_code: Exit::of_run,
    }
}

/// What is to be done, under which rules, and with whom.
pub(super) struct Work<'a> {
    pub(super) profile: &'a Profile,
    pub(super) policy: Policy,
    pub(super) target: &'a Target,
}

/// Where a run tells what happens.
pub(super) struct Sinks {
    pub(super) ledger: FileLedger,
    pub(super) register: Option<Keeper>,
    pub(super) progress: Progress,
    /// The report as the run goes on.
    pub(super) live: Option<Live>,
}

/// What a process leaves of its run.
pub(super) struct Held {
    pub(super) exit_code: u8,
    pub(super) live: Option<Live>,
    /// Its audit file.
    pub(super) written: Option<Written>,
}

/// The process as signals find it: from its making on they are the run's business, and end it in an orderly way.
pub(super) struct Process {
    runtime: Runtime,
    signals: Signals,
}

impl Process {
    /// Comes before anything is written that a signal must not cut off.
    pub(super) fn start() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Internal, error);
        // One thread: the engine owns all state, and the journal has its own thread beside it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            signals().map_err(failed)?
        };
        Ok(Self { runtime, signals })
    }
}

/// What to do after a run that could not go on.
pub(super) fn kept_in(failure: Failure, run_dir: &Path) -> Failure {
    let dir = run_dir.display();
    let help = if failure.exit() == Exit::AuditFailed {
        format!(
            "nothing was sent that is not announced in {dir}; mend what is wrong there (space, quota, mount), then `bridgebook \
             resume {dir}`: calls whose answers could not be recorded are unknown"
        )
    } else {
        format!("what could be recorded is in {dir}")
    };
    failure.help(help)
}

/// Runs the jobs to the end of the run. The ledger is closed when this returns.
pub(super) fn hold<S: RowStream + Send>(
    process: Process,
    work: Work<'_>,
    opening: Opening,
    lanes: Vec<Lane<S>>,
    mut sinks: Sinks,
) -> Result<Held, Failure> {
    let result = drive(process, work, opening, lanes, &mut sinks);
    sinks.progress.finish();
    // The register is let go when nothing more is written to the audit file: from then on others may settle its claims.
    let Sinks { ledger, register, live, .. } = sinks;
    let written = ledger.close();
    drop(register);
    match result {
        Ok(run) => {
            let exit_code = run.finished().map_or(Exit::Internal.code(), |finished| finished.exit_code);
            Ok(Held { exit_code, live, written })
        }
        Err(error) => {
            let exit = if matches!(error, ExecuteError::Ledger(_)) { Exit::AuditFailed } else { Exit::Internal };
            Err(Failure::new(exit, error))
        }
    }
}

fn drive<S: RowStream + Send>(
    process: Process,
    work: Work<'_>,
    opening: Opening,
    lanes: Vec<Lane<S>>,
    sinks: &mut Sinks,
) -> Result<RunState, ExecuteError> {
    let Work { profile, policy, target } = work;
    let transport = Transport::new(target.transport.clone())?;
    let Process { runtime, signals } = process;
    let Sinks { ledger, register, progress, live } = sinks;
    let live = live.as_mut().map(|live| live as &mut dyn Observer);
    let observers = std::iter::once(progress as &mut dyn Observer).chain(live).collect();
    let engine = Engine::new(profile, &transport, &target.credentials, policy, ledger, observers)?;
    let engine = engine.with_register(register.as_mut().map(|register| register as &mut dyn CallRegister));
    let result = std::thread::scope(|scope| {
        let (rows, places): (Vec<_>, Vec<_>) = lanes.into_iter().map(|lane| (lane.rows, lane.concurrency)).unzip();
        let rows = expand::ahead(scope, rows).into_iter().zip(places);
        let lanes = rows.map(|(rows, concurrency)| Lane { rows, concurrency }).collect();
        runtime.block_on(engine.run(opening, lanes, signals))
    });
    // A name that is still being resolved keeps a thread busy, and nobody waits for it any more.
    runtime.shutdown_background();
    result
}
