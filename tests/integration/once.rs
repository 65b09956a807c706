//! `guards.once_per`: what one run has bridged, has in flight or left unknown, no other run sends again.

use crate::support::book::{Book, set};
use crate::support::process::Ended;
use crate::support::server::{Gate, RawServer, Request, answer, closed_port, ok};
use crate::support::yard::{GUARD, Yard};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Whole bridge requests by call.
pub(crate) fn effects(server: &RawServer) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for request in server.bridges() {
        *effects.entry(request.call().to_owned()).or_default() += 1;
    }
    effects
}

fn fine() -> RawServer {
    RawServer::bridging(|_| ok())
}

#[test]
fn a_call_that_another_run_has_bridged_is_skipped_with_where_when_and_how() {
    let server = RawServer::bridging(|request| if request.call() == "call-2" { answer(202, &[], "{}") } else { ok() });
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1", "call-2"], GUARD).book("two", &["call-2", "call-3", "call-1"], GUARD);
    let first = yard.run(0, "one");
    assert_eq!(first.audit.lines[0]["once_store"], yard.store().canonicalize().unwrap().to_str().unwrap());
    let second = yard.run(0, "two");
    assert_eq!(effects(&server), [1, 2, 3].map(|n| (format!("call-{n}"), 1)).into());
    assert_eq!((second.audit.total("skipped"), second.audit.total("succeeded")), (2, 1));
    for (call, word) in [("call-1", "succeeded"), ("call-2", "accepted")] {
        let skip = second.skip_of(call);
        assert_eq!(skip["reason"], "once_per");
        let at = first.audit.outcome_of(call)["timestamp"].as_str().unwrap()[..19].to_owned();
        let detail = format!("{word} in run {} of one at {at}Z", first.id());
        assert_eq!(skip["detail"], detail);
        let results = std::fs::read_to_string(second.dir.join("results.csv")).unwrap();
        let row = results.lines().find(|row| row.contains(call)).unwrap();
        assert!(row.contains("once_per") && row.contains(&detail), "{row}");
    }
    // The same runbook again is another run as well.
    assert_eq!(yard.run(0, "one").audit.total("skipped"), 2);
    assert_eq!(server.bridges().len(), 3);
}

#[test]
fn without_the_guard_nothing_is_looked_up_or_kept() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "");
    let run = yard.run(0, "one");
    assert!(!yard.store().exists() && !run.dir.join(".running").exists());
    assert!(run.audit.lines[0].get("once_store").is_none());
    yard.run(0, "one");
    assert_eq!(effects(&server)["call-1"], 2);
}

#[test]
fn a_register_that_is_not_there_yet_is_made_from_the_runs_before_the_guard() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "").book("two", &["call-1", "call-2"], GUARD);
    let first = yard.run(0, "one");
    let second = yard.run(0, "two");
    assert!(second.skip_of("call-1")["detail"].as_str().unwrap().contains(first.id()));
    assert_eq!(effects(&server), [1, 2].map(|n| (format!("call-{n}"), 1)).into());
}

#[test]
fn what_was_refused_or_never_left_is_sent_again_in_the_next_run() {
    let refusing = RawServer::bridging(|_| answer(400, &[], "{}"));
    let yard = Yard::at(&refusing.url());
    yard.book("one", &["call-1"], GUARD);
    yard.run(10, "one");
    assert_eq!(yard.rows(), Vec::<String>::new());
    yard.run(10, "one");
    assert_eq!(effects(&refusing)["call-1"], 2);

    let token = fine();
    let gone = Book::at(&closed_port()).token_at(&token.url()).more(GUARD);
    let run = gone.run(69);
    assert_eq!(run.audit.total("not_sent"), 1);
    let again = gone.clone().other_url(&token.url()).run(0);
    assert_eq!(again.audit.total("succeeded"), 1);
}

