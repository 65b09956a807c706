//! `bridgebook auth check`: would a run be let in? Asks for a token and for nothing else.

use super::args::{AuthArgs, Format, OutputArgs, PaceArgs, SelectionArgs, StrictnessArgs};
use super::check::{self, Manner};
use super::exit::Exit;
use super::failure::Failure;
use super::{link, print, secrets};
use crate::event::LifetimeSource;
use crate::execute::{GrantedToken, NoToken, Transport, check_token};
use crate::model::{Credentials, Problem, Runbook};
use crate::profile::{Profile, Urls};
use serde_json::json;
use std::fmt::Write;

/// The command.
pub(super) fn check(args: &AuthArgs, output: OutputArgs) -> Result<u8, Failure> {
    let selection = SelectionArgs { set: args.set.clone(), vars: args.vars.clone(), ..SelectionArgs::default() };
    let manner = Manner { format: args.format, output, strictness: StrictnessArgs::default() };
    let sound = match check::open(&args.runbook, &selection, &PaceArgs::default(), manner)? {
        Ok(sound) => sound,
        Err(exit) => return Ok(exit.code()),
    };
    let (runbook, profile) = (&sound.runbook, &sound.profile);
    let urls = urls(runbook, profile)?;
    let credentials = secrets::credentials(runbook)?;
    let misconfigured = |words: String| Failure::new(Exit::Configuration, words);
    profile.standing_header(&credentials).map_err(misconfigured)?;
    let granted = if profile.asks_for_token() { Some(ask(runbook, profile, &urls, &credentials)?) } else { None };
    if let Some(missing) = granted.as_ref().map(|token| &token.missing_scopes).filter(|missing| !missing.is_empty()) {
        print::note(&format!(
            "warning: the token has fewer scopes than were asked for: {} missing\n  = help: let the vendor grant them \
             to the client, or ask for less in the profile\n",
            missing.join(" ")
        ));
    }
    match args.format {
        Format::Json => print::json(&document(profile, &urls, granted.as_ref()))?,
        Format::Human => print::text(&words(profile, &urls, granted.as_ref()))?,
    };
    Ok(Exit::Success.code())
}

/// Where a runbook's requests go.
pub(super) fn urls(runbook: &Runbook, profile: &Profile) -> Result<Urls, Failure> {
    profile.urls(&runbook.connection.endpoints).map_err(|problems: Vec<Problem>| {
        let words = problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ");
        Failure::new(Exit::Configuration, words)
    })
}

fn ask(runbook: &Runbook, profile: &Profile, urls: &Urls, credentials: &Credentials) -> Result<GrantedToken, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, error);
    let settings = link::settings(runbook, urls, false)?;
    let transport = Transport::new(settings).map_err(|error| internal(&error))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| internal(&error))?;
    runtime.block_on(check_token(&transport, credentials, profile)).map_err(|error| no_token(urls, error))
}

/// Why there is no token, with its exit code.
pub(super) fn no_token(urls: &Urls, error: NoToken) -> Failure {
    let (exit, words, help) = match error {
        NoToken::Unreachable(words) => {
            (Exit::Unreachable, words, "check the token URL, the network and the vendor's state")
        }
        NoToken::Refused(words) => (Exit::Credentials, words, "check client id, secret and scopes with the vendor"),
        NoToken::Misconfigured(words) => (Exit::Configuration, words, "check the token URL"),
    };
    let place = urls.token_url.as_deref().map(|url| format!(" from {url}")).unwrap_or_default();
    Failure::new(exit, format!("no access token{place}: {words}")).help(help)
}

/// Where a request goes: as configured, or as the token says.
fn base_url<'a>(urls: &'a Urls, granted: Option<&'a GrantedToken>) -> Option<&'a str> {
    granted.and_then(|token| token.base_url.as_deref()).or(urls.base_url.as_deref())
}

fn document(profile: &Profile, urls: &Urls, granted: Option<&GrantedToken>) -> serde_json::Value {
    json!({
        "ok": true,
        "profile": profile.name(),
        "token_url": urls.token_url,
        "base_url": base_url(urls, granted),
        "token": granted.map(|token| json!({
            "lifetime_s": token.lifetime.as_secs(),
            "lifetime_from": token.lifetime_from,
            "latency_ms": u64::try_from(token.took.as_millis()).unwrap_or(u64::MAX),
            "scopes": {"asked": profile.scopes(), "granted": token.scopes, "missing": token.missing_scopes},
        })),
    })
}

fn words(profile: &Profile, urls: &Urls, granted: Option<&GrantedToken>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("profile", profile.name());
    match granted {
        None => line("token", "the profile asks no token endpoint; the header that it sends can be made"),
        Some(token) => {
            line("token url", urls.token_url.as_deref().unwrap_or_default());
            let whence = match token.lifetime_from {
                LifetimeSource::Answer => "as the answer says",
                LifetimeSource::Profile => "as the profile says; the answer does not",
                LifetimeSource::Token => "as the token itself says; the answer does not",
                LifetimeSource::Assumed => "assumed: nobody says how long it lives",
            };
            let took = token.took.as_millis();
            line("token", &format!("granted in {took} ms, lives {} s ({whence})", token.lifetime.as_secs()));
            line("asked", &list(profile.scopes()));
            line("granted", &token.scopes.as_ref().map_or_else(|| "as asked".to_owned(), |scopes| list(scopes)));
            if !token.missing_scopes.is_empty() {
                line("MISSING", &list(&token.missing_scopes));
            }
        }
    }
    line("sent to", base_url(urls, granted).unwrap_or("unknown: the token's answer names no base URL"));
    text
}

fn list(scopes: &[String]) -> String {
    if scopes.is_empty() {
        "no scopes".to_owned()
    } else {
        crate::model::printable(&scopes.join(" "), 300).into_owned()
    }
}
