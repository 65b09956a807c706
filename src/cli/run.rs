//! `bridgebook run`: check, snapshot, execute, report.
//!
//! Order matters: nothing is created before the runbook is sound; nothing is sent before lock, snapshot and opening
//! record are there; the rows that are sent are those of the snapshot.

use super::args::{LogFormat, OutputArgs, RunArgs};
use super::check::{Manner, Sound};
use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use super::logging::Log;
use super::plan::saved;
use super::progress::Progress;
use super::sandbox::{self, Sandbox};
use super::settings::Sources;
use super::{check, inputs, link, print, report, secrets, settings, signals};
use crate::event::{Operator, RunStarted, SetPlan};
use crate::execute::{Engine, ExecuteError, Lane, Policy, Transport, TransportSettings};
use crate::expand::{self, Expander, JobStream};
use crate::journal::{self, FileLedger, LockError, RunLock};
use crate::model::{Credentials, Criterion, Problem, RunId, Runbook, Timestamp};
use crate::plan::SavedPlan;
use crate::profile::{Profile, Urls};
use crate::state::RunState;
use std::path::PathBuf;

/// Where the sandbox hands out tokens.
const SANDBOX_TOKEN_PATH: &str = "/oauth/token";

/// What the run talks to.
struct Target {
    urls: Urls,
    credentials: Credentials,
    transport: TransportSettings,
    sandbox: Option<Sandbox>,
}

/// What was typed, and where words go.
#[derive(Clone, Copy)]
struct Asked<'a> {
    args: &'a RunArgs,
    sources: &'a Sources,
    output: OutputArgs,
    log: &'a Log,
}

/// Runs a runbook.
pub(super) fn run(args: &RunArgs, sources: &Sources, output: OutputArgs, log: &Log) -> Result<u8, Failure> {
    let plan = saved::open(args)?;
    let mut sound = match check::open(&args.runbook, &args.selection, &args.pace, manner(args, output))? {
        Ok(sound) => sound,
        Err(exit) => return Ok(exit.code()),
    };
    if !args.selection.only.is_empty() {
        // A criterion about a set that does not run has nothing to judge.
        let only = &args.selection.only;
        let runs = |criterion: &Criterion| criterion.set().is_none_or(|set| only.contains(set));
        sound.runbook.criteria.retain(runs);
        sound.runbook.waves.iter_mut().for_each(|wave| wave.require.retain(runs));
    }
    let target = target(args, &sound.runbook, &sound.profile)?;
    let place = RunPlace::prepare(args, &sound.runbook)?;
    match execute(Asked { args, sources, output, log }, &sound, &target, &place, plan.as_ref())? {
        Outcome::Refused(exit) => Ok(exit.code()),
        Outcome::Ended(run_dir, exit_code) => report::after_run(&run_dir, args.format, exit_code),
    }
}

fn manner(args: &RunArgs, output: OutputArgs) -> Manner {
    Manner { format: args.format, output, strictness: args.strictness }
}

enum Outcome {
    Refused(Exit),
    /// The run directory, and the exit code of the closing record.
    Ended(PathBuf, u8),
}

fn target(args: &RunArgs, runbook: &Runbook, profile: &Profile) -> Result<Target, Failure> {
    let misconfigured = |words: String| Failure::new(Exit::Configuration, words);
    let (credentials, urls, sandbox) = if args.sandbox {
        let script = args.sandbox_script.as_deref().map_or_else(|| Ok(sandbox::rehearsal(runbook)), sandbox::script)?;
        let credentials = sandbox::credentials(&script, profile);
        let surface = profile.surface(SANDBOX_TOKEN_PATH, &credentials).map_err(misconfigured)?;
        let sandbox = Sandbox::start((!profile.is_reference()).then_some(surface), script)?;
        let token_url = profile.asks_for_token().then(|| format!("{}{SANDBOX_TOKEN_PATH}", sandbox.url()));
        let urls = Urls { base_url: Some(sandbox.url()), token_url, discovery: None };
        (credentials, urls, Some(sandbox))
    } else {
        let unusable = |problems: Vec<Problem>| {
            misconfigured(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))
        };
        let urls = profile.urls(&runbook.connection.endpoints).map_err(unusable)?;
        (secrets::credentials(runbook)?, urls, None)
    };
    // What no header can carry is better known before anything is created.
    profile.standing_header(&credentials).map_err(misconfigured)?;
    let transport = link::settings(runbook, &urls, sandbox.is_some())?;
    Ok(Target { urls, credentials, transport, sandbox })
}

