//! `bridgebook resume`: going on with a run, from its directory alone.
//!
//! Order matters: the lock first, then the whole audit file is checked, then the inputs; every job that has been begun must be the
//! same one by its content. What was in flight is unknown, and on record as that, before anything is sent.

use super::args::{OutputArgs, ResumeArgs};
use super::check::Sound;
use super::exit::Exit;
use super::failure::Failure;
use super::locking::{self, Taken};
use super::logging::Log;
use super::past::{self, Past};
use super::reopen::{self, Reopened, reopen};
use super::run::operator;
use super::session::{self, Process, Sinks, Target, Watch, Work};
use super::settings::Sources;
use super::{once, print, report, secrets, settings};
use crate::event::{Ending, RunResumed, RunStarted};
use crate::execute::{Begun, Lane, Opening, Policy, Resumption};
use crate::expand::{Census, Expander};
use crate::journal::FileLedger;
use crate::model::{Job, JobNumber, Outcome, Planned, Timestamp};
use crate::reconcile::{OpenJobs, left, reopen_run};
use crate::state::{self, JobState, RunState};
use std::path::Path;

/// Longest reason in the audit file, in characters.
const MAX_REASON: usize = 300;

/// The command.
pub(super) fn resume(args: &ResumeArgs, sources: &Sources, output: OutputArgs, log: &Log) -> Result<u8, Failure> {
    let run_dir = args.run_dir.canonicalize().map_err(|error| {
        Failure::new(Exit::InputMissing, format!("{}: {error}", args.run_dir.display()))
            .help("give the directory of a run")
    })?;
    let operator = operator();
    let folder = run_dir.parent().unwrap_or(&run_dir);
    let name = run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Taken::Ours { lock: _lock, .. } =
        locking::take(folder, args.running.if_running, args.format, &operator, |_| name.clone())?
    else {
        return Ok(Exit::Success.code());
    };
    let past = Past::read(&run_dir)?;
    let started = past.run.started().cloned().ok_or_else(|| Failure::new(Exit::Internal, "no opening record"))?;
    if let Some(exit_code) = nothing_left(&past, args.overrides.resend_unknown) {
        say_what_is_left(&past, &run_dir);
        return Ok(report::after_run(&run_dir, args.format, exit_code, None));
    }
    check_place(args, &past, &started, &run_dir)?;
    let mut reopened = reopen(&run_dir, &started)?;
    let mut sources = sources.clone();
    let pace = reopen::pace(&started, &args.pace, &mut sources);
    settings::apply_pace(&mut reopened.sound.runbook, &pace);
    read_number_key(&mut reopened, &started)?;
    let Reopened { sound, args: selected, files, base, .. } = &reopened;
    let Sound { runbook, profile, selection, .. } = sound;
    let target = if started.sandbox {
        Target::sandbox(runbook, profile, args.sandbox_script.as_deref())?
    } else {
        Target::api(runbook, profile, base)?
    };
    let settings = settings::effective(runbook, profile.has_idempotency_key(), selected, &sources);
    let (open, pending) = left(&past.run);
    let expander = Expander::new(runbook, profile, files.clone(), selection);
    let mut found = Found::new(&past.run, &past.open);
    let census = expander.census(past.run_id.as_str(), |job| found.meet(job));
    found.check(&census, &past.run)?;
    let (mut run, before) = (past.run.clone(), &past.run);
    let mut policy = session::policy(runbook, census.to_run());
    let at = Timestamp::now().max(past.last);
    let despite = if args.overrides.despite_rules { pass_over(&mut policy, before, open, at) } else { Vec::new() };
    let resumed = RunResumed {
        operator,
        tool: concat!("bridgebook ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings,
        torn_bytes: past.tail.torn_bytes(),
        open,
        pending,
        reason: args.overrides.reason.as_deref().map(|reason| runbook.numbers.text(reason, MAX_REASON)),
        despite,
    };
    let internal = |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, format!("internal error: {error}"));
    let lines = reopen_run(&mut run, &past.open, resumed, args.overrides.resend_unknown, at)
        .map_err(|error| internal(&error))?;
    let begun = found.begun(&run, &census, &past.open);
    let fresh: Vec<bool> = fresh(&run, &begun);
    let streams = expander
        .streams(&census, past.run_id.as_str())
        .map_err(|problem| Failure::new(Exit::InputMissing, problem.message))?;
    let sets = streams.into_iter().zip(expander.concurrency()).map(|(rows, concurrency)| {
        let rows = rows.filter(|row| row.as_ref().map_or(true, |planned| is_fresh(&fresh, number(planned))));
        Lane { rows, concurrency }
    });
    let out = run_dir.ancestors().nth(2).unwrap_or(&run_dir);
    let caller = once::Caller {
        run_id: &past.run_id,
        dirs: (&run_dir, &run_dir),
        out,
        profile: profile.name(),
        urls: &target.urls,
    };
    let register = started.once_store.as_deref().filter(|_| !target.is_sandbox());
    let register = register.map(|used| once::of_run(runbook, used, out));
    let register = register.map(|store| once::open(&store, runbook, &caller)).transpose()?;
    let process = Process::start()?;
    tracing::info!(run = %past.run_id, open, pending, "resumed");
    let audit = run_dir.join("audit.jsonl");
    let ledger = FileLedger::reopen(&audit, past.tail.clone(), target.keeping.clone())
        .map_err(|error| Failure::new(Exit::AuditFailed, format!("{}: {error}", audit.display())))?;
    let progress = Watch { no_progress: args.no_progress, output, log }.progress(&started, before);
    // What came before is in the file alone: all of it is read at the end.
    let sinks = Sinks { ledger, register, progress, live: None };
    let resumption = Resumption { run, lines, begun, past: past.engine, pass_wave: args.overrides.despite_rules };
    let opening = Opening::Again(Box::new(resumption));
    let held = session::hold(process, Work { profile, policy, target: &target }, opening, sets.collect(), sinks)
        .map_err(|failure| session::kept_in(failure, &run_dir))?;
    Ok(report::after_run(&run_dir, args.format, held.exit_code, None))
}