#[test]
fn an_unknown_is_skipped_until_it_is_found_out_and_sent_again_when_it_had_no_effect() {
    let server =
        RawServer::bridging(|request| if request.call().starts_with("lost") { answer(500, &[], "{}") } else { ok() });
    let yard = Yard::at(&server.url());
    let calls = ["lost-1", "lost-2", "fine"];
    yard.book("one", &calls, GUARD).book("two", &calls, GUARD);
    let first = yard.run(11, "one");
    let second = yard.run(0, "two");
    let words = format!("unknown in run {} of one", first.id());
    assert!(second.skip_of("lost-1")["detail"].as_str().unwrap().starts_with(&words));
    assert_eq!(second.audit.total("skipped"), 3);
    let dir = first.dir.to_str().unwrap();
    yard.command(
        0,
        &["reconcile", dir, "--decide", "1=not-bridged", "--decide", "2=bridged", "--reason", "Seen in the console."],
    );
    let third = yard.run(11, "two");
    assert_eq!(effects(&server), [("fine", 1), ("lost-1", 2), ("lost-2", 1)].map(|(c, n)| (c.to_owned(), n)).into());
    let words = format!("succeeded in run {} of one", first.id());
    assert!(third.skip_of("lost-2")["detail"].as_str().unwrap().starts_with(&words));
}

#[test]
fn what_is_found_out_about_a_run_from_before_the_guard_counts_as_well() {
    let server = RawServer::bridging(|_| answer(500, &[], "{}"));
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], "").book("two", &["call-1"], GUARD);
    let first = yard.run(11, "one");
    assert_eq!(yard.run(0, "two").audit.total("skipped"), 1);
    let dir = first.dir.to_str().unwrap();
    yard.command(0, &["reconcile", dir, "--decide", "1=not-bridged", "--reason", "Seen in the console."]);
    assert_eq!(yard.run(11, "two").audit.total("unknown"), 1);
}

#[test]
fn the_window_ends_and_a_call_beyond_it_is_sent_again() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD);
    yard.run(0, "one");
    yard.age("call-1", 23 * HOUR);
    assert_eq!(yard.run(0, "one").audit.total("skipped"), 1);
    yard.age("call-1", 24 * HOUR + Duration::from_secs(1));
    assert_eq!(yard.run(0, "one").audit.total("succeeded"), 1);
    assert_eq!(effects(&server)["call-1"], 2);
    // A clock that was put back does not open it either.
    let future = bridgebook::model::Timestamp::now().plus(48 * HOUR).to_string();
    yard.database().execute("UPDATE calls SET at = ?1", [future]).unwrap();
    assert_eq!(yard.run(0, "one").audit.total("skipped"), 1);
}

#[test]
fn a_call_in_flight_is_another_runs_whatever_its_age() {
    let (server, gate) = RawServer::holding("call-1");
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD).book("two", &["call-1", "call-2"], GUARD);
    let before = yard.runs("one");
    let first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    for age in [Duration::ZERO, 48 * HOUR] {
        yard.age("call-1", age);
        let other = yard.run(0, "two");
        let detail = other.skip_of("call-1")["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("claimed by run") && detail.contains("of one"), "{detail}");
    }
    // A rebuild would take the register from under it.
    let refused = yard.command(75, &["guard", "rebuild", "--out", "out"]);
    assert!(refused.stderr.contains("in use"), "{refused}");
    gate.open();
    let first = yard.past("one", &before, first.finish().expect(0));
    assert_eq!(first.audit.total("succeeded"), 1);
    assert_eq!(effects(&server), [1, 2].map(|n| (format!("call-{n}"), 1)).into());
    assert_eq!(yard.rows().iter().filter(|row| row.contains("claimed")).count(), 0);
}

#[test]
fn within_a_run_duplicates_and_parts_of_one_bridge_are_not_other_runs() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("twice", &["call-1", "call-1"], "guards: {once_per: 24h, duplicates: allow}");
    assert_eq!(yard.run(0, "twice").audit.total("succeeded"), 2);
    let targets: Vec<Value> =
        (10..20).map(|n| json!({"type": "phone", "value": format!("+12025550{}", 100 + n)})).collect();
    let sets = format!(
        "  - name: wide\n    legs: split\n    rows: {{items: [{{call_id: call-2}}]}}\n    job:\n      call_id: \
         \"{{{{row.call_id}}}}\"\n      targets: {}\n      direction: transfer\n",
        Value::from(targets)
    );
    yard.book_of("split", &sets, GUARD);
    let run = yard.run(0, "split");
    assert!(run.audit.total("succeeded") >= 2, "{:#}", run.audit.finished());
    let before = server.bridges().len();
    let again = yard.run(0, "split");
    assert_eq!((again.audit.total("skipped"), server.bridges().len()), (again.audit.total("jobs"), before));
    // A duplicate that was refused takes nothing from the one that was bridged.
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let second = RawServer::bridging(move |_| {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if turn == 0 { ok() } else { answer(400, &[], "{}") }
    });
    let yard = Yard::at(&second.url());
    yard.book("twice", &["call-1", "call-1"], "guards: {once_per: 24h, duplicates: allow}");
    yard.run(10, "twice");
    assert_eq!(yard.run(0, "twice").audit.total("skipped"), 2);
}

