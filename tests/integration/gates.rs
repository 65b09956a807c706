//! What ends or holds a run that would go on: each gate through the binary, with exit code, states and the server's count.

use crate::support::book::{Book, Run, set};
use crate::support::server::{Gate, RawServer, Reply, Request, answer, locked, ok};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What holds for every run that was stopped: it says so, nothing is sent after the moment in which it was, no more jobs
/// end after it than were in flight, and the server has seen what the audit file says.
#[track_caller]
fn stopped(run: &Run, server: &RawServer, ending: &str) -> Value {
    let stopping = run.audit.event("stopping").clone();
    assert_eq!((&stopping["ending"], &run.audit.finished()["ending"]), (&ending.into(), &ending.into()));
    let place = run.audit.lines.iter().position(|line| *line == stopping).unwrap();
    let after = &run.audit.lines[place..];
    assert!(after.iter().all(|line| line["event_type"] != "bridge_intent"), "an intent after the stop");
    let left = |attempt: &&Value| !matches!(attempt["evidence"].as_str(), Some("withdrawn" | "expired" | "connect"));
    let overshoot = after.iter().filter(|line| line["event_type"] == "bridge_attempt").filter(left).count();
    assert!(overshoot as u64 <= stopping["in_flight"].as_u64().unwrap(), "{overshoot} ended after {stopping}");
    assert_eq!(server.bridges().len(), run.audit.attempts().into_iter().filter(left).count());
    assert_eq!(run.summary()["stops"][0]["ending"], ending);
    assert!(run.audit.total("not_attempted") > 0, "{:#}", run.audit.finished());
    stopping
}