/// A run's id, lock and directory.
struct RunPlace {
    run_id: RunId,
    /// Its final name; until the inputs are found sound it is a hidden one beside it.
    run_dir: PathBuf,
    staging: PathBuf,
    operator: Operator,
    _lock: RunLock,
}

impl RunPlace {
    fn prepare(args: &RunArgs, runbook: &Runbook) -> Result<Self, Failure> {
        let folder = args.out.join(&runbook.name);
        journal::create_run_dir(&folder).map_err(cannot_create)?;
        let now = Timestamp::now();
        let run_id = RunId::new(format!("{}-{:06x}", now.compact(), fastrand::u32(..0x0100_0000)));
        let operator = operator();
        let lock =
            RunLock::take(&folder, run_id.as_str(), &operator.host, &now.to_string()).map_err(|error| match error {
                LockError::Held { .. } => {
                    Failure::new(Exit::Locked, error).help("wait for it to end; nothing was sent")
                }
                LockError::Io { .. } => Failure::new(Exit::CannotCreate, error),
            })?;
        // A run that was killed while it checked its input has left this behind; we hold the lock, so nobody uses it.
        journal::remove_staging(&folder);
        if let Some(run) = journal::unfinished(&folder) {
            let run = folder.join(run);
            print::note(&format!(
                "warning: the run before this one did not end; calls of it may be bridged\n  = help: bridgebook report {}\n",
                run.display()
            ));
        }
        let staging = folder.join(format!(".{run_id}{}", journal::STAGING));
        journal::create_run_dir(&staging).map_err(cannot_create)?;
        Ok(Self { run_dir: folder.join(run_id.as_str()), run_id, staging, operator, _lock: lock })
    }
}

/// Who runs this, and where.
pub(super) fn operator() -> Operator {
    Operator {
        user: whoami::username().unwrap_or_else(|_| "unknown".to_owned()),
        sudo_user: std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty()),
        host: whoami::hostname().unwrap_or_else(|_| "unknown".to_owned()),
        pid: std::process::id(),
    }
}

