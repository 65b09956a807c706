//! Access tokens: refused, expired, odd, narrower.

use crate::support::book::Book;
use crate::support::server::{Gate, RawServer, Reply, answer, locked, ok, token, token_body};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Token requests get these in turn, then an ordinary token; bridge requests get 200.
fn granting(replies: impl IntoIterator<Item = Reply>) -> RawServer {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    RawServer::start(
        move |request| {
            if request.is_token() { locked(&replies).pop_front().unwrap_or_else(token) } else { ok() }
        },
    )
}

#[test]
fn a_wrong_secret_ends_the_run_after_one_token_request_and_no_bridge() {
    let server = granting([answer(401, &[], r#"{"error":"invalid_client"}"#), token()]);
    let run = Book::at(&server.url()).many_calls(3).run(77);
    assert_eq!((server.token_requests(), server.bridges().len()), (1, 0));
    assert_eq!(run.audit.total("not_attempted"), 3);
    let failed = run.audit.event("token_failed");
    assert_eq!((&failed["status_code"], &failed["error_message"]), (&401.into(), &"invalid_client".into()));
    assert_eq!(run.audit.finished()["ending"], "credentials_refused");
}

#[test]
fn a_refused_token_is_renewed_once_and_the_job_is_sent_again() {
    let server = RawServer::answering([answer(401, &[], "")]);
    let run = Book::at(&server.url()).run(0);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 2));
    assert_eq!(server.bridges()[0].id(), server.bridges()[1].id());
    let attempts = run.audit.attempts();
    assert_eq!(attempts[0]["evidence"], "token_refused");
    assert_eq!(attempts[1]["outcome"], "succeeded");
    let generations: Vec<_> =
        run.audit.events("token_fetched").iter().map(|event| event["generation"].clone()).collect();
    assert_eq!(generations, [1, 2]);
}

#[test]
fn many_refusals_at_once_cost_one_new_token() {
    let refused = std::sync::Barrier::new(4);
    let server = RawServer::start(move |request| {
        if request.is_token() {
            // Each token has its own text, so that the script knows the stale one.
            static TOKENS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
            let number = TOKENS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return token_body(&json!({"access_token": format!("token-{number}"), "expires_in": 3600}).to_string());
        }
        if request.header("authorization") == "Bearer token-1" {
            refused.wait();
            return answer(401, &[], "");
        }
        ok()
    });
    let run = Book::at(&server.url()).limits("{concurrency: 4}").many_calls(4).run(0);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 8));
    assert_eq!(run.audit.total("succeeded"), 4);
}

#[test]
fn a_second_401_of_a_job_stops_the_run() {
    let server = RawServer::bridging(|_| answer(401, &[], ""));
    let run = Book::at(&server.url()).many_calls(3).run(77);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 2));
    assert_eq!((run.audit.total("rejected"), run.audit.total("not_attempted")), (1, 2));
}

#[test]
fn a_token_endpoint_that_fails_for_a_while_is_asked_again() {
    for status in [503, 500, 429] {
        let server = granting([answer(status, &[], ""), answer(502, &[], "<html>")]);
        let run = Book::at(&server.url()).run(0);
        assert_eq!(server.token_requests(), 3);
        let failed: Vec<&Value> = run.audit.events("token_failed");
        assert_eq!((&failed[0]["status_code"], &failed[1]["status_code"]), (&status.into(), &502.into()));
        assert!(failed.iter().all(|event| event["retry_in_ms"].is_u64()));
        assert_eq!(run.summary()["tokens"]["failed"], 2);
    }
}

#[test]
fn a_token_endpoint_that_resets_is_asked_again_and_given_up_by_a_rule_of_its_own() {
    for (retry, asked) in [
        ("{max_attempts: 1, min_wait: 1ms, max_wait: 5ms}", 8),
        ("{token_attempts: 3, min_wait: 1ms, max_wait: 5ms}", 3),
    ] {
        let server = granting(vec![Reply::Reset; 20]);
        let run = Book::at(&server.url()).retry(retry).run(69);
        assert_eq!((server.token_requests(), server.bridges().len()), (asked, 0));
        assert_eq!(run.audit.events("token_failed").last().unwrap().get("retry_in_ms"), None);
    }
}

