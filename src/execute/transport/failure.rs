//! What an error of the HTTP client proves: how far the request came, as far as that can be known.
//!
//! `NotSent` needs a proof, everything else is `NoAnswer`. The proofs are: the client says that it had no connection
//! (name resolution, TCP, TLS, the proxy's tunnel); a server over HTTP/2 says that it has not processed the request
//! (RFC 9113 section 8.7); a server says that it does not take our certificate, which ends the handshake on its side
//! before it reads a request (RFC 8446 section 6.2). Whether a request was written in part or in whole is not known:
//! the client hands it to the kernel in one piece, and a server may act on a part.

use super::{Exchange, NotSent, Stop};
use crate::model::{DurationSpec, Evidence};
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io;

/// What the words may name.
pub(super) struct Around<'a> {
    /// The time limit for a connection.
    pub(super) connect: DurationSpec,
    /// The time limit of the whole request.
    pub(super) request: DurationSpec,
    /// The proxy that makes tunnels, if there is any proxy.
    pub(super) proxy: Option<&'a str>,
}

/// Judges an error of sending.
pub(super) fn judge(error: reqwest::Error, around: &Around<'_>) -> Exchange {
    let error = error.without_url();
    let not_sent = if error.is_connect() { Some(unconnected(&error, around)) } else { unprocessed(&error) };
    not_sent.map_or_else(
        || {
            let (evidence, message) = unanswered(&error, around.request);
            Exchange::NoAnswer(evidence, message)
        },
        Exchange::NotSent,
    )
}

/// No connection came about.
fn unconnected(error: &reqwest::Error, around: &Around<'_>) -> NotSent {
    let words = innermost(error);
    if let Some(refused) = find::<rustls::Error>(error).and_then(untrusted) {
        return refused;
    }
    let failed = |evidence: Evidence, message: String| NotSent { evidence, message, stop: None };
    if error.is_timeout() {
        let by = around.proxy.map(|proxy| format!(", or the tunnel through {proxy}")).unwrap_or_default();
        let message = format!("no connection within {}: name resolution, TCP, TLS{by}", around.connect);
        return failed(Evidence::Connect, message);
    }
    if let Some((tunnel, proxy)) = tunnel(error).zip(around.proxy) {
        return tunnel_failed(&tunnel, proxy, &words, error);
    }
    if error.is_dns() || chain(error).any(|cause| cause.to_string().starts_with("dns error")) {
        return failed(Evidence::Dns, format!("the name cannot be resolved: {words}"));
    }
    if find::<rustls::Error>(error).is_some() || words.contains("tls handshake") {
        return failed(Evidence::Tls, format!("no TLS connection: {words}"));
    }
    // The client tells a TCP connection that never was from one that ended in the handshake.
    if chain(error).any(|cause| cause.to_string().starts_with("tcp ")) {
        let whom = around.proxy.map(|proxy| format!(" (by way of {proxy})")).unwrap_or_default();
        return failed(Evidence::Connect, format!("no TCP connection{whom}: {words}"));
    }
    failed(Evidence::Tls, format!("the connection ended in the TLS handshake: {words}"))
}

/// The client's words about a tunnel that a proxy did not make. Its type is private, its words are tested.
fn tunnel(error: &reqwest::Error) -> Option<String> {
    chain(error).find_map(|cause| cause.to_string().strip_prefix("tunnel error: ").map(str::to_owned))
}

fn tunnel_failed(tunnel: &str, proxy: &str, words: &str, error: &reqwest::Error) -> NotSent {
    let (evidence, stop) = (Evidence::Proxy, None);
    match tunnel {
        "proxy authorization required" => proxy_wants_credentials(proxy),
        "unsuccessful" => {
            let message = format!(
                "the proxy {proxy} refused the tunnel (CONNECT): does it allow this host and port, and its credentials?"
            );
            NotSent { evidence, message, stop }
        }
        "failed to create underlying connection" => {
            let what = if chain(error).any(|cause| cause.to_string().starts_with("dns error")) {
                "cannot be resolved"
            } else {
                "cannot be reached"
            };
            NotSent { evidence, message: format!("the proxy {proxy} {what}: {words}"), stop }
        }
        _ => NotSent { evidence, message: format!("the proxy {proxy} made no tunnel: {words}"), stop },
    }
}

/// A proxy that does not know us.
pub(super) fn proxy_wants_credentials(proxy: &str) -> NotSent {
    let message = format!(
        "the proxy {proxy} wants credentials (407): give `connection.proxy` a `username` and a `password` that it takes"
    );
    NotSent { evidence: Evidence::Proxy, message, stop: Some(Stop::ProxyCredentials) }
}

