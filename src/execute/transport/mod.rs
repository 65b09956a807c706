//! HTTP: one call of this module is at most one request on the wire.
//!
//! The client's own retries and redirects are off, no proxy is taken that was not asked for, answers are bounded. What
//! happened is told by phase: not sent, no answer, answered. In doubt it is "no answer", never "not sent".
//!
//! One thing the client does by itself: a request that it was about to put on a kept connection, and of which it has
//! proof that it was not begun there (the connection had ended before), goes over another one. It is on the wire once.

mod address;
mod failure;
mod proxy;
mod response;
mod tls;

pub use proxy::{ProxyServer, ProxyUse};
pub(super) use response::{BodyEnd, Response};
pub use tls::{Authorities, Identity, certificates};

use super::error::ExecuteError;
use super::token_store::Access;
use crate::model::{
    DurationSpec, Evidence, HostPattern, HttpVersion, Link, Method, RequestSpec, Secret, Timeouts, TlsVersion,
};
use crate::profile::{Discovery, TokenRequest, Urls};
use address::Address;
use failure::Around;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::tls::Version;
use reqwest::{Client, RequestBuilder, StatusCode, Url};

/// Bytes of the head of an answer over HTTP/2 at most. Over HTTP/1.1 the client's own bound holds: 100 headers, 400 KiB.
const MAX_HEAD: u32 = 64 * 1024;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// Where requests go.
    pub urls: Urls,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Versions of HTTP.
    pub http: HttpVersion,
    /// How long an idle connection is kept; zero: a connection for each request.
    pub keep_alive: DurationSpec,
    /// Authorities in place of the system's.
    pub authorities: Option<Authorities>,
    /// Our certificate.
    pub identity: Option<Identity>,
    /// Older versions of TLS are refused.
    pub min_tls: TlsVersion,
    /// The proxy.
    pub proxy: ProxyUse,
    /// Hosts that may be sent anything; empty: all that `urls` names.
    pub allow_hosts: Vec<HostPattern>,
}

impl TransportSettings {
    /// HTTP/1.1 straight to hosts that the system trusts; connections are kept as long as is safe.
    pub fn new(urls: Urls, timeouts: Timeouts) -> Self {
        Self {
            urls,
            timeouts,
            http: HttpVersion::default(),
            keep_alive: DurationSpec::from(Link::KEEP_ALIVE),
            authorities: None,
            identity: None,
            min_tls: TlsVersion::default(),
            proxy: ProxyUse::default(),
            allow_hosts: Vec::new(),
        }
    }

    /// Nine tenths of a request's time at most. Were both to run out at once, it could not be told that a request had
    /// no connection yet, and what is proven not sent would be unknown.
    fn connect_limit(&self) -> DurationSpec {
        let Timeouts { connect, request, .. } = self.timeouts;
        connect.min(DurationSpec::from(request.get().mul_f64(0.9)))
    }
}

/// The HTTP client of a run.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
    /// For tokens: always HTTP/1.1. Token endpoints gain nothing from HTTP/2, and some (that of `CXone`) fail over it.
    tokens: Client,
    settings: TransportSettings,
    address: Address,
}

/// What came of sending a request.
#[derive(Debug)]
pub(super) enum Exchange {
    /// The request cannot be made from what it should hold: no attempt will change that.
    NotBuilt(String),
    /// Proven: the request did not reach a server that could act on it.
    NotSent(NotSent),
    /// The request may have reached the server.
    NoAnswer(Evidence, String),
    /// The server's status line arrived.
    Answered(Response),
}

/// Why a request was not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NotSent {
    pub(super) evidence: Evidence,
    pub(super) message: String,
    /// The next connection would fail in the same way.
    pub(super) stop: Option<Stop>,
}

/// What no further attempt will change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// We do not trust the server.
    ServerCertificate,
    /// The server does not trust us.
    ClientCertificate,
    /// The proxy does not know us.
    ProxyCredentials,
}

