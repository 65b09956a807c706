//! What was typed -> what holds: flags over environment over runbook, each with its source.

use super::args::{PaceArgs, PlanArgs, RunArgs, SelectionArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::report_format::ReportFormat;
use super::{check, rows};
use crate::event::{Setting, SettingSource};
use crate::expand::{Selection, sets_again};
use crate::model::{Criterion, Runbook, SecretSource};
use crate::template::nearest;
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::Value;
use std::collections::HashMap;

/// Longest reason in the audit file, in characters.
pub(super) const MAX_REASON: usize = 300;

/// Where each argument came from.
pub(super) type Sources = HashMap<String, SettingSource>;

/// Reads the sources off the parsed command line.
pub(super) fn sources(matches: &ArgMatches) -> Sources {
    let Some((_, matches)) = matches.subcommand() else { return Sources::new() };
    let source = |id: &str| match matches.value_source(id)? {
        ValueSource::CommandLine => Some(SettingSource::Flag),
        ValueSource::EnvVariable => Some(SettingSource::Environment),
        _ => None,
    };
    matches.ids().filter_map(|id| Some((id.as_str().to_owned(), source(id.as_str())?))).collect()
}

impl RunArgs {
    /// The same as a plan: `run --dry-run`.
    pub(super) fn as_plan(&self) -> Result<PlanArgs, Failure> {
        if !matches!(self.format, ReportFormat::Human | ReportFormat::Json) {
            return Err(Failure::new(Exit::Usage, "--dry-run: a plan is no report, and has no such form")
                .help("write --format human or --format json"));
        }
        Ok(PlanArgs {
            runbook: self.runbook.clone(),
            selection: self.selection.clone(),
            pace: self.pace.clone(),
            strictness: self.strictness,
            payloads: None,
            save: None,
            out: self.out.clone(),
            latency: None,
            latency_of: None,
            format: self.format.into(),
        })
    }
}

/// Puts `--set` into the runbook's `vars`. Only names that stand there: a misspelt one would change nothing.
pub(super) fn apply_vars(runbook: &mut Runbook, selection: &SelectionArgs) -> Result<(), Failure> {
    for (name, value) in &selection.set {
        let known: Vec<&str> = runbook.vars.keys().map(String::as_str).collect();
        if !known.contains(&name.as_str()) {
            let help = nearest(name, known.iter().copied())
                .map_or_else(|| format!("vars: {}", known.join(", ")), |near| format!("write --set {near}=..."));
            return Err(Failure::new(Exit::Usage, format!("--set {name}: the runbook has no such variable")).help(help));
        }
        runbook.vars.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(())
}

/// Checks `--only` and makes the selection.
pub(super) fn select(runbook: &Runbook, args: &SelectionArgs) -> Result<Selection, Failure> {
    let names: Vec<&str> = runbook.sets.iter().map(|set| set.name.as_str()).collect();
    for set in &args.only {
        if !names.contains(&set.as_str()) {
            let help = nearest(set.as_str(), names.iter().copied())
                .map_or_else(|| format!("sets: {}", names.join(", ")), |near| format!("write --only {near}"));
            return Err(Failure::new(Exit::Usage, format!("--only {set}: the runbook has no such set")).help(help));
        }
    }
    let with_rows = sets_again(runbook, &check::files(runbook));
    Ok(Selection { only: rows::narrow(args.only.clone(), with_rows), limit: args.limit })
}

/// A criterion about a set that does not run has nothing to judge.
pub(super) fn keep_to(runbook: &mut Runbook, selection: &Selection) {
    if selection.only.is_empty() {
        return;
    }
    let runs = |criterion: &Criterion| criterion.set().is_none_or(|set| selection.only.contains(set));
    runbook.criteria.retain(runs);
    runbook.waves.iter_mut().for_each(|wave| wave.require.retain(runs));
}

/// Puts flags and environment over the runbook's limits.
pub(super) fn apply_pace(runbook: &mut Runbook, pace: &PaceArgs) {
    if let Some(concurrency) = pace.concurrency {
        runbook.limits.concurrency = usize::from(concurrency);
    }
    if let Some(rate) = pace.rate {
        runbook.limits.rate = Some(rate);
    }
}

/// The settings in effect, for plan and audit file. `has_key`: the profile has an idempotency key.
pub(super) fn effective(
    runbook: &Runbook,
    has_key: bool,
    selection: &SelectionArgs,
    sources: &Sources,
) -> Vec<Setting> {
    let document = crate::load::document(&runbook.texts);
    let written = |pointer: &str| {
        let stands = document.pointer(pointer).is_some();
        if stands { SettingSource::Runbook } else { SettingSource::Default }
    };
    let mut settings = Vec::new();
    let mut add = |name: &str, pointer: &str, argument: &str, value: String| {
        let source = sources.get(argument).copied().unwrap_or_else(|| written(pointer));
        settings.push(Setting { name: name.to_owned(), value, source });
    };
    let (limits, retry, timeouts) = (&runbook.limits, &runbook.retry, &runbook.connection.timeouts);
    add("concurrency", "/limits/concurrency", "concurrency", limits.concurrency.to_string());
    add("rate", "/limits/rate", "rate", limits.rate.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string()));
    add("burst", "/limits/burst", "", limits.burst.to_string());
    add("ramp_up", "/limits/ramp_up", "", limits.ramp_up.to_string());
    add("adaptive", "/limits/adaptive", "", limits.adaptive.to_string());
    if !limits.per_prefix.is_empty() {
        add(
            "per_prefix",
            "/limits/per_prefix",
            "",
            runbook.numbers.mask(&listed(limits.per_prefix.iter().map(|(prefix, n)| format!("{prefix}: {n}")))),
        );
    }
    add("deadline", "/limits/deadline", "", limits.deadline.map_or_else(|| "none".to_owned(), |time| time.to_string()));
    add("drain_timeout", "/limits/drain_timeout", "", limits.drain_timeout.to_string());
    add("retry.max_attempts", "/retry/max_attempts", "", retry.max_attempts.to_string());
    add("retry.min_wait", "/retry/min_wait", "", retry.min_wait.to_string());
    add("retry.max_wait", "/retry/max_wait", "", retry.max_wait.to_string());
    add("retry.max_retry_after", "/retry/max_retry_after", "", retry.max_retry_after.to_string());
    add("retry.budget", "/retry/budget", "", retry.budget.to_string());
    if !runbook.moved.is_empty() {
        let moved = runbook.moved.iter().map(|moved| format!("{} {}", moved.statuses.text(), moved.class.word()));
        add("retry.answers", "/retry/answers", "", listed(moved));
    }
    let breaker = &runbook.breaker;
    add("breaker.failures", "/breaker/failures", "", breaker.failures.to_string());
    add("breaker.pause", "/breaker/pause", "", breaker.pause.to_string());
    add("breaker.probes", "/breaker/probes", "", breaker.probes.to_string());
    if let Some(window) = &runbook.window {
        add("window", "/window", "", window.to_string());
        add("window.outside", "/window/outside", "", window.outside.word().to_owned());
    }
    if !runbook.waves.is_empty() {
        add("waves", "/waves", "", listed(runbook.waves.iter().map(|wave| wave.size.to_string())));
    }
    if !runbook.abort_when.is_empty() {
        add("abort_when", "/abort_when", "", listed(runbook.abort_when.iter().map(ToString::to_string)));
    }
    add("on_lost_criterion", "/on_lost_criterion", "", runbook.on_lost_criterion.word().to_owned());
    if let Some(window) = runbook.guards.once_per {
        add("once_per", "/guards/once_per", "", window.to_string());
        let store = runbook.guards.once_store.as_ref();
        let store = store.map_or_else(|| "{out}/calls.sqlite".to_owned(), |path| path.display().to_string());
        add("once_store", "/guards/once_store", "", store);
    }
    add("retry.token_attempts", "/retry/token_attempts", "", retry.token_attempts.to_string());
    let word = if has_key { retry.unknown.word() } else { "never (the profile has no idempotency key)" };
    add("retry.unknown", "/retry/unknown", "", word.to_owned());
    add("timeouts.connect", "/connection/timeouts/connect", "", timeouts.connect.to_string());
    add("timeouts.request", "/connection/timeouts/request", "", timeouts.request.to_string());
    add("timeouts.token", "/connection/timeouts/token", "", timeouts.token.to_string());
    let link = &runbook.connection.link;
    add("http", "/connection/http", "", link.http.to_string());
    add("keep_alive", "/connection/keep_alive", "", link.keep_alive.to_string());
    add("proxy", "/connection/proxy", "", super::link::proxy_in_effect(link));
    add("tls.min_version", "/connection/tls/min_version", "", link.tls.min_version.to_string());
    let file = |path: &Option<std::path::PathBuf>, none: &str| {
        path.as_ref().map_or_else(|| none.to_owned(), |path| path.display().to_string())
    };
    add("tls.ca", "/connection/tls/ca", "", file(&link.tls.ca, "the system's"));
    add("tls.client_cert", "/connection/tls/client_cert", "", file(&link.tls.client_cert, "none"));
    let hosts = link.allow_hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    add(
        "allow_hosts",
        "/connection/allow_hosts",
        "",
        if hosts.is_empty() { "as configured".to_owned() } else { hosts },
    );
    add("privacy.numbers", "/privacy/numbers", "", runbook.numbers.privacy().word().to_owned());
    add("audit.durability", "/audit/durability", "", runbook.audit.durability.word().to_owned());
    let key = runbook.audit.signing_key.as_ref().map_or("none", SecretSource::kind);
    add("audit.signing_key", "/audit/signing_key", "", key.to_owned());
    // Regions and kinds are as good as the tables that they come from.
    add("numbers", "/", "", crate::phone::metadata_version());
    settings.extend(asked(runbook, selection));
    settings
}

/// What the command line says of the plan.
fn asked(runbook: &Runbook, selection: &SelectionArgs) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, _) in &selection.set {
        // The value may be a number of a person; that it was overridden is what counts here.
        settings.push(Setting {
            name: format!("vars.{name}"),
            value: "(given)".to_owned(),
            source: SettingSource::Flag,
        });
    }
    if let Some(limit) = selection.limit {
        settings.push(Setting { name: "limit".to_owned(), value: limit.to_string(), source: SettingSource::Flag });
    }
    if !selection.only.is_empty() {
        let value = selection.only.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        settings.push(Setting { name: "only".to_owned(), value, source: SettingSource::Flag });
    }
    if let Some(rows) = &selection.rows {
        let value = rows.display().to_string();
        settings.push(Setting { name: rows::SETTING.to_owned(), value, source: SettingSource::Flag });
    }
    if let Some(reason) = selection.reason.as_deref().filter(|_| selection.resend_unknown) {
        let value = runbook.numbers.text(reason, MAX_REASON);
        settings.push(Setting { name: rows::RESEND.to_owned(), value, source: SettingSource::Flag });
    }
    settings
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
