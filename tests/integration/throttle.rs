//! Answers that ask to slow down.

use crate::support::book::Book;
use crate::support::server::{Gate, RawServer, answer, ok};
use crate::support::simulator::Simulator;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

fn moment(record: &Value) -> Timestamp {
    record["timestamp"].as_str().unwrap().parse().unwrap()
}

#[test]
fn two_429_with_retry_after_are_waited_for_and_the_call_is_bridged_once() {
    let simulator = Simulator::start(
        "faults: [{requests: first 2, answer: {status: 429, retry_after: 1s}}]\ncredentials: {client_id: me, client_secret: mine}",
    );
    let (id, secret) = simulator.credentials();
    let run = Book::at(simulator.url())
        .env("CXONE_CLIENT_ID", id)
        .env("CXONE_CLIENT_SECRET", secret)
        .more("success_criteria: [\"succeeded == 1\", \"attempts == 3\", \"throttled == 2\"]")
        .run(0);
    let ledger = simulator.ledger();
    assert_eq!(ledger.iter().map(|entry| entry["status"].as_u64().unwrap()).collect::<Vec<_>>(), [429, 429, 200]);
    assert_eq!(ledger.iter().filter(|entry| entry["effect"] == true).count(), 1);
    assert!(ledger.iter().all(|entry| entry["request_id"] == run.audit.intents()[0]["request_id"]), "{ledger:#?}");
    let intents = run.audit.intents();
    assert_eq!(intents.iter().map(|intent| intent["attempt"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let elapsed = moment(intents[2]).duration_since(moment(intents[0]));
    assert!(elapsed.as_millis() >= 2000, "Retry-After was not kept: {elapsed}");
    let attempts = run.audit.attempts();
    assert_eq!(attempts.iter().map(|attempt| &attempt["final"]).collect::<Vec<_>>(), [false, false, true]);
    for throttled in run.audit.events("throttled") {
        assert_eq!((&throttled["pause_ms"], &throttled["status_code"]), (&Value::from(1000), &Value::from(429)));
    }
    assert_eq!(run.audit.total("succeeded"), 1);
}

#[test]
fn retry_after_may_be_a_date_and_is_read_against_the_server_s_own_clock() {
    let headers = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:38 GMT")];
    let server = RawServer::answering([answer(503, &headers, "")]);
    let run = Book::at(&server.url()).run(0);
    assert_eq!(server.bridges().len(), 2);
    let throttled = run.audit.event("throttled");
    assert_eq!((&throttled["pause_ms"], &throttled["status_code"]), (&Value::from(1000), &Value::from(503)));
    let intents = run.audit.intents();
    assert!(moment(intents[1]).duration_since(moment(intents[0])).as_millis() >= 1000);
}

#[test]
fn a_retry_after_of_nothing_is_no_pause_and_no_invitation_to_hammer() {
    for nothing in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let server = RawServer::answering([answer(429, &[("retry-after", nothing)], "")]);
        let run = Book::at(&server.url()).retry("{min_wait: 20ms, max_wait: 30ms}").run(0);
        assert_eq!(run.audit.event("throttled")["pause_ms"], 0, "{nothing}");
        let wait = run.audit.attempts()[0]["retry_in_ms"].as_u64().unwrap();
        assert!((20..=30).contains(&wait), "{nothing}: {wait}");
    }
}

#[test]
fn a_long_retry_after_is_cut_to_what_the_runbook_allows() {
    let server = RawServer::answering([answer(429, &[("retry-after", "999999999999999999999")], "")]);
    let run =
        Book::at(&server.url()).retry("{max_attempts: 2, min_wait: 1ms, max_wait: 2ms, max_retry_after: 3ms}").run(0);
    assert_eq!(run.audit.event("throttled")["pause_ms"], 3);
}

#[test]
fn a_pause_holds_for_the_whole_run_and_not_for_one_job() {
    let server = RawServer::answering([answer(429, &[("retry-after", "1")], "")]);
    let run = Book::at(&server.url()).many_calls(3).run(0);
    let first = moment(run.audit.intents()[0]);
    assert_eq!(run.audit.event("throttled")["job"], 1);
    for later in &run.audit.intents()[1..] {
        assert!(moment(later).duration_since(first).as_millis() >= 1000, "{later:#}");
    }
}

#[test]
fn what_is_on_record_ahead_of_its_place_does_not_leave_in_a_pause() {
    // With so many places and answers that come at once, intents are written ahead. One answer asks for a pause; those behind it
    // are held until that is on record, and then leave places free.
    let (asked, gate) = (AtomicUsize::new(0), Gate::default());
    let held = gate.clone();
    let server = RawServer::bridging(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        300 => answer(429, &[("retry-after", "2")], ""),
        at => {
            if at > 300 {
                held.wait();
            }
            ok()
        }
    });
    let book = Book::at(&server.url()).many_calls(1000).limits("{concurrency: 64}");
    let started = book.start(&[]);
    book.wait_for_audit("\"throttled\"");
    let freed = Timestamp::now();
    gate.open();
    let run = started.finish(0);
    let over = moment(run.audit.event("throttled")) + jiff::SignedDuration::from_millis(1990);
    let sent = |attempt: &Value| {
        let latency = jiff::SignedDuration::from_secs_f64(attempt["latency_ms"].as_f64().unwrap() / 1000.0);
        moment(attempt) - latency
    };
    let attempts = run.audit.attempts();
    let during = attempts.iter().map(|attempt| sent(attempt)).filter(|sent| (freed..over).contains(sent));
    assert_eq!(during.count(), 0);
    assert_eq!(run.audit.total("succeeded"), 1000);
}

#[test]
fn attempts_end_at_the_limit_and_the_job_is_rejected() {
    let server = RawServer::bridging(|_| answer(429, &[], ""));
    let run = Book::at(&server.url()).run(10);
    assert_eq!(server.bridges().len(), 3);
    assert_eq!(run.audit.total("rejected"), 1);
    let last = run.audit.outcome_of("call-1");
    assert_eq!((&last["evidence"], &last["attempt"]), (&Value::from("refusal"), &Value::from(3)));
}