#[test]
fn the_bound_on_failures_begins_anew_with_each_token() {
    let server = granting([
        Reply::Reset,
        Reply::Reset,
        token_body(r#"{"access_token":"first","expires_in":3600}"#),
        Reply::Reset,
        Reply::Reset,
    ]);
    let refused = RawServer::answering([answer(401, &[], "")]);
    let run = Book::at(&refused.url())
        .token_at(&server.url())
        .retry("{token_attempts: 3, min_wait: 1ms, max_wait: 5ms}")
        .run(0);
    assert_eq!(server.token_requests(), 6);
    assert_eq!(run.audit.total("succeeded"), 1);
}

#[test]
fn lifetimes_are_read_leniently() {
    for (expires_in, seconds) in [
        (json!(1), 1),
        (json!("3600"), 3600),
        (json!(1799.9), 1799),
        (Value::Null, 600),
        (json!("soon"), 600),
        (json!(-5), 600),
        (json!(0.01), 1),
    ] {
        let server = granting([token_body(&json!({"access_token": "short", "expires_in": expires_in}).to_string())]);
        let run = Book::at(&server.url()).run(0);
        assert_eq!(run.audit.events("token_fetched")[0]["lifetime_s"], seconds, "{expires_in}");
        assert!(server.bridges().iter().all(|request| request.header("authorization").starts_with("Bearer ")));
    }
    let server = granting([token_body(r#"{"access_token":"no-lifetime"}"#)]);
    let run = Book::at(&server.url()).run(0);
    assert_eq!(run.audit.event("token_fetched")["lifetime_s"], 600);
}

#[test]
fn a_token_that_has_grown_stale_is_renewed_before_the_next_job() {
    // The 429 pauses the run for two seconds; a token of two seconds is stale by then.
    let tokens = granting(vec![token_body(r#"{"access_token":"short","expires_in":2}"#); 1]);
    let server = RawServer::answering([answer(429, &[("retry-after", "2")], "")]);
    let run = Book::at(&server.url()).token_at(&tokens.url()).run(0);
    assert_eq!(tokens.token_requests(), 2);
    let sent: Vec<_> = server.bridges().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Bearer short", "Bearer itest-token-Zk3vQ9"]);
    assert_eq!(run.audit.total("succeeded"), 1);
}

#[test]
fn a_narrower_scope_is_on_record() {
    let server = granting([token_body(r#"{"access_token":"narrow","scope":"cti:calls:read  cti:bridge:write"}"#)]);
    let run = Book::at(&server.url()).run(0);
    assert_eq!(run.audit.event("token_fetched")["missing_scopes"], json!(["cti:calls:write"]));
    assert_eq!(run.summary()["tokens"]["missing_scopes"], json!(["cti:calls:write"]));
    assert!(run.stderr.contains("cti:calls:write"), "{}", run.stderr);
}

#[test]
fn an_answer_without_a_token_is_not_a_token() {
    let bodies =
        [("", 78), ("<html>", 78), ("{}", 78), (r#"{"access_token":""}"#, 78), (r#"{"error":"invalid_scope"}"#, 77)];
    for (body, exit) in bodies {
        let server = granting([token_body(body)]);
        let run = Book::at(&server.url()).run(exit);
        assert_eq!((server.token_requests(), server.bridges().len()), (1, 0), "{body}");
        assert_eq!(run.audit.total("not_attempted"), 1);
    }
}

#[test]
fn a_stderr_that_cannot_be_written_costs_no_outcome() {
    // The first answer of the token endpoint is worth a warning, and there is nowhere to put it.
    let server = granting([answer(503, &[], "")]);
    let book = Book::at(&server.url());
    let ended = book.start_after("exec 2>/dev/full").finish().expect(0);
    assert!(ended.stdout.contains("1 succeeded"), "{ended}");
}

#[test]
fn a_token_that_is_over_when_it_comes_is_a_failure_and_not_asked_for_for_ever() {
    let never = Gate::default();
    let server = RawServer::start(move |request| {
        if request.is_token() {
            // Four fifths of its life are over.
            never.opens_within(std::time::Duration::from_millis(900));
        }
        token_body(r#"{"access_token":"short","expires_in":1}"#)
    });
    let retry = "{min_wait: 1ms, max_wait: 1ms, token_attempts: 2}";
    let run = Book::at(&server.url()).retry(retry).run(69);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 0));
    let words = run.audit.events("token_failed")[1]["error_message"].as_str().unwrap();
    assert!(words.starts_with("the token is over before it can be used: it lives 1.0s, "), "{words}");
}

#[test]
fn a_404_of_the_token_url_is_a_wrong_url_whatever_its_body_says() {
    let server = granting([answer(404, &[], r#"{"error":"no such route"}"#)]);
    let run = Book::at(&server.url()).run(78);
    let failed = run.audit.event("token_failed");
    assert_eq!(failed["error_message"], "the token endpoint answered 404: no such route");
    assert_eq!(run.audit.finished()["ending"], "misconfigured");
}
