//! `connection.tls`, `proxy` and `allow_hosts`: files and environment read, and what is wrong with them.

use super::exit::Exit;
use super::failure::Failure;
use super::secrets;
use crate::execute::{Authorities, Identity, ProxyServer, ProxyUse, TransportSettings, certificates};
use crate::model::{Code, Link, Problem, ProxySpec, Runbook, Secret};
use crate::profile::{Profile, Urls};
use reqwest::Url;
use std::io::Read;
use std::path::Path;

/// Bytes of a PEM file at most; the authorities of a whole system are a quarter of it.
const MAX_PEM: u64 = 1024 * 1024;

/// What is wrong with the files that `tls` names, and with the hosts.
pub(super) fn problems(runbook: &Runbook, profile: Option<&Profile>) -> Vec<Problem> {
    let (base, tls) = (runbook.texts.base(), &runbook.connection.link.tls);
    let mut problems = Vec::new();
    let mut file = |key: &str, path: &Path, read: &dyn Fn(&[u8]) -> Result<(), String>| {
        if let Err(reason) = pem(&base.join(path)).and_then(|bytes| read(&bytes)) {
            let message = format!("{} cannot be used: {reason}", path.display());
            problems.push(
                Problem::at(Code::TlsUnusable, format!("/connection/tls/{key}"), message)
                    .help("name a PEM file, relative to the runbook"),
            );
        }
    };
    if let Some(path) = &tls.ca {
        file("ca", path, &|bytes| Authorities::from_pem(bytes).map(drop));
    }
    if let Some(path) = &tls.client_cert {
        file("client_cert", path, &|bytes| certificates(bytes).map(drop));
    }
    if let Some(profile) = profile {
        problems.extend(strangers(runbook, profile));
    }
    problems
}

/// URLs of the runbook, or of its profile, whose hosts `allow_hosts` does not have.
fn strangers(runbook: &Runbook, profile: &Profile) -> Vec<Problem> {
    let (endpoints, link) = (&runbook.connection.endpoints, &runbook.connection.link);
    if link.allow_hosts.is_empty() {
        return Vec::new();
    }
    // What is wrong with the URLs themselves has been said.
    let Ok(urls) = profile.urls(endpoints) else { return Vec::new() };
    let given = [
        ("base_url", endpoints.base_url.is_some(), urls.base_url),
        ("token_url", endpoints.token_url.is_some(), urls.token_url),
    ];
    let mut problems: Vec<Problem> = Vec::new();
    for (key, written, url) in given {
        let host = url.and_then(|url| Some(Url::parse(&url).ok()?.host_str()?.to_owned()));
        let Some(host) = host.filter(|host| !link.allow_hosts.iter().any(|pattern| pattern.fits(host))) else {
            continue;
        };
        let pointer = if written { format!("/connection/{key}") } else { "/connection/allow_hosts".to_owned() };
        // The token URL of a base URL that is no better.
        if problems.iter().any(|problem| problem.message.contains(&format!(" {host} "))) {
            continue;
        }
        let message = format!("the host {host} is not among `allow_hosts`, so nothing could be sent there");
        problems
            .push(Problem::at(Code::HostNotAllowed, pointer, message).help(format!("add `{host}` to `allow_hosts`")));
    }
    problems
}

/// The proxy in effect, without credentials: for plan and audit file.
pub(super) fn proxy_in_effect(link: &Link) -> String {
    match &link.proxy {
        ProxySpec::None => "none".to_owned(),
        ProxySpec::Url { url, .. } => url.clone(),
        ProxySpec::Env => ProxyUse::from_env(variable).map_or_else(|error| error, |proxy| proxy.to_string()),
    }
}

/// All that the client needs. In the sandbox everything is on this machine: no proxy, no certificate, no secret.
pub(super) fn settings(runbook: &Runbook, urls: &Urls, sandbox: bool) -> Result<TransportSettings, Failure> {
    if sandbox { Ok(plain(runbook, urls)) } else { settings_at(runbook, runbook.texts.base(), urls) }
}

fn plain(runbook: &Runbook, urls: &Urls) -> TransportSettings {
    let link = &runbook.connection.link;
    TransportSettings {
        http: link.http,
        keep_alive: link.keep_alive,
        ..TransportSettings::new(urls.clone(), runbook.connection.timeouts)
    }
}

/// The same for a runbook whose files stand below `base`.
pub(super) fn settings_at(runbook: &Runbook, base: &Path, urls: &Urls) -> Result<TransportSettings, Failure> {
    let link = &runbook.connection.link;
    let mut settings = plain(runbook, urls);
    settings.min_tls = link.tls.min_version;
    let misconfigured = |words: String| Failure::new(Exit::Configuration, words);
    let read = |path: &Path| {
        pem(&base.join(path)).map_err(|reason| misconfigured(format!("{} cannot be used: {reason}", path.display())))
    };
    if let Some(path) = &link.tls.ca {
        let authorities = Authorities::from_pem(&read(path)?).map_err(misconfigured)?;
        settings.authorities = Some(authorities);
    }
    if let (Some(path), Some(source)) = (&link.tls.client_cert, &link.tls.client_key) {
        let key = secrets::pem(source, "client_key", base)?;
        let identity = Identity::from_pem(&read(path)?, &key);
        settings.identity =
            Some(identity.map_err(|reason| misconfigured(format!("client_cert and client_key: {reason}")))?);
    }
    settings.proxy = match &link.proxy {
        ProxySpec::None => ProxyUse::default(),
        ProxySpec::Env => ProxyUse::from_env(variable).map_err(misconfigured)?,
        ProxySpec::Url { url, username, password } => {
            let server = ProxyServer::new(url).map_err(|reason| misconfigured(format!("connection.proxy {reason}")))?;
            let credential = |source: &Option<_>, what: &str| {
                source.as_ref().map(|source| secrets::read(source, what, base)).transpose()
            };
            let (username, password) =
                (credential(username, "proxy.username")?, credential(password, "proxy.password")?);
            ProxyUse::all(match username {
                None => server,
                Some(username) => {
                    server.with_credentials(username, password.unwrap_or_else(|| Secret::new(String::new())))
                }
            })
        }
    };
    settings.allow_hosts.clone_from(&link.allow_hosts);
    Ok(settings)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn pem(path: &Path) -> Result<Vec<u8>, String> {
    let words = |error: std::io::Error| error.to_string();
    if !std::fs::metadata(path).map_err(words)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(words)?.take(MAX_PEM + 1).read_to_end(&mut bytes).map_err(words)?;
    if bytes.len() as u64 > MAX_PEM {
        return Err("it is larger than 1 MiB".to_owned());
    }
    Ok(bytes)
}
