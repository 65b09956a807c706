//! How much at once, what is counted, and what is refused before anything is sent.

use crate::support::book::{Book, set};
use crate::support::server::{RawServer, Request, answer, locked, ok};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};

/// What a server has seen at once: now, and at most, by group.
#[derive(Default)]
struct Load(HashMap<String, (usize, usize)>);

impl Load {
    fn enter(&mut self, group: &str) {
        let (now, most) = self.0.entry(group.to_owned()).or_default();
        *now += 1;
        *most = (*most).max(*now);
    }

    fn leave(&mut self, group: &str) {
        self.0.entry(group.to_owned()).or_default().0 -= 1;
    }

    fn most(&self, group: &str) -> usize {
        self.0.get(group).map_or(0, |(_, most)| *most)
    }
}

#[test]
fn the_limits_of_run_and_set_are_reached_and_never_exceeded() {
    const RUN: usize = 5;
    const SMALL: usize = 2;
    let load = Arc::new((Mutex::new(Load::default()), Condvar::new()));
    let server = {
        let load = Arc::clone(&load);
        RawServer::bridging(move |request: &Request| {
            let group = request.call().split('-').next().unwrap().to_owned();
            let (state, changed) = &*load;
            let mut state_now = locked(state);
            state_now.enter(&group);
            state_now.enter("all");
            changed.notify_all();
            // The first answers wait until the run is as busy as it may be: so the limit is reached, not only kept.
            let busy = |load: &mut Load| load.most("all") < RUN || load.most("small") < SMALL;
            let (mut state_now, guard) =
                changed.wait_timeout_while(state_now, crate::support::process::GUARD, busy).unwrap();
            assert!(!guard.timed_out(), "the limit was never reached");
            state_now.leave(&group);
            state_now.leave("all");
            ok()
        })
    };
    let items = |name: &str| {
        Value::from((1..=20).map(|n| json!({"call_id": format!("{name}-{n}")})).collect::<Vec<_>>()).to_string()
    };
    let sets = set("small", &items("small"), &format!("    limits: {{concurrency: {SMALL}}}\n"))
        + &set("large", &items("large"), "");
    let run = Book::at(&server.url()).sets(&sets).limits(&format!("{{concurrency: {RUN}}}")).run(0);
    assert_eq!(run.audit.total("succeeded"), 40);
    let load = locked(&load.0);
    assert_eq!((load.most("all"), load.most("small")), (RUN, SMALL));

    // The audit file tells the same, whatever the scheduler of this machine did.
    let mut open = Load::default();
    for line in &run.audit.lines {
        let set = line["set"].as_str().unwrap_or_default();
        match line["event_type"].as_str().unwrap() {
            "bridge_intent" => [set, "all"].iter().for_each(|group| open.enter(group)),
            "bridge_attempt" => [set, "all"].iter().for_each(|group| open.leave(group)),
            _ => {}
        }
    }
    assert_eq!((open.most("all"), open.most("small")), (RUN, SMALL));
}

#[test]
fn intents_ahead_of_their_places_keep_to_the_limit_and_none_is_left_open() {
    const RUN: usize = 32;
    // With the rule the run is stopped at its busiest: what is on record and did not leave is withdrawn.
    for (rule, code) in [("", 0), ("abort_when: [\"succeeded >= 300\"]", 12)] {
        let load = Arc::new(Mutex::new(Load::default()));
        let server = {
            let load = Arc::clone(&load);
            RawServer::bridging(move |_: &Request| {
                locked(&load).enter("all");
                // The other connections get their turn: whatever was sent at once is here at once.
                (0..100).for_each(|_| std::thread::yield_now());
                locked(&load).leave("all");
                ok()
            })
        };
        let book = Book::at(&server.url()).many_calls(1500).limits(&format!("{{concurrency: {RUN}}}")).more(rule);
        let run = book.run(code);
        assert!(locked(&load).most("all") <= RUN);
        let (mut open, mut withdrawn) = (Load::default(), 0);
        for line in &run.audit.lines {
            match line["event_type"].as_str().unwrap() {
                "bridge_intent" => open.enter("all"),
                "bridge_attempt" => {
                    open.leave("all");
                    withdrawn += u64::from(line["evidence"] == "withdrawn");
                }
                _ => {}
            }
        }
        crate::support::show(&("open at most", open.most("all"), "withdrawn", withdrawn));
        assert!(open.most("all") <= RUN + RUN / 2, "{}", open.most("all"));
        assert_eq!(run.audit.total("unknown"), 0);
        assert_eq!(run.audit.total("succeeded"), server.bridges().len() as u64);
        assert_eq!(run.audit.total("not_attempted") + run.audit.total("succeeded"), 1500);
    }
}

