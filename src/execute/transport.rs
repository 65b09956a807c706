//! HTTP: one call of this module is at most one request on the wire.
//!
//! The client's own retries and redirects are off, no proxy is taken from the environment, answers are bounded. What
//! happened is told by phase: not sent, no answer, answered. In doubt it is "no answer", never "not sent".

use super::error::ExecuteError;
use crate::model::{Evidence, RequestSpec, Secret, Timeouts};
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
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
    /// In front of every request path, without a slash at its end.
    pub base_url: String,
    /// The token endpoint.
    pub token_url: String,
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

    /// Retry-After, read against the answer's Date.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        super::retry::retry_after(self.header(RETRY_AFTER.as_str())?, self.header(DATE.as_str()))
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

    /// Sends a bridge request.
    pub(super) async fn bridge(&self, request: RequestSpec, token: &Secret<String>) -> Exchange {
        let url = match Url::parse(&format!("{}{}", self.settings.base_url, request.path)) {
            Ok(url) => url,
            Err(error) => return Exchange::NotBuilt(format!("the URL cannot be built: {error}")),
        };
        let mut builder = self.client.post(url).timeout(self.settings.timeouts.request.get());
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {}", token.expose())) else {
            return Exchange::NotBuilt("the access token cannot stand in a header".to_owned());
        };
        bearer.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, bearer);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        self.exchange(builder.body(request.body)).await
    }

    /// Sends a token request. It has no side effect, whatever happens to it.
    pub(super) async fn token(&self, form: &[(&str, &str)]) -> Exchange {
        let builder = self.client.post(&self.settings.token_url).timeout(self.settings.timeouts.token.get());
        self.exchange(builder.header(ACCEPT, "application/json").form(form)).await
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

/// The innermost cause of an error: the words around it name the client's layers, and may hold the URL.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