#[test]
fn equal_ids_of_two_tenants_are_two_calls() {
    let (one, two) = (fine(), fine());
    let yard = Yard::at(&one.url());
    yard.book("one", &["call-1"], GUARD);
    yard.also_at(&two.url()).book("two", &["call-1"], GUARD);
    yard.run(0, "one");
    yard.run(0, "two");
    assert_eq!((one.bridges().len(), two.bridges().len()), (1, 1));
    assert_eq!(yard.rows().len(), 2);
}

#[test]
fn a_register_can_be_shared_by_output_directories() {
    let server = fine();
    let yard = Yard::at(&server.url());
    let guard = "guards: {once_per: 24h, once_store: shared/calls.sqlite}";
    std::fs::create_dir(yard.dir().join("shared")).unwrap();
    yard.book("one", &["call-1"], guard);
    yard.run(0, "one");
    yard.command(0, &["run", "one.yaml", "--out", "elsewhere", "--no-progress"]);
    assert_eq!(server.bridges().len(), 1);
    assert!(!yard.store().exists() && yard.dir().join("shared/calls.sqlite").exists());
    let args = ["guard", "rebuild", "--out", "out", "--out", "elsewhere"];
    assert!(yard.command(2, &args).stderr.contains("--store"));
    let said = yard.command(0, &[args.as_slice(), &["--store", "shared/calls.sqlite", "--format", "json"]].concat());
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&said["runs"], &said["calls"]), (&json!(2), &json!(1)));
}

#[test]
fn a_rehearsal_neither_asks_nor_keeps() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD);
    yard.run(0, "one");
    let rows = yard.rows();
    yard.command(0, &["run", "one.yaml", "--out", "out", "--no-progress", "--sandbox"]);
    assert_eq!(yard.rows(), rows);
    yard.command(0, &["guard", "rebuild", "--out", "out"]);
    assert_eq!(yard.rows(), rows, "a rebuild takes rehearsals for runs");
}

/// A server that answers by the name of the call.
fn by_name(request: &Request) -> crate::support::server::Reply {
    match request.call().split('-').next().unwrap() {
        "taken" => answer(202, &[], "{}"),
        "refused" => answer(400, &[], "{}"),
        "lost" => answer(500, &[], "{}"),
        "busy" => answer(429, &[("retry-after", "0")], "{}"),
        _ => ok(),
    }
}

#[test]
fn a_rebuild_makes_the_same_register_from_the_audit_files() {
    let server = RawServer::bridging(by_name);
    let yard = Yard::at(&server.url());
    let calls = ["fine-1", "taken-1", "refused-1", "lost-1", "busy-1", "lost-2", "lost-3"];
    yard.book("one", &calls, GUARD).book("two", &["fine-1", "fine-2", "lost-3", "lost-4"], GUARD);
    let first = yard.run(11, "one");
    yard.run(11, "two");
    let dir = first.dir.to_str().unwrap();
    yard.command(
        11,
        &["reconcile", dir, "--decide", "4=bridged", "--decide", "6=not-bridged", "--reason", "Seen in the console."],
    );
    let live = yard.rows();
    let calls: Vec<&str> = live.iter().map(|row| row.split(" | ").nth(1).unwrap()).collect();
    assert_eq!(calls, ["fine-1", "fine-2", "lost-1", "lost-3", "lost-4", "taken-1"], "{live:#?}");
    let said = yard.command(0, &["guard", "rebuild", "--out", "out"]).stdout;
    assert_eq!(said, "out/calls.sqlite: 6 calls of 2 runs\n");
    assert_eq!(yard.rows(), live);
    std::fs::write(
        yard.store(),
        "rubbish, and long enough to be taken for the head of a database file, if one is careless",
    )
    .unwrap();
    yard.command(0, &["guard", "rebuild", "--out", "out"]);
    assert_eq!(yard.rows(), live);
    // Made all the same, it has the others, and what stands in front of the damage.
    let audit = first.dir.join("audit.jsonl");
    let text = std::fs::read_to_string(&audit).unwrap();
    let last = text.lines().position(|line| line.contains("run_finished")).unwrap();
    let broken: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| if at == last { line.replace("\"jobs\"", "\"jobz\"") } else { line.to_owned() })
        .collect();
    std::fs::write(&audit, broken.join("\n") + "\n").unwrap();
    let ended = yard.command(65, &["guard", "rebuild", "--out", "out"]);
    assert!(ended.stderr.contains(&format!("line {} is not as it was written", last + 1)), "{ended}");
    assert!(
        ended.stderr.contains("--partial") && yard.rows() == live,
        "a register with calls missing replaces none: {ended}"
    );
    yard.command(65, &["guard", "rebuild", "--out", "out", "--partial"]);
    assert_eq!(yard.rows().len(), 7, "lost-2 is unknown again: what was found out stands behind the damage");
}

