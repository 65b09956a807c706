//! What each kind of evidence is taken for: the table of the contract, at the wire.

use crate::support::book::{Book, Run};
use crate::support::server::{Gate, RawServer, Reply, answer, answer_and_close, closed_port, ok};
use serde_json::Value;

/// One call, one reply: at most one request may ever come.
#[track_caller]
fn once(reply: &Reply, exit: u8, outcome: &str, evidence: &str) -> Run {
    let server = RawServer::answering([reply.clone()]);
    let run = Book::at(&server.url()).run(exit);
    assert_eq!(server.bridges().len(), 1, "{reply:?} was sent again");
    let attempts = run.audit.attempts();
    let [attempt] = attempts.as_slice() else { panic!("{attempts:#?}") };
    assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&outcome.into(), &evidence.into()), "{reply:?}");
    assert_eq!((&attempt["final"], &attempt["attempt"]), (&true.into(), &1.into()));
    assert_eq!(run.audit.total(outcome), 1);
    run
}

#[test]
fn a_reset_after_the_request_was_read_is_unknown_and_never_sent_again() {
    once(&Reply::Reset, 11, "unknown", "connection_lost");
}

#[test]
fn an_end_of_the_connection_before_or_in_the_status_line_is_unknown() {
    for part in ["", "HTTP/1.", "HTTP/1.1 200 OK\r\ncontent-le"] {
        once(&Reply::SendAndClose(part.into()), 11, "unknown", "connection_lost");
    }
}

#[test]
fn an_answer_that_is_no_http_is_unknown() {
    once(&Reply::SendAndClose("SSH-2.0-OpenSSH_9.6\r\n".into()), 11, "unknown", "bad_answer");
}

#[test]
fn interim_answers_are_not_the_answer() {
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let run = once(
        &Reply::Send(format!("{early}HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").into()),
        10,
        "rejected",
        "answer",
    );
    assert_eq!(run.audit.outcome_of("call-1")["status_code"], 404);
    once(&Reply::SendAndClose(early.into()), 11, "unknown", "connection_lost");
}

#[test]
fn a_request_timeout_is_unknown() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let run = Book::at(&server.url()).connection("timeouts: {connect: 1s, request: 1s}").run(11);
    gate.open();
    assert_eq!(server.bridges().len(), 1);
    assert_eq!(run.audit.outcome_of("call-1")["evidence"], "timeout");
}

#[test]
fn a_success_whose_body_never_comes_is_a_success_with_a_warning() {
    let gate = Gate::default();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let server = RawServer::answering([Reply::SendAndHang(head.into(), gate.clone())]);
    let run = Book::at(&server.url()).connection("timeouts: {connect: 3s, request: 3s}").run(0);
    gate.open();
    assert_eq!(server.bridges().len(), 1);
    assert!(run.audit.outcome_of("call-1")["warning"].as_str().unwrap().contains("too slow"));
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let (proxy, server) = (RawServer::bridging(|_| ok()), RawServer::bridging(|_| ok()));
    let mut book = Book::at(&server.url());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        book = book.env(name, &proxy.url());
    }
    book.run(0);
    assert_eq!((proxy.connections(), server.bridges().len()), (0, 1));
}

#[test]
fn a_reset_of_a_kept_connection_is_not_an_excuse_to_send_again() {
    let server = RawServer::answering([ok(), Reply::Reset, ok()]);
    let run = Book::at(&server.url()).many_calls(3).run(11);
    assert_eq!(server.bridges().len(), 3);
    assert_eq!(run.audit.outcome_of("call-2")["outcome"], "unknown");
    assert_eq!((run.audit.total("succeeded"), run.audit.total("unknown")), (2, 1));
}

#[test]
fn statuses_that_leave_the_effect_open_are_unknown() {
    for status in [409, 500, 501, 502, 503, 504, 599] {
        let run = once(&answer(status, &[], "{\"message\":\"no idea\"}"), 11, "unknown", "answer");
        let attempt = run.audit.outcome_of("call-1");
        assert_eq!((&attempt["status_code"], &attempt["error_message"]), (&status.into(), &"no idea".into()));
        assert!(!attempt["success"].as_bool().unwrap());
    }
}

