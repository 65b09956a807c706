//! Reports of several runs through the binary: the trend, two runs side by side, a report from an audit file alone, and the
//! histograms that the closing record carries.

use crate::mutations::chained_anew;
use crate::support::audit::{check_schema, schema};
use crate::support::book::{Book, Run};
use crate::support::process::{Ended, Running, bridgebook};
use crate::support::server::{RawServer, answer, ok};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// Three runs of one runbook: all bridged, all bridged, a third refused.
fn three_runs() -> (Book, RawServer, [Run; 3]) {
    let replies = (0..60).map(|number| if number >= 40 && number % 3 == 0 { answer(404, &[], "{}") } else { ok() });
    let server = RawServer::answering(replies);
    let book = Book::at(&server.url())
        .many_calls(20)
        .more("success_criteria: [\"success_rate >= 90%\"]\non_lost_criterion: continue");
    let runs = [book.run(0), book.run(0), book.run(10)];
    (book, server, runs)
}

fn paths<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<&'a str> {
    runs.into_iter().map(|run| run.dir.to_str().unwrap()).collect()
}

fn command(dir: &Path, code: u8, args: &[&str]) -> Ended {
    Running::start(bridgebook(dir, args)).finish().expect(code)
}

#[track_caller]
fn parsed(ended: &Ended, kind: &str) -> Value {
    let document = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"));
    check_schema(&schema(kind), &document);
    document
}

