//! `bridgebook plan` and `run --dry-run`: what would be sent, and nothing sent.

use super::args::{Format, OutputArgs, PlanArgs};
use super::check::Sound;
use super::exit::Exit;
use super::failure::Failure;
use super::settings::Sources;
use super::{check, print, settings};
use crate::event::Setting;
use crate::expand::{Census, Expander};
use crate::model::{Job, NumberPrivacy, RequestSpec, Runbook};
use crate::profile::Urls;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Payloads that are shown in full.
const SHOWN: usize = 2;
/// Latency that the estimate assumes when nothing is known, in seconds.
const ASSUMED_LATENCY: f64 = 0.5;

#[derive(Serialize)]
struct Plan<'a> {
    runbook: &'a str,
    profile: &'a str,
    method: &'static str,
    /// Absent where it comes with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    /// Absent where no token endpoint is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_url: Option<String>,
    jobs: u64,
    skipped: u64,
    sets: Vec<SetPlan<'a>>,
    settings: Vec<Setting>,
    estimated_seconds: f64,
    first: Vec<Request>,
}

#[derive(Serialize)]
struct SetPlan<'a> {
    name: &'a str,
    rows: u64,
    jobs: u64,
    skipped: u64,
}

/// A request as it would be sent, its numbers as the runbook's `privacy` says. `--payloads` has them in full.
#[derive(Serialize)]
struct Request {
    job: u64,
    set: String,
    key: String,
    call_id: String,
    method: &'static str,
    path: String,
    payload: Value,
}

impl Request {
    fn of(job: &Job, numbers: NumberPrivacy) -> Self {
        Self {
            job: job.number,
            set: job.set.to_string(),
            key: job.key.to_string(),
            call_id: job.call_id.to_string(),
            method: job.request.method.as_str(),
            path: numbers.mask(&job.request.path),
            payload: masked(payload(&job.request), numbers),
        }
    }
}

/// A body as a value: JSON, a form's fields, or null where there is none.
fn payload(request: &RequestSpec) -> Value {
    let is_form = request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/x-www-form-urlencoded")
    });
    if !is_form {
        return serde_json::from_slice(&request.body).unwrap_or_default();
    }
    let fields = form_urlencoded::parse(&request.body);
    Value::Object(fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect())
}

fn masked(value: Value, numbers: NumberPrivacy) -> Value {
    match value {
        Value::String(text) => Value::String(numbers.mask(&text)),
        Value::Array(items) => items.into_iter().map(|item| masked(item, numbers)).collect(),
        Value::Object(members) => members.into_iter().map(|(name, item)| (name, masked(item, numbers))).collect(),
        other => other,
    }
}

/// Plans a run.
pub(super) fn plan(args: &PlanArgs, sources: &Sources, output: OutputArgs) -> Result<u8, Failure> {
    let Sound { runbook, profile, selection } =
        match check::open(&args.runbook, &args.selection, &args.pace, args.format, output)? {
            Ok(sound) => sound,
            Err(exit) => return Ok(exit.code()),
        };
    // `open` has refused what gives no URLs.
    let Urls { base_url, token_url, .. } = profile.urls(&runbook.connection.endpoints).unwrap_or_default();
    let mut payloads = args.payloads.as_deref().map(create).transpose()?;
    let mut first = Vec::new();
    let mut write_error = None;
    let expander = Expander::new(&runbook, &profile, check::files(&runbook), &selection);
    let census = expander.census(check::NO_RUN, |job| {
        if first.len() < SHOWN {
            first.push(Request::of(job, runbook.numbers));
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
    if let Some(exit) = check::show(&runbook.texts, &census, args.format, output)? {
        return Ok(exit.code());
    }
    let skipped: u64 = census.sets.iter().map(|set| set.skipped).sum();
    let jobs = census.rows() - skipped;
    let plan = Plan {
        runbook: &runbook.name,
        profile: profile.name(),
        method: profile.method().as_str(),
        base_url,
        token_url,
        jobs,
        skipped,
        sets: census
            .sets
            .iter()
            .map(|set| SetPlan {
                name: set.name.as_str(),
                rows: set.rows,
                jobs: set.rows - set.skipped,
                skipped: set.skipped,
            })
            .collect(),
        settings: settings::effective(&runbook, &args.selection, sources),
        estimated_seconds: estimate(&runbook, &census),
        first,
    };
    match args.format {
        Format::Json => print::json(&plan),
        Format::Human => print::text(&human(&plan)),
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

/// From limits and an assumed latency; retries and pauses come on top.
fn estimate(runbook: &Runbook, census: &Census) -> f64 {
    let number = |count: u64| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
    let by_places = |jobs: u64, places: usize| number(jobs) * ASSUMED_LATENCY / number(places as u64);
    let limits = &runbook.limits;
    let by_set = census.sets.iter().map(|counted| {
        let own = runbook.sets.iter().find(|set| set.name == counted.name).and_then(|set| set.concurrency);
        by_places(counted.rows - counted.skipped, own.unwrap_or(limits.concurrency).min(limits.concurrency))
    });
    let by_rate = limits.rate.map_or(0.0, |rate| number(census.to_run()) / rate.per_second());
    let longest = by_set.fold(by_places(census.to_run(), limits.concurrency).max(by_rate), f64::max);
    (longest * 10.0).round() / 10.0
}

fn human(plan: &Plan<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "plan of {} ({} profile); nothing is sent", plan.runbook, plan.profile);
    let base_url = plan.base_url.as_deref().unwrap_or("(the token's answer names it)");
    let _ = writeln!(text, "  bridge    {} {base_url}", plan.method);
    if let Some(token_url) = &plan.token_url {
        let _ = writeln!(text, "  token     POST {token_url}");
    }
    let _ = writeln!(text, "  jobs      {} ({} skipped)", plan.jobs, print::plural(plan.skipped, "row"));
    for set in &plan.sets {
        let _ = writeln!(text, "    {:<24} {:>8} jobs {:>8} skipped", set.name, set.jobs, set.skipped);
    }
    let _ = writeln!(
        text,
        "  duration  about {} s at {ASSUMED_LATENCY} s a request, without retries",
        plan.estimated_seconds
    );
    let _ = writeln!(text, "  settings");
    for setting in &plan.settings {
        let source = serde_json::to_value(setting.source).unwrap_or_default();
        let _ =
            writeln!(text, "    {:<24} {:>12}  ({})", setting.name, setting.value, source.as_str().unwrap_or_default());
    }
    for request in &plan.first {
        let _ = writeln!(text, "  job {} of set {}: {} {}", request.job, request.set, request.method, request.path);
        if !request.payload.is_null() {
            let _ = writeln!(text, "    {}", request.payload);
        }
    }
    text
}