/// Answers by call: `bad-...` 404, `lost-...` 500, `busy-...` 429, others 200.
fn by_name() -> RawServer {
    RawServer::bridging(|request: &Request| match request.call().split('-').next() {
        Some("bad") => answer(404, &[], r#"{"message":"no such call"}"#),
        Some("lost") => answer(500, &[], ""),
        Some("busy") => answer(429, &[], ""),
        _ => ok(),
    })
}

fn items(calls: &[&str]) -> String {
    Value::from(calls.iter().map(|call| json!({"call_id": call})).collect::<Vec<_>>()).to_string()
}

#[test]
fn each_form_of_abort_rule_ends_the_run_and_says_which_value_did_it() {
    let calls = ["ok-1", "lost-1", "bad-1", "bad-2", "busy-1", "ok-2", "bad-3", "ok-3", "ok-4", "ok-5"];
    let cases: [(&str, &str, u64); 10] = [
        ("unknown >= 1", "unknown >= 1 (it is 1)", 2),
        ("failed > 1", "failed > 1 (it is 2)", 4),
        ("rejected >= 3", "rejected >= 3 (it is 3)", 5),
        ("success_rate < 90%", "success_rate < 90% (it is 50.0%)", 2),
        ("success_rate < 90% after 4", "success_rate < 90% after 4 (it is 25.0%)", 4),
        ("succeeded >= 3", "succeeded >= 3 (it is 3)", 8),
        ("throttled >= 1", "throttled >= 1 (it is 1)", 5),
        ("attempts >= 3", "attempts >= 3 (it is 3)", 3),
        ("latency.max >= 0s", "latency.max >= 0s (it is ", 1),
        ("failed >= 1 in waiting after 4", "failed >= 1 in waiting after 4 (it is 2)", 4),
    ];
    for (rule, words, attempted) in cases {
        let server = by_name();
        let book = Book::at(&server.url())
            .calls(calls)
            .retry("{max_attempts: 1, min_wait: 1ms, max_wait: 1ms}")
            .more(&format!("abort_when: [{rule:?}]"));
        let run = book.run(12);
        let stopping = stopped(&run, &server, "aborted");
        let reason = stopping["reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("abort_when: {words}")), "{rule}: {reason}");
        assert_eq!(run.audit.total("jobs") - run.audit.total("not_attempted"), attempted, "{rule}");
        assert!(run.stdout.contains(reason), "{}", run.stdout);
    }
}

#[test]
fn a_rule_about_time_ends_a_run_in_which_nothing_happens() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let book = Book::at(&server.url()).many_calls(3).more("abort_when: [\"duration > 10ms\"]");
    let mut started = book.start(&[]);
    started.process.wait_for_stderr("stopping");
    gate.open();
    let run = started.finish(12);
    stopped(&run, &server, "aborted");
    assert_eq!(run.audit.total("succeeded"), server.bridges().len() as u64, "what was in flight was not cut off");
}

#[test]
fn a_rule_that_nothing_breaks_or_that_has_no_data_ends_nothing() {
    let server = by_name();
    let rules = "abort_when: [\"unknown >= 1\", \"success_rate < 90% after 50\", \"latency.p95 > 1h\", \"failed >= 1 in other\"]";
    let sets = set("one", &items(&["ok-1", "ok-2"]), "") + &set("other", &items(&["ok-3"]), "");
    let run = Book::at(&server.url()).sets(&sets).more(rules).run(0);
    assert_eq!((run.audit.total("succeeded"), run.audit.events("stopping").len()), (3, 0));
    // A rule that only the last job breaks finds nothing to stop: the criteria judge.
    let run = Book::at(&server.url()).calls(["ok-1", "bad-1"]).more("abort_when: [\"failed >= 1\"]").run(10);
    assert_eq!((run.audit.finished()["ending"].as_str(), run.audit.events("stopping").len()), (Some("completed"), 0));
}

#[test]
fn jobs_in_flight_when_a_rule_breaks_are_the_whole_overshoot() {
    // Four at once: the answer that breaks the rule comes while the three others are held.
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request: &Request| {
        if request.call() == "lost-1" {
            return answer(500, &[], "");
        }
        held.wait();
        ok()
    });
    let book = Book::at(&server.url())
        .calls(["ok-1", "ok-2", "ok-3", "lost-1", "ok-4", "ok-5", "ok-6", "ok-7"])
        .limits("{concurrency: 4}")
        .more("abort_when: [\"unknown >= 1\"]");
    let mut started = book.start(&[]);
    started.process.wait_for_stderr("stopping");
    gate.open();
    let run = started.finish(12);
    let stopping = stopped(&run, &server, "aborted");
    assert!(stopping["in_flight"].as_u64().unwrap() <= 3, "{stopping}");
    assert_eq!(run.audit.total("unknown"), 1);
    assert!(run.audit.total("not_attempted") >= 4);
}

#[test]
fn a_criterion_that_can_no_longer_be_met_ends_the_run_unless_the_runbook_says_otherwise() {
    let calls = ["ok-1", "bad-1", "ok-2", "bad-2", "ok-3", "ok-4", "ok-5", "ok-6", "ok-7", "ok-8"];
    for (criterion, attempted) in [
        ("failed == 0", 2),
        ("failed <= 1", 4),
        ("success_rate >= 90%", 4),
        ("success_rate >= 85%", 4),
        ("succeeded >= 9", 4),
        ("latency.max <= 0s", 1),
        ("attempts < 3", 3),
    ] {
        let server = by_name();
        let book = Book::at(&server.url()).calls(calls).more(&format!("success_criteria: [{criterion:?}]"));
        let run = book.run(12);
        let stopping = stopped(&run, &server, "criterion_lost");
        assert_eq!(stopping["reason"], format!("success_criteria: {criterion} can no longer be met"));
        assert_eq!(run.audit.total("jobs") - run.audit.total("not_attempted"), attempted, "{criterion}");
    }
    let server = by_name();
    let goes_on = "success_criteria: [\"failed == 0\"]\non_lost_criterion: continue";
    let run = Book::at(&server.url()).calls(calls).more(goes_on).run(10);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("rejected")), (8, 2));
    // What nobody has written ends nothing.
    let run = Book::at(&server.url()).calls(calls).run(10);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("rejected")), (8, 2));
    // A criterion that can still be met is waited for.
    let run = Book::at(&server.url()).calls(calls).more("success_criteria: [\"success_rate >= 80%\"]").run(0);
    assert_eq!(run.audit.total("succeeded"), 8);
}

