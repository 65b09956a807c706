//! The forms of a report on stdout: the bytes of the file and nothing else, whatever happens.

use crate::support::book::{Book, Run};
use crate::support::repository;
use crate::support::server::{Gate, RawServer, Reply, answer, ok};
use serde_json::Value;
use std::collections::BTreeSet;

/// Each form, and its file.
const FORMS: [(&str, &str); 5] = [
    ("json", "summary.json"),
    ("markdown", "summary.md"),
    ("junit", "junit.xml"),
    ("prometheus", "metrics.prom"),
    ("csv", "summary.csv"),
];

#[test]
fn run_resume_and_report_print_the_file_of_the_form_and_nothing_else() {
    for (form, file) in FORMS {
        let server = RawServer::answering([ok(), answer(404, &[], "{}")]);
        let book = Book::at(&server.url()).many_calls(2).more("success_criteria: [\"failed <= 1\"]");
        let run = book.run_with(0, &["--format", form]);
        let live = String::from_utf8(run.bytes(file)).unwrap();
        assert_eq!(run.stdout, live, "run --format {form}");
        std::fs::remove_file(run.dir.join(file)).unwrap();
        let again = run.command(0, &["report", ".", "--format", form]);
        assert_eq!(again.stdout, live, "report --format {form}");
        assert_eq!(String::from_utf8(run.bytes(file)).unwrap(), live);
        assert!(again.stderr.is_empty(), "{again}");
        // Nothing is left to send, and the report is made all the same.
        let resumed = book.command(0, &["resume", run.dir.to_str().unwrap(), "--format", form]);
        assert_eq!(resumed.stdout, live, "resume --format {form}");
    }
}

#[test]
fn where_there_is_no_report_nothing_stands_in_its_place() {
    let book = Book::offline().many_calls(1).more("descripton: wrong");
    for (form, _) in FORMS.into_iter().filter(|(form, _)| *form != "json") {
        let refused = book.command(65, &["run", "runbook.yaml", "--format", form]);
        assert!(refused.stdout.is_empty() && refused.stderr.contains("descripton"), "{refused}");
        let missing = book.command(66, &["report", "nowhere", "--format", form]);
        assert!(missing.stdout.is_empty() && missing.stderr.contains("nowhere"), "{missing}");
        let planned = book.command(2, &["run", "runbook.yaml", "--dry-run", "--format", form]);
        assert!(planned.stdout.is_empty() && planned.stderr.contains("a plan is no report"), "{planned}");
        let other = book.command(2, &["verify", ".", "--format", form]);
        assert!(other.stdout.is_empty() && other.stderr.contains("[possible values: human, json]"), "{other}");
    }
}

#[test]
fn a_run_that_is_skipped_for_another_one_prints_no_report() {
    let gate = Gate::default();
    let hanging = gate.clone();
    let server = RawServer::bridging(move |_| Reply::SendAndHang(Vec::new(), hanging.clone()));
    let book = Book::at(&server.url()).many_calls(1);
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let args = ["run", "runbook.yaml", "--out", "out", "--if-running", "skip", "--format"];
    let skipped = book.command(0, &[&args[..], &["junit"]].concat());
    assert!(skipped.stdout.is_empty() && skipped.stderr.contains("another run is at work"), "{skipped}");
    let skipped = book.command(0, &[&args[..], &["json"]].concat());
    let said: Value = serde_json::from_str(&skipped.stdout).unwrap();
    assert!(said["skipped"].is_object(), "{said}");
    gate.open();
    started.finish_anyhow();
}

/// Ten thousand jobs have a case each; of more, those that somebody must look at, and the numbers count them all.
#[test]
fn a_large_run_has_cases_for_what_went_wrong_and_exact_numbers() {
    let jobs = 10_004;
    let server = RawServer::bridging(|request| match request.call() {
        "call-7" => answer(500, &[], "{}"),
        "call-9" => answer(404, &[], "{}"),
        _ => ok(),
    });
    let book =
        Book::at(&server.url()).many_calls(jobs).limits("{concurrency: 16}").more("audit: {durability: process}");
    let run: Run = book.run(11);
    let text = String::from_utf8(run.bytes("junit.xml")).unwrap();
    let cases = text.matches("<testcase ").count();
    let criteria = run.summary()["criteria"].as_array().unwrap().len();
    assert_eq!(cases, 2 + criteria + 2, "{}", &text[..3000]);
    assert!(text.contains(&format!("tests=\"{}\" failures=", jobs + 2 + criteria)), "{}", &text[..500]);
    assert!(text.contains(&format!("tests=\"{jobs}\" failures=\"1\" errors=\"1\" skipped=\"0\"")), "{text}");
    assert!(text.contains(&format!("{} of {jobs} jobs have no case here", jobs - 2)), "{text}");
    let request = run.summary()["unknown"]["jobs"][0]["request_id"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("may have had an effect: look it up with request id {request}")), "{text}");
}

#[test]
fn the_page_about_formats_names_every_metric_and_no_other() {
    let server = RawServer::answering([ok()]);
    let run = Book::at(&server.url()).many_calls(1).run(0);
    let metrics = String::from_utf8(run.bytes("metrics.prom")).unwrap();
    let made = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let made: BTreeSet<String> = made.map(str::to_owned).collect();
    let page = std::fs::read_to_string(repository("docs/formats.md")).unwrap();
    let named = page.split('`').filter(|word| word.starts_with("bridgebook_run_") && !word.contains(['=', ' ', '{']));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    assert_eq!(made, named);
}
