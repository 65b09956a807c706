//! HTTP: one call of this module is at most one request on the wire.
//!
//! The client's own retries and redirects are off, no proxy is taken from the environment, answers are bounded. What
//! happened is told by phase: not sent, no answer, answered. In doubt it is "no answer", never "not sent".

use super::challenge::{self, TokenFault};
use super::error::ExecuteError;
use super::token_store::Access;
use crate::model::{Evidence, Method, RequestSpec, Secret, Timeouts};
use crate::profile::{Answers, Discovery, TokenRequest, Urls};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Client, RequestBuilder, Url};
use std::time::Duration;

/// Bytes of an answer's body that are read. The rest cannot change an outcome.
const MAX_BODY: usize = 64 * 1024;
/// Idle connections are closed after this, before a server does it: load balancers wait 15 s or more, some servers 5 s.
/// A request that meets a closing connection would be `unknown`.
const IDLE: Duration = Duration::from_secs(4);

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// Where requests go.
    pub urls: Urls,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// The HTTP client of a run.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
    settings: TransportSettings,
}

/// What came of sending a request.
#[derive(Debug)]
pub(super) enum Exchange {
    /// The request cannot be made from what it should hold: no attempt will change that.
    NotBuilt(String),
    /// Proven: no byte of the request left.
    NotSent(String),
    /// The request may have reached the server.
    NoAnswer(Evidence, String),
    /// The server's status line arrived.
    Answered(Response),
}

/// An answer, bounded.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// False when the body was cut, too slow or longer than the bound.
    pub(super) complete: bool,
}

impl Response {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What its challenges say about the token.
    pub(super) fn token_fault(&self) -> Option<TokenFault> {
        let challenges = self.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        challenge::token_fault(challenges)
    }

    /// Retry-After, read against the answer's Date.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        super::retry::retry_after(self.header(RETRY_AFTER.as_str())?, self.header(DATE.as_str()))
    }

    /// The wait that the answer asks for in a header of the profile's choice.
    pub(super) fn wait(&self, answers: &Answers) -> Option<Duration> {
        let date = self.header(DATE.as_str());
        answers.wait_headers().find_map(|(name, unit)| super::retry::wait(self.header(name)?, unit, date))
    }
}

impl Transport {
    /// Makes the client.
    pub fn new(settings: TransportSettings) -> Result<Self, ExecuteError> {
        // A second call finds the provider of the first: both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(settings.timeouts.connect.get())
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("bridgebook/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ExecuteError::Client(words(error)))?;
        Ok(Self { client, settings })
    }

    /// How a base URL in a token's answer is judged, when there is one to be found.
    pub(super) fn discovery(&self) -> Option<&Discovery> {
        self.settings.urls.discovery.as_ref()
    }

    /// Whether there is a base URL before any token.
    pub(super) fn has_base_url(&self) -> bool {
        self.settings.urls.base_url.is_some()
    }

    /// Sends a bridge request.
    pub(super) async fn bridge(&self, request: RequestSpec, access: &Access) -> Exchange {
        let Some(base_url) = access.base_url.as_ref().or(self.settings.urls.base_url.as_ref()) else {
            return Exchange::NotBuilt("no base URL is known".to_owned());
        };
        let url = match Url::parse(&format!("{base_url}{}", request.path)) {
            Ok(url) => url,
            Err(error) => return Exchange::NotBuilt(format!("the URL cannot be built: {error}")),
        };
        let method = match request.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        let mut builder = self.client.request(method, url).timeout(self.settings.timeouts.request.get());
        if let Some(header) = &access.header {
            let Some(value) = sensitive(&header.value) else {
                return Exchange::NotBuilt("the access token cannot stand in a header".to_owned());
            };
            builder = builder.header(&header.name, value);
        }
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if request.body.is_empty() {
            // RFC 9110 section 8.6: a POST says that nothing follows; some gateways answer 411 without it.
            builder = builder.header(CONTENT_LENGTH, 0);
        }
        self.exchange(builder.body(request.body)).await
    }

    /// Sends a read-only request.
    pub(super) async fn probe(&self, path: &str, access: &Access) -> Exchange {
        let Some(base_url) = access.base_url.as_ref().or(self.settings.urls.base_url.as_ref()) else {
            return Exchange::NotBuilt("no base URL is known".to_owned());
        };
        let url = match Url::parse(&format!("{base_url}{path}")) {
            Ok(url) => url,
            Err(error) => return Exchange::NotBuilt(format!("the URL cannot be built: {error}")),
        };
        let mut builder = self.client.get(url).timeout(self.settings.timeouts.request.get());
        if let Some(header) = &access.header {
            let Some(value) = sensitive(&header.value) else {
                return Exchange::NotBuilt("the access token cannot stand in a header".to_owned());
            };
            builder = builder.header(&header.name, value);
        }
        self.exchange(builder.header(ACCEPT, "application/json")).await
    }

    /// Sends a token request. It has no side effect, whatever happens to it.
    pub(super) async fn token(&self, request: TokenRequest) -> Exchange {
        let Some(url) = &self.settings.urls.token_url else {
            return Exchange::NotBuilt("no token endpoint is known".to_owned());
        };
        let mut builder = self.client.post(url).timeout(self.settings.timeouts.token.get());
        if let Some(authorization) = &request.authorization {
            let Some(value) = sensitive(authorization) else {
                return Exchange::NotBuilt("the client's credentials cannot stand in a header".to_owned());
            };
            builder = builder.header(AUTHORIZATION, value);
        }
        builder = builder.header(ACCEPT, "application/json").header(CONTENT_TYPE, request.content_type);
        self.exchange(builder.body(request.body.expose().clone())).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Exchange {
        // Building is apart from sending: an error of the first kind proves that nothing left, one of the second by
        // itself does not.
        let request = match request.build() {
            Ok(request) => request,
            Err(error) => return Exchange::NotBuilt(words(error)),
        };
        match self.client.execute(request).await {
            Ok(mut response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let mut body = Vec::new();
                let complete = loop {
                    match response.chunk().await {
                        Ok(None) => break true,
                        Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => body.extend_from_slice(&chunk),
                        Ok(Some(_)) | Err(_) => break false,
                    }
                };
                Exchange::Answered(Response { status, headers, body, complete })
            }
            Err(error) if error.is_connect() => Exchange::NotSent(words(error)),
            Err(error) if error.is_timeout() => Exchange::NoAnswer(Evidence::Timeout, "no answer in time".to_owned()),
            Err(error) => Exchange::NoAnswer(Evidence::ConnectionLost, words(error)),
        }
    }
}

/// A header's value that the client never shows.
fn sensitive(value: &Secret<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The innermost cause of an error: the words around it name the client's layers, and may hold the URL.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
