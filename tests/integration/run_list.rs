//! `bridgebook runs`: what is there, in every state, quickly, and without touching anything.

use crate::mutations::chained_anew;
use crate::support::audit::{check_schema, schema};
use crate::support::book::{Book, Run};
use crate::support::process::Ended;
use crate::support::server::{RawServer, ok};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[track_caller]
fn listed(book: &Book, args: &[&str]) -> Vec<Value> {
    let ended = book.command(0, &[&["runs", "out", "--format", "json"], args].concat());
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    check_schema(&schema("runs"), &document);
    document["runs"].as_array().unwrap().clone()
}

fn human(book: &Book) -> Ended {
    book.command(0, &["runs", "out"])
}

/// Every file below a folder with its bytes and times.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = path.symlink_metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            found.insert(path.clone(), (Vec::new(), changed));
            found.extend(snapshot(&path));
        } else {
            found.insert(path.clone(), (std::fs::read(&path).unwrap(), changed));
        }
    }
    found
}

fn id(run: &Run) -> String {
    run.audit.lines[0]["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn without_runs_it_says_so() {
    let book = Book::offline();
    assert_eq!(human(&book).stdout, "no runs in out\n");
    assert_eq!(listed(&book, &[]), Vec::<Value>::new());
    std::fs::create_dir_all(book.dir().join("out/itest/not-a-run")).unwrap();
    std::fs::create_dir_all(book.dir().join("out/itest/.20261122T080102Z-aaaaaa.staging")).unwrap();
    std::fs::write(book.dir().join("out/calls.sqlite"), "").unwrap();
    assert_eq!(human(&book).stdout, "no runs in out\n");
    book.command(66, &["runs", "runbook.yaml"]);
}

#[test]
fn every_state_is_told_and_nothing_is_touched() {
    let (server, gate) = RawServer::holding("call-2");
    let book = Book::at(&server.url()).calls(["call-1"]);
    let whole = book.run(0);
    let two = book.clone().calls(["call-1", "call-2"]);
    // Killed: nobody is at work on it.
    let started = two.start(&[]);
    server.wait_for_bridges(3);
    let cut = started.kill();
    // Stopped by a signal, in order.
    let mut started = two.start(&[]);
    server.wait_for_bridges(5);
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    gate.open();
    let interrupted = started.finish(14);

    let before = snapshot(&book.dir().join("out"));
    let runs = listed(&book, &[]);
    let shown = human(&book);
    assert!(snapshot(&book.dir().join("out")) == before, "something was touched");
    let of = |run: &Run| runs.iter().find(|one| one["run_id"] == id(run)).unwrap_or_else(|| panic!("{runs:#?}"));
    assert_eq!(runs.len(), 3);
    let states = [(&whole, "finished", true), (&cut, "cut_off", false), (&interrupted, "interrupted", true)];
    for (run, state, complete) in states {
        let one = of(run);
        assert_eq!((&one["state"], &one["complete"]), (&json!(state), &json!(complete)), "{one:#}");
        assert_eq!((&one["runbook"], &one["alive"]), (&json!("itest"), &Value::Null));
        assert_eq!(one["jobs"], run.audit.lines[0]["jobs"]);
        if complete {
            assert_eq!(one["totals"], run.verify(0)["totals"]);
            assert_eq!(one["verdict"], run.audit.finished()["verdict"]);
            assert_eq!(one["exit_code"], run.audit.finished()["exit_code"]);
        } else {
            assert_eq!(one["totals"], Value::Null);
        }
        book.command(if complete { 0 } else { 65 }, &["verify", one["run_dir"].as_str().unwrap()]);
    }
    for words in ["PASSED", "CUT OFF", "INTERRUPTED", "INCOMPLETE  out/itest/"] {
        assert!(shown.stdout.contains(words), "{words}: {shown}");
    }
    assert!(
        shown.stdout.lines().filter(|line| line.starts_with("20")).all(|line| line.chars().count() <= 120),
        "{shown}"
    );

    // A run that was resumed, and one whose unknown was found out, say so by their last closing record.
    let resumed = two.resume(&cut.dir, 11, &[]);
    let again = listed(&book, &[]);
    let one = again.iter().find(|one| one["run_id"] == id(&cut)).unwrap();
    assert_eq!((&one["state"], &one["totals"]), (&json!("finished"), &resumed.audit.finished()["totals"]));
    let unknown = one["totals"]["unknown"].as_u64().unwrap();
    assert_eq!(unknown, 1);
    let by_hand =
        ["reconcile", one["run_dir"].as_str().unwrap(), "--decide", "2=bridged", "--reason", "seen in the records"];
    book.command(0, &by_hand);
    let found = listed(&book, &[]);
    let one = found.iter().find(|one| one["run_id"] == id(&cut)).unwrap();
    let totals = &one["totals"];
    assert_eq!(
        (&one["complete"], &totals["unknown"], &totals["succeeded"]),
        (&json!(true), &json!(0), &json!(2)),
        "{one:#}"
    );
    assert_eq!(one["verdict"], "passed", "as the reconciliation has it");
}

#[test]
fn a_run_that_goes_on_is_told_with_who_is_at_it() {
    let (server, gate) = RawServer::holding("call-2");
    let book = Book::at(&server.url()).calls(["call-1", "call-2"]);
    let started = book.start(&[]);
    server.wait_for_bridges(2);
    let runs = listed(&book, &[]);
    assert_eq!(
        (runs.len(), &runs[0]["state"], &runs[0]["complete"]),
        (1, &json!("running"), &json!(false)),
        "{runs:#?}"
    );
    assert!(runs[0]["alive"].as_str().unwrap().contains("process"), "{runs:#?}");
    let shown = human(&book);
    assert!(shown.stdout.contains("running  out/itest/"), "{shown}");
    gate.open();
    started.finish(0);
    assert_eq!(listed(&book, &[])[0]["state"], "finished");
}

#[test]
fn the_newest_come_first_and_can_be_chosen() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url());
    let runs = [book.run(0), book.run(0), book.run(0)];
    let other = Book::at(&server.url()).run(0);
    let moved = book.dir().join("out/other/20261122T080102Z-4f2a9c");
    std::fs::create_dir_all(&moved).unwrap();
    let text = String::from_utf8(other.bytes("audit.jsonl")).unwrap();
    let lines: Vec<String> = text.lines().map(|line| line.replace("\"itest\"", "\"other\"")).collect();
    std::fs::write(moved.join("audit.jsonl"), chained_anew(&lines)).unwrap();

    let all = listed(&book, &[]);
    let started: Vec<&str> = all.iter().map(|run| run["started"].as_str().unwrap()).collect();
    assert!(started.is_sorted_by(|newer, older| newer >= older), "{started:?}");
    assert_eq!(all.len(), 4);
    let mine: Vec<Value> = listed(&book, &["--runbook", "itest"]).iter().map(|run| run["run_id"].clone()).collect();
    assert!(mine.len() == 3 && runs.iter().all(|run| mine.contains(&json!(id(run)))), "{mine:?}");
    assert_eq!(listed(&book, &["--limit", "2"]), all[..2]);
    // A link to a run is no other run.
    std::os::unix::fs::symlink(&runs[0].dir, book.dir().join("out/itest/latest")).unwrap();
    assert_eq!(listed(&book, &[]).len(), 4);
    let shown = book.command(0, &["runs", "out", "--limit", "1"]);
    assert!(shown.stdout.contains("and 3 older"), "{shown}");
    // A runbook's folder, and a single run, will do.
    for (dir, count) in [("out/itest", 3), ("out/other/20261122T080102Z-4f2a9c", 1)] {
        let found: Value = serde_json::from_str(&book.command(0, &["runs", dir, "--format", "json"]).stdout).unwrap();
        assert_eq!(found["runs"].as_array().unwrap().len(), count, "{dir}");
    }
    assert_eq!(book.command(0, &["runs", "out", "--runbook", "nobody"]).stdout, "no runs of runbook nobody in out\n");
}

