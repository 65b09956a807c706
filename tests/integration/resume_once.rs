//! `resume` with the register of calls: what a run has left in it, what others have done meanwhile.

use crate::once::effects;
use crate::support::server::{Gate, RawServer, Reply, Request, ok, token};
use crate::support::yard::{GUARD, Yard};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const AGAIN: [&str; 3] = ["--resend-unknown", "--reason", "nobody was connected"];

/// A server that breaks off the first request for this call, and takes all others.
fn breaks_off_first(call: &'static str) -> RawServer {
    let met = AtomicUsize::new(0);
    RawServer::bridging(move |request: &Request| {
        let first = request.call() == call && met.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Reply::Reset } else { ok() }
    })
}

#[test]
fn an_unknown_that_another_run_has_bridged_since_is_not_sent_again_and_stays_unknown() {
    let server = breaks_off_first("call-1");
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1", "call-2"], GUARD).book("two", &["call-1"], "guards: {once_per: 1h}");
    let first = yard.run(11, "one");
    yard.age("call-1", Duration::from_secs(2 * 3600));
    yard.run(0, "two");
    let dir = first.dir.to_str().unwrap();
    let args: Vec<&str> = ["resume", dir, "--no-progress"].into_iter().chain(AGAIN).collect();
    let ended = yard.command(11, &args);
    assert_eq!(effects(&server)["call-1"], 2, "{ended}");
    yard.command(0, &["verify", dir]);
}

#[test]
fn a_claim_that_comes_too_late_leaves_an_unknown_unknown_for_others() {
    let gate = Gate::default();
    let (held, tokens, met) = (gate.clone(), AtomicUsize::new(0), AtomicUsize::new(0));
    let server = RawServer::start(move |request| {
        if request.is_token() {
            if tokens.fetch_add(1, Ordering::SeqCst) == 1 {
                held.wait();
            }
            return token();
        }
        if met.fetch_add(1, Ordering::SeqCst) == 0 { Reply::Reset } else { ok() }
    });
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD).book("two", &["call-1"], GUARD);
    let first = yard.run(11, "one");
    let args: Vec<&str> =
        ["resume", first.dir.to_str().unwrap(), "--no-progress", "-v"].into_iter().chain(AGAIN).collect();
    // Somebody holds the register when the run asks it, and the run is interrupted meanwhile.
    let mut resumed = yard.start_command(&args);
    resumed.wait_for_stderr("resumed");
    let database = yard.database();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    gate.open();
    resumed.wait_for_stderr("token fetched");
    resumed.signal("INT");
    resumed.wait_for_stderr("stopping");
    database.execute_batch("COMMIT").unwrap();
    resumed.finish().expect(14);
    let second = yard.run(0, "two");
    assert!(second.skip_of("call-1")["detail"].as_str().unwrap().starts_with("unknown in run"));
    assert_eq!(effects(&server)["call-1"], 1);
}

#[test]
fn a_run_directory_and_its_copy_do_not_both_send_what_is_left() {
    let (server, gate) = RawServer::holding("call-1");
    let yard = Yard::at(&server.url());
    yard.book(
        "one",
        &["call-1", "call-2"],
        "limits: {concurrency: 1}\nguards: {once_per: 24h, once_store: calls.sqlite}",
    );
    let mut first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    first.kill();
    let first = yard.cut_off("one", &BTreeSet::new(), first.finish());
    gate.open();
    let beside = yard.dir().join("copy/one");
    std::fs::create_dir_all(&beside).unwrap();
    let done = std::process::Command::new("cp").arg("-r").arg(&first.dir).arg(&beside).status().unwrap();
    assert!(done.success());
    let copy = beside.join(first.id());
    yard.command(11, &["resume", first.dir.to_str().unwrap(), "--no-progress"]);
    let refused = yard.command(13, &["resume", copy.to_str().unwrap(), "--no-progress"]);
    assert!(refused.stderr.contains("only one of two copies goes on"), "{refused}");
    // Nor when the other one is gone: the register knows what it has done.
    std::fs::remove_dir_all(&first.dir).unwrap();
    yard.command(11, &["resume", copy.to_str().unwrap(), "--no-progress"]);
    yard.command(0, &["verify", copy.to_str().unwrap()]);
    assert_eq!(effects(&server)["call-2"], 1);
}

#[test]
fn an_output_directory_that_was_moved_takes_its_register_along() {
    let (server, gate) = RawServer::holding("call-1");
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1", "call-2"], "limits: {concurrency: 1}\nguards: {once_per: 24h}");
    let mut first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    first.kill();
    let first = yard.cut_off("one", &BTreeSet::new(), first.finish());
    gate.open();
    let moved = yard.dir().join("moved");
    std::fs::rename(yard.dir().join("out"), &moved).unwrap();
    let dir = moved.join("one").join(first.id());
    yard.book("two", &["call-2"], GUARD);
    let two = ["run", "two.yaml", "--out", "moved", "--no-progress"];
    yard.command(0, &two);
    yard.command(11, &["resume", dir.to_str().unwrap(), "--no-progress"]);
    assert_eq!(effects(&server)["call-2"], 1);
}