impl Transport {
    /// Makes the client.
    pub fn new(settings: TransportSettings) -> Result<Self, ExecuteError> {
        // A second call finds the provider of the first: both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = |http| {
            client(&settings, http).map_err(|error| ExecuteError::Client(failure::innermost(&error.without_url())))
        };
        let client = made(settings.http)?;
        let tokens = if settings.http == HttpVersion::Http1 { client.clone() } else { made(HttpVersion::Http1)? };
        Ok(Self { client, tokens, settings, address: Address::default() })
    }

    /// How a base URL in a token's answer is judged, when there is one to be found.
    pub(super) fn discovery(&self) -> Option<&Discovery> {
        self.settings.urls.discovery.as_ref()
    }

    /// Whether there is a base URL before any token.
    pub(super) fn has_base_url(&self) -> bool {
        self.settings.urls.base_url.is_some()
    }

    /// Every secret of its own that an answer could repeat.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        self.settings.proxy.secrets()
    }

    /// Whether a URL's host may be sent anything.
    pub(super) fn judge_host(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url).map_err(|error| format!("the URL cannot be built: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let allowed = &self.settings.allow_hosts;
        if allowed.is_empty() || allowed.iter().any(|pattern| pattern.fits(host)) {
            return Ok(url);
        }
        Err(format!("the host {host} is not among `connection.allow_hosts`: nothing is sent there"))
    }

    /// The URL of a request, whose host may be sent something.
    fn url(&self, base_url: &str, path: &str) -> Result<Url, String> {
        match self.address.url(base_url, path, |origin| self.judge_host(origin)) {
            Some(url) => Ok(url),
            None => self.judge_host(&format!("{base_url}{path}")),
        }
    }

    /// Sends a bridge request.
    pub(super) async fn bridge(&self, request: &RequestSpec, access: &Access) -> Exchange {
        let Some(base_url) = access.base_url.as_ref().or(self.settings.urls.base_url.as_ref()) else {
            return Exchange::NotBuilt("no base URL is known".to_owned());
        };
        let url = match self.url(base_url, &request.path) {
            Ok(url) => url,
            Err(reason) => return Exchange::NotBuilt(reason),
        };
        let method = match request.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        let limit = self.settings.timeouts.request;
        let mut builder = self.client.request(method, url);
        if let Some(header) = &access.header {
            let Some(value) = sensitive(&header.value) else {
                return Exchange::NotBuilt("the access token cannot stand in a header".to_owned());
            };
            builder = builder.header(&header.name, value);
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if request.body.is_empty() {
            // RFC 9110 section 8.6: a POST says that nothing follows; some gateways answer 411 without it.
            builder = builder.header(CONTENT_LENGTH, 0);
        }
        self.exchange(&self.client, builder.body(request.body.clone()), limit).await
    }

    /// Sends a read-only request.
    pub(super) async fn probe(&self, path: &str, access: &Access) -> Exchange {
        let Some(base_url) = access.base_url.as_ref().or(self.settings.urls.base_url.as_ref()) else {
            return Exchange::NotBuilt("no base URL is known".to_owned());
        };
        let url = match self.url(base_url, path) {
            Ok(url) => url,
            Err(reason) => return Exchange::NotBuilt(reason),
        };
        let mut builder = self.client.get(url);
        if let Some(header) = &access.header {
            let Some(value) = sensitive(&header.value) else {
                return Exchange::NotBuilt("the access token cannot stand in a header".to_owned());
            };
            builder = builder.header(&header.name, value);
        }
        let builder = builder.header(ACCEPT, "application/json");
        self.exchange(&self.client, builder, self.settings.timeouts.request).await
    }

    /// Sends a token request. It has no side effect, whatever happens to it.
    pub(super) async fn token(&self, request: TokenRequest) -> Exchange {
        let Some(url) = &self.settings.urls.token_url else {
            return Exchange::NotBuilt("no token endpoint is known".to_owned());
        };
        let url = match self.judge_host(url) {
            Ok(url) => url,
            Err(reason) => return Exchange::NotBuilt(reason),
        };
        let mut builder = self.tokens.post(url);
        if let Some(authorization) = &request.authorization {
            let Some(value) = sensitive(authorization) else {
                return Exchange::NotBuilt("the client's credentials cannot stand in a header".to_owned());
            };
            builder = builder.header(AUTHORIZATION, value);
        }
        builder = builder.header(ACCEPT, "application/json").header(CONTENT_TYPE, request.content_type);
        self.exchange(&self.tokens, builder.body(request.body.expose().clone()), self.settings.timeouts.token).await
    }

    async fn exchange(&self, client: &Client, request: RequestBuilder, limit: DurationSpec) -> Exchange {
        // Building is apart from sending: an error of the first kind proves that nothing left, one of the second by
        // itself does not.
        let request = match request.timeout(limit.get()).build() {
            Ok(request) => request,
            Err(error) => return Exchange::NotBuilt(failure::innermost(&error.without_url())),
        };
        let proxy = &self.settings.proxy;
        let by_proxy = proxy.is_some() && request.url().scheme() == "http";
        match client.execute(request).await {
            // RFC 9110 section 15.5.8: a 407 is a proxy's own. It has passed nothing on.
            Ok(answer) if by_proxy && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Exchange::NotSent(failure::proxy_wants_credentials(proxy.passes_on()))
            }
            Ok(answer) => Exchange::Answered(Response::read(answer).await),
            Err(error) => {
                let proxy = proxy.is_some().then(|| proxy.tunnels());
                failure::judge(error, &Around { connect: self.settings.connect_limit(), request: limit, proxy })
            }
        }
    }
}

fn client(settings: &TransportSettings, http: HttpVersion) -> reqwest::Result<Client> {
    let keep_alive = settings.keep_alive.get();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Takes the environment's out too.
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(settings.connect_limit().get())
        .pool_idle_timeout(keep_alive)
        .pool_max_idle_per_host(if keep_alive.is_zero() { 0 } else { usize::MAX })
        .http2_max_header_list_size(MAX_HEAD)
        .user_agent(concat!("bridgebook/", env!("CARGO_PKG_VERSION")))
        .tls_version_min(match settings.min_tls {
            TlsVersion::Tls12 => Version::TLS_1_2,
            TlsVersion::Tls13 => Version::TLS_1_3,
        });
    if http == HttpVersion::Http1 {
        builder = builder.http1_only();
    }
    if let Some(authorities) = &settings.authorities {
        builder = builder.tls_certs_only(authorities.for_client()?);
    }
    if let Some(identity) = &settings.identity {
        builder = builder.identity(identity.for_client()?);
    }
    for proxy in settings.proxy.proxies()? {
        builder = builder.proxy(proxy);
    }
    builder.build()
}

/// A header's value that the client never shows.
fn sensitive(value: &Secret<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
