//! The connection is cut at every byte of a request and of its answer: no job has two effects, and none with an effect is
//! called refused or not sent.

mod tls;

use crate::support::book::{Book, Run};
use crate::support::peer::{Peer, Wire, content_length};
use crate::support::server::{RawServer, locked, ok};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    Close,
    Reset,
}

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-answered: yes\r\ncontent-length: 20\r\n\r\n{\"status\":\"bridged\"}";

/// Job `call-N` of the path.
fn number(request: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(request);
    text.split("/calls/call-").nth(1)?.split('/').next()?.parse().ok()
}

fn is_whole(bytes: &[u8]) -> bool {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
    head.is_some_and(|head| bytes.len() >= head + content_length(bytes))
}

fn end(wire: Wire, cut: Cut) {
    match cut {
        Cut::Close => wire.close(),
        Cut::Reset => wire.reset(),
    }
}

/// Every connection is a new one, so connections stand for jobs: one at a time, in plan order.
fn run(peer: &Peer, jobs: usize) -> Run {
    let tokens = RawServer::bridging(|_| ok());
    Book::at(&peer.url())
        .token_at(&tokens.url())
        .many_calls(jobs)
        .connection("keep_alive: 0s")
        .more("success_criteria: [\"unknown <= 100000\", \"failed <= 100000\"]")
        .run(0)
}

fn outcomes(run: &Run, jobs: usize) -> BTreeMap<&str, usize> {
    let mut outcomes = BTreeMap::new();
    for job in 1..=jobs {
        *outcomes.entry(run.audit.outcome_of(&format!("call-{job}"))["outcome"].as_str().unwrap()).or_default() += 1;
    }
    outcomes
}

/// The promise, job by job.
fn check(run: &Run, peer: &Peer, jobs: usize) {
    let mut effects = vec![0; jobs + 1];
    peer.requests().iter().for_each(|request| effects[number(request).unwrap()] += 1);
    for (job, effects) in effects.iter().enumerate().skip(1) {
        let outcome = run.audit.outcome_of(&format!("call-{job}"))["outcome"].as_str().unwrap();
        assert!(*effects <= 1, "job {job}: {effects} effects");
        assert!(*effects == 0 || matches!(outcome, "succeeded" | "accepted" | "unknown"), "job {job}: {outcome}");
    }
    assert_eq!(run.audit.attempts().len(), jobs, "a connection that was cut is no excuse to send again");
}

/// The length of the longest request of such a run.
fn request_length() -> usize {
    let length = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&length);
    let peer = Peer::plain(move |mut wire| {
        *locked(&seen) = wire.request().unwrap().len();
        wire.send_and_close(ANSWER);
    });
    run(&peer, 1);
    let length = *locked(&length);
    assert!((300..1500).contains(&length), "{length}");
    // Numbers of jobs have up to four digits, and stand in path, request id and body.
    length + 16
}

fn cut_in_the_request(cut: Cut) {
    let jobs = request_length();
    let peer = Peer::plain(move |mut wire| {
        // The number of the connection is that of the job: the cut is after so many bytes less one.
        wire.arrives();
        let mut bytes = Vec::new();
        while bytes.len() < wire.number - 1 && !is_whole(&bytes) {
            let Some(byte) = wire.exactly(1) else { return };
            bytes.extend(byte);
        }
        if is_whole(&bytes) {
            wire.acted(bytes);
        }
        end(wire, cut);
    });
    let run = run(&peer, jobs);
    check(&run, &peer, jobs);
    let outcomes = outcomes(&run, jobs);
    assert_eq!(outcomes, BTreeMap::from([("unknown", jobs)]), "an answer never came, so nobody knows");
    // At the end of each run there are cuts behind the request's last byte: those had their effect.
    assert!((1..=20).contains(&peer.effects()), "{}", peer.effects());
}

fn cut_in_the_answer(cut: Cut) {
    let jobs = ANSWER.len() + 1;
    let peer = Peer::plain(move |mut wire| {
        if wire.request().is_some() {
            let sent = wire.number - 1;
            wire.send(&ANSWER[..sent]);
            end(wire, cut);
        }
    });
    let run = run(&peer, jobs);
    check(&run, &peer, jobs);
    assert_eq!(peer.effects(), jobs, "every request had its effect");
    let head = ANSWER.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (unknown, succeeded) = (head, ANSWER.len() + 1 - head);
    assert_eq!(outcomes(&run, jobs), BTreeMap::from([("unknown", unknown), ("succeeded", succeeded)]));
    assert!(unknown > 50 && succeeded > 15, "{unknown} {succeeded}");
    // All but the last, which got its whole body.
    let warned = run.audit.attempts().iter().filter(|attempt| attempt["warning"].is_string()).count();
    assert_eq!(warned, succeeded - 1);
}

#[test]
fn a_connection_closed_at_every_byte_of_the_request() {
    cut_in_the_request(Cut::Close);
}

#[test]
fn a_connection_reset_at_every_byte_of_the_request() {
    cut_in_the_request(Cut::Reset);
}

#[test]
fn a_connection_closed_at_every_byte_of_the_answer() {
    cut_in_the_answer(Cut::Close);
}

#[test]
fn a_connection_reset_at_every_byte_of_the_answer() {
    cut_in_the_answer(Cut::Reset);
}
