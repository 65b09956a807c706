//! Proxies that refuse, break and lie. `through_a_proxy` has a real one.

use super::{Bench, Case, Seen, case, hopeless, not_sent, succeeded, unknown};
use crate::support::peer::{Peer, Wire};
use crate::support::server::closed_port;
use std::io::{Read, Write};
use std::net::TcpStream;

const PATIENT: &str = "timeouts: {connect: 5s, request: 30s}";

/// An API over TLS behind a proxy with this script.
fn tunnel(bench: &Bench, exit: u8, timeouts: &str, proxy: impl Fn(Wire) + Send + Sync + 'static) -> Seen {
    let server = Peer::tls(bench.tls().config(), |mut wire: Wire| {
        wire.request();
        wire.send_and_close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    });
    let proxy = Peer::plain(proxy);
    let run = through(bench, &server.url(), &proxy.url()).connection(timeouts).run(exit);
    Seen { run, effects: server.effects() + proxy.effects() }
}

/// Tokens are asked for by way of the proxy as well, so they come from nowhere: the profile's own grant needs none.
fn through(bench: &Bench, api: &str, proxy: &str) -> crate::support::book::Book {
    bench.trusting(api, "").connection("proxy: env").env("HTTPS_PROXY", proxy).env("NO_PROXY", "none.example.com")
}

/// The same in plain text: the proxy is asked for the whole URL.
fn absolute(bench: &Bench, exit: u8, answer: &'static [u8]) -> Seen {
    let proxy = Peer::plain(move |mut wire: Wire| {
        while let Some(request) = wire.request_without_effect() {
            let head = String::from_utf8_lossy(&request).into_owned();
            assert!(head.starts_with("POST http://api.example.com/"), "{head}");
            if !answer.starts_with(b"HTTP/1.1 407") {
                wire.acted(request);
            }
            wire.send(answer);
        }
    });
    let run = bench
        .book("http://api.example.com")
        .connection("allow_plain_http: true")
        .connection("proxy: env")
        .env("HTTP_PROXY", &proxy.url())
        .env("NO_PROXY", "127.0.0.1")
        .run(exit);
    Seen { run, effects: proxy.effects() }
}

/// Connects to where it is told, and passes bytes on; `None`: without end, else so many from the server.
fn pass(mut wire: Wire, from_server: Option<usize>) {
    let head = String::from_utf8(wire.head().unwrap()).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let mut server = TcpStream::connect(target).unwrap();
    wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n");
    let (mut up, mut client) = (server.try_clone().unwrap(), wire.socket());
    let upward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut up);
        let _ = up.shutdown(std::net::Shutdown::Write);
    });
    let mut left = from_server.unwrap_or(usize::MAX);
    let mut chunk = [0; 4096];
    while left > 0 {
        let most = chunk.len().min(left);
        let Ok(read @ 1..) = server.read(&mut chunk[..most]) else { break };
        left -= read;
        if wire.socket().write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
    wire.close();
    upward.join().unwrap();
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in [403, 502, 503] {
        let case = case(
            format!("the proxy answers {status} to CONNECT"),
            not_sent("proxy", "refused the tunnel (CONNECT)"),
            move |bench, exit| {
                tunnel(bench, exit, PATIENT, move |mut wire| {
                    wire.head();
                    wire.send_and_close(format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n").as_bytes());
                })
            },
        );
        cases.push(if status == 403 { case.known() } else { case });
    }
    cases.extend([
        case("the proxy wants credentials (407)", hopeless(77, "proxy", "wants credentials (407)"), |bench, exit| {
            tunnel(bench, exit, PATIENT, |mut wire| {
                wire.head();
                wire.send_and_close(
                    b"HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic realm=x\r\ncontent-length: 0\r\n\r\n",
                );
            })
        })
        .known(),
        case("the proxy cannot be reached", not_sent("proxy", "cannot be reached"), |bench, exit| {
            let server = Peer::tls(bench.tls().config(), |mut wire: Wire| drop(wire.request()));
            let run = through(bench, &server.url(), &closed_port()).run(exit);
            Seen { run, effects: server.effects() }
        }),
        case("the proxy closes the connection", not_sent("proxy", "made no tunnel"), |bench, exit| {
            tunnel(bench, exit, PATIENT, |mut wire| {
                wire.head();
                wire.close();
            })
        }),
        case("the proxy never answers", not_sent("connect", "no connection within 300ms"), |bench, exit| {
            tunnel(bench, exit, "timeouts: {connect: 300ms, request: 5s}", |mut wire| {
                wire.head();
                wire.hang();
            })
        }),
        case("the tunnel ends in the TLS handshake", not_sent("tls", "TLS"), |bench, exit| {
            tunnel(bench, exit, PATIENT, |wire| pass(wire, Some(100)))
        }),
        case("a tunnel, and all is well", succeeded(""), |bench, exit| {
            tunnel(bench, exit, PATIENT, |wire| pass(wire, None))
        }),
        case("plain http: the proxy passes on a 200", succeeded(""), |bench, exit| {
            absolute(bench, exit, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        }),
        case(
            "plain http: the proxy wants credentials (407)",
            hopeless(77, "proxy", "wants credentials (407)"),
            |bench, exit| {
                absolute(
                    bench,
                    exit,
                    b"HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic realm=x\r\ncontent-length: 0\r\n\r\n",
                )
            },
        ),
        case("plain http: 502, from the proxy or from the server", unknown("answer", 1, "502"), |bench, exit| {
            absolute(bench, exit, b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        })
        .known(),
        case("plain http: 504, from the proxy or from the server", unknown("answer", 1, "504"), |bench, exit| {
            absolute(bench, exit, b"HTTP/1.1 504 Too late\r\ncontent-length: 0\r\n\r\n")
        }),
    ]);
    cases
}