/// A failure of trust on either side: the next connection would fail in the same way.
fn untrusted(error: &rustls::Error) -> Option<NotSent> {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            let message = format!("the server's certificate is not accepted: {}", certificate_words(reason));
            Some(NotSent { evidence: Evidence::Certificate, message, stop: Some(Stop::ServerCertificate) })
        }
        rustls::Error::AlertReceived(alert) => client_refused(*alert),
        _ => None,
    }
}

/// A server that does not take our certificate, or misses one.
fn client_refused(alert: AlertDescription) -> Option<NotSent> {
    let what = match alert {
        AlertDescription::CertificateRequired => "the server wants a client certificate, and none was shown",
        AlertDescription::UnknownCA => "the server does not know the authority of our client certificate",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError => "the server does not accept our client certificate",
        _ => return None,
    };
    let message = format!("{what}: see `connection.tls.client_cert`");
    Some(NotSent { evidence: Evidence::Certificate, message, stop: Some(Stop::ClientCertificate) })
}

fn certificate_words(reason: &CertificateError) -> String {
    use CertificateError as C;
    match reason {
        C::UnknownIssuer => "its issuer is unknown; for a private authority write `connection.tls.ca: FILE`".to_owned(),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "it is for another name; compare `connection.base_url` with the names in the certificate".to_owned()
        }
        C::Expired | C::ExpiredContext { .. } => "it has expired; or this machine's clock is wrong".to_owned(),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "it is not valid yet; or this machine's clock is wrong".to_owned()
        }
        C::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}

/// A connection was there, and the server says that it has not processed the request.
fn unprocessed(error: &reqwest::Error) -> Option<NotSent> {
    if let Some(h2) = find::<h2::Error>(error) {
        let refused = h2.is_reset() && h2.is_remote() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        // Only streams above the last one that the server has taken get this error; those below it lose their connection.
        let above = h2.is_go_away() && h2.is_remote();
        let what = match (refused, above) {
            (true, _) => "the server refused the stream (REFUSED_STREAM)",
            (_, true) => "the server is going away and has not taken the stream (GOAWAY)",
            _ => return None,
        };
        return Some(NotSent { evidence: Evidence::NotProcessed, message: what.to_owned(), stop: None });
    }
    match find::<rustls::Error>(error)? {
        rustls::Error::AlertReceived(alert) => client_refused(*alert),
        _ => None,
    }
}

/// The request may have reached the server, in part or in whole.
fn unanswered(error: &reqwest::Error, limit: DurationSpec) -> (Evidence, String) {
    let words = innermost(error);
    if error.is_timeout() {
        return (Evidence::Timeout, format!("no answer within {limit}"));
    }
    if let Some(h2) = find::<h2::Error>(error)
        && let Some(reason) = h2.reason()
        && h2.is_remote()
    {
        return (Evidence::ConnectionLost, format!("the server reset the stream before an answer: {reason}"));
    }
    if let Some(hyper) = find::<hyper::Error>(error) {
        if hyper.is_parse_too_large() {
            return (Evidence::BadAnswer, "the head of the answer is too long".to_owned());
        }
        if hyper.is_parse() {
            return (Evidence::BadAnswer, format!("what came back is no HTTP answer: {words}"));
        }
        if hyper.is_incomplete_message() {
            return (Evidence::ConnectionLost, "the connection was closed before an answer".to_owned());
        }
    }
    let kind = find::<io::Error>(error).map(io::Error::kind);
    let message = match kind {
        Some(io::ErrorKind::ConnectionReset) => "the connection was reset before an answer".to_owned(),
        Some(io::ErrorKind::BrokenPipe) => {
            format!("the connection ended while the request was written, or before an answer: {words}")
        }
        Some(io::ErrorKind::UnexpectedEof) => "the TLS connection was cut before an answer".to_owned(),
        _ => format!("the connection was lost before an answer: {words}"),
    };
    (Evidence::ConnectionLost, message)
}

/// An error and its causes. Errors inside I/O errors are among them: the standard library steps over those.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inside: Option<&'a (dyn Error + Send + Sync + 'static)> =
            error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|inner| inner as &'a (dyn Error + 'static)).or_else(|| error.source())
    })
}

/// The innermost cause of a type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).filter_map(|cause| cause.downcast_ref::<T>()).last()
}

/// The innermost cause: the words around it name the client's layers.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}
