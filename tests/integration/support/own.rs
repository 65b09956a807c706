//! A profile of one's own with a read-only request that tells whether a call is bridged, and a runbook for it.

use super::book::Book;
use super::server::{RawServer, Reply, Request, answer, token};

/// The profile.
pub(crate) const PROFILE: &str = r#"version: 1
name: own
endpoints: {token_path: /oauth/token}
auth: {grant: client_credentials}
request: {path: "/calls/{{job.call_id}}/bridge", json: {to: "{{job.to}}"}}
answers: {succeeded: [2xx], refused: [429], token_refused: [401], throttling: [429], unknown: [409, 5xx]}
probe:
  path: "/calls/{{job.call_id}}"
  query: {fields: state}
  bridged: {pointer: /state, equals: bridged}
  not_bridged: {pointer: /state, one_of: [waiting, gone]}
  settled_after: 20ms
job:
  call_id: call_id
  schema:
    type: object
    required: [call_id]
    properties: {call_id: {type: string}, to: {type: string}}
"#;

/// A runbook with a job for each of these calls; `more` is top-level YAML.
pub(crate) fn own_book(url: &str, calls: &[&str], more: &str) -> Book {
    let rows: Vec<String> = calls.iter().map(|call| format!("{{call_id: {call}}}")).collect();
    Book::offline()
        .file("own.yaml", PROFILE)
        .verbatim(&format!(
            "version: 1\nname: itest\nconnection:\n  profile: ./own.yaml\n  base_url: \"{url}\"\n  auth:\n    client_id: {{env: ID}}\n    \
             client_secret: {{env: SECRET}}\nsets:\n  - name: s\n    rows: {{items: [{}]}}\n    job: {{call_id: \"{{{{row.call_id}}}}\"}}\n    key: \
             \"{{{{row.call_id}}}}-{{{{index}}}}\"\n\
             limits: {{concurrency: 1}}\nretry: {{max_attempts: 3, min_wait: 1ms, max_wait: 5ms}}\n{more}",
            rows.join(", ")
        ))
        .env("ID", "own-id")
        .env("SECRET", "own-secret-1")
}

/// A server with a script for bridge requests and one for probes.
pub(crate) fn own_server(
    bridge: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    probe: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> RawServer {
    RawServer::start(move |request| {
        if request.is_token() {
            token()
        } else if request.text().starts_with("GET ") {
            probe(request)
        } else {
            bridge(request)
        }
    })
}

/// The answer to a probe.
pub(crate) fn state(word: &str) -> Reply {
    answer(200, &[("content-type", "application/json")], &format!(r#"{{"state":"{word}"}}"#))
}

/// The bridge requests, and the probes.
pub(crate) fn sent(server: &RawServer) -> (usize, usize) {
    let posts = server.bridges().iter().filter(|request| request.text().starts_with("POST ")).count();
    let gets = server.bridges().iter().filter(|request| request.text().starts_with("GET ")).count();
    assert_eq!(posts + gets, server.bridges().len(), "something else was sent");
    (posts, gets)
}
