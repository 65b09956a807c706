//! Handshakes that fail.

use super::{Bench, Case, Seen, case, hopeless, not_sent, succeeded};
use crate::support::peer::{Peer, Wire};
use crate::support::tls::{Authority, Identity, Tls, Validity};
use rustls::version::{TLS12, TLS13};

/// Talks TLS and answers every request.
fn serve(mut wire: Wire) {
    while wire.request().is_some() && wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") {}
}

/// A server with this certificate, and a client that trusts our authority.
fn shown(bench: &Bench, exit: u8, identity: Identity) -> Seen {
    bench.secure(exit, Tls::with(identity).config(), "http: \"1.1\"", serve)
}

/// A server in plain text behind an `https:` URL.
fn pretending(bench: &Bench, exit: u8, timeouts: &str, script: impl Fn(Wire) + Send + Sync + 'static) -> Seen {
    let peer = Peer::plain(script);
    let url = format!("https://{}", peer.address());
    let run = bench.trusting(&url, "").connection(timeouts).run(exit);
    Seen { run, effects: peer.effects() }
}

const PATIENT: &str = "timeouts: {connect: 5s, request: 30s}";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(clients());
    cases.extend(vec![
        case("the server ends the handshake", not_sent("tls", "TLS"), |bench, exit| {
            pretending(bench, exit, PATIENT, |mut wire| {
                wire.some();
                wire.close();
            })
        })
        .known(),
        case("a reset in the handshake", not_sent("tls", "TLS"), |bench, exit| {
            pretending(bench, exit, PATIENT, |mut wire| {
                wire.some();
                wire.reset();
            })
        }),
        case(
            "the server never answers the handshake",
            not_sent("connect", "no connection within 300ms"),
            |bench, exit| {
                pretending(bench, exit, "timeouts: {connect: 300ms, request: 5s}", |mut wire| {
                    wire.some();
                    wire.hang();
                })
            },
        ),
        case("plain text answers the handshake", not_sent("tls", "no TLS connection"), |bench, exit| {
            pretending(bench, exit, PATIENT, |mut wire| {
                wire.some();
                wire.send_and_close(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            })
        }),
        case("no version of TLS in common", not_sent("tls", "no TLS connection"), |bench, exit| {
            let peer = Peer::tls(bench.tls().version(&TLS12).config(), serve);
            let run = bench.trusting(&peer.url(), ", min_version: \"1.3\"").run(exit);
            Seen { run, effects: peer.effects() }
        }),
        case("TLS 1.2, and all is well", succeeded(""), |bench, exit| {
            bench.secure(exit, bench.tls().version(&TLS12).config(), PATIENT, serve)
        }),
        case("TLS 1.3, and all is well", succeeded(""), |bench, exit| {
            bench.secure(exit, bench.tls().version(&TLS13).config(), PATIENT, serve)
        }),
    ]);
    cases
}

fn certificates() -> Vec<Case> {
    vec![
        case(
            "a certificate of an unknown authority",
            hopeless(69, "certificate", "its issuer is unknown"),
            |bench, exit| shown(bench, exit, Authority::new().server("127.0.0.1", Validity::Now)),
        )
        .known(),
        case("a certificate for another name", hopeless(69, "certificate", "for another name"), |bench, exit| {
            shown(bench, exit, bench.authority.server("other.example.com", Validity::Now))
        }),
        case("a certificate that has expired", hopeless(69, "certificate", "has expired"), |bench, exit| {
            shown(bench, exit, bench.authority.server("127.0.0.1", Validity::Past))
        })
        .known(),
        case("a certificate that is not valid yet", hopeless(69, "certificate", "not valid yet"), |bench, exit| {
            shown(bench, exit, bench.authority.server("127.0.0.1", Validity::Future))
        }),
        case(
            "a private authority that nobody named",
            hopeless(69, "certificate", "connection.tls.ca"),
            |bench, exit| {
                let peer = Peer::tls(bench.tls().config(), serve);
                let run = bench.book(&peer.url()).run(exit);
                Seen { run, effects: peer.effects() }
            },
        ),
    ]
}

fn clients() -> Vec<Case> {
    let with = |bench: &Bench, exit: u8, config: std::sync::Arc<rustls::ServerConfig>, client: Option<Identity>| {
        let peer = Peer::tls(config, |mut wire: Wire| {
            if wire.request().is_some() {
                wire.send_and_close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            } else {
                // The alert is in the socket; what the client has said behind its back is read, or it would be lost.
                wire.drain();
            }
        });
        let book = match client {
            None => bench.trusting(&peer.url(), ""),
            Some(client) => bench
                .trusting(&peer.url(), ", client_cert: client.pem, client_key: {env: CLIENT_KEY}")
                .file("client.pem", &client.certificate)
                .env("CLIENT_KEY", &client.key),
        };
        Seen { run: book.run(exit), effects: peer.effects() }
    };
    vec![
        case(
            "a client certificate is wanted, none shown (TLS 1.2)",
            hopeless(77, "certificate", "client"),
            move |bench, exit| {
                with(bench, exit, bench.tls().version(&TLS12).clients_of(&bench.authority).config(), None)
            },
        ),
        case(
            "a client certificate is wanted, none shown (TLS 1.3)",
            hopeless(77, "certificate", "client"),
            move |bench, exit| {
                with(bench, exit, bench.tls().version(&TLS13).clients_of(&bench.authority).config(), None)
            },
        )
        .known(),
        case("a client certificate of another authority", hopeless(77, "certificate", "client"), move |bench, exit| {
            let stranger = Authority::new().client();
            with(bench, exit, bench.tls().clients_of(&bench.authority).config(), Some(stranger))
        }),
        case("a client certificate that is taken", succeeded(""), move |bench, exit| {
            let client = bench.authority.client();
            with(bench, exit, bench.tls().clients_of(&bench.authority).config(), Some(client))
        }),
    ]
}