/// Milliseconds of every answered attempt, sorted.
fn latencies<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<f64> {
    let attempts = runs.into_iter().flat_map(|run| run.audit.attempts());
    let answered = attempts.filter(|attempt| !attempt["status_code"].is_null());
    let mut all: Vec<f64> = answered.map(|attempt| attempt["latency_ms"].as_f64().unwrap()).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[test]
fn several_runs_give_their_figures_together_and_a_trend_with_what_became_worse() {
    let (book, _server, runs) = three_runs();
    let dirs = paths(&runs);
    let shuffled = [dirs[2], dirs[0], dirs[1]];
    let ended = book.command(0, &[&["report"], &shuffled[..], &["--format", "json", "--to", "trend/of all"]].concat());
    let trend = parsed(&ended, "trend");
    let group = &trend["groups"][0];
    let ids: Vec<&str> = group["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let mut by_start: Vec<&Run> = runs.iter().collect();
    by_start.sort_by_key(|run| run.audit.lines[0]["timestamp"].to_string());
    assert_eq!(ids, by_start.iter().map(|run| run.audit.lines[0]["run_id"].as_str().unwrap()).collect::<Vec<_>>());

    let total = &group["merged"]["total"];
    assert_eq!((&total["jobs"], &total["succeeded"], &total["rejected"]), (&json!(60), &json!(54), &json!(6)));
    let all = latencies(&runs);
    assert_eq!(total["latency_ms"]["answers"], all.len());
    for (name, rank) in [("min", 1), ("p50", 30), ("p90", 54), ("p95", 57), ("p99", 60), ("max", 60)] {
        assert_eq!(total["latency_ms"][name], all[rank - 1], "{name}");
    }
    let worse: Vec<&Value> =
        group["runs"][2]["regressions"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert!(worse.contains(&&json!("verdict")) && worse.contains(&&json!("success_rate")), "{worse:?}");

    // The files say the same, are private, and no run's own files were touched.
    let to = book.dir().join("trend/of all");
    assert_eq!(std::fs::read_to_string(to.join("trend.json")).unwrap(), ended.stdout);
    for name in ["trend.json", "trend.csv", "trend.html"] {
        assert_eq!(to.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let rows = csv::Reader::from_path(to.join("trend.csv")).unwrap().records().count();
    assert_eq!(rows, 4);
    let human = book.command(0, &[&["report"], &dirs[..]].concat()).stdout;
    assert!(
        human.contains("itest: 3 runs") && human.contains("WORSE") && human.contains("together    3 runs"),
        "{human}"
    );
    assert!(!book.dir().join("trend.json").exists() && !runs[0].dir.join("trend.json").exists());
}

#[test]
fn a_run_that_was_cut_off_is_in_the_trend_and_in_no_sum() {
    let (server, gate) = RawServer::holding("call-3");
    let whole = Book::at(&server.url()).calls(["call-1", "call-2"]);
    let book = whole.clone().calls(["call-1", "call-3"]);
    let complete = whole.run(0);
    let started = book.start(&[]);
    server.wait_for_bridges(4);
    let cut = started.kill();
    gate.open();
    let ended = book.command(65, &[&["report"], &paths([&cut, &complete])[..], &["--format", "json"]].concat());
    let trend = parsed(&ended, "trend");
    let merged = &trend["groups"][0]["merged"];
    assert_eq!((&trend["complete"], &merged["runs"], &merged["left_out"]), (&json!(false), &json!(1), &json!(1)));
    assert_eq!(merged["total"]["jobs"], 2);
    let human = book.command(65, &[&["report"], &paths([&cut, &complete])[..]].concat()).stdout;
    assert!(
        human.contains("INCOMPLETE") && human.contains("together    1 run, without the one that is not complete"),
        "{human}"
    );
}

#[test]
fn a_run_that_is_given_twice_counts_once_and_a_changed_copy_is_refused() {
    let (book, _server, runs) = three_runs();
    let copy = book.dir().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(copy.join("audit.jsonl"), runs[0].bytes("audit.jsonl")).unwrap();
    let dir = runs[0].dir.to_str().unwrap();
    let trend = parsed(&book.command(0, &["report", dir, "copy", dir, "--format", "json"]), "trend");
    assert_eq!((&trend["runs"], &trend["groups"][0]["merged"]["total"]["jobs"]), (&json!(1), &json!(20)));
    assert_eq!(trend["repeated"].as_object().unwrap().values().collect::<Vec<_>>(), [2]);

    let mut lines: Vec<String> =
        String::from_utf8(runs[0].bytes("audit.jsonl")).unwrap().lines().map(str::to_owned).collect();
    lines[0] = lines[0].replace("\"itest\"", "\"itesT\"");
    std::fs::write(copy.join("audit.jsonl"), chained_anew(&lines)).unwrap();
    let refused = book.command(65, &["report", dir, "copy"]);
    assert!(refused.stderr.contains("given twice, and the two audit files differ"), "{refused}");
}

#[test]
fn two_runs_side_by_side() {
    let (book, _server, runs) = three_runs();
    let dirs = paths(&runs);
    let ended = book.command(0, &["report", "--compare", dirs[0], dirs[2], "--format", "json", "--to", "c"]);
    let found = parsed(&ended, "comparison");
    let figure = |name: &str| {
        found["figures"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["figure"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(
        (&figure("success_rate")["base"], &figure("success_rate")["difference"]),
        (&json!(100.0), &json!(-30.0))
    );
    assert_eq!(found["criteria"][0]["change"], "no_longer_met");
    assert_eq!((&found["errors"][0]["base"], &found["errors"][0]["run"]), (&json!(0), &json!(6)));
    assert_eq!((&found["settings"], &found["inputs"]), (&json!([]), &json!([])));
    assert_eq!(std::fs::read_to_string(book.dir().join("c/comparison.json")).unwrap(), ended.stdout);

    let faster = book.run_with(0, &["--concurrency", "3"]);
    let human = book.command(0, &["report", "--compare", dirs[2], faster.dir.to_str().unwrap()]).stdout;
    assert!(human.contains("concurrency: 1 -> 3"), "{human}");

    for wrong in [&["report", "--compare", dirs[0]][..], &["report", "--compare", dirs[0], dirs[0]]] {
        book.command(2, wrong);
    }
    for wrong in [&["report"][..], &["report", "--from", "x", dirs[0]]] {
        book.command(2, wrong);
    }
}

#[test]
fn a_report_from_an_audit_file_alone_is_the_report_of_the_run() {
    let (book, _server, runs) = three_runs();
    let run = &runs[2];
    let bytes = run.bytes("audit.jsonl");
    let file = run.dir.join("audit.jsonl");
    let fed = book.command_fed(0, &["report", "--from", "-", "--format", "json"], &bytes);
    assert_eq!(fed.stdout.as_bytes(), run.bytes("summary.json"));
    let human = book.command_fed(0, &["report", "--from", "-"], &bytes).stdout;
    assert!(run.stdout.starts_with(&human), "{human}\n{}", run.stdout);
    let named = book.command(0, &["report", "--from", file.to_str().unwrap(), "--to", "files"]);
    assert!(named.stdout.contains("files/report.html"), "{named}");
    for name in ["summary.json", "summary.csv", "results.csv", "report.html"] {
        let path = book.dir().join("files").join(name);
        assert!(std::fs::read(&path).unwrap() == run.bytes(name), "{name} differs");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    // One run's files elsewhere: its own stay as they are.
    std::fs::write(run.dir.join("summary.csv"), "mine").unwrap();
    book.command(0, &["report", run.dir.to_str().unwrap(), "--to", "else/where"]);
    assert_eq!(run.bytes("summary.csv"), b"mine");
    assert!(book.dir().join("else/where/summary.csv").exists());
}

#[test]
fn files_that_are_asked_for_do_not_go_where_those_of_another_run_are() {
    let (book, _server, runs) = three_runs();
    let [one, two, three] = paths(&runs)[..] else { panic!("three runs") };
    std::fs::write(runs[1].dir.join("summary.csv"), "mine").unwrap();
    for args in [
        &["report", one, "--to", two, "--format", "json"][..],
        &["report", one, three, "--to", two, "--format", "json"],
        &["report", "--compare", one, three, "--to", two, "--format", "json"],
    ] {
        let refused = book.command(73, args);
        assert!(refused.stderr.contains("is the directory of a run"), "{refused}");
        let documents: Vec<Value> =
            serde_json::Deserializer::from_str(&refused.stdout).into_iter().map(Result::unwrap).collect();
        assert_eq!(documents.len(), 1, "stdout holds the one document that was asked for: {refused}");
    }
    assert_eq!(runs[1].bytes("summary.csv"), b"mine");
    assert!(!runs[1].dir.join("trend.html").exists() && !runs[1].dir.join("comparison.json").exists());
    book.command(0, &["report", two, "--to", two]);
    assert!(runs[1].bytes("summary.csv") != b"mine", "its own are made anew there as everywhere");
}

#[test]
fn a_file_without_an_opening_record_is_compared_with_nothing() {
    let (book, _server, runs) = three_runs();
    std::fs::write(runs[0].dir.join("audit.jsonl"), "").unwrap();
    let dirs = paths(&runs);
    let refused = book.command(65, &["report", "--compare", dirs[0], dirs[1], "--format", "json"]);
    assert!(refused.stderr.contains(&format!("{} has no opening record", dirs[0])), "{refused}");
}

#[test]
fn what_comes_through_a_pipe_and_is_not_whole_is_incomplete() {
    let (book, _server, runs) = three_runs();
    let bytes = runs[0].bytes("audit.jsonl");
    let end = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for (part, words) in [
        (&bytes[..end], "no closing record"),
        (&bytes[..end + 20], "torn"),
        (&[][..], "empty"),
        (b"{}\n", "not an audit record"),
    ] {
        let ended = book.command_fed(65, &["report", "--from", "-"], part);
        assert!(ended.stdout.starts_with("INCOMPLETE") && ended.stdout.contains(words), "{words}: {ended}");
    }
    let missing = book.command(66, &["report", "--from", "nowhere.jsonl"]);
    assert!(missing.stderr.contains("nowhere.jsonl"), "{missing}");
    book.command(66, &["report", "--from", "."]);
}

#[test]
fn a_closing_record_whose_histogram_is_not_what_the_lines_say_is_found() {
    let (_book, _server, runs) = three_runs();
    let text = String::from_utf8(runs[0].bytes("audit.jsonl")).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let other = runs[1].audit.finished()["histograms"].clone();
    let folder = TempDir::new().unwrap();
    let verified = |edit: &dyn Fn(&mut Value)| -> Value {
        let mut lines = lines.clone();
        let mut last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        edit(&mut last);
        *lines.last_mut().unwrap() = last.to_string();
        std::fs::write(folder.path().join("audit.jsonl"), chained_anew(&lines)).unwrap();
        let ended = Running::start(bridgebook(folder.path(), &["verify", "audit.jsonl", "--format", "json"])).finish();
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(said["integrity"]["ok"], true, "{said:#}");
        assert_eq!(ended.code, Some(if said["completeness"]["ok"] == true { 0 } else { 65 }));
        said["completeness"]["reason"].clone()
    };
    assert_eq!(verified(&|_| {}), Value::Null);
    // Files of before the histograms have none.
    assert_eq!(verified(&|last| drop(last.as_object_mut().unwrap().remove("histograms"))), Value::Null);
    for (kind, words) in
        [("latency", "the latency histogram of the run differs"), ("queue", "the queue histogram of the run differs")]
    {
        for forged in [other["total"]["latency"].clone(), json!(""), json!("HISTFAAAAA=="), json!("no base64")] {
            let reason = verified(&|last| last["histograms"]["total"][kind] = forged.clone());
            assert!(reason.as_str().is_some_and(|reason| reason.contains(words)), "{kind} {forged}: {reason}");
        }
    }
    let reason = verified(&|last| last["histograms"]["sets"] = other["sets"].clone());
    assert!(reason.to_string().contains("histogram of set"), "{reason}");
    let reason = verified(&|last| last["histograms"]["sets"][0]["set"] = json!("nobody"));
    assert!(reason.to_string().contains("there is no histogram of set"), "{reason}");
}

#[test]
fn the_histograms_of_a_resumed_run_are_those_of_the_whole_run() {
    let (server, gate) = RawServer::holding("call-2");
    let book = Book::at(&server.url()).many_calls(4);
    let started = book.start(&[]);
    server.wait_for_bridges(2);
    let cut = started.kill();
    gate.open();
    let resumed = book.resume(&cut.dir, 11, &[]);
    let trend = parsed(&command(&cut.dir, 0, &["report", ".", ".", "--format", "json"]), "trend");
    let found = &trend["groups"][0]["merged"]["total"];
    let all = latencies([&resumed]);
    assert_eq!((all.len(), &found["latency_ms"]["max"]), (3, &json!(all[2])));
    assert!(resumed.audit.finished()["histograms"]["total"]["latency"].as_str().unwrap().starts_with("HISTFAAA"));
}
