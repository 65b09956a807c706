//! What a plan says: its figures as data, and the same in words.

use super::estimate::LatencyBasis;
use super::figures::{Figures, SetFigures};
use crate::event::Setting;
use crate::model::{Job, NumberPrivacy, RequestSpec};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

#[derive(Serialize)]
pub(super) struct Plan<'a> {
    pub(super) runbook: &'a str,
    pub(super) profile: &'a str,
    pub(super) method: &'static str,
    /// Absent where it comes with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<String>,
    /// Absent where no token endpoint is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_url: Option<String>,
    #[serde(flatten)]
    pub(super) total: Figures,
    pub(super) sets: Vec<SetFigures<'a>>,
    pub(super) settings: Vec<Setting>,
    /// What the register of calls says now; absent where `guards.once_per` is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) once_per: Option<OnceFigures>,
    pub(super) estimated_seconds: f64,
    pub(super) latency: LatencyBasis,
    /// Of the plan that was saved.
    #[serde(rename = "plan_id", skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) first: Vec<Request>,
}

/// Calls that other runs keep from being sent.
#[derive(Serialize)]
pub(super) struct OnceFigures {
    /// How far back other runs count.
    pub(super) window: String,
    /// The register of calls.
    pub(super) store: String,
    /// Whether it is there.
    pub(super) exists: bool,
    /// Jobs that would be skipped if they were sent now. The run decides about each when its turn comes.
    pub(super) would_skip: u64,
}

/// A request as it would be sent, its numbers as the runbook's `privacy` says. `--payloads` has them in full.
#[derive(Serialize)]
pub(super) struct Request {
    pub(super) job: u64,
    pub(super) set: String,
    pub(super) key: String,
    pub(super) call_id: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) payload: Value,
}

impl Request {
    pub(super) fn of(job: &Job, numbers: NumberPrivacy) -> Self {
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

/// Destinations that are named for each set; a list of the wrong country is long enough to be seen.
const MAX_DESTINATIONS: usize = 10;

/// What is called, what is left out and why, and what is worth a look.
fn numbers(text: &mut String, figures: &Figures) {
    destinations(text, figures);
    for (reason, count) in &figures.skips {
        line(text, &format!("      skipped: {}", reason.replace('_', " ")), &[(*count, "job")]);
    }
    if figures.repeated > 0 {
        line(text, "      after an earlier one", &[(figures.repeated, "job")]);
    }
    if figures.warnings > 0 {
        line(text, "      worth a look", &[(figures.warnings, "warning")]);
    }
}

/// A label, and how many of what in columns.
fn line(text: &mut String, label: &str, counts: &[(u64, &str)]) {
    let column = |(count, noun): &(u64, &str)| format!("{count:>8} {noun}{}", if *count == 1 { " " } else { "s" });
    let columns: String = counts.iter().map(column).collect();
    let _ = writeln!(text, "{label:<34}{}", columns.trim_end());
}

fn destinations(text: &mut String, figures: &Figures) {
    for to in figures.destinations.iter().take(MAX_DESTINATIONS) {
        let region = to.region.as_deref().unwrap_or("an unknown region");
        line(text, &format!("      to {region}"), &[(to.jobs, "job"), (to.numbers, "number")]);
    }
    let rest = figures.destinations.get(MAX_DESTINATIONS..).unwrap_or_default();
    if !rest.is_empty() {
        let sum: u64 = rest.iter().map(|to| to.numbers).sum();
        line(text, &format!("      to {} other regions", rest.len()), &[(sum, "number")]);
    }
}

pub(super) fn human(plan: &Plan<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "plan of {} ({} profile); nothing is sent", plan.runbook, plan.profile);
    let base_url = plan.base_url.as_deref().unwrap_or("(the token's answer names it)");
    let _ = writeln!(text, "  bridge    {} {base_url}", plan.method);
    if let Some(token_url) = &plan.token_url {
        let _ = writeln!(text, "  token     POST {token_url}");
    }
    let _ = writeln!(text, "  jobs      {}, {} skipped", plan.total.jobs, plan.total.skipped);
    for set in &plan.sets {
        line(&mut text, &format!("    {}", set.name), &[(set.figures.jobs, "job")]);
        numbers(&mut text, &set.figures);
    }
    if plan.sets.len() > 1 && !plan.total.destinations.is_empty() {
        let _ = writeln!(text, "    all sets");
        destinations(&mut text, &plan.total);
    }
    if let Some(once) = &plan.once_per {
        let of = if once.exists { once.store.as_str() } else { "there is no register yet" };
        let _ = writeln!(text, "  once per  {}: {} would be skipped now ({of})", once.window, once.would_skip);
    }
    let (seconds, source) = (plan.latency.seconds, &plan.latency.source);
    let _ = writeln!(
        text,
        "  duration  about {} s at {seconds} s a request ({source}), without retries",
        plan.estimated_seconds
    );
    if let Some(id) = &plan.id {
        let _ = writeln!(text, "  plan id   {id}");
    }
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
