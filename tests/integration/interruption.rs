//! Locks, signals and sudden death.

use crate::support::book::{Book, Run};
use crate::support::server::{Gate, RawServer, answer, ok};
use serde_json::{Value, json};

/// A server that holds every bridge request until the gate opens.
fn holding() -> (RawServer, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    (server, gate)
}

#[test]
fn a_second_run_of_a_runbook_is_refused_while_the_first_goes_on() {
    let (server, gate) = holding();
    let book = Book::at(&server.url());
    let first = book.start(&[]);
    server.wait_for_bridges(1);
    let before = (server.connections(), server.requests().len());
    let ended = book.refused(75, &[]);
    assert!(ended.stderr.contains("another run holds"), "{ended}");
    assert_eq!((server.connections(), server.requests().len()), before, "the second run sent something");
    gate.open();
    let run = first.finish(0);
    assert_eq!(run.audit.total("succeeded"), 1);
    book.run(0);
}

#[test]
fn runs_in_other_output_directories_do_not_exclude_each_other() {
    let (server, gate) = holding();
    let book = Book::at(&server.url());
    let first = book.start(&[]);
    server.wait_for_bridges(1);
    let other = Book::at(&server.url());
    let second = other.start(&[]);
    server.wait_for_bridges(2);
    gate.open();
    first.finish(0);
    second.finish(0);
}

/// Three calls, one at a time; the signal comes while the first hangs, and its answer after that.
fn interrupted_by(name: &str) -> Run {
    let (server, gate) = holding();
    let book = Book::at(&server.url()).many_calls(3);
    let mut started = book.start(&[]);
    server.wait_for_bridges(1);
    started.process.signal(name);
    started.process.wait_for_stderr("stopping");
    gate.open();
    let run = started.finish(14);
    assert_eq!(server.bridges().len(), 1, "a job was started after the signal");
    run
}

#[test]
fn after_a_signal_nothing_new_starts_and_what_is_in_flight_is_recorded() {
    for name in ["INT", "TERM"] {
        let run = interrupted_by(name);
        assert_eq!((run.audit.total("succeeded"), run.audit.total("not_attempted")), (1, 2));
        let stopping = run.audit.event("stopping");
        assert_eq!((&stopping["ending"], &stopping["in_flight"]), (&"interrupted".into(), &1.into()));
        assert_eq!(stopping["reason"], format!("SIG{name} received"));
        assert_eq!(run.summary()["verdict"], "failed");
    }
}

#[test]
fn a_second_signal_leaves_what_is_in_flight_unknown() {
    for name in ["INT", "TERM"] {
        abandoned_by(name);
    }
}

fn abandoned_by(name: &str) {
    let (server, gate) = holding();
    // A drain timeout beyond every guard: only the second signal can end the wait.
    let book = Book::at(&server.url()).many_calls(4).limits("{concurrency: 2, drain_timeout: 10m}");
    let mut started = book.start(&[]);
    server.wait_for_bridges(2);
    started.process.signal(name);
    started.process.wait_for_stderr("stopping");
    started.process.signal(name);
    let run = started.finish(14);
    gate.open();
    assert_eq!((run.audit.total("unknown"), run.audit.total("not_attempted")), (2, 2));
    for attempt in run.audit.attempts() {
        assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&"unknown".into(), &"abandoned".into()));
    }
    assert_eq!(server.bridges().len(), 2);
}

#[test]
fn the_drain_timeout_ends_the_wait_after_one_signal() {
    let (server, gate) = holding();
    let book = Book::at(&server.url()).many_calls(2).limits("{concurrency: 1, drain_timeout: 20ms}");
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    started.process.signal("TERM");
    let run = started.finish(14);
    gate.open();
    assert_eq!(run.audit.outcome_of("call-1")["evidence"], "abandoned");
    assert_eq!(run.audit.total("not_attempted"), 1);
}