#[test]
fn the_rate_is_a_bound_on_starts() {
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).limits("{concurrency: 8, rate: 10/s}").many_calls(4).run(0);
    let at = |line: &Value| line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let intents = run.audit.intents();
    // Three intervals of 100 ms, less what the first intent may have waited between its start and its time stamp.
    let elapsed = at(intents[3]).duration_since(at(intents[0]));
    assert!(elapsed.as_millis() >= 200, "{elapsed}");
}

#[test]
fn flags_and_environment_beat_the_runbook_and_the_audit_file_says_so() {
    let server = RawServer::bridging(|_| ok());
    let setting = |run: &crate::support::book::Run, name: &str| {
        let settings = run.audit.lines[0]["settings"].as_array().unwrap().clone();
        let found = settings.into_iter().find(|setting| setting["name"] == name).unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["source"].as_str().unwrap().to_owned())
    };
    let book = Book::at(&server.url()).env("BRIDGEBOOK_CONCURRENCY", "7");
    let run = book.run_with(0, &["--rate", "900/s"]);
    assert_eq!(setting(&run, "concurrency"), ("7".into(), "environment".into()));
    assert_eq!(setting(&run, "rate"), ("900/s".into(), "flag".into()));
    assert_eq!(setting(&run, "retry.max_attempts"), ("3".into(), "runbook".into()));
    assert_eq!(setting(&run, "timeouts.request"), ("30s".into(), "default".into()));
    let run = book.run_with(0, &["--concurrency", "2"]);
    assert_eq!(setting(&run, "concurrency"), ("2".into(), "flag".into()));
}

#[test]
fn only_and_limit_cut_the_plan() {
    let server = RawServer::bridging(|_| ok());
    let sets = set("a", r#"[{"call_id": "a-1"}, {"call_id": "a-2"}]"#, "") + &set("b", r#"[{"call_id": "b-1"}]"#, "");
    let book = Book::at(&server.url()).sets(&sets);
    assert_eq!(book.run_with(0, &["--only", "b"]).audit.total("jobs"), 1);
    assert_eq!(book.run_with(0, &["--limit", "1"]).audit.total("jobs"), 1);
    let sent: Vec<_> = server.bridges().iter().map(|request| request.call().to_owned()).collect();
    assert_eq!(sent, ["b-1", "a-1"]);
    let ended = book.refused(2, &["--only", "c"]);
    assert!(ended.stderr.contains("no such set"), "{ended}");
}

#[test]
fn rows_that_when_leaves_out_are_counted_and_in_the_balance() {
    let server = RawServer::bridging(|_| ok());
    let rows = r#"[{"call_id": "a", "s": "x"}, {"call_id": "b", "s": "y"}, {"call_id": "c", "s": "y"}]"#;
    let run = Book::at(&server.url()).sets(&set("one", rows, "    when: \"{{eq row.s 'x'}}\"\n")).run(0);
    assert_eq!((run.audit.total("jobs"), run.audit.total("succeeded"), run.audit.total("skipped")), (3, 1, 2));
    assert!(run.audit.events("job_skipped").iter().all(|event| event["reason"] == "when"));
    assert_eq!(server.bridges().len(), 1);
}

fn csv_set(more: &str) -> String {
    format!(
        "  - name: rows\n    rows: {{csv: data/calls.csv}}\n    job:\n      call_id: \"{{{{row.call_id}}}}\"\n      \
         targets: [{{type: phone, value: \"{{{{row.number}}}}\"}}]\n      direction: transfer\n{more}"
    )
}

#[test]
fn a_call_that_stands_twice_is_refused_with_both_places() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url())
        .sets(&csv_set(""))
        .file("data/calls.csv", "call_id,number\na,+12025550101\nb,+12025550102\na,+12025550103\n");
    let ended = book.refused(65, &[]);
    assert!(ended.stderr.contains("data/calls.csv:4:1"), "{ended}");
    assert!(ended.stderr.contains("first: data/calls.csv:2"), "{ended}");
    let ended = book.command(65, &["validate", "runbook.yaml", "--format", "json"]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&found["diagnostics"][0]["code"], &found["diagnostics"][0]["line"]), (&"BB0503".into(), &4.into()));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_call_that_stands_in_two_sets_is_refused() {
    let sets = set("a", r#"[{"call_id": "x"}]"#, "") + &set("b", r#"[{"call_id": "y"}, {"call_id": "x"}]"#, "");
    let ended = Book::offline().sets(&sets).refused(65, &[]);
    assert!(ended.stderr.contains("BB0503") && ended.stderr.contains("item 1 of set `a`"), "{ended}");
}

#[test]
fn no_rows_is_missing_input_unless_it_is_allowed() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).file("data/calls.csv", "call_id,number\n");
    let ended = book.sets(&csv_set("")).refused(66, &[]);
    assert!(ended.stderr.contains("BB0403"), "{ended}");
    let book = Book::at(&server.url()).file("data/calls.csv", "call_id,number\n");
    let run = book.sets(&csv_set("    allow_empty: true\n")).run(0);
    assert_eq!(run.audit.total("jobs"), 0);
    assert_eq!(server.requests().len(), 0, "not even a token is needed");
}

