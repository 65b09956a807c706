//! The proxy in effect: what was configured or stands in the environment, with its credentials kept apart.

use crate::model::Secret;
use percent_encoding::percent_decode_str;
use reqwest::{NoProxy, Proxy, Url};
use std::fmt;

/// One proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyServer {
    url: String,
    credentials: Option<(Secret<String>, Secret<String>)>,
}

impl ProxyServer {
    /// A proxy by its URL, which may hold credentials where it comes from the environment. `Err` says what is wrong with
    /// it, and never repeats it.
    pub fn new(text: &str) -> Result<Self, String> {
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&full).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("is not an http or https proxy; others are not supported".to_owned());
        }
        let decoded = |text: &str| Secret::new(percent_decode_str(text).decode_utf8_lossy().into_owned());
        let credentials = (!url.username().is_empty())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        // Neither fails for a URL with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), credentials })
    }

    /// The same with a user.
    #[must_use]
    pub fn with_credentials(self, username: Secret<String>, password: Secret<String>) -> Self {
        Self { credentials: Some((username, password)), ..self }
    }
}

/// Which proxy serves which requests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProxyUse {
    https: Option<ProxyServer>,
    http: Option<ProxyServer>,
    /// Hosts that are asked directly, as `NO_PROXY` lists them.
    except: Option<String>,
}

impl ProxyUse {
    /// One proxy for all.
    pub fn all(server: ProxyServer) -> Self {
        Self { https: Some(server.clone()), http: Some(server), except: None }
    }

    /// As the environment says; `variable` reads one of its variables. Names in small letters win, as with curl.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let read = |name: &str| {
            let both = [name.to_lowercase(), name.to_owned()];
            both.into_iter().find_map(|name| variable(&name).filter(|text| !text.is_empty()).map(|text| (name, text)))
        };
        let server = |name: &str| {
            let found = read(name).or_else(|| read("ALL_PROXY"));
            let parse =
                |(name, text): (String, String)| ProxyServer::new(&text).map_err(|error| format!("{name} {error}"));
            found.map(parse).transpose()
        };
        let (https, http) = (server("HTTPS_PROXY")?, server("HTTP_PROXY")?);
        let except = read("NO_PROXY").map(|(_, text)| text).filter(|_| https.is_some() || http.is_some());
        Ok(Self { https, http, except })
    }

    /// The proxies for the client.
    pub(super) fn proxies(&self) -> reqwest::Result<Vec<Proxy>> {
        let except = self.except.as_deref().and_then(NoProxy::from_string);
        let mut proxies = Vec::new();
        for (server, secure) in [(&self.https, true), (&self.http, false)] {
            let Some(server) = server else { continue };
            let url = server.url.as_str();
            let mut proxy = if secure { Proxy::https(url) } else { Proxy::http(url) }?.no_proxy(except.clone());
            if let Some((username, password)) = &server.credentials {
                proxy = proxy.basic_auth(username.expose(), password.expose());
            }
            proxies.push(proxy);
        }
        Ok(proxies)
    }

    /// The proxy that makes tunnels, for messages.
    pub(super) fn tunnels(&self) -> &str {
        self.https.as_ref().map_or("the proxy", |server| server.url.as_str())
    }

    /// The proxy that passes plain requests on, for messages.
    pub(super) fn passes_on(&self) -> &str {
        self.http.as_ref().map_or("the proxy", |server| server.url.as_str())
    }

    /// Whether there is any.
    pub(super) fn is_some(&self) -> bool {
        self.https.is_some() || self.http.is_some()
    }

    /// Every secret that it is sent.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        [&self.https, &self.http].into_iter().flatten().filter_map(|server| Some(&server.credentials.as_ref()?.1))
    }
}

/// Without credentials.
impl fmt::Display for ProxyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.https, &self.http) {
            (None, None) => f.write_str("none"),
            (Some(https), Some(http)) if https.url == http.url => f.write_str(&https.url),
            (https, http) => {
                let of = |scheme: &str, server: &Option<ProxyServer>| {
                    format!("{scheme}: {}", server.as_ref().map_or("none", |server| server.url.as_str()))
                };
                write!(f, "{}, {}", of("https", https), of("http", http))
            }
        }?;
        match &self.except {
            None => Ok(()),
            Some(except) => write!(f, ", except {except}"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<ProxyUse, String> {
        ProxyUse::from_env(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_read_as_other_programs_read_it() {
        for (variables, shown) in [
            (&[][..], "none"),
            (&[("NO_PROXY", "example.com")], "none"),
            (&[("HTTPS_PROXY", "http://p.example.com:3128")], "https: http://p.example.com:3128, http: none"),
            (&[("ALL_PROXY", "p.example.com:3128")], "http://p.example.com:3128"),
            (&[("ALL_PROXY", "p.example.com"), ("http_proxy", "")], "http://p.example.com"),
            (
                &[("HTTPS_PROXY", "http://a.example.com"), ("https_proxy", "http://b.example.com"), ("no_proxy", "x")],
                "https: http://b.example.com, http: none, except x",
            ),
            (&[("ALL_PROXY", "http://user:p%40ss@p.example.com:3128/")], "http://p.example.com:3128"),
        ] {
            assert_eq!(of(variables).unwrap().to_string(), shown, "{variables:?}");
        }
        let all = of(&[("ALL_PROXY", "http://user:p%40ss@p.example.com:3128")]).unwrap();
        assert_eq!(all.secrets().map(Secret::expose).collect::<Vec<_>>(), ["p@ss", "p@ss"]);
        for bad in ["socks5://p.example.com", "http://", "http://user:hidden@"] {
            let error = of(&[("ALL_PROXY", bad)]).unwrap_err();
            assert!(error.starts_with("ALL_PROXY is not") && !error.contains("hidden"), "{error}");
        }
    }
}
