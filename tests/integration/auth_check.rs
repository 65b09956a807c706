//! `auth check`: what a run would be granted, with no other request than the one for a token.

use crate::support::book::{Book, CLIENT_SECRET};
use crate::support::server::{RawServer, TOKEN, answer, closed_port, ok, token_body};
use serde_json::{Value, json};

const CHECK: [&str; 3] = ["auth", "check", "runbook.yaml"];
const CHECK_JSON: [&str; 5] = ["auth", "check", "runbook.yaml", "--format", "json"];

#[test]
fn a_granted_token_is_described_and_nothing_else_is_sent() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).many_calls(3);
    let human = book.command(0, &CHECK);
    for words in ["lives 3600 s", "as the answer says", "cti:bridge:write", "as asked", &server.url()] {
        assert!(human.stdout.contains(words), "{words}: {human}");
    }
    let ended = book.command(0, &CHECK_JSON);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&said["ok"], &said["profile"], &said["base_url"]),
        (&true.into(), &"cxone".into(), &server.url().into())
    );
    assert_eq!((&said["token"]["lifetime_s"], &said["token"]["scopes"]["granted"]), (&3600.into(), &Value::Null));
    assert_eq!(said["token"]["scopes"]["missing"], json!([]));
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 0));
    assert!(book.run_dirs().is_empty());
    for secret in [TOKEN, CLIENT_SECRET] {
        assert!([&human.stdout, &human.stderr, &ended.stdout, &ended.stderr].iter().all(|text| !text.contains(secret)));
    }
}

#[test]
fn scopes_that_were_not_granted_are_named() {
    let server =
        RawServer::start(|_| token_body(r#"{"access_token":"narrow","scope":"cti:calls:read cti:bridge:write"}"#));
    let book = Book::at(&server.url());
    let human = book.command(0, &CHECK);
    assert!(human.stdout.contains("MISSING     cti:calls:write") && human.stderr.contains("fewer scopes"), "{human}");
    let said: Value = serde_json::from_str(&book.command(0, &CHECK_JSON).stdout).unwrap();
    assert_eq!(said["token"]["scopes"]["missing"], json!(["cti:calls:write"]));
    assert_eq!(said["token"]["scopes"]["granted"], json!(["cti:calls:read", "cti:bridge:write"]));
}

#[test]
fn each_failure_has_its_exit_code_and_one_request() {
    let echo = format!(r#"{{"error":"invalid_client","error_description":"no {CLIENT_SECRET} here"}}"#);
    for (status, body, exit) in [
        (401, echo.as_str(), 77),
        (400, r#"{"error":"invalid_scope"}"#, 77),
        (503, "", 69),
        (429, "", 69),
        (404, "<html>", 78),
        (200, "<html>", 78),
    ] {
        let body = body.to_owned();
        let server = RawServer::start(move |_| answer(status, &[], &body));
        let ended = Book::at(&server.url()).command(exit, &CHECK_JSON);
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(said["error"]["exit_code"], exit, "{ended}");
        assert!(!ended.stdout.contains(CLIENT_SECRET) && !ended.stderr.contains(CLIENT_SECRET), "{ended}");
        assert_eq!(server.requests().len(), 1);
    }
    Book::at(&closed_port()).command(69, &CHECK);
    Book::offline().without_env("CXONE_CLIENT_SECRET").command(78, &CHECK);
    Book::offline().connection("nonsense: 1").command(65, &CHECK);
}

#[test]
fn a_profile_without_a_token_endpoint_says_so_and_its_header_is_checked() {
    let yaml = "version: 1\nname: itest\nconnection: {profile: telnyx, base_url: \"http://127.0.0.1:9\", auth: {api_key: {env: KEY}}}\n\
                sets:\n  - name: s\n    rows: {items: [{a: one, b: two}]}\n    job: {call_control_id: \"{{row.a}}\", bridge_with: \"{{row.b}}\"}\n";
    let book = Book::offline().verbatim(yaml);
    let human = book.clone().env("KEY", "key-1234").command(0, &CHECK);
    assert!(human.stdout.contains("no token endpoint"), "{human}");
    let said: Value =
        serde_json::from_str(&book.clone().env("KEY", "key-1234").command(0, &CHECK_JSON).stdout).unwrap();
    assert_eq!((&said["token"], &said["token_url"]), (&Value::Null, &Value::Null));
    book.env("KEY", "key with blanks").command(78, &CHECK);
}