#[test]
fn a_deadline_ends_the_run_and_cuts_nothing_off() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request: &Request| {
        if request.call() == "call-1" {
            held.wait();
        }
        ok()
    });
    let book = Book::at(&server.url()).many_calls(1000).limits("{concurrency: 2, rate: 20/s, deadline: 500ms}");
    let mut started = book.start(&[]);
    started.process.wait_for_stderr("stopping");
    gate.open();
    let run = started.finish(12);
    let stopping = stopped(&run, &server, "deadline");
    assert_eq!(stopping["reason"], "the deadline of 500ms has passed");
    assert_eq!(run.audit.outcome_of("call-1")["outcome"], "succeeded");
    let at = |line: &Value| line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let began = at(&run.audit.lines[0]);
    for intent in run.audit.intents() {
        assert!(at(intent).duration_since(began).as_millis() < 500, "{intent}");
    }
}

#[test]
fn a_deadline_that_passes_while_the_run_waits_ends_it_at_once() {
    // The server asks for a minute of rest: only the deadline can end the run before it is over.
    let server = RawServer::bridging(|_| answer(429, &[("retry-after", "60")], ""));
    let run = Book::at(&server.url()).many_calls(3).limits("{concurrency: 1, deadline: 1s}").run(12);
    stopped(&run, &server, "deadline");
    let waited = run.audit.events("job_not_attempted");
    assert_eq!(waited.iter().filter(|job| job["attempts"] == 1).count(), 1, "{waited:#?}");
}

/// A time of the day in UTC, so many minutes from now.
fn minute(from_now: i64) -> String {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(from_now);
    now.strftime("%H:%M").to_string()
}

#[test]
fn outside_its_window_a_run_sends_nothing() {
    let server = by_name();
    let closed = format!("window: {{from: {:?}, to: {:?}, timezone: UTC}}", minute(120), minute(180));
    let run = Book::at(&server.url()).many_calls(3).more(&closed).run(12);
    let stopping = stopped(&run, &server, "window_closed");
    assert!(stopping["reason"].as_str().unwrap().contains("it opens at"), "{stopping}");
    assert_eq!((server.requests().len(), run.audit.total("not_attempted")), (0, 3), "not even a token is asked for");
    let open = format!("window: {{from: {:?}, to: {:?}, timezone: UTC}}", minute(-120), minute(180));
    let run = Book::at(&server.url()).many_calls(3).more(&open).run(0);
    assert_eq!(run.audit.total("succeeded"), 3);
    // One that waits can be stopped at once.
    let waiting = format!("window: {{from: {:?}, to: {:?}, timezone: UTC, outside: wait}}", minute(120), minute(180));
    let book = Book::at(&server.url()).many_calls(3).more(&waiting);
    let mut started = book.start(&[]);
    let before = server.requests().len();
    started.process.wait_for_stderr("outside the window: waiting");
    started.process.signal("TERM");
    let run = started.finish(14);
    assert_eq!((server.requests().len(), run.audit.total("not_attempted")), (before, 3));
}

