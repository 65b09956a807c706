//! `bridgebook run`: check, snapshot, execute, report.
//!
//! Order matters: nothing is created before the runbook is sound; nothing is sent before lock, snapshot and opening
//! record are there; the rows that are sent are those of the snapshot.

use super::args::{OutputArgs, RunArgs};
use super::check::{Manner, Sound};
use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use super::live::Live;
use super::locking::{self, Taken};
use super::logging::Log;
use super::plan::saved;
use super::session::{self, Held, Process, Sinks, Target, Watch, Work};
use super::settings::Sources;
use super::{check, inputs, once, print, report, secrets, settings};
use crate::event::{Operator, RunStarted, SetPlan};
use crate::execute::{Lane, Opening};
use crate::expand::Expander;
use crate::journal::{self, FileLedger, RunLock};
use crate::model::{RunId, Runbook, Timestamp};
use crate::plan::SavedPlan;
use crate::state::RunState;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

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
    let mut held: Option<Locked> = None;
    loop {
        let plan = saved::open(args)?;
        let mut sound = match check::open(&args.runbook, &args.selection, &args.pace, manner(args, output))? {
            Ok(sound) => sound,
            Err(exit) => return Ok(exit.code()),
        };
        settings::keep_to(&mut sound.runbook, &sound.selection);
        let target = if args.sandbox {
            // A rehearsal needs no secrets; what it cannot replace it masks.
            sound.runbook.numbers = sound.runbook.numbers.without_key();
            Target::sandbox(&sound.runbook, &sound.profile, args.sandbox_script.as_deref())?
        } else {
            secrets::read_number_key(&mut sound.runbook)?;
            Target::api(&sound.runbook, &sound.profile, sound.runbook.texts.base())?
        };
        let place = match held.take().filter(|held| held.folder == args.out.join(&sound.runbook.name)) {
            Some(held) => held.prepare()?,
            None => match Locked::take(args, &sound.runbook)? {
                (Some(held), false) => held.prepare()?,
                // What was read before the wait may be of yesterday: all of it is read again.
                (waited @ Some(_), true) => {
                    held = waited;
                    continue;
                }
                (None, _) => return Ok(Exit::Success.code()),
            },
        };
        return match execute(Asked { args, sources, output, log }, &sound, &target, &place, plan.as_ref())? {
            Outcome::Refused(exit) => Ok(exit.code()),
            Outcome::Ended(run_dir, Held { exit_code, live, written }) => {
                let live = live.and_then(|live| live.finish(&run_dir.join("audit.jsonl"), written));
                Ok(report::after_run(&run_dir, args.format, exit_code, live))
            }
        };
    }
}

fn manner(args: &RunArgs, output: OutputArgs) -> Manner {
    Manner { format: args.format.into(), output, strictness: args.strictness }
}

enum Outcome {
    Refused(Exit),
    /// The run directory, and what the process has left of the run.
    Ended(PathBuf, Held),
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

/// The lock of a runbook's folder, and the run that has it.
struct Locked {
    run_id: RunId,
    folder: PathBuf,
    operator: Operator,
    lock: RunLock,
}

impl Locked {
    /// Takes the lock, and says whether that took a wait; `None`: another run is at work, and that is fine.
    fn take(args: &RunArgs, runbook: &Runbook) -> Result<(Option<Self>, bool), Failure> {
        let (folder, operator) = (args.out.join(&runbook.name), operator());
        let random = unlike_others() & 0x00ff_ffff;
        let id = |now: Timestamp| format!("{}-{random:06x}", now.compact());
        match locking::take(&folder, args.running.if_running, args.format, &operator, id)? {
            Taken::Skipped => Ok((None, false)),
            Taken::Ours { lock, waited } => {
                let run_id = RunId::new(lock.holder().run_id.clone());
                Ok((Some(Self { run_id, folder, operator, lock }), waited))
            }
        }
    }