#[test]
fn missing_input_is_66() {
    let ended = Book::offline().sets(&csv_set("")).refused(66, &[]);
    assert!(ended.stderr.contains("data/calls.csv cannot be read"), "{ended}");
    let ended = Book::offline().command(66, &["run", "nothing.yaml"]);
    assert!(ended.stderr.contains("nothing.yaml cannot be read"), "{ended}");
    for command in ["report", "verify"] {
        Book::offline().command(66, &[command, "nowhere"]);
    }
}

#[test]
fn a_missing_secret_is_78_and_names_the_variable() {
    let server = RawServer::bridging(|_| ok());
    let ended = Book::at(&server.url()).without_env("CXONE_CLIENT_SECRET").refused(78, &[]);
    assert!(ended.stderr.contains("CXONE_CLIENT_SECRET"), "{ended}");
    Book::at(&server.url()).env("CXONE_CLIENT_ID", "").refused(78, &[]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_bad_command_line_is_2() {
    for args in
        [&["run", "runbook.yaml", "--frobnicate"] as &[&str], &[], &["run"], &["run", "runbook.yaml", "--set", "x"]]
    {
        let ended = Book::offline().command(2, args);
        assert!(ended.stdout.is_empty(), "{ended}");
    }
    let ended = Book::offline().more("vars: {desk: \"1\"}").refused(2, &["--set", "desk2=5"]);
    assert!(ended.stderr.contains("--set desk="), "{ended}");
}

#[test]
fn an_output_directory_that_cannot_be_made_is_73() {
    let server = RawServer::bridging(|_| ok());
    let ended = Book::at(&server.url()).file("out", "a file").refused(73, &[]);
    assert!(ended.stderr.contains("out/itest"), "{ended}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn more_jobs_than_the_guard_allows_are_refused() {
    let ended = Book::offline().many_calls(3).more("guards: {max_jobs: 2}").refused(13, &[]);
    assert!(ended.stderr.contains("BB0505"), "{ended}");
}

#[test]
fn criteria_decide_between_0_10_and_11() {
    for (criteria, exit) in [
        ("[]", 11),
        ("[\"success_rate >= 50%\"]", 11),
        ("[\"success_rate >= 50%\", \"unknown <= 1\"]", 0),
        ("[\"success_rate >= 60%\", \"unknown <= 1\"]", 10),
        ("[\"unknown <= 1\", \"latency.p95 <= 1d\", \"failed == 0 in waiting\"]", 0),
    ] {
        let server = RawServer::answering([ok(), answer(500, &[], "")]);
        let run = Book::at(&server.url()).many_calls(2).more(&format!("success_criteria: {criteria}")).run(exit);
        assert_eq!((run.audit.total("succeeded"), run.audit.total("unknown")), (1, 1), "{criteria}");
    }
}

#[test]
fn rows_that_are_left_out_pass_by_in_any_number() {
    let mut rows = String::from("call_id,status\n");
    for number in 0..20_000 {
        rows.push_str(&format!("call-{number},{}\n", if number == 19_999 { "waiting" } else { "ended" }));
    }
    let sets = "  - name: rows\n    rows: {csv: rows.csv}\n    when: \"{{eq row.status 'waiting'}}\"\n    job:\n      \
        call_id: \"{{row.call_id}}\"\n      targets: [{type: phone, value: \"+12025550104\"}]\n      direction: transfer\n";
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).sets(sets).file("rows.csv", &rows).run(0);
    assert_eq!((run.audit.total("skipped"), run.audit.total("succeeded")), (19_999, 1));
    assert_eq!(run.audit.lines.iter().filter(|line| line["event_type"] == "seal").count(), 21);
}

#[test]
fn a_server_that_refuses_everything_does_not_draw_the_whole_input_into_memory() {
    // Two places: at most four jobs for each may wait for another attempt, beside those in flight.
    let server = RawServer::bridging(|_| answer(425, &[], ""));
    let book = Book::at(&server.url())
        .many_calls(60)
        .limits("{concurrency: 2}")
        .retry("{max_attempts: 2, min_wait: 100ms, max_wait: 100ms}");
    let run = book.run(10);
    let (mut waiting, mut most) = (0i64, 0);
    for line in &run.audit.lines {
        match line["event_type"].as_str() {
            Some("bridge_attempt") if line["final"] == false => waiting += 1,
            Some("bridge_intent") if line["attempt"] != 1 => waiting -= 1,
            _ => {}
        }
        most = most.max(waiting);
    }
    assert!((2..=10).contains(&most), "{most} jobs waited");
    assert_eq!(run.audit.total("rejected"), 60);
}

#[test]
fn a_criterion_about_one_set_says_nothing_of_the_others() {
    let server = RawServer::bridging(|request| match request.call().split('-').next() {
        Some("lost") => answer(500, &[], ""),
        Some("bad") => answer(404, &[], ""),
        _ => ok(),
    });
    for (criterion, call, exit) in [
        ("unknown <= 1 in one", "lost-1", 11),
        ("failed <= 1 in one", "bad-1", 10),
        ("success_rate >= 0% in one", "bad-1", 10),
        ("unknown <= 1 in two", "lost-1", 0),
        ("failed <= 1 in two", "bad-1", 0),
        ("unknown <= 1", "lost-1", 0),
    ] {
        let sets =
            set("one", r#"[{"call_id": "ok-1"}]"#, "") + &set("two", &format!("[{{\"call_id\": \"{call}\"}}]"), "");
        let book = Book::at(&server.url()).sets(&sets).more(&format!("success_criteria: [{criterion:?}]"));
        book.run(exit);
        // The same when nothing is left of what was said.
        book.run_with(exit, &["--only", "two"]);
    }
}

#[test]
fn a_wave_requires_nothing_of_a_set_that_does_not_run() {
    let server = RawServer::bridging(|_| ok());
    let sets = set("a", r#"[{"call_id": "a-1"}, {"call_id": "a-2"}]"#, "") + &set("b", r#"[{"call_id": "b-1"}]"#, "");
    let waves = "waves:\n  - {size: 1, require: [\"failed == 0 in b\"]}\n  - {size: \"100%\"}";
    Book::at(&server.url()).sets(&sets).more(waves).run_with(0, &["--only", "a"]);
    assert_eq!(server.bridges().len(), 2);
}