fn execute(
    asked: Asked<'_>,
    sound: &Sound,
    target: &Target,
    place: &RunPlace,
    plan: Option<&SavedPlan>,
) -> Result<Outcome, Failure> {
    let Asked { args, sources, output, log } = asked;
    let Sound { runbook, profile, selection, warnings } = sound;
    let (inputs, files) = match inputs::snapshot(runbook, profile, selection, &place.staging) {
        Ok(done) => done,
        Err(failure) => {
            let _ = std::fs::remove_dir_all(&place.staging);
            return Err(failure);
        }
    };
    let mut settings = settings::effective(runbook, profile.has_idempotency_key(), &args.selection, sources);
    if let Some(plan) = plan {
        // Judged by the copies: what was compared is what is sent.
        let kept = saved::basis(sound, &files, &settings)
            .and_then(|now| saved::refuse(&plan.basis().differences(&now)))
            .inspect_err(|_| drop(std::fs::remove_dir_all(&place.staging)));
        kept?;
    }
    if target.sandbox.is_some() {
        // It is on this machine, whatever the runbook says of the way to the API.
        let proxy = settings.iter_mut().filter(|setting| setting.name == "proxy");
        proxy.for_each(|setting| "none".clone_into(&mut setting.value));
    }
    let expander = Expander::new(runbook, profile, files, selection);
    let census = expander.census(place.run_id.as_str(), |_| {});
    if let Some(exit) = check::show(&runbook.texts, warnings, &census, manner(args, output))? {
        let _ = std::fs::remove_dir_all(&place.staging);
        return Ok(Outcome::Refused(exit));
    }
    // Open before the rename: streams hold their files, whatever the directory is called.
    let streams = expander
        .streams(&census, place.run_id.as_str())
        .map_err(|problem| Failure::new(Exit::InputMissing, problem.message))?;
    journal::publish(&place.staging, &place.run_dir).map_err(cannot_create)?;
    let lanes =
        streams.into_iter().zip(expander.concurrency()).map(|(rows, concurrency)| Lane { rows, concurrency }).collect();
    let started = RunStarted {
        runbook: runbook.name.clone(),
        description: runbook.description.clone(),
        owner: runbook.owner.clone(),
        labels: runbook.labels.clone(),
        inputs,
        profile: profile.name().to_owned(),
        profile_sha256: journal::sha256_hex(profile.text().as_bytes()),
        tool: concat!("bridgebook ", env!("CARGO_PKG_VERSION")).to_owned(),
        operator: place.operator.clone(),
        sandbox: target.sandbox.is_some(),
        base_url: target.urls.base_url.clone(),
        token_url: target.urls.token_url.clone(),
        settings,
        plan_id: plan.map(|plan| plan.id().to_owned()),
        numbers: runbook.numbers,
        jobs: census.rows(),
        sets: census.sets.iter().map(|set| SetPlan { name: set.name.clone(), jobs: set.rows }).collect(),
        criteria: runbook.criteria.iter().map(ToString::to_string).collect(),
    };
    let audit = place.run_dir.join("audit.jsonl");
    let mut ledger = FileLedger::create(&audit, place.run_id.clone())
        .map_err(|error| Failure::new(Exit::CannotCreate, format!("{}: {error}", audit.display())))?;
    let silent = args.no_progress || output.quiet || output.log_format == LogFormat::Json;
    let mut progress = Progress::new(&started, silent, log.bars());
    let result = drive(sound, census.to_run(), target, started, lanes, &mut ledger, &mut progress);
    progress.finish();
    drop(ledger);
    match result {
        Ok(run) => {
            let exit_code = run.finished().map_or(Exit::Internal.code(), |finished| finished.exit_code);
            Ok(Outcome::Ended(place.run_dir.clone(), exit_code))
        }
        Err(error) => {
            let exit = if matches!(error, ExecuteError::Ledger(_)) { Exit::AuditFailed } else { Exit::Internal };
            Err(Failure::new(exit, error).help(format!("what could be recorded is in {}", place.run_dir.display())))
        }
    }
}

fn drive(
    sound: &Sound,
    jobs: u64,
    target: &Target,
    started: RunStarted,
    lanes: Vec<Lane<JobStream<'_>>>,
    ledger: &mut FileLedger,
    progress: &mut Progress,
) -> Result<RunState, ExecuteError> {
    let Sound { runbook, profile, .. } = sound;
    let transport = Transport::new(target.transport.clone())?;
    let policy = Policy {
        limits: runbook.limits.clone(),
        retry: runbook.retry,
        breaker: runbook.breaker,
        waves: runbook.waves.clone(),
        window: runbook.window.clone(),
        abort_when: runbook.abort_when.clone(),
        on_lost_criterion: runbook.on_lost_criterion,
        jobs,
        request_timeout: runbook.connection.timeouts.request.get(),
        numbers: runbook.numbers,
        criteria: runbook.criteria.clone(),
        seed: fastrand::u64(..),
        exit_code: Exit::of_run,
    };
    let client = |error: std::io::Error| ExecuteError::Client(error.to_string());
    // One thread: the engine owns all state, and the journal has its own thread beside it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(client)?;
    let result = std::thread::scope(|scope| {
        let (rows, places): (Vec<_>, Vec<_>) = lanes.into_iter().map(|lane| (lane.rows, lane.concurrency)).unzip();
        let rows = expand::ahead(scope, rows).into_iter().zip(places);
        let lanes = rows.map(|(rows, concurrency)| Lane { rows, concurrency }).collect();
        runtime.block_on(async {
            let signals = signals::signals().map_err(client)?;
            let engine = Engine::new(profile, &transport, &target.credentials, policy, ledger, vec![progress])?;
            engine.run(started, lanes, signals).await
        })
    });
    // A name that is still being resolved keeps a thread busy, and nobody waits for it any more.
    runtime.shutdown_background();
    result
}
