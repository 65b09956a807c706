//! HTTP/2: what a reset stream and a closing connection prove (RFC 9113 section 8.7).

use super::{Bench, Case, Expected, Seen, case, not_sent, rejected, succeeded, unknown};
use crate::support::h2::{self, Session};
use crate::support::peer::Wire;

/// A server over HTTP/2 with this conversation on each connection.
fn talk(bench: &Bench, exit: u8, script: impl Fn(Session) + Send + Sync + 'static) -> Seen {
    bench.secure(exit, bench.tls().alpn(&[b"h2", b"http/1.1"]).config(), "http: auto", move |wire: Wire| {
        if let Some(session) = Session::begin(wire) {
            script(session);
        }
    })
}

/// Reads each request whole, and answers with frames made for its stream.
fn reply(what: &str, expected: Expected, acts: bool, frames: fn(u32) -> Vec<u8>) -> Case {
    case(what, expected, move |bench, exit| {
        talk(bench, exit, move |mut session| {
            while let Some((stream, body)) = session.request_without_effect() {
                if acts {
                    session.wire.acted(body);
                }
                session.wire.send(&frames(stream));
            }
        })
    })
}

fn lost(what: &str, code: u32) -> Case {
    let expected = unknown("connection_lost", 1, "reset the stream before an answer");
    case(format!("the stream is reset: {what}"), expected, move |bench, exit| {
        talk(bench, exit, move |mut session| {
            let stream = session.request().unwrap();
            session.send_and_drain(&h2::rst(stream, code));
        })
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = proofs();
    cases.extend(doubts());
    cases.extend(versions());
    cases
}

/// The server's word that it has not processed the request, or an answer.
fn proofs() -> Vec<Case> {
    vec![
        reply("200", succeeded(""), true, |stream| h2::answer(stream, h2::STATUS_200)),
        reply("404", rejected("404"), false, |stream| h2::answer(stream, h2::STATUS_404)),
        reply("500", unknown("answer", 1, "500"), true, |stream| h2::answer(stream, h2::STATUS_500)),
        reply("the stream is reset: REFUSED_STREAM", not_sent("not_processed", "REFUSED_STREAM"), false, |stream| {
            h2::rst(stream, h2::REFUSED_STREAM)
        })
        .known(),
        case("REFUSED_STREAM once, then 200", Expected { attempts: 2, ..succeeded("") }, |bench, exit| {
            talk(bench, exit, |mut session| {
                let (stream, _) = session.request_without_effect().unwrap();
                session.wire.send(&h2::rst(stream, h2::REFUSED_STREAM));
                let stream = session.request().unwrap();
                session.send_and_drain(&h2::answer(stream, h2::STATUS_200));
            })
        }),
        case("GOAWAY below our stream", not_sent("not_processed", "GOAWAY"), |bench, exit| {
            talk(bench, exit, |mut session| {
                let (stream, _) = session.request_without_effect().unwrap();
                session.send_and_drain(&h2::goaway(stream - 1, h2::NO_ERROR));
            })
        })
        .known(),
        case("GOAWAY below our stream, with an error", not_sent("not_processed", "GOAWAY"), |bench, exit| {
            talk(bench, exit, |mut session| {
                let (stream, _) = session.request_without_effect().unwrap();
                session.send_and_drain(&h2::goaway(stream - 1, h2::ENHANCE_YOUR_CALM));
            })
        }),
        case("GOAWAY at our stream, then 200", succeeded(""), |bench, exit| {
            talk(bench, exit, |mut session| {
                let stream = session.request().unwrap();
                session.wire.send(&h2::goaway(stream, h2::NO_ERROR));
                session.send_and_drain(&h2::answer(stream, h2::STATUS_200));
            })
        }),
    ]
}

/// The server may have acted.
fn doubts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, last, code) in [
        ("at our stream", 0, h2::NO_ERROR),
        ("above our stream", 100, h2::NO_ERROR),
        ("at our stream, with an error", 0, h2::INTERNAL_ERROR),
    ] {
        let expected = unknown("connection_lost", 1, "before an answer");
        let case = case(format!("GOAWAY {what}, then the end of the connection"), expected, move |bench, exit| {
            talk(bench, exit, move |mut session| {
                let stream = session.request().unwrap();
                session.wire.send(&h2::goaway(stream + last, code));
                session.wire.close();
            })
        });
        cases.push(if last == 0 && code == h2::NO_ERROR { case.known() } else { case });
    }
    cases.extend([
        lost("CANCEL", h2::CANCEL).known(),
        lost("INTERNAL_ERROR", h2::INTERNAL_ERROR),
        lost("PROTOCOL_ERROR", h2::PROTOCOL_ERROR),
        lost("NO_ERROR", h2::NO_ERROR),
        lost("ENHANCE_YOUR_CALM", h2::ENHANCE_YOUR_CALM),
        lost("HTTP_1_1_REQUIRED", h2::HTTP_1_1_REQUIRED),
        case(
            "the connection is closed after the request",
            unknown("connection_lost", 1, "before an answer"),
            |bench, exit| {
                talk(bench, exit, |mut session| {
                    session.request();
                    session.wire.close();
                })
            },
        ),
        case(
            "the connection is reset within the request",
            unknown("connection_lost", 0, "before an answer"),
            |bench, exit| {
                talk(bench, exit, |mut session| {
                    session.head();
                    session.wire.reset();
                })
            },
        ),
        reply("a head of a megabyte", unknown("connection_lost", 1, "before an answer"), true, |stream| {
            h2::long_answer(stream, 1_000_000)
        }),
        case("bytes that are no frame", unknown("connection_lost", 1, "before an answer"), |bench, exit| {
            talk(bench, exit, |mut session| {
                session.request();
                session.send_and_drain(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
            })
        }),
    ]);
    cases
}

/// Which version is spoken, and bodies.
fn versions() -> Vec<Case> {
    vec![
        case("200, then the stream is reset within its body", succeeded("was cut"), |bench, exit| {
            talk(bench, exit, |mut session| {
                let stream = session.request().unwrap();
                session.wire.send(&h2::answer_head(stream, h2::STATUS_200));
                session.wire.send(&h2::data(stream, b"{", false));
                session.send_and_drain(&h2::rst(stream, h2::CANCEL));
            })
        }),
        case("200 and a whole body", succeeded(""), |bench, exit| {
            talk(bench, exit, |mut session| {
                let stream = session.request().unwrap();
                session.wire.send(&h2::answer_head(stream, h2::STATUS_200));
                session.send_and_drain(&h2::data(stream, b"{}", true));
            })
        }),
        case("a server without HTTP/2: HTTP/1.1 is spoken", succeeded(""), |bench, exit| {
            bench.secure(exit, bench.tls().alpn(&[b"http/1.1"]).config(), "http: auto", |mut wire| {
                wire.request();
                wire.send_and_close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            })
        }),
        case("a server with HTTP/2 and `http: \"1.1\"`: HTTP/1.1 is spoken", succeeded(""), |bench, exit| {
            bench.secure(exit, bench.tls().alpn(&[b"h2", b"http/1.1"]).config(), "http: \"1.1\"", |mut wire| {
                wire.request();
                wire.send_and_close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            })
        }),
    ]
}
