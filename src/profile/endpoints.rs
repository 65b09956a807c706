//! Where an API is: the profile's URLs, a runbook's own ones over them, and the one that a token's answer may name.

use super::auth::Authorization;
use super::compile::problem;
use super::spec::EndpointsSpec;
use crate::model::{Code, Endpoints, Problem, is_loopback_host};
use crate::template::{Engine, Scope, Template};
use handlebars::Context;
use reqwest::Url;
use serde_json::json;

/// Longest base URL that is taken from an answer, in bytes: it is written into the audit file.
const MAX_URL: usize = 1024;
/// Names in scope of a URL's template.
const NAMES: &str = "connection.region";

/// `endpoints:` of a profile, compiled.
#[derive(Debug)]
pub(super) struct EndpointRules {
    engine: Engine,
    base_url: Option<Template>,
    token_path: Option<String>,
    token_url: Option<Template>,
    discovery: Option<(String, Vec<String>)>,
}

/// Where a run sends its requests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Urls {
    /// In front of every path; `None`: the token's answer names it.
    pub base_url: Option<String>,
    /// The token endpoint; `None`: there is none.
    pub token_url: Option<String>,
    /// How a base URL in the token's answer is judged, when there is no other.
    pub discovery: Option<Discovery>,
}

/// A base URL that the token's answer names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Discovery {
    /// Where it stands in the answer, as a JSON pointer.
    pub pointer: String,
    hosts: Vec<String>,
    allow_plain_http: bool,
}

