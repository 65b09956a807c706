//! A file that is not whole gives INCOMPLETE in every form of the report, and none in which anything has passed.

use crate::support::book::{Book, Run};
use crate::support::process::{Ended, Running, bridgebook};
use crate::support::server::{Gate, RawServer, Reply, ok};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use tempfile::TempDir;

fn finished() -> Run {
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).many_calls(3).run(0);
    assert!(
        String::from_utf8(run.bytes("metrics.prom")).unwrap().contains("bridgebook_run_passed{runbook=\"itest\"} 1")
    );
    run
}

fn command(folder: &Path, args: &[&str]) -> Ended {
    Running::start(bridgebook(folder, args)).finish()
}

/// Every form, on stdout and as a file; exit code 65.
fn assert_incomplete(kind: &str, folder: &Path, because: &str) {
    let human = command(folder, &["report", "."]).expect(65);
    assert!(human.stdout.starts_with("INCOMPLETE"), "{kind}: {human}");
    assert!(human.stdout.contains(because), "{kind}: {because}: {human}");
    for (form, file) in [
        ("json", "summary.json"),
        ("markdown", "summary.md"),
        ("junit", "junit.xml"),
        ("prometheus", "metrics.prom"),
        ("csv", "summary.csv"),
    ] {
        let said = command(folder, &["report", ".", "--format", form]).expect(65);
        assert!(said.stdout == std::fs::read_to_string(folder.join(file)).unwrap(), "{kind}: {form}");
        match form {
            "json" => {
                let summary: Value = serde_json::from_str(&said.stdout).unwrap();
                assert_eq!((&summary["complete"], &summary["verdict"]), (&false.into(), &Value::Null), "{kind}");
                assert!(summary["problems"].to_string().contains(because), "{kind}: {summary:#}");
                let criteria = summary["criteria"].as_array().unwrap();
                assert!(criteria.iter().all(|criterion| criterion["met"].is_null()), "{kind}: {summary:#}");
                assert!(!criteria.is_empty() || kind == "the file is empty", "{kind}: {summary:#}");
            }
            "markdown" => {
                assert!(said.stdout.starts_with("## INCOMPLETE: "), "{kind}: {said}");
                assert!(said.stdout.contains(because) && !said.stdout.contains("PASSED"), "{kind}: {said}");
            }
            "junit" => junit(kind, &said.stdout, because),
            "prometheus" => prometheus(kind, &said.stdout),
            _ => {
                let mut rows = csv::Reader::from_reader(said.stdout.as_bytes());
                let header = rows.headers().unwrap().clone();
                let result = header.iter().position(|name| name == "run_result").unwrap();
                assert!(rows.records().all(|row| &row.unwrap()[result] == "INCOMPLETE"), "{kind}: {said}");
            }
        }
    }
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("<h2>INCOMPLETE</h2>") && page.contains("role=\"alert\""), "{kind}");
    assert!(page.contains("<p class=\"badge bad\"><b>INCOMPLETE</b>") && !page.contains("PASSED"), "{kind}");
}

/// The first case is an error, and no criterion has passed.
fn junit(kind: &str, text: &str, because: &str) {
    let because = because.replace('\'', "&apos;").replace('"', "&quot;");
    let cases: Vec<&str> = text.split("<testcase ").skip(1).collect();
    assert!(
        cases[0].contains("the audit file is complete\"><error type=\"incomplete\" message=\"INCOMPLETE: "),
        "{kind}: {text}"
    );
    assert!(cases[0].contains(&because), "{kind}: {text}");
    let criteria = cases.iter().filter(|case| case.contains(".criteria\""));
    assert!(criteria.clone().all(|case| case.contains("<skipped type=\"not_judged\"")), "{kind}: {text}");
    let attribute = |tag: &str| {
        let tag = text.split(tag).nth(1).unwrap().split('>').next().unwrap();
        tag.split("errors=\"").nth(1).unwrap().split('"').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(attribute("<testsuites ") > 0 && attribute("<testsuite name=\"run\"") > 0, "{kind}: {text}");
    assert!(text.contains("<property name=\"verdict\" value=\"INCOMPLETE\"/>"), "{kind}: {text}");
}

fn prometheus(kind: &str, text: &str) {
    let values = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        lines.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("bridgebook_run_complete"), ["0"], "{kind}: {text}");
    assert_eq!(values("bridgebook_run_passed"), ["0"], "{kind}: {text}");
    assert!(values("bridgebook_run_criterion_met").iter().all(|met| met == "0"), "{kind}: {text}");
}

