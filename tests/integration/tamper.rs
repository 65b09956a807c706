//! Whatever is done to a finished audit file, `verify` finds it and names the first line that is wrong.

use crate::support::book::{Book, Run};
use crate::support::process::{Running, bridgebook};
use crate::support::server::{RawServer, ok};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn finished_run() -> Run {
    let server = RawServer::bridging(|_| ok());
    Book::at(&server.url()).many_calls(2).run(0)
}

/// What the library's `verify` says of these bytes: the damaged line, and whether it is complete.
fn library(folder: &Path, bytes: &[u8]) -> (Option<u64>, bool) {
    let path = folder.join("changed.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let checked = bridgebook::journal::verify(&path, |_| {}).unwrap();
    (checked.damage.map(|finding| finding.line), checked.incomplete.is_none())
}

/// The same of the binary, which must refuse.
fn binary(folder: &Path, bytes: &[u8]) -> (Option<u64>, bool) {
    std::fs::write(folder.join("audit.jsonl"), bytes).unwrap();
    let ended = Running::start(bridgebook(folder, &["verify", ".", "--format", "json"])).finish().expect(65);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    let human = Running::start(bridgebook(folder, &["verify", "."])).finish().expect(65);
    let line = said["integrity"]["damage"]["line"].as_u64();
    match line {
        Some(line) => assert!(human.stdout.contains(&format!("DAMAGED at line {line}")), "{human}"),
        None => assert!(human.stdout.contains("INCOMPLETE"), "{human}"),
    }
    (line, said["completeness"]["ok"].as_bool().unwrap())
}

#[test]
fn every_flipped_byte_is_found_on_its_own_line() {
    let bytes = finished_run().bytes("audit.jsonl");
    let folder = TempDir::new().unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let places = (0..last).step_by(7).chain(last..bytes.len());
    for (count, place) in places.enumerate() {
        for flip in [0x01, 0x20] {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            let line = bytes[..place].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            assert_eq!(library(folder.path(), &changed).0, Some(line), "byte {place} ^ {flip:#x}");
            if count % 300 == 0 {
                assert_eq!(binary(folder.path(), &changed).0, Some(line), "byte {place} ^ {flip:#x}");
            }
        }
    }
}

#[test]
fn deleted_repeated_swapped_and_inserted_lines_are_found_where_they_begin() {
    let bytes = finished_run().bytes("audit.jsonl");
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let folder = TempDir::new().unwrap();
    let joined = |lines: &[&[u8]]| lines.concat();
    for at in 0..lines.len() {
        let line = at as u64 + 1;
        let mut repeated = lines.clone();
        repeated.insert(at, lines[at]);
        assert_eq!(binary(folder.path(), &joined(&repeated)).0, Some(line + 1), "line {line} repeated");
        let mut foreign = lines.clone();
        foreign.insert(at, b"{}\n");
        assert_eq!(binary(folder.path(), &joined(&foreign)).0, Some(line), "something in front of line {line}");
        let mut blank = lines.clone();
        blank.insert(at + 1, b"\n");
        assert_eq!(binary(folder.path(), &joined(&blank)).0, Some(line + 1), "a blank line after line {line}");
        if at + 1 < lines.len() {
            let mut shorter = lines.clone();
            shorter.remove(at);
            assert_eq!(binary(folder.path(), &joined(&shorter)).0, Some(line), "line {line} deleted");
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert_eq!(binary(folder.path(), &joined(&swapped)).0, Some(line), "line {line} swapped");
        }
    }
}

#[test]
fn a_cut_tail_is_found_at_every_line_and_in_every_line() {
    let bytes = finished_run().bytes("audit.jsonl");
    let folder = TempDir::new().unwrap();
    let ends: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] == b'\n').collect();
    for (index, end) in ends.iter().enumerate() {
        let line = index as u64 + 1;
        if index + 1 < ends.len() {
            // Cut between lines: nothing is damaged, and the closing record is missing.
            assert_eq!(binary(folder.path(), &bytes[..=*end]), (None, false), "cut after line {line}");
        }
        assert_eq!(binary(folder.path(), &bytes[..*end]).0, Some(line), "the newline of line {line} cut off");
        assert_eq!(library(folder.path(), &bytes[..end - 30]).0, Some(line), "line {line} torn");
    }
    assert_eq!(binary(folder.path(), b"").0, Some(1), "an empty file");
}

#[test]
fn lines_of_another_run_do_not_fit() {
    let (one, other) = (finished_run().bytes("audit.jsonl"), finished_run().bytes("audit.jsonl"));
    let ends: Vec<usize> = (0..one.len()).filter(|place| one[*place] == b'\n').collect();
    let other_ends: Vec<usize> = (0..other.len()).filter(|place| other[*place] == b'\n').collect();
    let folder = TempDir::new().unwrap();
    let mixed = [&one[..=ends[2]], &other[other_ends[2] + 1..]].concat();
    assert_eq!(binary(folder.path(), &mixed).0, Some(4));
    // Two whole files one after the other.
    assert_eq!(binary(folder.path(), &[one.as_slice(), &other].concat()).0, Some(ends.len() as u64 + 1));
}

#[test]
fn a_report_of_a_changed_file_says_incomplete_and_why() {
    let run = finished_run();
    let text = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    std::fs::write(run.dir.join("audit.jsonl"), text.replacen("\"succeeded\"", "\"rejected\"", 1)).unwrap();
    let ended = run.command(65, &["report", "."]);
    assert!(ended.stdout.starts_with("INCOMPLETE") && ended.stdout.contains("line 4"), "{ended}");
    assert_eq!(run.summary()["complete"], false);
}
