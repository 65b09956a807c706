//! Connections that end, or hang, at each part of a request.

use super::{Case, case, rejected, succeeded, unknown};
use crate::support::peer::Wire;

/// Reads up to a part of the request.
type Until = fn(&mut Wire);

/// The parts, and whether the whole request was read by then.
const PARTS: [(&str, Until, usize); 5] = [
    ("before the request is read", |wire| wire.arrives(), 0),
    ("after the request's first byte", |wire| drop(wire.exactly(1)), 0),
    ("within the request's head", |wire| drop(wire.exactly(60)), 0),
    ("between the request's head and its body", |wire| drop(wire.head()), 0),
    ("after the request's last byte", |wire| drop(wire.request()), 1),
];

/// Hangs are waited for: short enough for a test, long enough for a busy machine to connect.
const SHORT: &str = "timeouts: {connect: 3s, request: 3s}";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (part, until, effects) in PARTS {
        let told = |case: Case| if effects == 1 { case.known() } else { case };
        cases.push(told(case(
            format!("the connection is closed {part}"),
            unknown("connection_lost", effects, "before an answer"),
            move |bench, exit| {
                bench.plain(exit, move |mut wire| {
                    until(&mut wire);
                    wire.close();
                })
            },
        )));
        cases.push(told(case(
            format!("the connection is reset {part}"),
            unknown("connection_lost", effects, "before an answer"),
            move |bench, exit| {
                bench.plain(exit, move |mut wire| {
                    until(&mut wire);
                    wire.reset();
                })
            },
        )));
        cases.push(told(case(
            format!("the server hangs {part}"),
            unknown("timeout", effects, "no answer within 3s"),
            move |bench, exit| {
                bench.plain_with(exit, SHORT, move |mut wire| {
                    until(&mut wire);
                    wire.hang();
                })
            },
        )));
    }
    cases.extend(vec![
        case(
            "TLS is cut after the request, without its closing alert",
            unknown("connection_lost", 1, "before an answer"),
            |bench, exit| {
                bench.secure(exit, bench.tls().config(), "http: \"1.1\"", |mut wire| {
                    wire.request();
                    wire.close();
                })
            },
        ),
        case("a refusal (413) before the body is read", rejected("413"), |bench, exit| {
            bench.plain(exit, |mut wire| {
                wire.head();
                wire.send_and_close(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            })
        }),
        case("a success (200) before the body is read", succeeded(""), |bench, exit| {
            bench.plain(exit, |mut wire| {
                let head = wire.head().unwrap();
                wire.acted(head);
                wire.send_and_close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            })
        }),
    ]);
    cases
}
