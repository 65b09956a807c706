//! A request that may have had its effect is sent again where the API knows it by its key, and nowhere else. Once in doubt
//! only a success ends the doubt.

use crate::support::book::{Book, Run};
use crate::support::server::{RawServer, Reply, answer, locked};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;

fn done() -> Reply {
    answer(200, &[("content-type", "application/json")], r#"{"data":{"result":"ok"}}"#)
}

/// Answers in turn, and with a success after the last.
fn replying(replies: impl IntoIterator<Item = Reply>) -> RawServer {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    RawServer::start(move |_| locked(&replies).pop_front().unwrap_or_else(done))
}

/// A runbook for Telnyx, whose commands carry a key.
fn keyed(url: &str, retry: &str, job: &str) -> Book {
    Book::offline()
        .verbatim(&format!(
            "version: 1\nname: itest\nconnection: {{profile: telnyx, base_url: \"{url}\", auth: {{api_key: {{env: KEY}}}}}}\n\
             sets:\n  - name: s\n    rows: {{items: [{{a: leg-a, b: leg-b}}]}}\n    \
             job: {{call_control_id: \"{{{{row.a}}}}\", bridge_with: \"{{{{row.b}}}}\"{job}}}\n\
             limits: {{concurrency: 1}}\nretry: {retry}\n"
        ))
        .env("KEY", "key-0123456789")
}

const QUICK: &str = "{max_attempts: 3, min_wait: 1ms, max_wait: 5ms}";

fn outcomes(run: &Run) -> Vec<(String, bool)> {
    let of = |attempt: &&Value| (attempt["outcome"].as_str().unwrap().to_owned(), attempt["final"].as_bool().unwrap());
    run.audit.attempts().iter().map(of).collect()
}

#[track_caller]
fn expect(run: &Run, expected: &[(&str, bool)]) {
    let expected: Vec<_> = expected.iter().map(|(outcome, last)| ((*outcome).to_owned(), *last)).collect();
    assert_eq!(outcomes(run), expected);
}

#[test]
fn an_unknown_is_sent_again_with_its_key_and_ends_as_the_repetition_does() {
    for doubt in [Reply::Reset, answer(500, &[], ""), answer(409, &[], "")] {
        let server = replying([doubt]);
        let run = keyed(&server.url(), QUICK, "").run(0);
        expect(&run, &[("unknown", false), ("succeeded", true)]);
        let sent = server.requests();
        assert!(sent.len() == 2 && sent[0].json()["command_id"].is_string());
        assert_eq!(sent[0].raw, sent[1].raw, "not the same request");
        assert_eq!((run.audit.total("succeeded"), run.audit.total("unknown")), (1, 0));
    }
}

#[test]
fn doubt_sticks_whatever_refuses_the_repetition() {
    for refusal in [answer(404, &[], "{}"), answer(403, &[], "{}"), answer(429, &[], "{}")] {
        let server = replying([Reply::Reset, refusal.clone(), refusal.clone(), refusal]);
        let run = keyed(&server.url(), QUICK, "").run(11);
        assert_eq!(outcomes(&run)[0], ("unknown".to_owned(), false));
        assert_eq!((run.audit.total("unknown"), run.audit.total("rejected")), (1, 0));
        let summary = run.summary();
        assert!(summary["unknown"]["jobs"][0]["why"].as_str().unwrap().contains("before the last one is in doubt"));
        assert_eq!(summary["errors"][0]["outcome"], "unknown");
    }
}

#[test]
fn a_second_doubt_uses_up_the_attempts_like_any_other() {
    let server = replying(vec![Reply::Reset; 9]);
    let run = keyed(&server.url(), QUICK, "").run(11);
    expect(&run, &[("unknown", false), ("unknown", false), ("unknown", true)]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_runbook_may_forbid_it() {
    let server = replying([Reply::Reset]);
    let run = keyed(&server.url(), "{max_attempts: 3, unknown: never}", "").run(11);
    expect(&run, &[("unknown", true)]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_signal_a_crash_and_the_end_of_its_time_leave_a_doubtful_job_unknown() {
    let wait = "{min_wait: 10m, max_wait: 10m}";
    let server = replying(vec![Reply::Reset; 9]);
    let book = keyed(&server.url(), wait, "");
    let started = book.start(&["-vv"]);
    let mut started = started;
    started.process.wait_for_stderr("attempt ended");
    started.process.signal("INT");
    let run = started.finish(14);
    expect(&run, &[("unknown", false)]);
    assert_eq!((run.audit.total("unknown"), run.audit.total("not_attempted")), (1, 0));

    let book = keyed(&server.url(), wait, "");
    let mut started = book.start(&["-vv"]);
    // Its line is on disk when the next signal of life comes.
    started.process.wait_for_stderr("attempt ended");
    let run = started.kill();
    let ended = run.command(65, &["report", ".", "--format", "json"]);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&summary["total"]["unknown"], &summary["total"]["not_attempted"]), (&1.into(), &0.into()));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_effective_rule_is_on_record() {
    let server = replying([]);
    let run = keyed(&server.url(), QUICK, "").run(0);
    let settings = run.audit.lines[0]["settings"].as_array().unwrap().clone();
    let rule = settings.iter().find(|setting| setting["name"] == "retry.unknown").unwrap();
    assert_eq!((&rule["value"], &rule["source"]), (&json!("same_key"), &json!("default")));
}