#[test]
fn the_last_job_of_a_window_begins_early_enough_to_end_within_it() {
    let server = by_name();
    // Closes with the next minute or the one after; a request may take all the time until then but for two seconds.
    let now = jiff::Timestamp::now();
    let next = jiff::Timestamp::from_second(now.as_second() / 60 * 60 + 60).unwrap();
    let closes = if next.duration_since(now).as_secs() < 5 { next + jiff::SignedDuration::from_mins(1) } else { next };
    let allowed = closes.duration_since(now).as_secs() - 2;
    let book = Book::at(&server.url())
        .connection(&format!("timeouts: {{connect: 1s, request: {allowed}s}}"))
        .many_calls(2000)
        // Less than a hundred answers: the timeout says how long a request may take.
        .limits("{concurrency: 2, rate: 20/s}")
        .more(&format!("window: {{to: {:?}, timezone: UTC}}", closes.strftime("%H:%M").to_string()));
    let run = book.run(12);
    stopped(&run, &server, "window_closed");
    let last = closes - jiff::SignedDuration::from_secs(allowed);
    for intent in run.audit.intents() {
        let at: jiff::Timestamp = intent["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(at < last, "{intent} begins after {last}");
    }
    assert!(run.audit.total("succeeded") > 0, "it was open for two seconds");
}

#[test]
fn a_wave_that_goes_well_lets_the_next_one_begin() {
    let server = by_name();
    let waves =
        "waves:\n  - {size: 2, require: [\"success_rate >= 100%\"]}\n  - {size: 30%, pause: 1ms}\n  - {size: \"100%\"}";
    let calls = ["ok-1", "ok-2", "ok-3", "bad-1", "ok-4", "ok-5", "ok-6", "ok-7", "ok-8", "ok-9"];
    let run = Book::at(&server.url()).calls(calls).limits("{concurrency: 4}").more(waves).run(10);
    let counts: Vec<(Value, Value, Value)> = run.audit.finished()["waves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wave| (wave["wave"].clone(), wave["jobs"].clone(), wave["rejected"].clone()))
        .collect();
    assert_eq!(
        counts,
        [(1.into(), 2.into(), 0.into()), (2.into(), 3.into(), 1.into()), (3.into(), 5.into(), 0.into())]
    );
    // No job of a wave begins before all of the wave before have ended.
    let mut open = 0;
    for line in &run.audit.lines {
        match line["event_type"].as_str().unwrap() {
            "bridge_intent" => open += 1,
            "bridge_attempt" => open -= 1,
            "wave_started" | "wave_finished" => assert_eq!(open, 0, "{line}"),
            _ => {}
        }
    }
    let kinds: Vec<&str> = run.audit.lines.iter().filter_map(|line| line["event_type"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "wave_finished").count(), 3);
    assert_eq!(run.audit.events("wave_finished")[0]["require"][0]["value"], 100.0);
    assert!(String::from_utf8(run.bytes("report.html")).unwrap().contains("Waves"));
}

#[test]
fn rows_that_are_left_out_belong_to_the_wave_that_meets_them() {
    let server = by_name();
    let waves = "waves:\n  - {size: 2}\n  - {size: \"100%\"}";
    let calls = ["ok-1", "left-out-1", "ok-2", "left-out-2", "left-out-3", "ok-3"];
    let rows = calls.map(|call| json!({"call_id": call, "wanted": call.starts_with("ok").to_string()}));
    let rows = Value::from(rows.to_vec()).to_string();
    let sets = set("one", &rows, "    when: \"{{row.wanted}}\"\n");
    let run = Book::at(&server.url()).sets(&sets).more(waves).run(0);
    let skipped: Vec<&Value> =
        run.audit.finished()["waves"].as_array().unwrap().iter().map(|w| &w["skipped"]).collect();
    assert_eq!(skipped, [&json!(1), &json!(2)]);
}

#[test]
fn a_wave_that_does_not_show_what_it_must_holds_the_rest_back() {
    let server = by_name();
    let waves = "waves:\n  - {size: 3, require: [\"success_rate >= 100%\"]}\n  - {size: \"100%\"}";
    let calls = ["ok-1", "lost-1", "ok-2", "ok-3", "ok-4", "ok-5"];
    let run = Book::at(&server.url()).calls(calls).limits("{concurrency: 4}").more(waves).run(12);
    let stopping = stopped(&run, &server, "wave_failed");
    assert_eq!(stopping["reason"], "wave 1: success_rate >= 100% does not hold (it is 66.666667)");
    assert_eq!((stopping["in_flight"].as_u64(), run.audit.total("not_attempted")), (Some(0), 3));
    assert_eq!(run.audit.event("wave_finished")["passed"], false);
    assert_eq!(run.summary()["waves"][0]["passed"], false);
    assert!(run.stdout.contains("held back the next one"), "{}", run.stdout);
}

#[test]
fn jobs_of_a_wave_that_are_tried_again_end_before_the_next_wave_begins() {
    let seen = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let server = {
        let seen = Arc::clone(&seen);
        RawServer::bridging(move |request: &Request| {
            let mut seen = locked(&seen);
            let times = seen.entry(request.call().to_owned()).or_default();
            *times += 1;
            if *times == 1 { answer(429, &[], "") } else { ok() }
        })
    };
    let waves = "waves:\n  - {size: 3, require: [\"succeeded == 3\", \"throttled >= 3\"]}\n  - {size: \"100%\"}";
    let run = Book::at(&server.url()).many_calls(8).limits("{concurrency: 8}").more(waves).run(0);
    assert_eq!((run.audit.total("succeeded"), server.bridges().len()), (8, 16));
    let first: Vec<&Value> = run.audit.lines.iter().take_while(|line| line["event_type"] != "wave_finished").collect();
    assert_eq!(first.iter().filter(|line| line["event_type"] == "bridge_attempt").count(), 6);
}

#[test]
fn parts_of_one_bridge_stay_in_one_wave() {
    let server = by_name();
    let targets: Vec<String> = (0..10).map(|n| format!("{{type: phone, value: \"+1202555010{n}\"}}")).collect();
    let sets = format!(
        "  - name: long\n    legs: split\n    rows: {{items: [{{call_id: ok-1}}, {{call_id: ok-2}}]}}\n    job:\n      \
         call_id: \"{{{{row.call_id}}}}\"\n      direction: transfer\n      targets: [{}]\n",
        targets.join(", ")
    );
    let waves = "waves:\n  - {size: 1}\n  - {size: \"100%\"}";
    let run = Book::at(&server.url()).sets(&sets).limits("{concurrency: 4}").more(waves).run(0);
    let jobs: Vec<&Value> = run.audit.finished()["waves"].as_array().unwrap().iter().map(|w| &w["jobs"]).collect();
    assert_eq!(jobs, [&json!(2), &json!(2)], "both parts of the first call, then both of the second");
}

/// Fails while the gate is closed, for all it knows.
fn failing_until(gate: Gate, reply: impl Fn() -> Reply + Send + Sync + 'static) -> RawServer {
    RawServer::bridging(move |_| if gate.is_open() { ok() } else { reply() })
}

#[test]
fn an_api_that_fails_is_left_alone_and_tried_by_one_job_at_a_time() {
    let gate = Gate::default();
    let server = failing_until(gate.clone(), || answer(500, &[], ""));
    let book = Book::at(&server.url())
        .many_calls(60)
        .limits("{concurrency: 8}")
        .breaker("{failures: 5, pause: 20ms, probes: 1000}");
    let mut started = book.start(&[]);
    started.process.wait_for_stderr("the API does not work");
    // Some tries fail before it works again.
    server.wait_for_bridges(12);
    gate.open();
    let run = started.finish(11);
    let opened = run.audit.events("breaker_opened");
    assert!(opened.len() >= 2, "{opened:#?}");
    assert_eq!(run.audit.events("breaker_closed").len(), 1);
    let first = run.audit.lines.iter().position(|line| line["event_type"] == "breaker_opened").unwrap();
    let begun = run.audit.lines[..first].iter().filter(|line| line["event_type"] == "bridge_intent").count();
    assert!((5..=9).contains(&begun), "concurrency + 1 at most, and at least as many as open it: {begun}");
    // Between its openings and its closing no two jobs try at once.
    let closed = run.audit.lines.iter().position(|line| line["event_type"] == "breaker_closed").unwrap();
    let mut trying = 0;
    for line in &run.audit.lines[first..closed] {
        match line["event_type"].as_str().unwrap() {
            "bridge_intent" => trying += 1,
            "breaker_opened" => trying = 0,
            _ => {}
        }
        assert!(trying <= 1, "two tries at once: {line}");
    }
    assert_eq!(run.audit.total("unknown") + run.audit.total("succeeded"), 60);
    assert_eq!(run.summary()["breaker_openings"], opened.len());
}

#[test]
fn an_api_that_stays_down_ends_the_run_with_the_rest_not_attempted() {
    let server = RawServer::bridging(|_| answer(503, &[], ""));
    let book = Book::at(&server.url())
        .many_calls(100)
        .limits("{concurrency: 4}")
        .breaker("{failures: 3, pause: 1ms, probes: 3}");
    let run = book.run(12);
    let stopping = stopped(&run, &server, "breaker_open");
    assert!(stopping["reason"].as_str().unwrap().contains("all tries in a row have failed, 3 of them"), "{stopping}");
    assert!(server.bridges().len() <= 5 + 3, "{}", server.bridges().len());
    assert_eq!(run.audit.total("unknown"), server.bridges().len() as u64);
}

#[test]
fn a_job_that_comes_back_after_the_last_try_does_not_wait_for_ever() {
    // The first job is on its way when the others open the breaker and use its only try up; then it is to be tried again.
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request: &Request| {
        if request.call() != "busy-1" {
            return answer(500, &[], "");
        }
        held.wait();
        answer(429, &[], "")
    });
    let book = Book::at(&server.url())
        .calls(["busy-1", "lost-1", "lost-2"])
        .limits("{concurrency: 2}")
        .breaker("{failures: 1, pause: 1ms, probes: 1}");
    let mut started = book.start(&["-vv"]);
    started.process.wait_for_stderr("attempt ended job=3");
    gate.open();
    let run = started.finish(12);
    stopped(&run, &server, "breaker_open");
    assert_eq!((run.audit.total("unknown"), run.audit.total("not_attempted")), (2, 1));
}

#[test]
fn an_api_that_is_given_up_after_the_last_job_has_left_nothing_out() {
    let server = RawServer::bridging(|_| answer(500, &[], ""));
    let book = Book::at(&server.url()).calls(["lost-1", "lost-2"]).breaker("{failures: 1, pause: 1ms, probes: 1}");
    let run = book.run(11);
    assert_eq!((run.audit.finished()["ending"].as_str(), run.audit.total("unknown")), (Some("completed"), 2));
}

#[test]
fn an_api_that_takes_no_connection_ends_the_run_as_unreachable() {
    let tokens = by_name();
    let url = crate::support::server::closed_port();
    let book = Book::at(&url)
        .token_at(&tokens.url())
        .many_calls(100)
        .limits("{concurrency: 4}")
        .retry("{max_attempts: 20, min_wait: 1ms, max_wait: 2ms}")
        .breaker("{failures: 3, pause: 1ms, probes: 3}");
    let run = book.run(69);
    assert_eq!(run.audit.finished()["ending"], "api_unreachable");
    assert_eq!(run.audit.total("not_attempted"), 100, "no job is used up by an API that is not there");
}

#[test]
fn a_403_on_the_first_jobs_ends_the_run_and_one_among_others_does_not() {
    let server = RawServer::bridging(|_| answer(403, &[], r#"{"message":"insufficient scope"}"#));
    let run = Book::at(&server.url()).many_calls(10).run(77);
    let stopping = stopped(&run, &server, "credentials_refused");
    assert!(stopping["reason"].as_str().unwrap().contains("403"), "{stopping}");
    assert_eq!((run.audit.total("rejected"), run.audit.total("not_attempted")), (3, 7));
    let server =
        RawServer::bridging(|request: &Request| if request.call() == "call-1" { ok() } else { answer(403, &[], "") });
    let run = Book::at(&server.url()).many_calls(10).run(10);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("rejected")), (1, 9));
}

#[test]
fn a_spent_retry_budget_ends_jobs_by_their_first_attempt() {
    let server = RawServer::bridging(|_| answer(408, &[], ""));
    let book = Book::at(&server.url())
        .many_calls(20)
        .retry("{max_attempts: 4, min_wait: 1ms, max_wait: 1ms, budget: 7}")
        .limits("{concurrency: 4}");
    let run = book.run(10);
    assert_eq!((run.audit.total("rejected"), server.bridges().len()), (20, 27));
    assert_eq!(run.audit.event("retry_budget_spent")["retries"].as_u64().map(|retries| retries <= 7), Some(true));
    // Even none is a budget.
    let server = RawServer::bridging(|_| answer(408, &[], ""));
    let none = "{max_attempts: 4, min_wait: 1ms, max_wait: 1ms, budget: 0}";
    let run = Book::at(&server.url()).many_calls(3).retry(none).run(10);
    assert_eq!((run.audit.total("rejected"), server.bridges().len()), (3, 3));
}

#[test]
fn a_runbook_can_move_a_status_to_another_class() {
    let seen = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let script = {
        let seen = Arc::clone(&seen);
        move |request: &Request| {
            let mut seen = locked(&seen);
            let times = seen.entry(request.call().to_owned()).or_default();
            *times += 1;
            match (request.call(), *times) {
                ("again", 1) => answer(502, &[], ""),
                ("final", _) => answer(429, &[], ""),
                ("doubt", _) => answer(404, &[], ""),
                _ => ok(),
            }
        }
    };
    let server = RawServer::bridging(script);
    let book = Book::at(&server.url()).calls(["again", "final", "doubt"]).retry(
        "{max_attempts: 3, min_wait: 1ms, max_wait: 1ms, answers: {refused: [502], rejected: [429], unknown: [404]}}",
    );
    let run = book.run(11);
    assert!(run.stderr.contains("BB0606") && run.stderr.contains("502"), "{}", run.stderr);
    let outcome = |call: &str| run.audit.outcome_of(call)["outcome"].clone();
    assert_eq!([outcome("again"), outcome("final"), outcome("doubt")], ["succeeded", "rejected", "unknown"]);
    assert_eq!(server.bridges().len(), 4, "one more for 502, none for 429 and 404");
}

#[test]
fn rows_that_no_wave_met_are_in_none_of_them() {
    let server = by_name();
    let waves = "waves:\n  - {size: 1, require: [\"success_rate >= 100%\"]}\n  - {size: \"100%\"}";
    let rows = ["bad-1", "left-out-1", "ok-1"];
    let rows = rows.map(|call| json!({"call_id": call, "wanted": (!call.starts_with("left")).to_string()}));
    let sets = set("one", &Value::from(rows.to_vec()).to_string(), "    when: \"{{row.wanted}}\"\n");
    let run = Book::at(&server.url()).sets(&sets).more(waves).run(12);
    stopped(&run, &server, "wave_failed");
    let (then, last) = (run.audit.event("wave_finished"), &run.audit.finished()["waves"][0]);
    assert_eq!((&last["jobs"], &last["skipped"]), (&then["jobs"], &then["skipped"]));
    assert_eq!((&last["jobs"], run.audit.total("skipped")), (&json!(1), 1));
}

#[test]
fn nothing_is_stopped_when_all_that_is_left_is_left_out() {
    // The second part of a bridge has no use without the first one: it is not what a rule could hold back.
    let targets: Vec<String> = (0..10).map(|n| format!("{{type: phone, value: \"+1202555010{n}\"}}")).collect();
    let sets = format!(
        "  - name: long\n    legs: split\n    rows: {{items: [{{call_id: bad-1}}]}}\n    job:\n      \
         call_id: \"{{{{row.call_id}}}}\"\n      direction: transfer\n      targets: [{}]\n",
        targets.join(", ")
    );
    for rule in ["success_criteria: [\"failed == 0\"]", "abort_when: [\"failed >= 1\"]"] {
        let server = by_name();
        let run = Book::at(&server.url()).sets(&sets).more(rule).run(10);
        assert_eq!((run.audit.finished()["ending"].as_str(), run.audit.total("skipped")), (Some("completed"), 1));
    }
}