/// What a register that cannot be used does to a run.
#[track_caller]
fn no_run(yard: &Yard, server: &RawServer, words: &str) -> Ended {
    let before = server.requests().len();
    let ended = yard.refused(13, "one");
    assert!(ended.stderr.contains("once_per") && ended.stderr.contains(words), "{ended}");
    assert_eq!(server.requests().len(), before, "something was sent");
    let planned = yard.command(13, &["plan", "one.yaml", "--out", "out"]);
    assert!(planned.stderr.contains(words), "{planned}");
    ended
}

#[test]
fn a_register_that_cannot_be_used_lets_nothing_pass() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD);
    yard.run(0, "one");
    let good = std::fs::read(yard.store()).unwrap();
    let put = |bytes: &[u8]| std::fs::write(yard.store(), bytes).unwrap();

    put(
        b"This is a text, and no database. It is longer than the hundred bytes of the head of a database file, though.",
    );
    assert!(no_run(&yard, &server, "is no register of calls").stderr.contains("bridgebook guard rebuild"));
    put(b"");
    no_run(&yard, &server, "is no register of calls");
    // Pages behind the first are noise.
    let mut broken = good.clone();
    broken[4096..].fill(0xa5);
    put(&broken);
    let ended = yard.refused(13, "one");
    assert!(ended.stderr.contains("damaged") && ended.stderr.contains("guard rebuild"), "{ended}");

    put(&good);
    yard.database().pragma_update(None, "user_version", 2).unwrap();
    no_run(&yard, &server, "is of version 2, and this bridgebook knows versions up to 1");
    yard.database().pragma_update(None, "user_version", 1).unwrap();
    yard.database().pragma_update(None, "application_id", 7).unwrap();
    no_run(&yard, &server, "is no register of calls");
    put(&good);

    std::fs::write(yard.dir().join("out/calls.sqlite.rebuild"), "").unwrap();
    no_run(&yard, &server, "that was cut off");
    std::fs::remove_file(yard.dir().join("out/calls.sqlite.rebuild")).unwrap();

    std::fs::rename(yard.store(), yard.dir().join("moved")).unwrap();
    std::os::unix::fs::symlink(yard.dir().join("moved"), yard.store()).unwrap();
    no_run(&yard, &server, "not a regular file");
    std::fs::remove_file(yard.store()).unwrap();
    std::fs::create_dir(yard.store()).unwrap();
    no_run(&yard, &server, "not a regular file");
    std::fs::remove_dir(yard.store()).unwrap();

    std::fs::rename(yard.dir().join("moved"), yard.store()).unwrap();
    assert_eq!(yard.run(0, "one").audit.total("skipped"), 1, "the good one is still good");
    // Where no file can be written.
    yard.book("one", &["call-1"], "guards: {once_per: 24h, once_store: /proc/calls.sqlite}");
    let ended = yard.refused(13, "one");
    assert!(ended.stderr.contains("/proc/calls.sqlite"), "{ended}");
    assert_eq!(server.bridges().len(), 1);
}

#[test]
fn a_register_that_is_locked_by_somebody_else_is_not_passed_by() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD);
    yard.run(0, "one");
    let database = yard.database();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ended = yard.refused(13, "one");
    assert!(ended.stderr.contains("locked by somebody else for too long"), "{ended}");
    database.execute_batch("COMMIT").unwrap();
    yard.run(0, "one");
}

