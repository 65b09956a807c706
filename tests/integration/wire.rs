//! What goes over the wire, byte for byte.

use crate::support::book::Book;
use crate::support::server::{RawServer, Request, answer, ok};
use std::sync::atomic::{AtomicUsize, Ordering};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn the_token_request_and_the_bridge_request_are_these_bytes() {
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).calls(["a/..%b é"]).run(0);
    let requests = server.requests();
    let [token, bridge] = requests.as_slice() else { panic!("{requests:#?}") };
    let host = server.url().replace("http://", "");
    let expected = format!(
        "POST /oauth/token HTTP/1.1\r\n\
         accept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {host}\r\n\
         content-length: 152\r\n\
         \r\n\
         grant_type=client_credentials&client_id=itest-client&client_secret=itest-secret-P7wLx2\
         &scope=cti%3Acalls%3Aread+cti%3Acalls%3Awrite+cti%3Abridge%3Awrite"
    );
    assert_eq!(token.text(), expected);
    let run_id = run.audit.lines[0]["run_id"].as_str().unwrap();
    let expected = format!(
        "POST /api/v2/cti/calls/a%2F..%25b%20%C3%A9/bridge HTTP/1.1\r\n\
         authorization: Bearer itest-token-Zk3vQ9\r\n\
         content-type: application/json\r\n\
         accept: application/json\r\n\
         x-cxone-request-id: bridge-a%2F..%25b%20%C3%A9-{run_id}-1\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {host}\r\n\
         content-length: 132\r\n\
         \r\n\
         {{\"callId\":\"a/..%b é\",\"targets\":[{{\"type\":\"phone\",\"value\":\"+12025550104\"}}],\
         \"direction\":\"transfer\",\"bridgeMatrix\":[],\"dtmf\":\"RFC2833\"}}"
    );
    assert_eq!(bridge.text(), expected);
    assert_eq!(run.audit.intents()[0]["request_id"], bridge.id());
    assert_eq!(run.audit.intents()[0]["call_id"], "a/..%b é");
}

#[test]
fn the_request_id_is_the_same_on_retries_and_differs_between_jobs() {
    let refusals = AtomicUsize::new(0);
    let server = RawServer::bridging(move |request| {
        let again = request.call() == "a%20b" && refusals.fetch_add(1, Ordering::SeqCst) < 2;
        if again { answer(408, &[], "") } else { ok() }
    });
    let run = Book::at(&server.url()).calls(["a b", "c"]).run(0);
    let sent = server.bridges();
    let of = |call: &str| sent.iter().filter(|request| request.call() == call).collect::<Vec<_>>();
    let (retried, other) = (of("a%20b"), of("c"));
    assert_eq!((retried.len(), other.len()), (3, 1));
    assert!(retried[0].id().starts_with("bridge-a%20b-"), "{}", retried[0].id());
    assert!(other[0].id().starts_with("bridge-c-"), "{}", other[0].id());
    assert!(retried.iter().all(|request| request.raw == retried[0].raw), "a retry is the same request");
    let intents: Vec<_> = run.audit.intents().iter().map(|intent| intent["request_id"].as_str().unwrap()).collect();
    assert_eq!(intents, sent.iter().map(Request::id).collect::<Vec<_>>());
}

#[test]
fn call_ids_that_no_path_can_carry_are_refused_before_anything_is_sent() {
    let server = RawServer::bridging(|_| ok());
    for id in [".", "..", "", "a\u{7}b"] {
        let ended = Book::at(&server.url()).calls([id]).refused(65, &[]);
        assert!(ended.stderr.contains("call"), "{id:?}: {ended}");
    }
    assert_eq!(server.connections(), 0);
}
