//! `resume` where the audit file, or what the run was made from, is not what one would like it to be.

use crate::mutations::chained_anew;
use crate::resume::waves;
use crate::support::book::Book;
use crate::support::own::{PROFILE, own_book, own_server, state};
use crate::support::server::{Gate, RawServer, Reply, answer, ok};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn lines(dir: &Path) -> Vec<String> {
    std::fs::read_to_string(dir.join("audit.jsonl")).unwrap().lines().map(str::to_owned).collect()
}

/// Numbers the lines anew and makes their chain anew.
fn put(dir: &Path, lines: &[String]) {
    let numbered = lines.iter().enumerate().map(|(at, line)| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["seq"] = (at + 1).into();
        record.to_string()
    });
    std::fs::write(dir.join("audit.jsonl"), chained_anew(&numbered.collect::<Vec<_>>())).unwrap();
}

#[test]
fn a_cut_off_file_whose_events_contradict_each_other_is_refused() {
    let (server, gate) = RawServer::holding("call-3");
    let book = Book::at(&server.url()).many_calls(3);
    let run = book.start(&[]);
    server.wait_for_bridges(3);
    let run = run.kill();
    gate.open();
    let mut lines = lines(&run.dir);
    let first = lines.iter().position(|line| line.contains("\"bridge_attempt\"")).unwrap();
    lines.insert(first, lines[first].clone());
    put(&run.dir, &lines);
    let ended = book.start_resume(&run.dir, &[]).finish().expect(65);
    assert!(ended.stderr.contains(&format!("line {}", first + 2)), "{ended}");
    assert_eq!(server.bridges().len(), 3);
}

/// Sets the machine's start in the opening record.
fn began_on(dir: &Path, boot_id: &str) {
    let mut lines = lines(dir);
    let mut first: Value = serde_json::from_str(&lines[0]).unwrap();
    first["boot_id"] = boot_id.into();
    lines[0] = first.to_string();
    put(dir, &lines);
}

#[test]
fn a_file_that_may_have_lost_its_end_is_neither_gone_on_with_nor_closed_unless_that_is_wanted() {
    let (server, gate) = RawServer::holding("call-2");
    let killed = |durability: &str| {
        let calls = ["call-1", "call-2", "call-3"];
        let yaml = format!("audit: {{durability: {durability}}}");
        let book = Book::at(&server.url()).calls(calls).limits("{concurrency: 1}").more(&yaml);
        let before = server.bridges().len();
        let run = book.start(&[]);
        server.wait_for_bridges(before + 2);
        let run = run.kill();
        (book, run.dir)
    };
    let (book, process) = killed("process");
    let (disk_book, disk) = killed("disk");
    gate.open();
    let sent = server.bridges().len();
    let command = |dir: &Path, code: u8, args: &[&str]| {
        book.command(code, &[&args[..1], &[dir.to_str().unwrap()], &args[1..]].concat())
    };
    // While the machine is up, the kernel has every line.
    let report = command(&process, 65, &["report"]);
    assert!(report.stdout.contains("go on       bridgebook resume"), "{report}");
    for dir in [&process, &disk] {
        began_on(dir, "00000000-0000-4000-8000-000000000000");
    }
    let report = command(&process, 65, &["report"]);
    assert!(report.stdout.contains("may have lost its end: find out first what was sent"), "{report}");
    let before = std::fs::read(process.join("audit.jsonl")).unwrap();
    for refused in [
        book.start_resume(&process, &[]).finish().expect(65),
        command(&process, 65, &["reconcile", "--close"]),
        command(&process, 2, &["reconcile", "--despite-lost-tail"]),
    ] {
        assert!(refused.stderr.contains("despite-lost-tail") || refused.code == Some(2), "{refused}");
        assert!(std::fs::read(process.join("audit.jsonl")).unwrap() == before);
    }
    assert_eq!(server.bridges().len(), sent);
    // What is on the disk stays there.
    disk_book.resume(&disk, 11, &[]);
    assert_eq!(server.bridges().len(), sent + 1);
    let copy = tempfile::TempDir::new().unwrap();
    std::fs::write(copy.path().join("audit.jsonl"), &before).unwrap();
    let closed = command(copy.path(), 11, &["reconcile", "--close", "--despite-lost-tail"]);
    assert!(closed.stdout.contains("1 unknown"), "{closed}");
    book.resume(&process, 11, &["--despite-lost-tail", "--reason", "the vendor's records end there"]);
    assert_eq!(server.bridges().len(), sent + 2);
}

#[test]
fn what_is_no_file_is_no_audit_file() {
    let server = RawServer::bridging(|_| Reply::Reset);
    let book = Book::at(&server.url());
    let run = book.run(11);
    std::fs::remove_file(run.dir.join("audit.jsonl")).unwrap();
    // Nobody ever writes to it.
    let made = std::process::Command::new("mkfifo").arg(run.dir.join("audit.jsonl")).status().unwrap();
    assert!(made.success());
    let ended = book.start_resume(&run.dir, &[]).finish().expect(66);
    assert!(ended.stderr.contains("not a regular file"), "{ended}");
    for command in ["report", "verify"] {
        let ended = book.command(66, &[command, run.dir.to_str().unwrap()]);
        assert!(ended.stderr.contains("not a regular file"), "{ended}");
    }
    let listed = book.command(0, &["runs", "out"]);
    assert!(listed.stdout.contains("UNREADABLE"), "{listed}");
}

