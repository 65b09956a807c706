//! How requests travel: version of HTTP, TLS, proxy, the hosts that may be sent anything, how long connections are kept.

use super::{DurationSpec, SecretSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1 alone. One request has a connection to itself.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 where the server offers it in the TLS handshake (ALPN), else HTTP/1.1.
    #[serde(rename = "auto")]
    Auto,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// Whom to trust, and who we are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsSpec {
    /// A PEM file of authorities, in place of the system's.
    pub ca: Option<PathBuf>,
    /// A PEM file with our certificate and those between it and its authority.
    pub client_cert: Option<PathBuf>,
    /// Where its private key comes from.
    pub client_key: Option<SecretSource>,
    /// Older versions are refused.
    pub min_version: TlsVersion,
}

/// Through which proxy requests go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ProxySpec {
    /// Through none, whatever the environment says.
    #[default]
    None,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Env,
    /// Through this one.
    Url {
        /// Its URL, without credentials.
        url: String,
        /// Where the name of its user comes from.
        username: Option<SecretSource>,
        /// Where the password comes from.
        password: Option<SecretSource>,
    },
}

/// A host that may be sent requests: a name, or `*.` and a name for everything below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPattern(String);

impl HostPattern {
    /// How one is written.
    pub const PATTERN: &'static str = r"^(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9_])?$|^\[[0-9a-f:.]{2,45}\]$";

    /// As it is written. The schema has checked its form.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether a URL's host is one of these. A URL's host is in lower case already.
    pub fn fits(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self.0.strip_prefix("*.") {
            None => host == self.0,
            // An address is no name: nothing is below it.
            Some(_) if host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() => false,
            Some(domain) => host
                .strip_suffix(domain)
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Versions of HTTP.
    pub http: HttpVersion,
    /// Trust and identity.
    pub tls: TlsSpec,
    /// The proxy.
    pub proxy: ProxySpec,
    /// Hosts that may be sent anything; empty: those that the runbook and its profile name.
    pub allow_hosts: Vec<HostPattern>,
    /// How long an idle connection is kept; zero: a connection for each request.
    pub keep_alive: DurationSpec,
}

impl Link {
    /// Shorter than the idle time of any server that is known: load balancers wait 15 s or more, some servers 5 s. A
    /// request that meets a closing connection would be `unknown`.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(4);
}

impl Default for Link {
    fn default() -> Self {
        Self {
            http: HttpVersion::default(),
            tls: TlsSpec::default(),
            proxy: ProxySpec::default(),
            allow_hosts: Vec::new(),
            keep_alive: DurationSpec::from(Self::KEEP_ALIVE),
        }
    }
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "1.1",
            Self::Auto => "auto",
        })
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_fits_by_whole_labels() {
        let exact = HostPattern::new("api.example.com");
        let below = HostPattern::new("*.example.com");
        assert!(exact.fits("api.example.com") && exact.fits("api.example.com."));
        assert!(below.fits("api.example.com") && below.fits("a.b.example.com"));
        for stranger in ["example.com", "apiexample.com", "api.example.com.evil.test", ".example.com", "", "127.0.0.1"]
        {
            assert!(!exact.fits(stranger) && !below.fits(stranger), "{stranger}");
        }
        assert!(!HostPattern::new("*.0.0.1").fits("127.0.0.1"));
        assert!(HostPattern::new("127.0.0.1").fits("127.0.0.1"));
        assert!(HostPattern::new("[::1]").fits("[::1]"));
    }
}
