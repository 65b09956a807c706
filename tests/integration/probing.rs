//! An unknown is looked up where the profile says how: with read-only requests, after it is on record, and never to send it
//! again.

use crate::support::book::Book;
use crate::support::own::{PROFILE, own_book, own_server, sent, state};
use crate::support::server::{Gate, RawServer, Reply, Request, answer, locked, ok, token};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// These in turn, and the last one from then on.
fn in_turn(replies: impl IntoIterator<Item = Reply>) -> impl Fn() -> Reply + Send + Sync {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    move || {
        let mut replies = locked(&replies);
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    }
}

#[test]
fn a_call_that_is_bridged_after_all_is_succeeded_and_told_apart() {
    for doubt in [Reply::Reset, answer(500, &[], ""), answer(409, &[], "")] {
        let server = own_server(move |_| doubt.clone(), |_| state("bridged"));
        let run = own_book(&server.url(), &["call-1"], "").run(0);
        assert_eq!(sent(&server), (1, 1));
        let probe = &server.bridges()[1];
        assert_eq!((probe.path(), probe.body()), ("/calls/call-1?fields=state", ""));
        assert!(probe.header("authorization").starts_with("Bearer "));
        let kinds: Vec<&str> = run.audit.lines.iter().map(|line| line["event_type"].as_str().unwrap()).collect();
        let place = |kind: &str| kinds.iter().position(|other| *other == kind).unwrap();
        assert!(place("bridge_attempt") < place("reconciled") && place("reconciled") < place("run_finished"));
        let attempt = run.audit.outcome_of("call-1");
        assert_eq!((&attempt["outcome"], &attempt["final"]), (&json!("unknown"), &json!(true)));
        let found = run.audit.event("reconciled");
        assert_eq!(
            (&found["from"], &found["outcome"], &found["by"]),
            (&json!("unknown"), &json!("succeeded"), &json!("probe"))
        );
        assert_eq!((run.audit.total("succeeded"), run.audit.total("unknown")), (1, 0));
        let summary = run.summary();
        assert_eq!(
            (&summary["reconciliation"]["bridged"], &summary["reconciliation"]["by_probe"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(summary["reconciliation"]["jobs"][0]["in_run"], true);
        assert!(run.stdout.contains("reconciled  1 that were unknown: 1 bridged"), "{}", run.stdout);
        let results = String::from_utf8(run.bytes("results.csv")).unwrap();
        assert!(results.lines().nth(1).unwrap().ends_with(",probe"), "{results}");
        assert!(String::from_utf8(run.bytes("report.html")).unwrap().contains("Found out"));
    }
}

#[test]
fn a_call_that_is_not_bridged_counts_as_such_once_it_can_no_longer_be_and_is_not_sent_again() {
    let answers = in_turn([state("waiting")]);
    let server = own_server(|_| Reply::Reset, move |_| answers());
    let run = own_book(&server.url(), &["call-1"], "").run(10);
    let (posts, gets) = sent(&server);
    // The first look comes too early to count.
    assert!(posts == 1 && gets >= 2, "{posts} {gets}");
    assert_eq!(run.audit.event("reconciled")["outcome"], "not_bridged");
    let totals = ["unknown", "not_bridged", "rejected", "not_sent"].map(|state| run.audit.total(state));
    assert_eq!(totals, [0, 1, 0, 0]);
    let summary = run.summary();
    assert_eq!(
        (&summary["total"]["failure_count"], &summary["errors"][0]["outcome"]),
        (&json!(1), &json!("not_bridged"))
    );
    assert!(run.stdout.contains("1 not_bridged"), "{}", run.stdout);
}

#[test]
fn an_answer_that_says_nothing_leaves_it_unknown_after_four_looks() {
    for silent in [answer(404, &[], ""), answer(500, &[], "x"), state("ringing"), answer(200, &[], "{"), Reply::Reset] {
        let server = own_server(|_| Reply::Reset, move |_| silent.clone());
        let run = own_book(&server.url(), &["call-1"], "").run(11);
        assert_eq!(sent(&server), (1, 4));
        assert_eq!(run.audit.total("unknown"), 1);
        assert!(run.audit.events("reconciled").is_empty());
    }
}

#[test]
fn a_probe_whose_token_is_refused_gets_a_fresh_one() {
    let answers = in_turn([answer(401, &[], ""), answer(429, &[("retry-after", "0")], ""), state("bridged")]);
    let server = own_server(|_| Reply::Reset, move |_| answers());
    let run = own_book(&server.url(), &["call-1"], "").run(0);
    assert_eq!((server.token_requests(), sent(&server)), (2, (1, 3)));
    assert_eq!(run.audit.total("succeeded"), 1);
}

#[test]
fn a_later_job_of_the_call_waits_for_the_finding_and_is_itself_not_looked_up() {
    let server = own_server(|_| Reply::Reset, |_| state("bridged"));
    let run = own_book(&server.url(), &["call-1", "call-1"], "guards: {duplicates: allow}\n").run(11);
    let methods: Vec<String> =
        server.bridges().iter().map(|request| request.text().split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(methods, ["POST", "GET", "POST"]);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("unknown")), (1, 1));
}

#[test]
fn other_calls_go_on_while_one_is_looked_up() {
    let bridged = AtomicUsize::new(0);
    let gate = Gate::default();
    let (held, opener) = (gate.clone(), gate);
    let server = own_server(
        move |request| {
            if request.path().contains("call-1") {
                return Reply::Reset;
            }
            if bridged.fetch_add(1, Ordering::SeqCst) == 2 {
                opener.open();
            }
            ok()
        },
        move |_| {
            held.wait();
            state("bridged")
        },
    );
    let run = own_book(&server.url(), &["call-1", "call-2", "call-3", "call-4"], "").run(0);
    assert_eq!(run.audit.total("succeeded"), 4);
}

#[test]
fn a_signal_ends_the_looking_and_the_job_stays_unknown() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = own_server(
        |_| Reply::Reset,
        move |_| {
            held.wait();
            state("waiting")
        },
    );
    let book = own_book(&server.url(), &["call-1", "call-2"], "");
    let mut started = book.start(&[]);
    server.wait_for_bridges(2);
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    gate.open();
    let run = started.finish(14);
    assert!(run.audit.total("unknown") >= 1 && run.audit.events("reconciled").is_empty());
}

#[test]
fn a_second_signal_waits_for_no_answer_of_a_probe() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = own_server(
        |_| Reply::Reset,
        move |_| {
            held.wait();
            state("bridged")
        },
    );
    let book = own_book(&server.url(), &["call-1"], "");
    let text = book.text().replace("{concurrency: 1}", "{concurrency: 1, drain_timeout: 10m}");
    let book = book.clone().verbatim(&text);
    let mut started = book.start(&[]);
    server.wait_for_bridges(2);
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    started.process.signal("INT");
    let run = started.finish(14);
    gate.open();
    assert_eq!(run.audit.total("unknown"), 1);
}

