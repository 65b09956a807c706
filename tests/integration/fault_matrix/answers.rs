//! Answers that are cut, slow, too long, or none.

use super::{Bench, Case, Expected, Seen, case, rejected, succeeded, unknown};
use crate::support::peer::{Peer, Wire};

/// Acts on a request, sends this and closes.
fn answered(bench: &Bench, exit: u8, bytes: &[u8]) -> Seen {
    let bytes = bytes.to_vec();
    bench.plain(exit, move |mut wire: Wire| {
        wire.request();
        wire.send_and_close(&bytes);
    })
}

fn simple(what: &str, expected: Expected, bytes: &'static [u8]) -> Case {
    case(what, expected, move |bench, exit| answered(bench, exit, bytes))
}

/// A profile whose success is what the body says.
const WITH_PREDICATE: &str = "version: 1
name: judged
endpoints: {}
auth: {grant: bearer}
request: {path: \"/calls/{{job.call_id}}/bridge\", json: {id: \"{{job.call_id}}\"}}
answers: {succeeded: [2xx], success_body: {pointer: /status, equals: bridged}}
job: {call_id: call_id, schema: {type: object, required: [call_id], properties: {call_id: {type: string, description: The call.}}}}
";

/// The same against a server whose body is judged.
fn judged(exit: u8, bytes: &'static [u8]) -> Seen {
    let peer = Peer::plain(move |mut wire: Wire| {
        wire.request();
        wire.send_and_close(bytes);
    });
    let book = format!(
        "version: 1\nname: itest\nconnection:\n  profile: ./judged.yaml\n  base_url: \"{}\"\n  auth: {{token: {{env: TOKEN}}}}\n\
         sets:\n  - name: waiting\n    rows: {{items: [{{id: call-1}}]}}\n    job: {{call_id: \"{{{{row.id}}}}\"}}\n",
        peer.url()
    );
    let run = crate::support::book::Book::offline()
        .file("judged.yaml", WITH_PREDICATE)
        .env("TOKEN", "itest-standing-token")
        .verbatim(&book)
        .run(exit);
    Seen { run, effects: peer.effects() }
}

const SHORT: &str = "timeouts: {connect: 3s, request: 3s}";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = heads();
    cases.extend(bodies());
    cases
}

fn heads() -> Vec<Case> {
    let lost = unknown("connection_lost", 1, "before an answer");
    let bad = unknown("bad_answer", 1, "no HTTP answer");
    vec![
        simple("the answer is cut in its status line", lost, b"HTTP/1.1 20").known(),
        simple("the answer is cut in its head", lost, b"HTTP/1.1 200 OK\r\ncontent-le"),
        simple("nothing but interim answers (100, 103)", lost, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
        simple("interim answers (100, 103), then 200", succeeded(""), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        simple("another protocol answers", bad, b"SSH-2.0-OpenSSH_9.6\r\n").known(),
        simple("bytes in front of the status line", bad, b"garbage\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        simple("HTTP/0.9: a body without a head", bad, b"<h1>bridged</h1>"),
        simple("HTTP/1.0", succeeded(""), b"HTTP/1.0 200 OK\r\n\r\n{}"),
        simple("a version that there is not", bad, b"HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n"),
        simple("a status that is no number", bad, b"HTTP/1.1 abc Whatever\r\ncontent-length: 0\r\n\r\n"),
        simple("a header without a name", bad, b"HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 0\r\n\r\n"),
        simple("a content-length that is no number", bad, b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"),
        simple("two content-lengths that differ", bad, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        case("interim answers (103) without end", unknown("timeout", 1, "no answer within 3s"), |bench, exit| {
            bench.plain_with(exit, SHORT, |mut wire| {
                wire.request();
                while wire.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n") {}
            })
        }),
        simple("101: another protocol from here on", unknown("answer", 1, "101"), b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        case("the head hangs half-way", unknown("timeout", 1, "no answer within 3s"), |bench, exit| {
            bench.plain_with(exit, SHORT, |mut wire| {
                wire.request();
                wire.send(b"HTTP/1.1 200 OK\r\ncontent-le");
                wire.hang();
            })
        }),
        case("a head of more than 100 headers", unknown("bad_answer", 1, "head of the answer is too long"), |bench, exit| {
            let headers: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
            answered(bench, exit, format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n").as_bytes())
        }),
        case("a head without end", unknown("bad_answer", 1, "head of the answer is too long"), |bench, exit| {
            bench.plain(exit, |mut wire| {
                wire.request();
                wire.send(b"HTTP/1.1 200 OK\r\nx: ");
                while wire.send(&[b'y'; 16 * 1024]) {}
            })
        }),
    ]
}

fn bodies() -> Vec<Case> {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut = succeeded("was cut");
    vec![
        simple("200 and a body that is cut", cut, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":")
            .known(),
        case("200 and a reset within the body", cut, |bench, exit| {
            bench.plain(exit, |mut wire| {
                wire.request();
                wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":");
                wire.reset();
            })
        }),
        simple(
            "200 and chunks without an end",
            cut,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        ),
        case("200 and a chunk of no size", cut, |bench, exit| {
            answered(bench, exit, format!("{CHUNKED}xyz\r\n{{}}\r\n0\r\n\r\n").as_bytes())
        }),
        case("200 and a chunk larger than memory", cut, |bench, exit| {
            answered(bench, exit, format!("{CHUNKED}fffffffffffffffff\r\n{{}}\r\n0\r\n\r\n").as_bytes())
        }),
        simple(
            "200 and more bytes than content-length says",
            succeeded("not JSON"),
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}",
        ),
        case("200 and a body that comes byte by byte, for ever", succeeded("too slow"), |bench, exit| {
            bench.plain_with(exit, SHORT, |mut wire| {
                wire.request();
                wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n");
                wire.drip();
            })
        })
        .known(),
        case("200 and a body without end", succeeded("too long"), |bench, exit| {
            bench.plain(exit, |mut wire| {
                wire.request();
                wire.send(b"HTTP/1.1 200 OK\r\n\r\n");
                while wire.send(&[b' '; 16 * 1024]) {}
            })
        })
        .known(),
        case("404 and a body that is cut", rejected("{"), |bench, exit| {
            bench.plain(exit, |mut wire| {
                wire.request_without_effect();
                wire.send_and_close(b"HTTP/1.1 404 No\r\ncontent-length: 100\r\n\r\n{");
            })
        }),
        case("200 and a cut body, where the profile asks what it says", unknown("answer", 1, "was cut"), |_, exit| {
            judged(exit, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":\"bridged\"}")
        })
        .known(),
        case("200 and a whole body, where the profile asks what it says", succeeded(""), |_, exit| {
            judged(exit, b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"status\":\"bridged\"}")
        }),
    ]
}