#[test]
fn a_job_that_is_sent_again_after_its_wave_counts_in_the_next_one() {
    let met = AtomicUsize::new(0);
    let server =
        RawServer::bridging(move |_| if met.fetch_add(1, Ordering::SeqCst) == 0 { Reply::Reset } else { ok() });
    let book = Book::at(&server.url())
        .many_calls(5)
        .more("waves: [{size: 2, require: [\"unknown == 0\"]}, {size: 100%}]\non_lost_criterion: continue");
    let run = book.run(12);
    let resumed = book.resume(&run.dir, 0, &["--resend-unknown", "--reason", "nobody was connected"]);
    assert_eq!(waves(&resumed), [(1, 1), (4, 4)]);
}

#[test]
fn jobs_of_one_call_are_sent_again_one_after_the_other() {
    let (met, at_once, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, seen, never) = (Arc::clone(&at_once), Arc::clone(&most), Gate::default());
    let server = RawServer::bridging(move |_| {
        if met.fetch_add(1, Ordering::SeqCst) < 2 {
            return Reply::Reset;
        }
        seen.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        never.opens_within(Duration::from_millis(200));
        count.fetch_sub(1, Ordering::SeqCst);
        ok()
    });
    let book = Book::at(&server.url())
        .calls(["call-1", "call-1"])
        .limits("{concurrency: 2}")
        .more("guards: {duplicates: allow}");
    let run = book.run(11);
    assert_eq!(run.audit.total("unknown"), 2);
    let resumed = book.resume(&run.dir, 0, &["--resend-unknown", "--reason", "nobody was connected"]);
    assert_eq!((resumed.audit.total("succeeded"), most.load(Ordering::SeqCst)), (2, 1));
}

#[test]
fn a_profile_with_a_place_of_its_own_is_read_there_and_must_be_what_it_was() {
    let server = own_server(|_| Reply::Reset, |_| state("nothing"));
    let book = own_book(&server.url(), &["a"], "");
    let profile = book.dir().join("own.yaml");
    let text = book.text().replace("./own.yaml", profile.to_str().unwrap());
    let book = book.verbatim(&text);
    let run = book.run(11);
    let again = ["--resend-unknown", "--reason", "nobody was connected"];
    book.resume(&run.dir, 11, &again);
    let sent = server.bridges().len();
    std::fs::write(profile, format!("{PROFILE}# changed\n")).unwrap();
    book.start_resume(&run.dir, &again).finish().expect(65);
    assert_eq!(server.bridges().len(), sent);
}

#[test]
fn the_pace_that_the_run_was_told_to_keep_goes_on_unless_it_is_told_another_one() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let book = Book::at(&server.url()).many_calls(2).limits("{concurrency: 3}");
    let run = book.start(&["--concurrency", "1", "--rate", "60000/m"]);
    server.wait_for_bridges(1);
    let run = run.kill();
    gate.open();
    let resumed = book.resume(&run.dir, 11, &["--concurrency", "2"]);
    let settings = resumed.audit.event("run_resumed")["settings"].clone();
    let kept =
        |name: &str| settings.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone();
    assert_eq!((&kept("concurrency")["value"], &kept("concurrency")["source"]), (&"2".into(), &"flag".into()));
    assert_eq!((&kept("rate")["value"], &kept("rate")["source"]), (&"60000/m".into(), &"flag".into()));
}

#[test]
fn an_account_that_may_still_not_bridge_stops_the_run_again() {
    let server = RawServer::bridging(|_| answer(403, &[], ""));
    let book = Book::at(&server.url()).many_calls(12);
    let run = book.run(77);
    let before = server.bridges().len();
    let resumed = book.resume(&run.dir, 77, &[]);
    assert_eq!(server.bridges().len(), before + 1, "{}", resumed.audit.finished());
}

#[test]
fn a_run_that_was_interrupted_over_its_last_job_is_judged_when_it_goes_on() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let book = Book::at(&server.url());
    let mut run = book.start(&[]);
    server.wait_for_bridges(1);
    run.process.signal("INT");
    run.process.wait_for_stderr("stopping");
    gate.open();
    let run = run.finish(14);
    assert_eq!(run.audit.total("succeeded"), 1);
    let resumed = book.resume(&run.dir, 0, &[]);
    assert_eq!((&resumed.audit.finished()["ending"], server.bridges().len()), (&"completed".into(), 1));
    let again = book.resume(&run.dir, 0, &[]);
    assert!(again.stderr.contains("nothing is left to send"), "{}", again.stderr);
}
