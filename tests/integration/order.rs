//! Several jobs of one call: duplicates, split bridges, and jobs whose time runs out.

use crate::support::book::{Book, set};
use crate::support::server::{RawServer, Request, answer, locked, ok};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const REPEATED: &str = r#"[{"call_id": "x"}, {"call_id": "y"}, {"call_id": "x"}]"#;

#[test]
fn the_same_call_again_is_skipped_when_the_runbook_says_so() {
    let server = RawServer::bridging(|_| ok());
    let sets = set("a", REPEATED, "") + &set("b", r#"[{"call_id": "x"}]"#, "");
    let run = Book::at(&server.url()).sets(&sets).more("guards: {duplicates: skip}").run(0);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("skipped")), (2, 2));
    let events = run.audit.events("job_skipped");
    assert!(events.iter().all(|event| event["reason"] == "duplicate" && event["call_id"] == "x"));
    let jobs: std::collections::BTreeSet<u64> = events.iter().map(|event| event["job"].as_u64().unwrap()).collect();
    assert_eq!(jobs, [3, 4].into());
}

/// What the server sees of each call: whether two requests of it overlap, and the order in which they come.
#[derive(Default)]
struct Calls {
    open: HashMap<String, usize>,
    overlaps: usize,
    seen: Vec<String>,
}

#[test]
fn jobs_of_one_call_follow_each_other_across_sets_and_retries() {
    let calls = Arc::new(Mutex::new(Calls::default()));
    let refused: Mutex<HashMap<String, usize>> = Mutex::default();
    let server = {
        let calls = Arc::clone(&calls);
        RawServer::bridging(move |request: &Request| {
            let call = request.call().to_owned();
            {
                let mut calls = locked(&calls);
                let open = calls.open.entry(call.clone()).or_default();
                *open += 1;
                let overlaps = *open > 1;
                calls.overlaps += usize::from(overlaps);
                calls.seen.push(request.id().to_owned());
            }
            // Every third request is refused once: its job must come again before the next one of its call.
            let reply = {
                let mut refused = locked(&refused);
                let count = refused.len();
                let times = refused.entry(request.id().to_owned()).or_default();
                *times += 1;
                if *times == 1 && count.is_multiple_of(3) { answer(425, &[], "") } else { ok() }
            };
            std::thread::yield_now();
            *locked(&calls).open.get_mut(&call).unwrap() -= 1;
            reply
        })
    };
    let rows = |from: usize| {
        let rows: Vec<Value> = (0..60).map(|n| json!({"call_id": format!("call-{}", (n * 7 + from) % 10)})).collect();
        Value::from(rows).to_string()
    };
    let sets = set("a", &rows(0), "") + &set("b", &rows(3), "    limits: {concurrency: 3}\n") + &set("c", &rows(5), "");
    let book = Book::at(&server.url())
        .sets(&sets)
        .limits("{concurrency: 16}")
        .retry("{max_attempts: 4, min_wait: 1ms, max_wait: 20ms}")
        .more("guards: {duplicates: allow}");
    let run = book.run(0);
    assert_eq!(run.audit.total("succeeded"), 180);
    let calls = locked(&calls);
    assert_eq!(calls.overlaps, 0, "two requests of one call at once");
    // The last part of a request id is the job's number.
    let mut last: HashMap<String, u64> = HashMap::new();
    for id in &calls.seen {
        let (call, number) = (id.rsplit('-').nth(3).unwrap().to_owned(), id.rsplit('-').next().unwrap());
        let number: u64 = number.parse().unwrap();
        assert!(last.insert(call, number).is_none_or(|before| before <= number), "{id}");
    }
    assert!(calls.seen.len() > 180, "some were refused and came again");
    // Keys tell the jobs of one call apart.
    let keys: std::collections::BTreeSet<_> =
        run.audit.intents().iter().map(|intent| (intent["set"].to_string(), intent["key"].to_string())).collect();
    assert_eq!(keys.len(), 180);
}

fn many_targets(more: &str) -> String {
    let targets: Vec<Value> =
        (1..=16).map(|n| json!({"type": "phone", "value": format!("+120255501{n:02}")})).collect();
    format!(
        "  - name: one\n    legs: split\n    rows: {{items: [{{call_id: call-1}}]}}\n    job:\n      \
         call_id: \"{{{{row.call_id}}}}\"\n      direction: transfer\n      targets: {}\n{more}",
        Value::from(targets)
    )
}

