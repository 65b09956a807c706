//! The audit file cut at any byte: whoever goes on sends exactly what the lines that are left allow.

use crate::support::book::{Book, set};
use crate::support::server::{RawServer, Reply, Request, answer, ok};
use crate::support::show;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A run with every kind of end, and the server that goes on answering.
struct Original {
    server: RawServer,
    book: Book,
    dir: PathBuf,
    audit: Vec<u8>,
}

fn original() -> Original {
    let over = Arc::new(AtomicBool::new(false));
    let server = {
        let (over, refused) = (Arc::clone(&over), AtomicUsize::new(0));
        RawServer::bridging(move |request: &Request| match request.call() {
            _ if over.load(Ordering::SeqCst) => ok(),
            "again" if refused.fetch_add(1, Ordering::SeqCst) == 0 => answer(408, &[], ""),
            "lost" => Reply::Reset,
            "gone" => answer(404, &[], ""),
            _ => ok(),
        })
    };
    let items = r#"[{"call_id":"good"},{"call_id":"again"},{"call_id":"out"},{"call_id":"lost"},{"call_id":"gone"}]"#;
    let book = Book::at(&server.url())
        .sets(&set("waiting", items, "    when: \"{{ne row.call_id 'out'}}\"\n"))
        .more("success_criteria: [\"failed >= 0\", \"unknown >= 0\"]");
    let run = book.run(0);
    over.store(true, Ordering::SeqCst);
    let audit = run.bytes("audit.jsonl");
    Original { server, book, dir: run.dir.clone(), audit }
}

/// The calls that may be sent by these lines, judged here by what their words mean.
fn allowed(lines: &[Value]) -> BTreeSet<String> {
    let mut calls: BTreeSet<String> = ["good", "again", "lost", "gone"].map(str::to_owned).into();
    for line in lines {
        let call = line["call_id"].as_str().unwrap_or_default();
        match line["event_type"].as_str().unwrap() {
            "bridge_intent" => drop(calls.remove(call)),
            "bridge_attempt" if line["final"] == false => drop(calls.insert(call.to_owned())),
            _ => {}
        }
    }
    calls
}

/// A copy of the run whose audit file ends after so many bytes.
fn cut(original: &Original, bytes: usize) -> PathBuf {
    let dir = original.book.dir().join(format!("cut/{bytes}/{}", original.dir.file_name().unwrap().display()));
    std::fs::create_dir_all(dir.join("inputs")).unwrap();
    for entry in std::fs::read_dir(original.dir.join("inputs")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.join("inputs").join(entry.file_name())).unwrap();
    }
    std::fs::write(dir.join("audit.jsonl"), &original.audit[..bytes]).unwrap();
    dir
}

/// Goes on from one cut; gives what was sent.
fn sent(original: &Original, dir: &Path, code: u8) -> BTreeSet<String> {
    let before = original.server.bridges().len();
    original.book.start_resume(dir, &[]).finish().expect(code);
    let requests = original.server.bridges().split_off(before);
    let calls: BTreeSet<String> = requests.iter().map(|request| request.call().to_owned()).collect();
    assert_eq!(calls.len(), requests.len(), "a call was sent twice: {}", dir.display());
    calls
}

/// Where the file is cut: around the end of every line, and at every so many bytes between. `BRIDGEBOOK_CUT_EVERY=1` takes all
/// of them, which is slow without optimisation.
fn places(audit: &[u8]) -> BTreeSet<usize> {
    let every = std::env::var("BRIDGEBOOK_CUT_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(97);
    let ends = audit.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let around = ends.flat_map(|at| [at.saturating_sub(1), at, at + 1, at + 2]);
    around.chain((0..audit.len()).step_by(every)).filter(|at| *at <= audit.len()).collect()
}

/// Every third of the places.
fn at_every_third_place_from(first: usize) {
    let original = original();
    let opening = original.audit.iter().position(|byte| *byte == b'\n').unwrap();
    let (mut refused, mut went_on, mut torn) = (0, 0, 0);
    for bytes in places(&original.audit).into_iter().skip(first).step_by(3) {
        let dir = cut(&original, bytes);
        let kept = &original.audit[..bytes];
        if bytes < opening {
            assert_eq!(sent(&original, &dir, 65), BTreeSet::new());
            assert_eq!(std::fs::read(dir.join("audit.jsonl")).unwrap(), kept, "a file without a record stays as it is");
            refused += 1;
        } else {
            let lines: Vec<Value> =
                kept.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
            assert_eq!(sent(&original, &dir, 0), allowed(&lines), "after {bytes} bytes");
            went_on += 1;
            torn += usize::from(!kept.ends_with(b"\n"));
            let run = original.book.resumed(&dir);
            assert_eq!((run.audit.total("jobs"), run.audit.total("skipped")), (5, 1));
        }
        std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
    }
    show(&(("without a record", refused), ("went on", went_on), ("from a torn line", torn)));
    assert!(refused > 5 && went_on > 20 && torn > 10, "{refused}, {went_on}, {torn}");
}

#[test]
fn at_every_third_place() {
    at_every_third_place_from(0);
}

#[test]
fn at_every_place_after_that() {
    at_every_third_place_from(1);
}

#[test]
fn at_every_place_after_those() {
    at_every_third_place_from(2);
}
