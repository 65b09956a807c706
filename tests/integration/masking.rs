//! What must never be written down: whole telephone numbers, the secret, the token.

use crate::support::book::{Book, CLIENT_SECRET, Run, set};
use crate::support::canary::LEFT;
use crate::support::process::{Running, bridgebook};
use crate::support::server::{RawServer, TOKEN, answer};
use std::path::Path;

/// The canary's digits. Whoever finds them anywhere but in `inputs/` has found a leak.
const CANARY: &str = "2025550142";

/// Every file below a directory, but for the snapshot of the inputs, which holds the numbers as the operator wrote them.
fn files(dir: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "inputs" {
                files(&path, found);
            }
        } else if !LEFT.iter().any(|name| path.ends_with(name)) {
            // Rows that are given back are the input's own; what stands beside them is for `canaries`.
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
}

/// Everything that a run has said, by place.
fn everything(run: &Run) -> Vec<(String, String)> {
    let mut found = vec![("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone())];
    files(&run.dir, &mut found);
    let report = run.command(0, &["report", ".", "--format", "json"]);
    found.extend([("report".to_owned(), report.stdout), ("report stderr".to_owned(), report.stderr)]);
    found
}

fn talkative() -> RawServer {
    let body = r#"{"message":"no route to +12025550142 (12025550142), ask tel:+12025550142"}"#;
    RawServer::bridging(move |request| {
        let headers = [("x-cxone-correlation-id", "corr-+12025550142"), ("x-other", "+12025550142")];
        match request.call() {
            "rejected" => answer(404, &headers, body),
            "unknown" => answer(500, &headers, "<h1>+12025550142</h1>"),
            "retried" => answer(429, &headers, body),
            _ => answer(200, &headers, body),
        }
    })
}

fn canary_book(server: &RawServer) -> Book {
    let rows = r#"[{"call_id": "rejected"}, {"call_id": "unknown"}, {"call_id": "retried"}, {"call_id": "ok"}]"#;
    Book::at(&server.url())
        .sets(&set("one", rows, "").replace("+12025550104", "{{vars.desk}}"))
        .more("vars: {desk: \"+12025550142\"}")
}

#[test]
fn numbers_are_masked_wherever_they_come_from() {
    let server = talkative();
    for args in [&[] as &[&str], &["-vv"], &["-vv", "--log-format", "json"], &["--set", "desk=+12025550142"]] {
        let run = canary_book(&server).run_with(11, args);
        for (place, text) in everything(&run) {
            assert!(!text.contains(CANARY), "{args:?}: the number stands in {place}:\n{text}");
        }
        assert!(run.audit.intents().iter().all(|intent| intent["targets"][0] == "phone:+1202*****42"));
        let message = run.audit.outcome_of("rejected")["error_message"].as_str().unwrap();
        assert!(message.starts_with("no route to +1202*****42"), "{message}");
    }
    // The canary did fly: the server saw the whole number.
    assert!(server.bridges()[0].body().contains("+12025550142"));
}

#[test]
fn a_trace_of_every_library_shows_neither_number_nor_secret_nor_token() {
    let server = talkative();
    let run = canary_book(&server).env("BRIDGEBOOK_LOG", "trace").run(11);
    assert!(run.stderr.contains("TRACE"), "the trace is on");
    for (place, text) in everything(&run) {
        for word in [CANARY, CLIENT_SECRET, TOKEN] {
            assert!(!text.contains(word), "{word} stands in {place}:\n{text}");
        }
    }
}

#[test]
fn plan_and_validate_mask_numbers_too() {
    let book = Book::offline()
        .sets(&set("one", r#"[{"call_id": "a"}]"#, "").replace("+12025550104", "{{vars.desk}}"))
        .more("vars: {desk: \"+12025550142\"}");
    for args in [
        &["plan", "runbook.yaml"] as &[&str],
        &["plan", "runbook.yaml", "--format", "json"],
        &["validate", "runbook.yaml"],
    ] {
        let ended = book.command(0, args);
        assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "{ended}");
    }
    let data = "call_id,number\na,+12025550142\na,+12025550142\n";
    let sets = "  - name: rows\n    rows: {csv: calls.csv}\n    job:\n      call_id: \"{{row.call_id}}\"\n      \
        targets: [{type: phone, value: \"{{row.number}}x\"}]\n      direction: transfer\n";
    let ended = Book::offline().sets(sets).file("calls.csv", data).refused(65, &[]);
    assert!(!ended.stderr.contains(CANARY), "{ended}");
}

#[test]
fn secret_and_token_are_nowhere_in_a_run_directory_or_in_what_is_said() {
    let server = talkative();
    let refusing = RawServer::start(|_| answer(401, &[], r#"{"error":"invalid_client"}"#));
    let runs = [canary_book(&server).run_with(11, &["-vv"]), canary_book(&refusing).run_with(77, &["-vv"])];
    for run in &runs {
        let mut found = everything(run);
        let mut inputs = Vec::new();
        files(&run.dir.join("inputs"), &mut inputs);
        found.extend(inputs);
        for (place, text) in found {
            for word in [CLIENT_SECRET, TOKEN] {
                assert!(!text.contains(word), "{word} stands in {place}:\n{text}");
            }
        }
    }
}

#[test]
fn full_numbers_are_written_when_the_runbook_says_so() {
    let server = talkative();
    let run = canary_book(&server).more("privacy: {numbers: full}").run(11);
    assert_eq!(run.audit.intents()[0]["targets"][0], "phone:+12025550142");
    assert_eq!(run.audit.lines[0]["numbers"], "full");
}

/// One run against a server that says these words in its refusal; the words of everything that it left.
fn refused_with(words: &'static str) -> Vec<(String, String)> {
    let server = RawServer::bridging(move |_| answer(403, &[], &format!("{{\"message\":\"{words}\"}}")));
    everything(&Book::at(&server.url()).run(10))
}

fn assert_nowhere(found: &[(String, String)], word: &str) {
    for (place, text) in found {
        assert!(!text.contains(word), "{word} stands in {place}:\n{text}");
    }
}

#[test]
fn numbers_in_the_server_s_words_are_masked_however_they_are_spelled() {
    for (words, rest) in [
        ("no route to +1 202-555-0142", "555-0142"),
        ("no route to (202) 555 0142", "555 0142"),
        ("no route to 202.555.0142", "555.0142"),
    ] {
        assert_nowhere(&refused_with(words), rest);
    }
}

#[test]
fn a_key_or_call_id_that_would_show_a_number_is_refused() {
    let rows = r#"[{"call_id": "a", "n": "+12025550142"}]"#;
    let target = |sets: &str| sets.replace("+12025550104", "{{row.n}}");
    let key = target(&set("one", rows, "    key: \"{{row.n}}\"\n"));
    let call = target(&set("one", rows, "")).replace("{{row.call_id}}", "{{row.call_id}}-{{row.n}}");
    for sets in [key, call] {
        let ended = Book::offline().sets(&sets).refused(65, &[]);
        assert!(ended.stderr.contains("BB0506"), "{ended}");
    }
}

#[test]
fn a_secret_that_the_token_endpoint_repeats_is_not_written_down() {
    let server = RawServer::start(|request| {
        let said =
            serde_json::json!({"error": "invalid_client", "error_description": format!("refused: {}", request.body())});
        answer(401, &[], &said.to_string())
    });
    let run = Book::at(&server.url()).run(77);
    assert_nowhere(&everything(&run), CLIENT_SECRET);
}

#[test]
fn a_token_that_the_server_repeats_is_not_written_down() {
    assert_nowhere(&refused_with("itest-token-Zk3vQ9 is not allowed"), TOKEN);
}

#[test]
fn a_secret_that_stands_in_the_runbook_is_never_repeated() {
    let secret = "hunter2TOPsecret";
    let shapes = [
        format!("auth: {{client_id: x, client_secret: {secret}}}"),
        format!("auth: {{client_id: {{env: CI}}, client_secret: {{env: CS}}, clientsecret: {secret}}}"),
        format!("auth: {{client_id: {{env: CI}}, client_secret: {{env: CS}}, client_secret: {secret}}}"),
        format!("auth:\n    client_id: {{env: CI}}\n    client_secret: |\n      {secret}"),
        format!("auth:\n    client_id: {{env: CI}}\n    client_secret: {{env: CS, value: {secret}}}"),
        format!("auth:\n    client_id: {{env: CI}}\n    client_secret: {{env: {secret}$}}"),
        format!("auth: &a {{client_id: {{env: CI}}, client_secret: {secret}}}\n  proxy: *a"),
        format!("auth: {{client_id: {{env: CI}}, client_secret: {secret}"),
    ];
    for shape in shapes {
        let book = format!(
            "version: 1\nname: t\nconnection:\n  base_url: https://api.example.com\n  {shape}\nsets:\n  - name: s\n    rows: {{items: \
             [{{id: c1}}]}}\n    job: {{call_id: \"{{{{row.id}}}}\", targets: [{{type: phone, value: \"+12025550104\"}}], \
             direction: transfer}}\n"
        );
        let dir = tempfile::TempDir::new().unwrap();
        std::fs::write(dir.path().join("book.yaml"), book).unwrap();
        for args in [
            &["validate", "book.yaml"] as &[&str],
            &["validate", "book.yaml", "--format", "json"],
            &["plan", "book.yaml"],
        ] {
            let ended = Running::start(bridgebook(dir.path(), args)).finish().expect(65);
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended}");
        }
    }
}
