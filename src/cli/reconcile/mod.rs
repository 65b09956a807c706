//! `bridgebook reconcile`: what became of the unknowns of a run that is over.
//!
//! Order matters: the lock first, then the whole audit file is checked; what the operator decides counts before the vendor's
//! records, and those before the probe; all lines are written at once, behind those that are there.

mod args;
mod probe;
mod show;

pub(super) use args::ReconcileArgs;

use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use super::keys;
use super::locking::{self, Taken};
use super::past::{self, Past};
use super::run::operator;
use super::{once, print, report};
use crate::event::{Event, FileDigest, Happened};
use crate::journal::{self, SigningKey};
use crate::model::{JobNumber, SecretSource, Timestamp};
use crate::reconcile::{Closing, Finding, OpenJob, RecordRules, close_reconciliation, close_run, decide, resolve};
use show::Told;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The command.
pub(super) fn reconcile(args: &ReconcileArgs) -> Result<u8, Failure> {
    let silent = args.bridged_when.is_empty() && args.not_bridged_when.is_empty() && args.absent_means.is_none();
    if args.records.is_some() && silent {
        return Err(Failure::new(Exit::Usage, "--records: nothing says what a record means")
            .help("add --bridged-when COLUMN=VALUE"));
    }
    let run_dir = args.run_dir.canonicalize().map_err(|error| {
        Failure::new(Exit::InputMissing, format!("{}: {error}", args.run_dir.display()))
            .help("give the directory of a run")
    })?;
    let source = args.signing_key.clone().map(SecretSource::File);
    let key = source.map(|source| keys::private(&source, Path::new(""))).transpose()?;
    let operator = operator();
    let folder = run_dir.parent().unwrap_or(&run_dir);
    let name = run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mode = args.running.if_running;
    let Taken::Ours { lock: _lock, .. } =
        locking::take(folder, mode, args.format.into(), &operator, |_| format!("reconcile {name}"))?
    else {
        return Ok(Exit::Success.code());
    };
    let mut past = Past::read(&run_dir)?;
    let at = Timestamp::now().max(past.last);
    let closes = past.run.finished().is_none();
    let mut lines = if closes { close(args, &mut past, at)? } else { Vec::new() };
    let mut told = Told::about(past.run_id.clone(), args.dry_run, closes);
    let kept = Kept::of(args, &run_dir)?;
    let findings = findings(args, &run_dir, &past, kept.as_ref(), &mut told.silent)?;
    // Nothing found out, nothing to close: the file stays as it is.
    if !findings.is_empty() || closes || past.cut_off {
        lines.extend(resolve(&mut past.run, &past.open, &findings, &operator, at).map_err(internal)?);
        let records = kept.as_ref().map(|kept| kept.digest.clone());
        let closing = Closing { operator, tool: concat!("bridgebook ", env!("CARGO_PKG_VERSION")).to_owned(), records };
        let closing = close_reconciliation(&past.run, &findings, closing, at);
        told.verdict = Some(closing.verdict);
        lines.push(Happened { at, event: Event::ReconciliationFinished(Box::new(closing)) });
        if !args.dry_run {
            write(&run_dir, &past, &lines, key.as_ref())?;
            if key.is_none() && past.signed {
                let help = "the run was signed and what was added is not: repeat it with --signing-key, or `verify --public-key` refuses the file";
                print::note(&format!("warning: {help}\n"));
            }
            let store = past.run.started().and_then(|started| started.once_store.as_deref());
            once::after_reconciliation(store, &past.run_id, &run_dir);
            kept.into_iter().for_each(Kept::stays);
        }
    }
    told.take(&past.run, &past.open, &findings, &lines);
    if !told.dry_run && !lines.is_empty() {
        report::make_anew(&run_dir);
    }
    told.print(args.format)?;
    let left = past.run.total().counts().unknown;
    Ok(if left == 0 { Exit::Success } else { Exit::Unknown }.code())
}

