//! The part of `connection:` that says how requests travel -> [`Link`].

use super::connection::secret;
use super::quantities::Quantities;
use crate::load::raw::{RawConnection, RawSecret, RawTls};
use crate::model::{Code, HostPattern, Link, Problem, ProxySpec, SecretSource, TlsSpec};
use serde_json::Value;

pub(super) fn link(raw: &RawConnection, quantities: &mut Quantities<'_>) -> Link {
    let seconds = Link::KEEP_ALIVE.as_secs();
    let keep_alive = quantities.get("/connection/keep_alive", raw.keep_alive.as_deref(), seconds);
    let problems = &mut *quantities.problems;
    Link {
        http: raw.http.unwrap_or_default(),
        tls: raw.tls.as_ref().map(|raw| tls(raw, problems)).unwrap_or_default(),
        proxy: raw.proxy.as_ref().map(|raw| proxy(&raw.0, problems)).unwrap_or_default(),
        allow_hosts: raw.allow_hosts.iter().flatten().flatten().map(|host| HostPattern::new(host)).collect(),
        keep_alive,
    }
}

fn tls(raw: &RawTls, problems: &mut Vec<Problem>) -> TlsSpec {
    let (cert, key) = (raw.client_cert.is_some(), raw.client_key.is_some());
    // A part that was refused is not missing.
    let refused = |key: &str| problems.iter().any(|problem| problem.pointer == format!("/connection/tls/{key}"));
    let lonely = match (cert, key) {
        (true, false) if !refused("client_key") => Some(("client_cert", "client_key", "certificate", "private key")),
        (false, true) if !refused("client_cert") => Some(("client_key", "client_cert", "private key", "certificate")),
        _ => None,
    };
    if let Some((given, wanted, this, other)) = lonely {
        let message = format!("a {this} without its {other} identifies nobody");
        problems.push(
            Problem::at(Code::Contradiction, format!("/connection/tls/{given}"), message)
                .help(format!("add `{wanted}:`, or remove this key"))
                .on_key(),
        );
    }
    let client_key = raw.client_key.as_ref().map(|raw| match raw.0.as_str() {
        // The key itself: it is not said again.
        Some(text) if text.contains("-----BEGIN") || text.contains('\n') => {
            let message = "`client_key` stands here in plain text";
            let help =
                "write its file, `{env: NAME}` or `{file: PATH}`; then change the key, since it has been written down";
            problems.push(Problem::at(Code::LiteralSecret, "/connection/tls/client_key", message).help(help));
            SecretSource::Env(String::new())
        }
        Some(file) => SecretSource::File(file.into()),
        None => member(&raw.0).unwrap_or_else(|| secret(&RawSecret::default())),
    });
    TlsSpec {
        ca: raw.ca.as_ref().map(Into::into),
        client_cert: raw.client_cert.as_ref().map(Into::into),
        client_key,
        min_version: raw.min_version.unwrap_or_default(),
    }
}

/// A secret's source inside a value that is read by hand.
fn member(value: &Value) -> Option<SecretSource> {
    serde_json::from_value::<RawSecret>(value.clone()).ok().as_ref().map(secret)
}

fn proxy(raw: &Value, problems: &mut Vec<Problem>) -> ProxySpec {
    let (url, pointer) = match raw {
        Value::String(word) if word == "none" => return ProxySpec::None,
        Value::String(word) if word == "env" => return ProxySpec::Env,
        Value::String(url) => (url.as_str(), "/connection/proxy"),
        // Without a URL it was refused already.
        _ => match raw.get("url").and_then(Value::as_str) {
            Some(url) => (url, "/connection/proxy/url"),
            None => return ProxySpec::None,
        },
    };
    // What stands there may be a password: it is not said again.
    if url.contains('@') {
        problems.push(
            Problem::at(Code::LiteralSecret, pointer, "the proxy's URL holds credentials in plain text").help(
                "write `proxy: {url: .., username: {env: NAME}, password: {env: NAME}}`; then change the password, since it \
                 has been written down",
            ),
        );
        return ProxySpec::None;
    }
    if let Err(error) = reqwest::Url::parse(url) {
        let message = format!("the proxy's URL is none: {error}");
        problems
            .push(Problem::at(Code::BadForm, pointer, message).help("write for example http://proxy.example.com:3128"));
    }
    let credential = |key: &str| raw.get(key).and_then(member);
    let (username, password) = (credential("username"), credential("password"));
    if username.is_none() && password.is_some() {
        problems.push(
            Problem::at(Code::Contradiction, "/connection/proxy/password", "a password without a user")
                .help("add `username:`")
                .on_key(),
        );
    }
    ProxySpec::Url { url: url.trim_end_matches('/').to_owned(), username, password }
}

/// What to say about a proxy that is none. A password may stand there: the text is not said again.
pub(super) fn explain_proxy() -> (String, String) {
    let message = "this is no proxy: `none`, `env`, or a URL of scheme, host and port";
    (message.to_owned(), "write for example http://proxy.example.com:3128".to_owned())
}

/// What to say about a host that is none.
pub(super) fn explain_host(text: &str) -> (String, String) {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = bare.rsplit_once(':').map_or(bare, |(host, port)| if port.parse::<u16>().is_ok() { host } else { bare });
    let near = bare.to_lowercase();
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let help = if near.is_empty() || !near.chars().all(sound) {
        "write for example api.example.com, or *.example.com for everything below it".to_owned()
    } else {
        format!("write `{near}`")
    };
    (
        format!(
            "{:?} is not a host: a name in small letters, without scheme and port",
            crate::model::printable(text, 60)
        ),
        help,
    )
}
