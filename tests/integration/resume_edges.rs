//! `resume` where the audit file, or what the run was made from, is not what one would like it to be.

use crate::mutations::chained_anew;
use crate::resume::waves;
use crate::support::book::Book;
use crate::support::server::{Gate, RawServer, Reply, ok};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request| {
        if request.call() == "call-3" {
            held.wait();
        }
        ok()
    });
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