#[test]
fn a_503_whose_retry_after_cannot_be_read_is_unknown() {
    once(&answer(503, &[("retry-after", "soon")], ""), 11, "unknown", "answer");
}

#[test]
fn refusals_are_final() {
    for status in [400, 402, 403, 404, 405, 410, 413, 422, 304, 300] {
        let run = once(&answer(status, &[], ""), 10, "rejected", "answer");
        assert_eq!(run.audit.outcome_of("call-1")["status_code"], status);
    }
}

#[test]
fn redirects_are_never_followed() {
    let elsewhere = RawServer::bridging(|_| ok());
    for status in [301, 302, 303, 307, 308] {
        let here = format!("{}/api/v2/cti/calls/call-1/bridge", elsewhere.url());
        once(&answer(status, &[("location", &here)], ""), 10, "rejected", "answer");
        once(&answer(status, &[("location", "/again")], ""), 10, "rejected", "answer");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_redirect_of_the_token_endpoint_is_not_followed_with_the_secret() {
    let elsewhere = RawServer::bridging(|_| ok());
    let there = format!("{}/oauth/token", elsewhere.url());
    let server = RawServer::start(move |_| answer(307, &[("location", &there)], ""));
    Book::at(&server.url()).run(78);
    assert_eq!((elsewhere.connections(), server.requests().len()), (0, 1));
}

#[test]
fn accepted_is_told_apart_from_succeeded() {
    let run = once(&answer(202, &[], ""), 0, "accepted", "answer");
    assert_eq!(run.summary()["total"]["success_count"], 1);
    assert_eq!(run.audit.total("succeeded"), 0);
}

#[test]
fn a_success_with_an_odd_body_is_a_success_with_a_warning() {
    let cut = Reply::SendAndClose("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":".into());
    let html = answer(200, &[("content-type", "text/html")], "<h1>Welcome</h1>");
    let long = answer_and_close(200, &[], &format!("[{}1]", "1,".repeat(70_000)));
    for (reply, word) in [(cut, "cut"), (html, "not JSON"), (long, "too long")] {
        let run = once(&reply, 0, "succeeded", "answer");
        let warning = run.audit.outcome_of("call-1")["warning"].as_str().unwrap().to_owned();
        assert!(warning.contains(word), "{warning}");
        assert_eq!(run.summary()["warnings"][0]["count"], 1);
    }
    let plain = once(&answer(204, &[], ""), 0, "succeeded", "answer");
    assert_eq!(plain.audit.outcome_of("call-1").get("warning"), None);
}

#[test]
fn a_refused_connection_is_tried_again_and_then_not_sent() {
    let tokens = RawServer::bridging(|_| ok());
    let run = Book::at(&closed_port()).token_at(&tokens.url()).many_calls(2).run(69);
    assert_eq!(run.audit.total("not_sent"), 2);
    assert_eq!(run.audit.attempts().len(), 6);
    for attempt in run.audit.attempts() {
        assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&"not_sent".into(), &"connect".into()));
        assert_eq!(attempt["status_code"], Value::Null);
    }
    assert_eq!(tokens.requests().len(), 1);
}

#[test]
fn exit_69_is_not_given_once_anything_was_sent() {
    let tokens = RawServer::bridging(|_| ok());
    let server = std::sync::Arc::new(std::sync::OnceLock::<RawServer>::new());
    let gate = Gate::default();
    let (itself, ready) = (std::sync::Arc::clone(&server), gate.clone());
    let _ = server.set(RawServer::start(move |_| {
        ready.wait();
        itself.get().unwrap().stop_listening();
        answer_and_close(404, &[], "")
    }));
    gate.open();
    let run = Book::at(&server.get().unwrap().url()).token_at(&tokens.url()).many_calls(2).run(10);
    assert_eq!((run.audit.total("rejected"), run.audit.total("not_sent")), (1, 1));
}

#[test]
fn a_token_endpoint_that_is_gone_is_exit_69_and_every_job_is_listed() {
    let run = Book::at(&closed_port()).many_calls(3).run(69);
    assert_eq!(run.audit.total("not_attempted"), 3);
    assert_eq!(run.audit.intents().len(), 0);
    assert_eq!(run.audit.finished()["ending"], "api_unreachable");
}