/// Pseudonyms of one run are made under one key.
fn read_number_key(reopened: &mut Reopened, started: &RunStarted) -> Result<(), Failure> {
    let Reopened { sound: Sound { runbook, .. }, base, .. } = reopened;
    if started.sandbox {
        runbook.numbers = runbook.numbers.without_key();
        return Ok(());
    }
    secrets::read_number_key_at(runbook, base)?;
    if runbook.numbers.key_id() == started.number_key_id {
        return Ok(());
    }
    Err(Failure::new(Exit::Configuration, "privacy.key is another one than that of the run")
        .help("give the key that the run began with: its pseudonyms must stay the same"))
}

/// The exit code of a run that has come to its end, and of which nothing can be sent any more. One that was stopped over its
/// last jobs is still to be judged.
fn nothing_left(past: &Past, resend: bool) -> Option<u8> {
    let run = &past.run;
    let whole = past.tail.torn.is_none() && !past.cut_off;
    let (open, pending) = left(run);
    let unknown = run.total().count(JobState::Unknown);
    let ended = whole && open + pending == 0 && !(resend && unknown > 0);
    run.finished().filter(|finished| ended && finished.ending == Ending::Completed).map(|finished| finished.exit_code)
}

fn say_what_is_left(past: &Past, run_dir: &Path) {
    let unknown = past.run.total().count(JobState::Unknown);
    let dir = run_dir.display();
    let more = format!("; {unknown} unknown: bridgebook reconcile {dir}, or --resend-unknown --reason TEXT");
    let more = if unknown > 0 { more.as_str() } else { "" };
    print::note(&format!("nothing is left to send: run {} has ended{more}\n", past.run_id));
}

/// The directory must be that of the run, and its file all that was written.
fn check_place(args: &ResumeArgs, past: &Past, started: &RunStarted, run_dir: &Path) -> Result<(), Failure> {
    if let Some(finding) = past.strange.first() {
        return Err(Failure::new(Exit::Invalid, finding).help("put the run's own files back; nothing was sent"));
    }
    trust_the_tail(args, started)?;
    warn_of_newer(run_dir);
    warn_of_copy(run_dir, started);
    Ok(())
}

/// Lines that were only with the kernel may be gone after a power cut, and their requests are not.
fn trust_the_tail(args: &ResumeArgs, started: &RunStarted) -> Result<(), Failure> {
    if !past::may_lack_its_end(started) || args.overrides.despite_lost_tail {
        return Ok(());
    }
    Err(Failure::new(Exit::Invalid, past::LACKS_ITS_END).help(
        "find out what was sent, then go on with --despite-lost-tail --reason TEXT: jobs without a word are sent",
    ))
}

/// A copy can be resumed as the run itself can, and neither knows of the other.
fn warn_of_copy(run_dir: &Path, started: &RunStarted) {
    let began = started.run_dir.as_deref().map(Path::new).and_then(|began| began.canonicalize().ok());
    if let Some(began) = began.filter(|began| began != run_dir) {
        print::note(&format!(
            "warning: this is a copy of {}: whoever resumes both sends what is left twice\n",
            began.display()
        ));
    }
}

/// Whether a directory has the name of a run.
fn is_run_name(name: &std::ffi::OsStr) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let name = name.to_string_lossy();
    let (moment, rest) = name.split_at_checked(16).unwrap_or_default();
    moment.chars().map(shape).eq("00000000T000000Z".chars()) && rest.len() == 7 && rest.starts_with('-')
}

