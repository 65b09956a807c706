//! `bridgebook plan` and `run --dry-run`: what would be sent, and nothing sent.

mod estimate;
mod figures;
mod once_look;
pub(super) mod saved;
mod show;

use super::args::{Format, OutputArgs, PlanArgs};
use super::check::{Manner, Sound};
use super::exit::Exit;
use super::failure::Failure;
use super::settings::Sources;
use super::stdin::Spool;
use super::{check, print, settings};
use crate::expand::{Expander, Files};
use crate::model::Job;
use crate::profile::Urls;
use once_look::OnceLook;
use show::{Plan, Request};
use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Payloads that are shown in full.
const SHOWN: usize = 2;

/// Plans a run.
pub(super) fn plan(args: &PlanArgs, sources: &Sources, output: OutputArgs) -> Result<u8, Failure> {
    let manner = Manner { format: args.format, output, strictness: args.strictness };
    let sound = match check::open(&args.runbook, &args.selection, &args.pace, manner)? {
        Ok(sound) => sound,
        Err(exit) => return Ok(exit.code()),
    };
    let Sound { runbook, profile, selection, warnings } = &sound;
    let latency = estimate::latency(args)?;
    let settings = settings::effective(runbook, profile.has_idempotency_key(), &args.selection, sources);
    // `open` has refused what gives no URLs.
    let urls = profile.urls(&runbook.connection.endpoints).unwrap_or_default();
    let mut once = OnceLook::open(runbook, profile.name(), &urls, &args.out)?;
    let Urls { base_url, token_url, .. } = urls;
    let mut payloads = args.payloads.as_deref().map(create).transpose()?;
    let mut first = Vec::new();
    let mut write_error = None;
    let files = Files { stdin: Spool::default().file(runbook, selection)?, ..check::files(runbook) };
    let expander = Expander::new(runbook, profile, files.clone(), selection);
    let census = expander.census(check::NO_RUN, |job| {
        if first.len() < SHOWN {
            first.push(Request::of(job, runbook.numbers));
        }
        if let Some(once) = &mut once {
            once.look(job);
        }
        if let Some(file) = &mut payloads
            && write_error.is_none()
        {
            write_error = write_payload(file, job).err();
        }
    });
    let failed =
        |path: &Path, error: &std::io::Error| Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()));
    if let (Some(file), Some(path)) = (&mut payloads, &args.payloads)
        && let Some(error) = write_error.or_else(|| file.flush().err())
    {
        return Err(failed(path, &error));
    }
    if let Some(exit) = check::show(&runbook.texts, warnings, &census, manner)? {
        // Half of the payloads would be taken for all of them.
        args.payloads.iter().for_each(|path| drop(std::fs::remove_file(path)));
        return Ok(exit.code());
    }
    let saved = args
        .save
        .as_deref()
        .map(|path| saved::basis(&sound, &files, &settings).and_then(|basis| saved::save(basis, path)));
    let id = saved.transpose()?;
    let plan = Plan {
        runbook: &runbook.name,
        profile: profile.name(),
        method: profile.method().as_str(),
        base_url,
        token_url,
        total: figures::total(&census),
        sets: figures::by_set(&census),
        settings,
        once_per: once.map(OnceLook::figures).transpose()?,
        estimated_seconds: estimate::duration(runbook, &census, latency.seconds),
        latency,
        id,
        first,
    };
    match args.format {
        Format::Json => print::json(&plan),
        Format::Human => print::text(&show::human(&plan)),
    }
}

fn create(path: &Path) -> Result<BufWriter<std::fs::File>, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(BufWriter::new).map_err(|error| {
        let failure = Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()));
        if error.kind() == ErrorKind::AlreadyExists { failure.help("give the name of a new file") } else { failure }
    })
}

/// The exact bytes that a run would put on the wire, one payload a line.
fn write_payload(file: &mut impl Write, job: &Job) -> std::io::Result<()> {
    file.write_all(&job.request.body)?;
    file.write_all(b"\n")
}