#[test]
fn a_job_with_too_many_targets_becomes_several_bridges_in_order() {
    let server = RawServer::bridging(|_| ok());
    let matrix = "      bridge_matrix: [{source: 0, target: 1}, {source: 9, target: 0}, {source: 10, target: 14}, {source: 16, target: 15}]\n";
    let run = Book::at(&server.url()).sets(&many_targets(matrix)).limits("{concurrency: 8}").run(0);
    assert_eq!(run.audit.total("jobs"), 3);
    let bodies: Vec<Value> =
        server.bridges().iter().map(|request| serde_json::from_str(request.body()).unwrap()).collect();
    let first: Vec<&str> = bodies.iter().map(|body| body["targets"][0]["value"].as_str().unwrap()).collect();
    assert_eq!(first, ["+12025550101", "+12025550108", "+12025550115"]);
    assert_eq!(bodies.iter().map(|body| body["targets"].as_array().unwrap().len()).collect::<Vec<_>>(), [7, 7, 2]);
    let matrices: Vec<String> = bodies.iter().map(|body| body["bridgeMatrix"].to_string()).collect();
    assert_eq!(matrices[0], r#"[{"source":0,"target":1}]"#);
    assert_eq!(matrices[1], r#"[{"source":2,"target":0},{"source":3,"target":7}]"#);
    assert_eq!(matrices[2], r#"[{"source":2,"target":1}]"#);
    let keys: Vec<&str> = run.audit.intents().iter().map(|intent| intent["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["call-1#1/3", "call-1#2/3", "call-1#3/3"]);
    let ids: std::collections::BTreeSet<String> = server.bridges().iter().map(|r| r.id().to_owned()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn parts_after_one_that_did_not_succeed_are_not_sent() {
    let server = RawServer::answering([ok(), answer(404, &[], "")]);
    let run = Book::at(&server.url()).sets(&many_targets("")).run(10);
    assert_eq!(server.bridges().len(), 2);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("rejected"), run.audit.total("skipped")), (1, 1, 1));
    let skipped = run.audit.event("job_skipped");
    assert_eq!((&skipped["reason"], &skipped["key"]), (&json!("earlier_part"), &json!("call-1#3/3")));
    // 202 is enough to go on.
    let server = RawServer::answering([answer(202, &[], ""), answer(202, &[], ""), answer(202, &[], "")]);
    let run = Book::at(&server.url()).sets(&many_targets("")).run(0);
    assert_eq!(run.audit.total("accepted"), 3);
}

#[test]
fn without_split_too_many_targets_are_an_error() {
    let ended = Book::offline().sets(&many_targets("").replace("    legs: split\n", "")).refused(65, &[]);
    assert!(ended.stderr.contains("BB0107"), "{ended}");
}

fn expiring(server: &RawServer, rows: &str) -> Book {
    let sets = set("one", rows, "").replace("direction:", "not_after: \"{{row.until}}\"\n      direction:");
    Book::at(&server.url()).sets(&sets)
}

fn in_(duration: Duration) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let moment = jiff::Timestamp::now() + jiff::SignedDuration::try_from(duration).unwrap();
    moment.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[test]
fn what_has_expired_is_skipped_and_a_warning_beforehand() {
    let server = RawServer::bridging(|_| ok());
    let rows = json!([
        {"call_id": "late", "until": "2020-01-01T00:00:00Z"},
        {"call_id": "fine", "until": in_(Duration::from_hours(1))},
    ]);
    let book = expiring(&server, &rows.to_string());
    let ended = book.command(0, &["validate", "runbook.yaml"]);
    assert!(ended.stderr.contains("warning[BB0603]"), "{ended}");
    let run = book.run(0);
    let skipped = run.audit.event("job_skipped");
    assert_eq!((&skipped["reason"], &skipped["call_id"]), (&json!("expired"), &json!("late")));
    assert_eq!(server.bridges().len(), 1);
}

#[test]
fn a_retry_that_would_come_too_late_is_not_waited_for() {
    // Retry-After is beyond the job's time: its first attempt was its last.
    let server = RawServer::answering([answer(425, &[("retry-after", "50")], "")]);
    let book = expiring(&server, &json!([{"call_id": "a", "until": in_(Duration::from_secs(30))}]).to_string());
    let run = book.run(10);
    let attempt = run.audit.outcome_of("a");
    assert_eq!((&attempt["outcome"], &attempt["final"]), (&json!("rejected"), &json!(true)));
    assert_eq!((run.audit.intents().len(), run.audit.total("rejected")), (1, 1));
}

#[test]
fn a_job_whose_time_runs_out_in_the_queue_ends_as_its_last_attempt_did() {
    // The other call holds the only place until the time is over.
    let until = in_(Duration::from_secs(6));
    let moment: jiff::Timestamp = until.parse().unwrap();
    let server = RawServer::bridging(move |request: &Request| {
        if request.call() == "a" {
            return answer(425, &[], "");
        }
        while jiff::Timestamp::now() <= moment {
            std::thread::yield_now();
        }
        ok()
    });
    let rows = json!([{"call_id": "a", "until": until}, {"call_id": "b", "until": in_(Duration::from_hours(1))}]);
    let book = expiring(&server, &rows.to_string()).retry("{max_attempts: 5, min_wait: 300ms, max_wait: 300ms}");
    let run = book.run(10);
    let expired = run.audit.event("job_expired");
    assert_eq!(
        (&expired["call_id"], &expired["outcome"], &expired["attempts"]),
        (&json!("a"), &json!("rejected"), &json!(1))
    );
    assert_eq!((run.audit.total("rejected"), run.audit.total("succeeded")), (1, 1));
    let results = String::from_utf8(run.bytes("results.csv")).unwrap();
    assert!(results.contains("a,a,rejected,1,425"), "{results}");
}

#[test]
fn a_moment_that_is_none_is_an_error_at_its_row() {
    for until in ["", "tomorrow", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "2026-13-22T10:00:00Z"] {
        let server = RawServer::bridging(|_| ok());
        let ended = expiring(&server, &json!([{"call_id": "a", "until": until}]).to_string()).refused(65, &[]);
        assert!(ended.stderr.contains("BB0519"), "{until:?}: {ended}");
    }
}

#[test]
fn a_split_bridge_can_be_rehearsed() {
    let targets: Vec<_> = (0..9).map(|_| json!({"type": "phone", "value": "+12025550104"})).collect();
    let sets = format!(
        "  - name: one\n    rows: {{items: [{{call_id: \"call-1\"}}]}}\n    legs: split\n    job: {{call_id: \"{{{{row.call_id}}}}\", targets: {}, direction: transfer}}\n",
        Value::from(targets)
    );
    let run = Book::offline().sets(&sets).run_with(0, &["--sandbox"]);
    assert_eq!(run.audit.total("succeeded"), 2);
}