    fn prepare(self) -> Result<RunPlace, Failure> {
        let Self { run_id, folder, operator, lock } = self;
        // A run that was killed while it checked its input has left this behind; we hold the lock, so nobody uses it.
        journal::remove_staging(&folder);
        if let Some(run) = journal::unfinished(&folder) {
            let run = folder.join(run);
            print::note(&format!(
                "warning: the run before this one did not end; calls of it may be bridged\n  = help: bridgebook resume {}\n",
                run.display()
            ));
        }
        let staging = folder.join(format!(".{run_id}{}", journal::STAGING));
        journal::create_run_dir(&staging).map_err(cannot_create)?;
        Ok(RunPlace { run_dir: folder.join(run_id.as_str()), run_id, staging, operator, _lock: lock })
    }
}

/// A number from the operating system's randomness, by the keys that hash maps get. Two processes that start in the same moment must
/// not have the same one, as they may where the clock is the seed.
pub(super) fn unlike_others() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What tells one start of this machine from the next; `None`: it does not say.
pub(super) fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
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
    let (inputs, files) = match inputs::snapshot(sound, &args.selection, &place.staging) {
        Ok(done) => done,
        Err(failure) => {
            let _ = std::fs::remove_dir_all(&place.staging);
            return Err(failure);
        }
    };
    journal::mark(&place.staging, &place.run_id).map_err(cannot_create)?;
    let mut settings = settings::effective(runbook, profile.has_idempotency_key(), &args.selection, sources);
    if let Some(plan) = plan {
        // Judged by the copies: what was compared is what is sent.
        let kept = saved::basis(sound, &files, &settings)
            .and_then(|now| saved::refuse(&plan.basis().differences(&now)))
            .inspect_err(|_| drop(std::fs::remove_dir_all(&place.staging)));
        kept?;
    }
    if target.is_sandbox() {
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
    // A rehearsal bridges nothing: it neither asks for calls nor keeps them.
    let store = once::place(runbook, &args.out).filter(|_| !target.is_sandbox()).map(|path| once::absolute(&path));
    let caller = once::Caller {
        run_id: &place.run_id,
        dirs: (&place.staging, &place.run_dir),
        out: &args.out,
        profile: profile.name(),
        urls: &target.urls,
    };
    let register = store.as_ref().map(|path| once::open(path, runbook, &caller)).transpose();
    let register = register.inspect_err(|_| drop(std::fs::remove_dir_all(&place.staging)))?;
    let process = Process::start()?;
    journal::publish(&place.staging, &place.run_dir).map_err(cannot_create)?;
    let started = RunStarted {
        runbook: runbook.name.clone(),
        description: runbook.description.as_deref().map(|words| runbook.numbers.own_words(words)),
        owner: runbook.owner.as_deref().map(|words| runbook.numbers.own_words(words)),
        labels: runbook.labels.iter().map(|(name, text)| (name.clone(), runbook.numbers.own_words(text))).collect(),
        inputs,
        profile: profile.name().to_owned(),
        profile_sha256: journal::sha256_hex(profile.text().as_bytes()),
        tool: concat!("bridgebook ", env!("CARGO_PKG_VERSION")).to_owned(),
        operator: place.operator.clone(),
        run_dir: std::path::absolute(&place.run_dir).ok().map(|path| path.display().to_string()),
        boot_id: boot_id(),
        directory: std::env::current_dir().ok().map(|path| path.display().to_string()),
        sandbox: target.is_sandbox(),
        base_url: target.urls.base_url.clone(),
        token_url: target.urls.token_url.clone(),
        settings,
        plan_id: plan.map(|plan| plan.id().to_owned()),
        once_store: store.map(|path| path.to_string_lossy().into_owned()),
        numbers: runbook.numbers.privacy(),
        number_key_id: runbook.numbers.key_id(),
        jobs: census.rows(),
        sets: census.sets.iter().map(|set| SetPlan { name: set.name.clone(), jobs: set.rows }).collect(),
        criteria: runbook.criteria.iter().map(ToString::to_string).collect(),
    };
    let audit = place.run_dir.join("audit.jsonl");
    let ledger = FileLedger::create(&audit, place.run_id.clone(), target.keeping.clone())
        .map_err(|error| Failure::new(Exit::CannotCreate, format!("{}: {error}", audit.display())))?;
    let lanes =
        streams.into_iter().zip(expander.concurrency()).map(|(rows, concurrency)| Lane { rows, concurrency }).collect();
    let progress = Watch { no_progress: args.no_progress, output, log }.progress(&started, &RunState::default());
    let opening = Opening::First(Box::new(started));
    let work = Work { profile, policy: session::policy(runbook, census.to_run()), target };
    let live = Some(Live::of(place.run_id.clone()));
    session::hold(process, work, opening, lanes, Sinks { ledger, register, progress, live })
        .map(|held| Outcome::Ended(place.run_dir.clone(), held))
        .map_err(|failure| session::kept_in(failure, &place.run_dir))
}