/// The lines of other records, numbered and chained anew, as somebody could who has a run to hide.
fn forged(lines: &[Value]) -> Vec<u8> {
    let (mut file, mut before) = (Vec::new(), "0".repeat(64));
    for (number, line) in (1..).zip(lines) {
        let mut record = line.as_object().unwrap().clone();
        record.remove("hash");
        record["seq"] = Value::from(number);
        let text = Value::Object(record).to_string();
        let body = text.strip_suffix('}').unwrap();
        let hash = Sha256::new().chain_update(&before).chain_update(body).finalize();
        before = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        file.extend_from_slice(format!("{body},\"hash\":\"{before}\"}}\n").as_bytes());
    }
    file
}

#[test]
fn every_kind_of_damage_is_incomplete_in_every_form() {
    let run = finished();
    let bytes = run.bytes("audit.jsonl");
    let ends: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] == b'\n').collect();
    let half = ends[ends.len() / 2];
    let text = String::from_utf8(bytes.clone()).unwrap();
    // Seals hold heads of the chain that is made anew.
    let lines: Vec<Value> = run.audit.lines.iter().filter(|line| line["event_type"] != "seal").cloned().collect();
    let without = |unwanted: &dyn Fn(&Value) -> bool| {
        forged(&lines.iter().filter(|line| !unwanted(line)).cloned().collect::<Vec<_>>())
    };
    let is = |line: &Value, kind: &str, job: u64| line["event_type"] == kind && line["job"] == job;
    let mut other_totals = lines.clone();
    other_totals.last_mut().unwrap()["totals"]["succeeded"] = 2.into();
    let first_outcome = lines.iter().position(|line| line["event_type"] == "bridge_attempt").unwrap();
    let twice = [&lines[..=first_outcome], &lines[first_outcome..]].concat();
    let after_the_end = [&lines[..], &lines[first_outcome..=first_outcome]].concat();
    let kinds: [(&str, Vec<u8>, &str); 11] = [
        ("an outcome comes twice", forged(&twice), "line "),
        ("an outcome behind the end", forged(&after_the_end), "line "),
        ("the tail is cut in a line", bytes[..half - 20].to_vec(), "torn"),
        ("the tail is cut between lines", bytes[..=half].to_vec(), "there is no closing record"),
        ("no closing record", bytes[..=ends[ends.len() - 2]].to_vec(), "there is no closing record"),
        ("a line is changed", text.replacen("\"final\":true", "\"final\":null", 1).into_bytes(), "line "),
        ("a line is taken out", [&bytes[..=ends[2]], &bytes[ends[3] + 1..]].concat(), "line 4"),
        ("a job is missing", without(&|line| line["job"] == 2), "final state"),
        ("an outcome is missing", without(&|line| is(line, "bridge_attempt", 2)), "final state"),
        ("the totals are others", forged(&other_totals), "does not agree"),
        ("the file is empty", Vec::new(), "the file is empty"),
    ];
    for (kind, damaged, because) in kinds {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("audit.jsonl"), damaged).unwrap();
        assert_incomplete(kind, folder.path(), because);
    }
    // The same work without damage: what is made anew is taken.
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("audit.jsonl"), forged(&lines)).unwrap();
    let whole = command(folder.path(), &["report", "."]).expect(0);
    assert!(whole.stdout.starts_with("PASSED"), "{whole}");
}

#[test]
fn a_run_that_goes_on_is_incomplete_in_every_form() {
    let gate = Gate::default();
    let hanging = gate.clone();
    let server = RawServer::bridging(move |_| Reply::SendAndHang(Vec::new(), hanging.clone()));
    let book = Book::at(&server.url()).many_calls(1);
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let dirs = book.run_dirs();
    let dir = dirs.first().unwrap();
    assert_incomplete("alive", dir, "the run is still going on");
    let summary: Value = serde_json::from_slice(&std::fs::read(dir.join("summary.json")).unwrap()).unwrap();
    let total = &summary["total"];
    assert_eq!((&total["open"], &total["unknown"]), (&1.into(), &0.into()), "its answer may still come: {total}");
    gate.open();
    started.finish_anyhow();
}