#[test]
fn a_register_that_fails_in_mid_run_stops_it_and_keeps_what_it_has_promised() {
    let server = fine();
    let yard = Yard::at(&server.url());
    let calls: Vec<String> = (1..=60).map(|n| format!("call-{n}")).collect();
    yard.book("one", &calls, &format!("{GUARD}\nlimits: {{concurrency: 1}}")).book("two", &calls, GUARD);
    yard.book("first", &["other"], GUARD);
    yard.run(0, "first");
    let before = yard.runs("one");
    // The register's log grows by pages and meets the limit long before the audit file does.
    let ended = yard.start_after("trap '' XFSZ; ulimit -f 200", "one").finish().expect(13);
    let run = yard.past("one", &before, ended);
    assert_eq!(run.audit.finished()["ending"], "guard_failed");
    assert!(run.stderr.contains("the register of calls cannot be used"), "{}", run.stderr);
    let sent = effects(&server);
    let (done, left) = (run.audit.total("succeeded"), run.audit.total("not_attempted"));
    assert!(done > 3 && left > 3 && done + left == 60, "{done} {left}");
    assert_eq!(sent.len() as u64, done + 1);
    // What could not be written is read from the audit file.
    let second = yard.run(0, "two");
    assert_eq!((second.audit.total("skipped"), second.audit.total("succeeded")), (done, left));
    assert!(effects(&server).values().all(|count| *count == 1));
}

#[test]
fn a_plan_says_how_many_would_be_skipped_and_makes_no_file() {
    let server = fine();
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1", "call-2"], GUARD).book("two", &["call-2", "call-3", "call-1"], GUARD);
    let plan = |yard: &Yard| -> Value {
        let ended = yard.command(0, &["plan", "two.yaml", "--out", "out", "--format", "json"]);
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let files = |yard: &Yard| {
        let mut names: Vec<_> = std::fs::read_dir(yard.dir().join("out"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        (&plan(&yard)["once_per"]["exists"], &plan(&yard)["once_per"]["would_skip"]),
        (&json!(false), &json!(0))
    );
    assert!(!yard.dir().join("out").exists());
    yard.run(0, "one");
    let before = files(&yard);
    assert_eq!(before, ["calls.sqlite", "calls.sqlite.lock", "one"]);
    assert_eq!(plan(&yard)["once_per"]["would_skip"], 2);
    assert_eq!(plan(&yard)["once_per"]["window"], "1d");
    assert_eq!(files(&yard), before);
    let words = yard.command(0, &["run", "two.yaml", "--out", "out", "--dry-run"]).stdout;
    assert!(words.contains("once per  1d: 2 would be skipped now"), "{words}");
    // While a run writes, too.
    let (gate, held) = (Gate::default(), Gate::default());
    let waits = gate.clone();
    let slow = RawServer::bridging(move |_| {
        waits.wait();
        ok()
    });
    let other = yard.also_at(&slow.url());
    other.book("slow", &["call-7"], GUARD);
    let running = other.start("slow", &[]);
    slow.wait_for_bridges(1);
    assert_eq!(plan(&yard)["once_per"]["would_skip"], 2);
    gate.open();
    running.finish().expect(0);
    drop(held);
    assert_eq!(files(&yard), ["calls.sqlite", "calls.sqlite.lock", "one", "slow"]);
}

#[test]
fn the_register_is_private_and_a_skip_takes_no_place_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let server = fine();
    let yard = Yard::at(&server.url());
    let many: Vec<String> = (1..=30).map(|n| format!("call-{n}")).collect();
    yard.book("one", &many, GUARD);
    yard.run(0, "one");
    assert_eq!(yard.store().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // One start an hour: thirty skips must not wait for it; and the wave of one is the one that is sent.
    let more = [many.as_slice(), &["call-31".to_owned()]].concat();
    let pace =
        "limits: {concurrency: 2, rate: 1/h}\nwaves: [{size: 1, require: [\"succeeded == 1\"]}, {size: \"100%\"}]";
    yard.book("two", &more, &format!("{GUARD}\n{pace}"));
    let run = yard.run(0, "two");
    assert_eq!((run.audit.total("skipped"), run.audit.total("succeeded")), (30, 1));
    assert_eq!(run.left_out().len(), 30);
    let waves = &run.audit.finished()["waves"];
    assert_eq!((&waves[0]["succeeded"], &waves[0]["jobs"]), (&json!(1), &json!(31)), "{waves:#}");
}

#[test]
fn a_window_of_no_length_is_an_error() {
    let book = Book::offline().sets(&set("s", r#"[{"call_id": "call-1"}]"#, "")).more("guards: {once_per: 0s}");
    let ended = book.command(65, &["validate", "runbook.yaml"]);
    assert!(ended.stderr.contains("a window of no length guards nothing"), "{ended}");
}
