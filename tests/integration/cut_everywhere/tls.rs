//! The same below TLS: the connection is cut at every few bytes of the handshake and of what follows, on either side.

use super::{check, outcomes};
use crate::support::book::{Book, Run};
use crate::support::peer::{Peer, Wire};
use crate::support::server::{RawServer, ok};
use crate::support::tls::{Authority, Tls, Validity};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// Bytes between two cuts: odd, so that every kind of place is met, and few enough jobs for a test.
const STEP: usize = 7;
/// What client or server say in a handshake, a request and an answer is less than this; the jobs at the end are not cut.
const MOST: usize = 2600;

/// Which side's bytes are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Client,
    Server,
}

/// Passes on so many bytes; false: the limit was reached.
fn pump(mut from: TcpStream, mut to: TcpStream, limit: usize) -> bool {
    let (mut left, mut chunk) = (limit, [0; 4096]);
    while left > 0 {
        let most = chunk.len().min(left);
        match from.read(&mut chunk[..most]) {
            Ok(read @ 1..) if to.write_all(&chunk[..read]).is_ok() => left -= read,
            _ => {
                let _ = to.shutdown(Shutdown::Write);
                return true;
            }
        }
    }
    false
}

/// Stands between client and server, and cuts both off after so many bytes of one side.
fn relay(wire: &Wire, server: SocketAddr, side: Side) {
    let limit = (wire.number - 1) * STEP;
    let of = |this: Side| if this == side { limit } else { usize::MAX };
    let (client, server) = (wire.socket(), TcpStream::connect(server).unwrap());
    let cut = |both: [&TcpStream; 2]| both.into_iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if !pump(client.try_clone().unwrap(), server.try_clone().unwrap(), of(Side::Client)) {
                cut([&client, &server]);
            }
        });
        if !pump(server.try_clone().unwrap(), client.try_clone().unwrap(), of(Side::Server)) {
            cut([&client, &server]);
        }
    });
}

fn run(side: Side) -> (Run, Peer, usize) {
    let (tokens, authority) = (RawServer::bridging(|_| ok()), Authority::new());
    let api = Peer::tls(Tls::with(authority.server("127.0.0.1", Validity::Now)).config(), |mut wire| {
        if wire.request().is_some() {
            wire.send_and_close(super::ANSWER);
        }
    });
    let address = api.address();
    let cutter = Peer::plain(move |wire| relay(&wire, address, side));
    let jobs = MOST / STEP;
    let run = Book::at(&format!("https://{}", cutter.address()))
        .token_at(&tokens.url())
        .file("ca.pem", &authority.pem())
        .connection("tls: {ca: ca.pem}")
        .connection("keep_alive: 0s")
        .many_calls(jobs)
        .retry("{max_attempts: 1}")
        .more("success_criteria: [\"unknown <= 100000\", \"failed <= 100000\"]")
        .run(0);
    (run, api, jobs)
}

fn count(outcomes: &BTreeMap<&str, usize>, outcome: &str) -> usize {
    outcomes.get(outcome).copied().unwrap_or_default()
}

#[test]
fn tls_cut_at_every_few_bytes_of_the_client() {
    let (run, api, jobs) = run(Side::Client);
    check(&run, &api, jobs);
    let outcomes = outcomes(&run, jobs);
    // The handshake, then the request behind its last message, then jobs that are not cut any more.
    assert!(count(&outcomes, "not_sent") > 20, "{outcomes:?}");
    assert!(count(&outcomes, "unknown") > 50, "{outcomes:?}");
    assert!(count(&outcomes, "succeeded") > 50, "{outcomes:?}");
}

#[test]
fn tls_cut_at_every_few_bytes_of_the_server() {
    let (run, api, jobs) = run(Side::Server);
    check(&run, &api, jobs);
    let outcomes = outcomes(&run, jobs);
    assert!(count(&outcomes, "not_sent") > 50, "{outcomes:?}");
    assert!(count(&outcomes, "unknown") > 10, "{outcomes:?}");
    assert!(count(&outcomes, "succeeded") > 50, "{outcomes:?}");
}