#[test]
fn a_signal_ends_a_run_that_only_waits() {
    // A pause of a minute: whether the signal comes before or after the 429, nothing is left to wait for.
    let throttling = RawServer::bridging(|_| answer(429, &[("retry-after", "60")], ""));
    let book = Book::at(&throttling.url()).many_calls(2);
    let started = book.start(&[]);
    throttling.wait_for_bridges(1);
    started.process.signal("TERM");
    let run = started.finish(14);
    assert_eq!((run.audit.total("not_attempted"), throttling.bridges().len()), (2, 1));
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_token() {
    let (gate, asked) = (Gate::default(), Gate::default());
    let (held, note) = (gate.clone(), asked.clone());
    let server = RawServer::start(move |_| {
        note.open();
        held.wait();
        ok()
    });
    let book =
        Book::at(&server.url()).limits("{concurrency: 1, drain_timeout: 10m}").connection("timeouts: {token: 10m}");
    let started = book.start(&[]);
    asked.wait();
    started.process.signal("INT");
    let run = started.finish(14);
    gate.open();
    assert_eq!(run.audit.total("not_attempted"), 1);
}

/// A run of two calls that is killed while the first one hangs. The server answers from then on.
fn killed() -> (RawServer, Book, Run) {
    let (server, gate) = holding();
    let book = Book::at(&server.url()).many_calls(2);
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let run = started.kill();
    gate.open();
    (server, book, run)
}

#[test]
fn a_killed_run_leaves_a_file_that_names_the_open_job() {
    let (server, book, run) = killed();
    let last = run.audit.lines.last().unwrap();
    assert_eq!((&last["event_type"], &last["call_id"]), (&"bridge_intent".into(), &"call-1".into()));
    assert_eq!(last["request_id"], server.bridges()[0].id());

    let verified = run.verify(65);
    assert_eq!(verified["integrity"]["ok"], true);
    assert_eq!(verified["completeness"]["ok"], false);

    let report = run.command(65, &["report", "."]);
    assert!(report.stdout.starts_with("INCOMPLETE"), "{report}");
    let summary = run.summary();
    assert_eq!((&summary["complete"], &summary["verdict"]), (&false.into(), &Value::Null));
    // What may have left is unknown, what was not begun is not attempted: each job has its named state.
    assert_eq!((&summary["total"]["unknown"], &summary["total"]["not_attempted"]), (&json!(1), &json!(1)));
    assert!(report.stdout.contains("1 unknown") && report.stdout.contains("call-1"), "{report}");
    let page = String::from_utf8(run.bytes("report.html")).unwrap();
    assert!(page.contains("INCOMPLETE"));
    let results = String::from_utf8(run.bytes("results.csv")).unwrap();
    assert!(results.lines().nth(1).unwrap().contains(server.bridges()[0].id()), "{results}");

    // The kernel gave the lock back.
    let next = book.run(0);
    assert_ne!(next.dir, run.dir);
}

#[test]
fn a_torn_last_line_is_told_apart_from_a_whole_file() {
    let (_server, _book, run) = killed();
    let mut bytes = run.bytes("audit.jsonl");
    bytes.truncate(bytes.len() - 20);
    std::fs::write(run.dir.join("audit.jsonl"), bytes).unwrap();
    let verified = run.verify(65);
    assert_eq!(verified["integrity"]["damage"]["line"], run.audit.lines.len());
    assert_eq!(verified["completeness"]["ok"], json!(false));
    let report = run.command(65, &["report", "."]);
    assert!(report.stdout.starts_with("INCOMPLETE") && report.stdout.contains("torn"), "{report}");
}

#[test]
fn the_first_signal_drains_also_where_the_run_was_ending_already() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request| {
        if request.body().contains("call-1") {
            held.wait();
            return ok();
        }
        answer(401, &[], "")
    });
    let book = Book::at(&server.url()).many_calls(3).limits("{concurrency: 2, drain_timeout: 10m}");
    let mut started = book.start(&[]);
    // The second 401 of call-2 stops the run while call-1 is in flight.
    started.process.wait_for_stderr("stopping");
    started.process.signal("TERM");
    started.process.wait_for_stderr("interrupted");
    gate.open();
    let run = started.finish(14);
    assert_eq!(run.audit.outcome_of("call-1")["outcome"], "succeeded");
    assert_eq!((run.audit.total("rejected"), run.audit.total("not_attempted")), (1, 1));
}

#[test]
fn a_run_that_lost_its_name_in_a_power_cut_gets_it_back_and_is_warned_about() {
    let (_server, book, killed) = killed();
    let name = killed.dir.file_name().unwrap().to_str().unwrap().to_owned();
    std::fs::rename(&killed.dir, killed.dir.with_file_name(format!(".{name}.staging"))).unwrap();
    let next = book.start(&[]).process.finish().expect(0);
    assert!(killed.dir.join("audit.jsonl").is_file(), "the evidence is gone");
    assert!(next.stderr.contains("did not end") && next.stderr.contains(&name), "{next}");
}

#[test]
fn a_killed_run_is_named_by_the_next_one() {
    let (_server, book, killed) = killed();
    let next = book.run(0);
    let name = killed.dir.file_name().unwrap().to_str().unwrap();
    assert!(next.stderr.contains("did not end") && next.stderr.contains(name), "{}", next.stderr);
}
