//! A saved plan, and a run that keeps to it: any change is refused with its name, and nothing is sent.

use crate::support::book::Book;
use crate::support::repository;
use crate::support::server::{RawServer, ok};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

const ROWS: &str = "call_id,number\ncall-1,+12025550101\ncall-2,+12025550102\n";

const PROFILE: &str = "version: 1
name: my-api
auth: {grant: client_credentials}
endpoints: {token_path: /oauth/token}
request: {path: \"/api/v2/cti/calls/{{job.call_id}}/bridge\", json: {to: \"{{job.to}}\", direction: \"{{job.direction}}\"}}
answers: {succeeded: [2xx]}
job: {call_id: call_id, numbers: {fields: [/to]}, schema: {type: object, required: [call_id], properties: {call_id: {type: string}, to: {type: string}, direction: {type: string}}}}
";

/// A runbook of six files, planned.
fn planned(server: &RawServer) -> Book {
    let connection = format!(
        "connection:\n  profile: ../api/profile.yaml\n  base_url: \"{}\"\n  auth: {{client_id: {{env: CXONE_CLIENT_ID}}, client_secret: {{env: CXONE_CLIENT_SECRET}}}}\n",
        server.url()
    );
    let text = "version: 1\nname: itest\ninclude: [shared/connection.yaml]\nenv: [SITE]\nvars: {direction: transfer}\nsets:\n  - name: one\n    \
        rows: {csv: data/calls.csv}\n    job:\n      call_id: \"{{env.SITE}}-{{row.call_id}}\"\n      \
        to: \"{{row.number}}\"\n      direction: \"{{vars.direction}}\"\nguards: {deny_numbers: data/never.csv}\n";
    let book = Book::offline()
        .verbatim(text)
        .env("SITE", "north")
        .file("shared/connection.yaml", &connection)
        .file("data/calls.csv", ROWS)
        .file("data/never.csv", "+12025550199\n")
        .file("api/profile.yaml", PROFILE)
        .file("vars.yaml", "direction: consult\n");
    let ended = book.command(0, &["plan", "runbook.yaml", "--vars", "vars.yaml", "--save", "plan.json"]);
    let id = saved(&book)["plan_id"].as_str().unwrap().to_owned();
    assert!(ended.stdout.contains(&id), "{ended}");
    book
}

fn saved(book: &Book) -> Value {
    serde_json::from_slice(&std::fs::read(book.dir().join("plan.json")).unwrap()).unwrap()
}

const RUN: [&str; 4] = ["--plan", "plan.json", "--vars", "vars.yaml"];

#[test]
fn what_was_planned_runs_and_the_audit_file_names_the_plan() {
    let server = RawServer::bridging(|_| ok());
    let book = planned(&server);
    let mode = std::fs::metadata(book.dir().join("plan.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let run = book.run_with(0, &RUN);
    assert_eq!(run.audit.lines[0]["plan_id"], saved(&book)["plan_id"]);
    assert_eq!(server.bridges().len(), 2);
    // The same things give the same id; the file is never overwritten.
    book.command(73, &["plan", "runbook.yaml", "--vars", "vars.yaml", "--save", "plan.json"]);
    book.command(0, &["plan", "runbook.yaml", "--vars", "vars.yaml", "--save", "again.json"]);
    let again: Value = serde_json::from_slice(&std::fs::read(book.dir().join("again.json")).unwrap()).unwrap();
    assert_eq!(again["plan_id"], saved(&book)["plan_id"]);
}

#[test]
fn one_changed_byte_of_any_file_is_refused_by_name_and_nothing_is_sent() {
    let server = RawServer::bridging(|_| ok());
    for (file, named) in [
        ("shared/connection.yaml", "included file shared/connection.yaml"),
        ("data/calls.csv", "input data/calls.csv"),
        ("data/never.csv", "input data/never.csv"),
        ("api/profile.yaml", "profile shared/../api/profile.yaml"),
        ("vars.yaml", "file of variables vars.yaml"),
    ] {
        let book = planned(&server);
        let path = book.dir().join(file);
        let text = std::fs::read(&path).unwrap();
        // Each byte of the file in turn, whatever the change makes of it.
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            let ended = book.refused(13, &RUN);
            assert!(ended.stderr.contains(&format!("{named}: its content has changed")), "byte {at}: {ended}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(book.refused(13, &RUN).stderr.contains(named));
    }
    // The runbook itself, which the builder writes anew before each command.
    let book = planned(&server);
    let text = book.text();
    let book = book.verbatim(&text.replace("name: one", "name: two"));
    assert!(book.refused(13, &RUN).stderr.contains("runbook runbook.yaml: its content has changed"));
    assert_eq!(server.connections(), 0);
}

#[test]
fn whom_the_run_trusts_is_part_of_the_plan() {
    let server = RawServer::bridging(|_| ok());
    let authority = std::fs::read_to_string(repository("tests/fixtures/invalid/tls/client.pem")).unwrap();
    let book = Book::at(&server.url()).connection("tls: {ca: ca.pem}").file("ca.pem", &authority);
    book.command(0, &["plan", "runbook.yaml", "--save", "plan.json"]);
    let run = book.run_with(0, &["--plan", "plan.json"]);
    let inputs = run.audit.lines[0]["inputs"].as_array().unwrap();
    assert!(inputs.iter().any(|input| input["file"] == "ca.pem"), "{inputs:#?}");
    let book = book.file("ca.pem", &format!("{authority}{authority}"));
    let ended = book.refused(13, &["--plan", "plan.json"]);
    assert!(ended.stderr.contains("input ca.pem: its content has changed"), "{ended}");
}

#[test]
fn other_values_and_other_settings_are_refused_by_name() {
    let server = RawServer::bridging(|_| ok());
    let book = planned(&server);
    let says = |book: &Book, args: &[&str], words: &str| {
        let ended = book.refused(13, args);
        assert!(ended.stderr.contains(words), "{words}: {ended}");
    };
    says(&book, &[&RUN[..], &["--concurrency", "3"]].concat(), "setting concurrency: planned 8, now 3");
    says(&book, &[&RUN[..], &["--limit", "1"]].concat(), "setting limit: planned nothing, now 1");
    says(&book, &[&RUN[..], &["--set", "direction=inbound"]].concat(), "setting vars.direction");
    says(&book, &RUN[..2], "file of variables vars.yaml");
    says(&book.env("SITE", "south"), &RUN, "environment");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_plan_that_was_changed_by_hand_is_refused() {
    let server = RawServer::bridging(|_| ok());
    let book = planned(&server);
    let text = std::fs::read_to_string(book.dir().join("plan.json")).unwrap();
    std::fs::write(book.dir().join("plan.json"), text.replace("\"jobs\": 2", "\"jobs\": 3")).unwrap();
    assert!(book.refused(13, &RUN).stderr.contains("changed after it was saved"));
    std::fs::write(book.dir().join("plan.json"), "{}").unwrap();
    assert!(book.refused(13, &RUN).stderr.contains("not a saved plan"));
    book.refused(66, &["--plan", "nowhere.json"]);
    assert_eq!(server.connections(), 0);
}