/// Ends a run that was cut off, if that is wanted.
fn close(args: &ReconcileArgs, past: &mut Past, at: Timestamp) -> Result<Vec<Happened>, Failure> {
    if !args.closing.close {
        let words =
            format!("the run did not end: {} in flight, {} not begun", past.run.in_flight(), past.run.pending().len());
        return Err(Failure::new(Exit::Invalid, words).help(
            "`bridgebook resume` goes on with it; --close ends it: what was in flight is unknown and can be reconciled, what was not begun is not attempted",
        ));
    }
    if past.run.started().is_some_and(past::may_lack_its_end) && !args.closing.despite_lost_tail {
        return Err(Failure::new(Exit::Invalid, past::LACKS_ITS_END).help(
            "find out what was sent, then end it with --close --despite-lost-tail: jobs without a word count as not attempted",
        ));
    }
    close_run(&mut past.run, &past.open, at, Exit::Interrupted.code()).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, format!("internal error: {error}"))
}

/// What is said about the unknown jobs, and why nothing is said about the others.
fn findings(
    args: &ReconcileArgs,
    run_dir: &Path,
    past: &Past,
    kept: Option<&Kept>,
    silent: &mut BTreeMap<JobNumber, String>,
) -> Result<Vec<Finding>, Failure> {
    let reason = args.reason.as_deref().unwrap_or_default();
    let mut findings = decide(&args.decide, reason, &past.open, &past.run)
        .map_err(|words| Failure::new(Exit::Usage, format!("--decide: {words}")))?;
    if let (Some(path), Some(matching)) = (&args.records, &args.match_column) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let rules = RecordRules {
            name,
            matching: matching.clone(),
            bridged: args.bridged_when.clone(),
            not_bridged: args.not_bridged_when.clone(),
            absent: args.absent_means.map(|_| reason.to_owned()),
        };
        let missing = |error| Failure::new(Exit::InputMissing, format!("{}: {error}", path.display()));
        let table = File::open(kept.map_or(path, |kept| &kept.path)).map_err(missing)?;
        let left = left(past, &findings);
        let records = rules.read(table, left, &past.open).map_err(|error| Failure::new(Exit::Invalid, error))?;
        findings.extend(records.findings);
        silent.extend(records.silent);
    }
    let left: Vec<&OpenJob> = left(past, &findings);
    if args.probe && !left.is_empty() {
        let started = past.run.started().ok_or_else(|| internal("no opening record"))?;
        let probed = probe::probe(run_dir, started, &past.run_id, &left, &past.open)?;
        findings.extend(probed.findings);
        silent.extend(probed.silent);
    }
    findings.sort_by_key(|finding| finding.job);
    Ok(findings)
}

fn left<'a>(past: &'a Past, findings: &[Finding]) -> Vec<&'a OpenJob> {
    let found = |open: &&OpenJob| findings.iter().any(|finding| finding.job == open.job);
    past.open.unknown(&past.run).filter(|open| !found(open)).collect()
}

/// The copy of the vendor's records in the run directory. It goes with the lines that rest on it, or not at all.
struct Kept {
    digest: FileDigest,
    path: PathBuf,
    stays: bool,
}

impl Kept {
    /// Copies them: what is read is what is kept.
    fn of(args: &ReconcileArgs, run_dir: &Path) -> Result<Option<Self>, Failure> {
        let Some(path) = args.records.as_ref().filter(|_| !args.dry_run) else { return Ok(None) };
        if !path.is_file() {
            return Err(Failure::new(Exit::InputMissing, format!("{} is not there, or is no file", path.display())));
        }
        let name = path.file_name().map_or_else(|| "records.csv".into(), |name| name.to_string_lossy().into_owned());
        let free = (1..).map(|number| PathBuf::from(format!("reconciled/{number}-{name}")));
        let to = free.into_iter().find(|to| !run_dir.join(to).exists()).unwrap_or_default();
        let digest = journal::copy_input(path, &path.display().to_string(), run_dir, &to).map_err(cannot_create)?;
        Ok(Some(Self { digest, path: run_dir.join(to), stays: false }))
    }

    fn stays(mut self) {
        self.stays = true;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.stays {
            // The folder goes too when nothing else is in it.
            let _ = std::fs::remove_file(&self.path);
            let _ = self.path.parent().map(std::fs::remove_dir);
        }
    }
}

fn write(run_dir: &Path, past: &Past, lines: &[Happened], key: Option<&SigningKey>) -> Result<(), Failure> {
    let audit = run_dir.join("audit.jsonl");
    journal::append(&audit, past.tail.clone(), lines, key)
        .map(drop)
        .map_err(|error| Failure::new(Exit::AuditFailed, format!("{}: {error}", audit.display())))
}