impl Discovery {
    /// The base URL, if the token may be sent there.
    pub fn judge(&self, text: &str) -> Result<String, String> {
        if text.len() > MAX_URL {
            return Err("the token's answer names a base URL that is too long".to_owned());
        }
        let url = Url::parse(text).map_err(|error| format!("the token's answer names no base URL: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let below = |allowed: &String| {
            host == allowed || host.strip_suffix(allowed.as_str()).is_some_and(|front| front.ends_with('.'))
        };
        // A suffix of an IP address is no domain.
        let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
        let allowed =
            if is_address { self.hosts.iter().any(|allowed| allowed == host) } else { self.hosts.iter().any(below) };
        if !allowed {
            return Err(format!("the token's answer names the host {host}, which the profile does not allow"));
        }
        let plain = url.scheme() == "http" && (self.allow_plain_http || is_loopback_host(host));
        if url.scheme() != "https" && !plain {
            return Err("the token's answer names a base URL that is not https".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("the token's answer names a base URL with more than host and path".to_owned());
        }
        Ok(text.trim_end_matches('/').to_owned())
    }
}

impl EndpointRules {
    pub(super) fn compile(spec: EndpointsSpec, auth: Option<&Authorization>, problems: &mut Vec<Problem>) -> Self {
        let mut engine = Engine::default();
        let base_url = url(&mut engine, "base_url", spec.base_url.as_deref(), problems);
        let token_url = url(&mut engine, "token_url", spec.token_url.as_deref(), problems);
        let mut refuse = |key: &str, message: &str, help: &str| {
            let at = format!("/endpoints/{key}");
            problems.push(Problem::at(Code::ProfileContradiction, at, message).help(help).on_key());
        };
        let token_keys = [
            ("token_path", spec.token_path.is_some()),
            ("token_url", spec.token_url.is_some()),
            ("base_url_from_token", spec.base_url_from_token.is_some()),
        ];
        if let Some(auth) = auth.filter(|auth| !auth.asks()) {
            for (key, _) in token_keys.iter().filter(|(_, given)| *given) {
                let message = format!("the grant `{}` asks no token endpoint", auth.grant());
                refuse(key, &message, "remove this key, or choose another grant");
            }
        } else if spec.token_path.is_some() && spec.token_url.is_some() {
            refuse("token_path", "the token endpoint has two addresses", "keep `token_path` or `token_url`");
        }
        let hosts: Vec<String> = spec.allowed_hosts.iter().flatten().flatten().cloned().collect();
        match (&spec.base_url_from_token, hosts.is_empty()) {
            (Some(_), true) => refuse(
                "base_url_from_token",
                "whoever answers at the token endpoint could name any host, and would be sent the token",
                "add `allowed_hosts:` with the vendor's domains",
            ),
            (None, false) => refuse(
                "allowed_hosts",
                "`allowed_hosts` goes with `base_url_from_token`",
                "remove it, or add `base_url_from_token`",
            ),
            _ => {}
        }
        let discovery = spec.base_url_from_token.map(|pointer| (pointer, hosts));
        Self { engine, base_url, token_path: spec.token_path, token_url, discovery }
    }

    /// Whether a region makes any difference.
    fn reads_region(&self) -> bool {
        [&self.base_url, &self.token_url].into_iter().flatten().any(|template| !template.is_constant())
    }

    /// The URLs for a connection, and what its runbook says too much or too little.
    pub(super) fn resolve(&self, given: &Endpoints, asks: bool) -> Result<Urls, Vec<Problem>> {
        let mut problems = Vec::new();
        let contradiction =
            |message: &str, help: &str| Problem::at(Code::Contradiction, "/connection", message).help(help).on_key();
        if given.region.is_some() && !self.reads_region() {
            let message = "the profile has no URLs for regions";
            let help = if self.base_url.is_some() { "remove it" } else { "write `base_url` in place of `region`" };
            problems.push(Problem::at(Code::UnusedEndpoint, "/connection/region", message).help(help).on_key());
        }
        if given.token_url.is_some() && !asks {
            let message = "the profile asks no token endpoint";
            problems
                .push(Problem::at(Code::UnusedEndpoint, "/connection/token_url", message).help("remove it").on_key());
        }
        let own_base = self.base_url.as_ref().filter(|_| given.base_url.is_none());
        if own_base.is_some_and(|template| !template.is_constant()) && given.region.is_none() {
            let message = "`connection` says neither `region` nor `base_url`";
            problems.push(contradiction(message, "add `region: mynicecx` or `base_url: https://api.example.com`"));
        }
        if given.base_url.is_none() && self.base_url.is_none() && self.discovery.is_none() && problems.is_empty() {
            let message = "`connection` says no `base_url`, and its profile has none";
            problems.push(contradiction(message, "add `base_url: https://api.example.com`"));
        }
        let own_token = self.token_url.as_ref().filter(|_| asks && given.token_url.is_none());
        if own_token.is_some_and(|template| !template.is_constant()) && given.region.is_none() && problems.is_empty() {
            let message = "the profile's token URL needs a `region`";
            problems.push(contradiction(message, "add `token_url: https://login.example.com/oauth/token`"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut fill = |template: &Template| self.fill(template, given, &mut problems);
        let base_url = given.base_url.clone().or_else(|| fill(self.base_url.as_ref()?));
        let below_base = || Some(format!("{}{}", base_url.as_deref()?, self.token_path.as_deref()?));
        let token_url = given.token_url.clone().or_else(|| fill(self.token_url.as_ref()?)).or_else(below_base);
        if asks && token_url.is_none() && problems.is_empty() {
            let message = "`connection` says no `token_url`, and its profile has none";
            problems.push(contradiction(message, "add `token_url: https://login.example.com/oauth/token`"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let discovery = self.discovery.as_ref().filter(|_| given.base_url.is_none()).map(|(pointer, hosts)| {
            let configured = base_url.as_deref().and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned));
            let hosts = hosts.iter().cloned().chain(configured).collect();
            Discovery { pointer: pointer.clone(), hosts, allow_plain_http: given.allow_plain_http }
        });
        Ok(Urls { base_url, token_url: token_url.filter(|_| asks), discovery })
    }

    /// A URL of the profile for this connection.
    fn fill(&self, template: &Template, given: &Endpoints, problems: &mut Vec<Problem>) -> Option<String> {
        let values = Context::from(json!({"connection": {"region": given.region}}));
        let text = self.engine.render(template, &values).ok()?.as_str()?.trim_end_matches('/').to_owned();
        let at = "/connection/profile";
        let url = match checked(&text) {
            Ok(url) => url,
            Err(reason) => {
                let message = format!("the profile's URL {text} {reason}");
                problems.push(Problem::at(Code::BadProfileUrl, at, message).help("correct the region or the profile"));
                return None;
            }
        };
        if url.scheme() == "http" && !given.allow_plain_http && !url.host_str().is_some_and(is_loopback_host) {
            let message = "the profile's URL is plain http: token and numbers would show to everybody on the way";
            problems.push(
                Problem::at(Code::PlainHttp, at, message)
                    .help("write https: there, or allow it with `allow_plain_http: true`"),
            );
        }
        Some(text)
    }
}

/// Compiles a URL's template, and tries it with a region.
fn url(engine: &mut Engine, key: &str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Template> {
    let at = format!("/endpoints/{key}");
    let scope = Scope::default().closed("connection", ["region"]);
    let template = match engine.compile(text?, &scope) {
        Ok(template) => template,
        Err(error) => {
            problems.push(problem(&at, error, NAMES));
            return None;
        }
    };
    let values = Context::from(json!({"connection": {"region": "region"}}));
    let sample = engine.render(&template, &values).ok().and_then(|url| url.as_str().map(str::to_owned));
    if let Err(reason) = checked(&sample.unwrap_or_default()) {
        let message = format!("this URL {reason}");
        problems
            .push(Problem::at(Code::BadProfileUrl, at, message).help("write for example https://api.example.com/v2"));
    }
    Some(template)
}

/// An absolute http URL of host and path.
fn checked(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is none: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("is not http or https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("holds more than host and path".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_allowed_hosts_only() {
        let hosts = ["example.com".to_owned(), "127.0.0.1".to_owned()].to_vec();
        let discovery = Discovery { pointer: "/base".to_owned(), hosts, allow_plain_http: false };
        for good in
            ["https://example.com", "https://api-c31.example.com/x", "http://127.0.0.1:8080", "https://EXAMPLE.com"]
        {
            assert!(discovery.judge(good).is_ok(), "{good}: {:?}", discovery.judge(good));
        }
        for bad in [
            "https://badexample.com",
            "https://example.com.evil.test",
            "https://example.com@evil.test",
            "https://evil.test/example.com",
            "https://evil.test#.example.com",
            "https://1.127.0.0.1",
            "http://api.example.com",
            "ftp://example.com",
            "https://user@example.com",
            "https://example.com/?a=b",
            "example.com",
            "",
        ] {
            assert!(discovery.judge(bad).is_err(), "{bad}");
        }
    }
}