#[test]
fn what_is_wrong_at_either_end_is_said_and_what_is_wrong_between_is_for_verify() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).many_calls(3);
    let run = book.run(0);
    let audit = run.dir.join("audit.jsonl");
    let bytes = run.bytes("audit.jsonl");
    let text = String::from_utf8(bytes.clone()).unwrap();
    let with = |changed: &[u8]| {
        std::fs::write(&audit, changed).unwrap();
        let one = listed(&book, &[]).remove(0);
        let shown = human(&book);
        (
            one["state"].as_str().unwrap().to_owned(),
            one["problem"].as_str().unwrap_or_default().to_owned(),
            shown.stdout,
        )
    };
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    let changed_end = [&text[..last], &text[last..].replace("\"exit_code\":0", "\"exit_code\":7")].concat();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let unbalanced: Vec<String> =
        lines.iter().map(|line| line.replace("\"totals\":{\"jobs\":3", "\"totals\":{\"jobs\":4")).collect();
    let closing = |from: &str, to: &str| {
        let mut lines = lines.clone();
        let line = lines.last_mut().unwrap();
        assert!(line.contains(from), "{line}");
        *line = line.replace(from, to);
        chained_anew(&lines).into_bytes()
    };
    let mine = format!("\"run_id\":\"{}\"", id(&run));
    let second = chained_anew(&lines.iter().map(|line| line.replace("\"seq\":1,", "\"seq\":2,")).collect::<Vec<_>>());
    let cases = [
        (
            closing(&mine, "\"run_id\":\"20261122T080102Z-4f2a9c\""),
            "finished",
            "belongs to run 20261122T080102Z-4f2a9c",
        ),
        (second.into_bytes(), "finished", "not numbered as they were written"),
        (closing("{\"v\":1", "{\"v\":2"), "finished", "format version 2"),
        (Vec::new(), "cut_off", "no closing record"),
        (b"garbage\n".to_vec(), "unreadable", "line 1 is not an audit record"),
        (text.replacen("\"itest\"", "\"itesT\"", 1).into_bytes(), "finished", "line 1 was changed"),
        (bytes[..last].to_vec(), "cut_off", "no closing record"),
        (bytes[..last + 40].to_vec(), "cut_off", "no closing record"),
        (changed_end.into_bytes(), "finished", "was changed, or lines before it were"),
        (chained_anew(&unbalanced).into_bytes(), "finished", "does not add up"),
        ([&bytes[..], b"{\"v\":1"].concat(), "finished", "torn"),
    ];
    for (bytes, state, problem) in cases {
        let (found, why, shown) = with(&bytes);
        assert!(found == state && why.contains(problem), "{found}: {why} is not {state}: {problem}");
        assert!(["INCOMPLETE", "CUT OFF", "UNREADABLE"].iter().any(|word| shown.contains(word)), "{shown}");
    }
    // Only `verify` reads what stands between.
    let middle = text.replacen("\"outcome\":\"succeeded\"", "\"outcome\":\"rejected\"", 1);
    assert_eq!(with(middle.as_bytes()).0, "finished");
    book.command(65, &["verify", run.dir.to_str().unwrap()]);

    // No file at all, but its name.
    std::fs::remove_file(&audit).unwrap();
    std::fs::create_dir(&audit).unwrap();
    let one = listed(&book, &[]).remove(0);
    assert_eq!((&one["state"], &one["runbook"]), (&json!("unreadable"), &json!("itest")));
    std::fs::remove_dir(&audit).unwrap();
    std::fs::write(&audit, &bytes).unwrap();
    std::fs::set_permissions(&audit, std::fs::Permissions::from_mode(0o000)).unwrap();
    let one = listed(&book, &[]).remove(0);
    // The superuser reads it all the same.
    assert!(one["state"] == "unreadable" || one["complete"] == true, "{one:#}");
}