#[test]
fn a_token_that_only_a_probe_would_need_costs_the_run_nothing() {
    // The second token is for the probe alone: every job has ended.
    let tokens = AtomicUsize::new(0);
    let server = RawServer::start(move |request: &Request| {
        if request.is_token() {
            let first = tokens.fetch_add(1, Ordering::SeqCst) == 0;
            return if first { token() } else { answer(400, &[], r#"{"error":"invalid_client"}"#) };
        }
        if request.text().starts_with("GET ") { answer(401, &[], "") } else { Reply::Reset }
    });
    let run = own_book(&server.url(), &["call-1"], "").run(11);
    assert_eq!(run.audit.finished()["ending"], "completed");
    assert_eq!((server.token_requests(), sent(&server)), (2, (1, 1)));
}

#[test]
fn a_crash_before_the_finding_leaves_a_final_unknown_on_record() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = own_server(
        |_| Reply::Reset,
        move |_| {
            held.wait();
            state("bridged")
        },
    );
    let book = own_book(&server.url(), &["call-1", "call-2"], "");
    let started = book.start(&[]);
    // The second call's intent was durable behind the first one's outcome.
    server.wait_for_bridges(3);
    let run = started.kill();
    gate.open();
    let attempt = run.audit.outcome_of("call-1");
    assert_eq!((&attempt["outcome"], &attempt["final"]), (&json!("unknown"), &json!(true)));
    assert!(run.audit.events("reconciled").is_empty());
}

#[test]
fn asterisk_tells_who_is_in_the_bridge() {
    let yaml = |url: &str| {
        format!(
            "version: 1\nname: itest\nconnection: {{profile: asterisk-ari, base_url: \"{url}\", auth: {{username: {{env: U}}, password: {{env: P}}}}}}\n\
             sets:\n  - name: s\n    rows: {{items: [{{a: one}}]}}\n    job: {{bridge_id: night, channel_id: \"1400.0\", with: [\"1400.1\", \"1400.2\"]}}\n\
             retry: {{min_wait: 1ms, max_wait: 5ms}}\n"
        )
    };
    for (channels, exit) in
        [(json!(["1400.0", "1400.1", "1400.2"]), 0), (json!(["1400.0", "1400.1"]), 11), (json!([]), 11)]
    {
        let body = json!({"id": "night", "channels": channels}).to_string();
        let server =
            RawServer::start(
                move |request| {
                    if request.text().starts_with("GET ") { answer(200, &[], &body) } else { Reply::Reset }
                },
            );
        let run = Book::offline().verbatim(&yaml(&server.url())).env("U", "user").env("P", "pass-1234").run(exit);
        assert_eq!(server.requests()[1].path(), "/bridges/night");
        assert_eq!(run.audit.total("succeeded"), u64::from(exit == 0), "{channels}");
    }
}

#[test]
fn a_probe_that_cannot_mean_anything_is_refused_where_it_stands() {
    let bridged =
        "  bridged: {pointer: /state, equals: bridged}\n  not_bridged: {pointer: /state, one_of: [waiting, gone]}\n";
    for (written, pointer) in [
        ("", "/probe"),
        ("  bridged: {}\n", "/probe/bridged"),
        ("  bridged: {pointer: /state}\n", "/probe/bridged"),
        ("  bridged: {pointer: /a, equals: 1, contains: 2}\n", "/probe/bridged"),
        ("  not_bridged: {status: [404], equals: 1}\n", "/probe/not_bridged"),
        ("  bridged: {pointer: /a, contains: \"{{job.nothing}}\"}\n", "/probe/bridged/contains"),
        ("  bridged: {pointer: /a, one_of: [\"{{nothing}}\"]}\n", "/probe/bridged/one_of/0"),
    ] {
        let profile = PROFILE.replace(bridged, written);
        assert_ne!(profile, PROFILE);
        let book = own_book("http://127.0.0.1:9", &["call-1"], "").file("own.yaml", &profile);
        let ended = book.command(65, &["validate", "runbook.yaml", "--format", "json"]);
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        let found: Vec<_> = said["diagnostics"].as_array().unwrap().iter().map(|one| one["path"].clone()).collect();
        assert_eq!(found, [json!(pointer)], "{ended}");
    }
    let sound = PROFILE.replace(bridged, "  not_bridged: {status: [404]}\n  bridged: {text_starts_with: \"+OK\"}\n");
    own_book("http://127.0.0.1:9", &["call-1"], "").file("own.yaml", &sound).command(0, &["validate", "runbook.yaml"]);
}

#[test]
fn a_criterion_is_not_lost_while_it_may_be_found_out_what_became_of_an_unknown() {
    for (criterion, found) in
        [("unknown == 0", "bridged"), ("success_rate >= 100%", "bridged"), ("unknown == 0", "gone")]
    {
        let server = own_server(
            |request| if request.path().contains("call-1") { Reply::Reset } else { ok() },
            move |_| state(found),
        );
        let book = own_book(&server.url(), &["call-1", "call-2"], &format!("success_criteria: [{criterion:?}]\n"));
        let run = book.run(if found == "bridged" { 0 } else { 10 });
        assert_eq!((run.audit.events("stopping").len(), run.audit.total("unknown")), (0, 0), "{criterion} {found}");
    }
    // Nothing is found out: then it is lost, before the next job of the call is sent.
    let server = own_server(|_| Reply::Reset, |_| state("ringing"));
    let more = "guards: {duplicates: allow}\nsuccess_criteria: [\"unknown == 0\"]\n";
    let run = own_book(&server.url(), &["call-1", "call-1"], more).run(12);
    assert_eq!((run.audit.finished()["ending"].as_str(), sent(&server).0), (Some("criterion_lost"), 1));
}

#[test]
fn a_rule_that_a_finding_breaks_ends_the_run_before_the_next_job() {
    let server = own_server(|_| Reply::Reset, |_| state("gone"));
    let more = "guards: {duplicates: allow}\nabort_when: [\"failed >= 1\"]\n";
    let run = own_book(&server.url(), &["call-1", "call-1"], more).run(12);
    assert_eq!(sent(&server).0, 1, "the job behind it is not sent");
    assert_eq!((run.audit.total("not_bridged"), run.audit.total("not_attempted")), (1, 1));
}