/// Calls of this run may have been bridged by a later one.
fn warn_of_newer(run_dir: &Path) {
    let name = |path: &Path| path.file_name().map(std::ffi::OsStr::to_owned);
    let (Some(folder), own) = (run_dir.parent(), name(run_dir)) else { return };
    let newest = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let newest = newest
        .filter(|entry| entry.path().join("audit.jsonl").is_file())
        .map(|entry| entry.file_name())
        .filter(|name| is_run_name(name))
        .max();
    if let Some(newest) = newest.filter(|newest| Some(newest) > own.as_ref()) {
        print::note(&format!(
            "warning: there is a later run of this runbook, {}; it may have bridged what this one has left\n",
            newest.display()
        ));
    }
}

/// Takes out of the policy what would stop the run at once; gives it in words.
fn pass_over(policy: &mut Policy, run: &RunState, open: u64, at: Timestamp) -> Vec<String> {
    let mut crashed = run.clone();
    if open > 0 {
        crashed.settle();
    }
    let holds = |rule: &crate::model::AbortRule| state::broken(std::slice::from_ref(rule), &crashed, at).is_some();
    let despite = policy.abort_when.iter().filter(|rule| holds(rule)).map(ToString::to_string).collect();
    policy.abort_when.retain(|rule| !holds(rule));
    despite
}

/// What the first pass over the inputs has met of the jobs that are on record.
struct Found<'a> {
    run: &'a RunState,
    open: &'a OpenJobs,
    /// Jobs that may be sent again.
    again: Vec<Job>,
    /// The first job that is not what the records say.
    stranger: Option<JobNumber>,
}

impl<'a> Found<'a> {
    fn new(run: &'a RunState, open: &'a OpenJobs) -> Self {
        Self { run, open, again: Vec::new(), stranger: None }
    }

    fn meet(&mut self, job: &Job) {
        let Some(open) = self.open.get(job.number) else { return };
        let same = job.key == open.key
            && job.call_id.as_str() == open.call_id
            && job.request_id == open.request_id
            && job.set == open.set;
        if !same {
            self.stranger.get_or_insert(job.number);
        } else if self.run.job(job.number).is_some_and(|state| !state.is_success()) {
            self.again.push(job.clone());
        }
    }

    /// The inputs must be those of the run, and still be accepted.
    fn check(&self, census: &Census, run: &RunState) -> Result<(), Failure> {
        let refuse = |words: String| Failure::new(Exit::Invalid, words).help("nothing was sent");
        if census.is_refused() {
            let why = census.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
            return Err(refuse(format!("the inputs of the run are refused now: {why}")));
        }
        if census.rows() != run.total().jobs {
            return Err(refuse(format!(
                "the inputs of the run give {} jobs, its audit file has {}",
                census.rows(),
                run.total().jobs
            )));
        }
        match self.stranger {
            Some(number) => Err(refuse(format!("job {number} of the run's inputs is not the one of its audit file"))),
            None => Ok(()),
        }
    }

    /// Those that are to be tried again, by the state of the run that goes on.
    fn begun(self, run: &RunState, census: &Census, open: &OpenJobs) -> Vec<Begun> {
        let waits = |job: &Job| matches!(run.job(job.number), Some(JobState::Pending | JobState::Doubtful));
        let begun = self.again.into_iter().filter(waits).filter_map(|job| {
            let lane = census.sets.iter().position(|set| set.name == job.set)?;
            let before = open.get(job.number)?;
            let doubt = run.job(job.number) == Some(JobState::Doubtful);
            let last = if doubt { Outcome::Unknown } else { before.last_outcome.unwrap_or(Outcome::NotSent) };
            Some(Begun { lane, attempts: before.attempts, uncounted: before.uncounted, last, job })
        });
        begun.collect()
    }
}

/// Which jobs have not been begun, by their number.
fn fresh(run: &RunState, begun: &[Begun]) -> Vec<bool> {
    let jobs = 1..=run.total().jobs;
    let mut fresh: Vec<bool> = jobs.map(|number| run.job(number) == Some(JobState::Pending)).collect();
    for begun in begun {
        if let Some(place) = usize::try_from(begun.job.number - 1).ok().and_then(|at| fresh.get_mut(at)) {
            *place = false;
        }
    }
    fresh
}

fn is_fresh(fresh: &[bool], number: JobNumber) -> bool {
    number
        .checked_sub(1)
        .and_then(|at| usize::try_from(at).ok())
        .and_then(|at| fresh.get(at))
        .is_none_or(|fresh| *fresh)
}

fn number(planned: &Planned) -> JobNumber {
    match planned {
        Planned::Job(job) => job.number,
        Planned::Skipped(skipped) => skipped.number,
    }
}
