//! One run of a runbook at a time: who holds the lock, and what becomes of those who come meanwhile.

use crate::support::process::Ended;
use crate::support::server::{Gate, RawServer, ok};
use crate::support::yard::{GUARD, Yard};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::channel;

fn holding() -> (RawServer, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    (server, gate)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn of_fifty_processes_that_start_at_once_one_runs() {
    for guard in [GUARD, ""] {
        let (server, gate) = holding();
        let yard = Yard::at(&server.url());
        yard.book("one", &["call-1", "call-2"], guard);
        let (send, ended) = channel::<Ended>();
        for _ in 0..50 {
            let (running, send) = (yard.start("one", &[]), send.clone());
            std::thread::spawn(move || send.send(running.finish()).unwrap());
        }
        // The one that runs cannot end before the gate opens.
        let refused: Vec<Ended> = ended.iter().take(49).collect();
        for ended in &refused {
            assert_eq!(ended.code, Some(75), "{ended}");
            assert!(ended.stderr.contains("another run holds"), "{ended}");
        }
        let named = refused.iter().filter(|ended| ended.stderr.contains(", process ")).count();
        assert!(named > 0, "nobody was told who holds it");
        server.wait_for_bridges(2);
        let out = yard.dir().join("out");
        assert_eq!(names(&out.join("one")).len(), 2, "the lock and one run: {:?}", names(&out.join("one")));
        gate.open();
        let ran = ended.recv().unwrap().expect(0);
        assert_eq!((server.bridges().len(), server.token_requests()), (2, 1), "{ran}");
        yard.past("one", &BTreeSet::new(), ran);
        let more = if guard.is_empty() { vec!["one"] } else { vec!["calls.sqlite", "calls.sqlite.lock", "one"] };
        assert_eq!(names(&out), more.into_iter().map(str::to_owned).collect());
    }
}

#[test]
fn skip_ends_well_and_says_who_is_at_work() {
    let (server, gate) = holding();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "");
    let first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    let requests = server.requests().len();
    let said = yard.start("one", &["--if-running", "skip"]).finish().expect(0);
    assert!(said.stdout.starts_with("skipped, nothing was sent: another run is at work: run "), "{said}");
    assert_eq!((said.stdout.lines().count(), said.stderr.as_str()), (1, ""));
    let said = yard.start("one", &["--if-running", "skip", "--format", "json"]).finish().expect(0);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let holder = &said["skipped"]["holder"];
    let run = yard.runs("one").into_iter().next().unwrap();
    assert_eq!(holder["run_id"], run.file_name().unwrap().to_str().unwrap());
    assert!(holder["pid"].is_u64() && holder["host"].is_string() && holder["since"].is_string(), "{said}");
    let failed = yard.start("one", &[]).finish().expect(75);
    assert!(failed.stderr.contains(holder["run_id"].as_str().unwrap()), "{failed}");
    assert!(failed.stderr.contains(&format!("process {}", holder["pid"])), "{failed}");
    assert_eq!((server.requests().len(), yard.runs("one").len()), (requests, 1));
    gate.open();
    first.finish().expect(0);
}

#[test]
fn wait_waits_once_in_words_and_then_runs_what_is_there_by_then() {
    let (server, gate) = holding();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "");
    let first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    let mut second = yard.start("one", &["--if-running", "wait"]);
    let said = second.wait_for_stderr("waiting for the end of another run");
    assert!(said.contains("process "), "{said}");
    yard.book("one", &["call-2"], "");
    gate.open();
    first.finish().expect(0);
    let ended = second.finish().expect(0);
    assert_eq!(ended.stderr.matches("waiting for the end").count(), 1, "{ended}");
    assert_eq!(crate::once::effects(&server).into_keys().collect::<Vec<_>>(), ["call-1", "call-2"]);
}

#[test]
fn a_signal_ends_the_waiting_and_nothing_is_sent() {
    for name in ["INT", "TERM"] {
        let (server, gate) = holding();
        let yard = Yard::at(&server.url());
        yard.book("one", &["call-1"], "");
        let first = yard.start("one", &[]);
        server.wait_for_bridges(1);
        let mut second = yard.start("one", &["--if-running", "wait"]);
        second.wait_for_stderr("waiting for the end of another run");
        let requests = server.requests().len();
        second.signal(name);
        let ended = second.finish().expect(14);
        assert!(ended.stderr.contains(&format!("SIG{name} received while waiting")), "{ended}");
        assert_eq!((server.requests().len(), yard.runs("one").len()), (requests, 1));
        gate.open();
        first.finish().expect(0);
    }
}

#[test]
fn a_dead_holder_loses_the_lock_and_is_named() {
    let (server, gate) = holding();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "");
    let mut first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    first.kill();
    first.finish();
    gate.open();
    let dead = yard.runs("one").into_iter().next().unwrap();
    let dead = dead.file_name().unwrap().to_str().unwrap().to_owned();
    let second = yard.run(0, "one");
    let line = second.stderr.lines().find(|line| line.contains("died without finishing")).unwrap();
    assert!(line.contains(&dead), "{line}");
    let third = yard.run(0, "one");
    assert!(!third.stderr.contains("died"), "{}", third.stderr);
}
