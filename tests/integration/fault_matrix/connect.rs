//! Nothing to talk to.

use super::{Case, Seen, case, not_sent};
use crate::support::server::closed_port;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("the port refuses connections", not_sent("connect", "no TCP connection"), |bench, exit| Seen {
            run: bench.book(&closed_port()).run(exit),
            effects: 0,
        })
        .known(),
        case("the name does not resolve", not_sent("dns", "cannot be resolved"), |bench, exit| {
            // A label of more than 63 characters is refused without asking anybody (RFC 1035 section 2.3.4).
            let url = format!("http://{}.example.com", "a".repeat(64));
            let run = bench.book(&url).connection("allow_plain_http: true").run(exit);
            Seen { run, effects: 0 }
        })
        .known(),
        case(
            "nobody answers within the time of the whole request",
            not_sent("connect", "no connection"),
            |bench, exit| {
                let full = FullQueue::new();
                let url = format!("http://{}", full.address);
                let run = bench.book(&url).connection("timeouts: {connect: 500ms, request: 500ms}").run(exit);
                Seen { run, effects: 0 }
            },
        ),
        case("nobody answers the TCP handshake", not_sent("connect", "no connection within 300ms"), |bench, exit| {
            let full = FullQueue::new();
            let run = bench
                .book(&format!("http://{}", full.address))
                .connection("timeouts: {connect: 300ms, request: 5s}")
                .run(exit);
            Seen { run, effects: 0 }
        })
        .known(),
    ]
}

/// A listener that accepts nothing and whose queue is full: Linux then leaves further SYNs unanswered.
struct FullQueue {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl FullQueue {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            socket.listen(1).unwrap()
        };
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue is never full");
        }
        Self { address, _listener: listener, _queued: queued, _runtime: runtime }
    }
}
