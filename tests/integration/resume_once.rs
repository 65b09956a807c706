//! `resume` with the register of calls: what a run has left in it, what others have done meanwhile.

use crate::once::effects;
use crate::support::server::{Gate, RawServer, Reply, Request, ok, token};
use crate::support::yard::{GUARD, Yard};
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
