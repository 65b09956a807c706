//! What became of the unknowns of a run that is over: by the probe, by the vendor's records, by decision; and the audit file
//! with it.

use crate::support::audit::Audit;
use crate::support::book::{Book, Run};
use crate::support::own::{own_book, own_server, sent, state};
use crate::support::process::{Ended, Running, bridgebook};
use crate::support::server::{Gate, RawServer, Reply, Request, answer, ok};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A run of the reference API with these calls; those whose name begins with `lost` end unknown.
fn run_with(calls: &[&str], exit: u8) -> (RawServer, Run) {
    let server = RawServer::bridging(|request| if request.call().starts_with("lost") { Reply::Reset } else { ok() });
    let criteria = "success_criteria: [\"unknown == 0\", \"failed == 0\"]\non_lost_criterion: continue";
    let run = Book::at(&server.url()).calls(calls).more(criteria).run(exit);
    (server, run)
}

fn three() -> (RawServer, Run) {
    run_with(&["fine", "lost-1", "lost-2"], 11)
}

#[track_caller]
fn reconcile(run: &Run, exit: u8, args: &[&str]) -> Ended {
    let all: Vec<&str> = ["reconcile", "."].into_iter().chain(args.iter().copied()).collect();
    run.command(exit, &all)
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

fn audit(run: &Run) -> Audit {
    Audit::read(&run.dir.join("audit.jsonl"))
}

/// The last line of the file is the closing record, and `verify` and `report` agree with it.
#[track_caller]
fn check_closed(run: &Run) -> Value {
    let audit = audit(run);
    let last = audit.lines.last().unwrap().clone();
    assert_eq!(last["event_type"], "reconciliation_finished");
    assert_eq!(last["head"], audit.lines[audit.lines.len() - 2]["hash"]);
    let verified = run.verify(0);
    assert_eq!(verified["totals"], last["totals"]);
    assert_eq!((&verified["head"], &verified["reconciled"]), (&last["hash"], &last["timestamp"]));
    let written = run.bytes("summary.json");
    run.command(0, &["report", "."]);
    assert_eq!(run.bytes("summary.json"), written, "the reports of the reconciliation are not those of the file");
    let summary = run.summary();
    crate::support::audit::check_schema(crate::support::audit::summary_schema(), &summary);
    assert_eq!((&summary["complete"], &summary["verdict"]), (&true.into(), &last["verdict"]));
    let after = audit.lines.iter().skip_while(|line| line["event_type"] != "run_finished").skip(1);
    assert!(
        after
            .into_iter()
            .all(|line| { ["reconciled", "reconciliation_finished"].contains(&line["event_type"].as_str().unwrap()) })
    );
    last
}

#[test]
fn a_decision_stands_in_the_chain_with_who_and_why() {
    let (server, run) = three();
    let before = server.requests().len();
    let ended = reconcile(
        &run,
        11,
        &["--decide", "2=bridged", "--reason", "Seen in the vendor's console by +12025550104", "--format", "json"],
    );
    let said = json_of(&ended);
    assert_eq!((&said["found"][0]["job"], &said["left"][0]["job"], &said["lines"]), (&json!(2), &json!(3), &json!(2)));
    let last = check_closed(&run);
    assert_eq!((&last["bridged"], &last["not_bridged"], &last["verdict"]), (&json!(1), &json!(0), &json!("failed")));
    let audit = audit(&run);
    let found = audit.event("reconciled");
    assert_eq!(
        (&found["from"], &found["outcome"], &found["by"]),
        (&json!("unknown"), &json!("succeeded"), &json!("operator"))
    );
    assert!(found["operator"]["user"].is_string() && found["operator"]["host"].is_string(), "{found:#}");
    let reason = found["reason"].as_str().unwrap();
    assert!(reason.starts_with("Seen in the vendor's console") && !reason.contains("+12025550104"), "{reason}");

    // The rest of it, later: the run passes now.
    reconcile(&run, 0, &["--decide", "3=bridged", "--reason", "The caller confirmed"]);
    let last = check_closed(&run);
    assert_eq!((&last["totals"]["unknown"], &last["verdict"]), (&json!(0), &json!("passed")));
    let summary = run.summary();
    let told = &summary["reconciliation"];
    assert_eq!(
        (&told["bridged"], &told["by_operator"], &told["verdict_of_run"]),
        (&json!(2), &json!(2), &json!("failed"))
    );
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&json!("passed"), &json!(11)));
    assert_eq!((&told["jobs"][0]["in_run"], &told["jobs"][0]["by"]), (&json!(false), &json!("operator")));
    let results = String::from_utf8(run.bytes("results.csv")).unwrap();
    let rows: Vec<&str> = results.lines().skip(1).map(|line| line.trim_end().rsplit(',').next().unwrap()).collect();
    assert_eq!(rows, ["", "operator", "operator"]);
    assert!(String::from_utf8(run.bytes("report.html")).unwrap().contains("The caller confirmed"));
    assert_eq!(server.requests().len(), before, "something was sent");
}

#[test]
fn a_job_that_is_not_bridged_is_a_failure_of_its_own_kind() {
    let (_server, run) = three();
    reconcile(&run, 0, &["--decide", "2=not-bridged", "--decide", "3=bridged", "--reason", "Vendor ticket 4711"]);
    let last = check_closed(&run);
    assert_eq!(last["totals"]["not_bridged"], 1);
    assert_eq!((&last["criteria"][1]["value"], &last["criteria"][1]["met"]), (&json!(1.0), &json!(false)));
    assert_eq!(run.summary()["errors"][0]["outcome"], "not_bridged");
}

#[test]
fn a_dry_run_shows_it_and_writes_nothing() {
    let (_server, run) = three();
    let before = run.bytes("audit.jsonl");
    let human =
        reconcile(&run, 0, &["--decide", "2=bridged", "--decide", "3=not-bridged", "--reason", "why", "--dry-run"]);
    for words in ["bridged     job 2 of waiting, call lost-1: why", "not bridged job 3", "would be 3 lines"] {
        assert!(human.stdout.contains(words), "{words}: {human}");
    }
    let listed = reconcile(&run, 11, &[]);
    assert!(listed.stdout.contains("nothing was asked about it"), "{listed}");
    assert_eq!(run.bytes("audit.jsonl"), before);
}

#[test]
fn only_an_unknown_can_be_decided_about_and_only_with_a_reason() {
    let (_server, run) = three();
    for (args, words) in [
        (&["--decide", "1=bridged", "--reason", "x"][..], "job 1 is succeeded"),
        (&["--decide", "9=bridged", "--reason", "x"], "no job 9"),
        (&["--decide", "2=bridged", "--decide", "2=bridged", "--reason", "x"], "twice"),
        (&["--decide", "2=bridged"], "--reason"),
        (&["--decide", "2=bridged", "--reason", " "], "say why"),
        (&["--decide", "2=done", "--reason", "x"], "JOB=bridged"),
        (&["--records", "x.csv"], "--match-column"),
        (&["--records", "x.csv", "--match-column", "call_id"], "what a record means"),
        (&["--records", "x.csv", "--match-column", "name", "--bridged-when", "a=b"], "request_id"),
    ] {
        let ended = reconcile(&run, 2, args);
        assert!(ended.stderr.contains(words), "{args:?}: {ended}");
    }
    assert!(audit(&run).events("reconciled").is_empty());
    // Once it is known it stays known.
    reconcile(&run, 11, &["--decide", "2=bridged", "--reason", "x"]);
    let again = reconcile(&run, 2, &["--decide", "2=not-bridged", "--reason", "x"]);
    assert!(again.stderr.contains("job 2 is succeeded, not unknown"), "{again}");
}

#[test]
fn a_table_of_other_calls_makes_no_job_not_bridged() {
    let (_, run) = run_with(&["lost-1", "lost-2", "fine"], 11);
    let absent = ["--absent-means", "not-bridged", "--reason", "the export is complete"];
    let by =
        |column: &'static str| ["--records", "../vendor.csv", "--match-column", column, "--bridged-when", "State=up"];
    for table in ["Call,Other,State\n", "Call,Other,State\nelse,lost-1,up\n"] {
        std::fs::write(run.dir.join("../vendor.csv"), table).unwrap();
        let ended = reconcile(&run, 65, &[&by("call_id=Call")[..], &absent].concat());
        assert!(ended.stderr.contains("no row of vendor.csv is about a job of this run"), "{ended}");
    }
    assert_eq!(audit(&run).events("reconciled").len(), 0);
    // A row about a job that was bridged shows that the table is about this run.
    std::fs::write(run.dir.join("../vendor.csv"), "Call,Other,State\nfine,-,up\n").unwrap();
    reconcile(&run, 0, &[&by("call_id=Call")[..], &absent].concat());
    assert_eq!(audit(&run).events("reconciled").len(), 2);
}

#[test]
fn the_vendor_s_records_tell() {
    let (server, run) = run_with(&["lost-1", "lost-2", "lost-3", "lost-4", "fine"], 11);
    let before = server.requests().len();
    let ids: Vec<String> =
        run.audit.intents().iter().map(|intent| intent["request_id"].as_str().unwrap().to_owned()).collect();
    // The first failed and was bridged by its second attempt; the fourth has no record.
    let table = format!(
        "\u{feff}Request Id,Result\r\n{0},failed\r\n{0},bridged\r\n{1},failed\r\n{2},ringing\r\nsomebody-else,bridged\r\n",
        ids[0], ids[1], ids[2]
    );
    std::fs::write(run.dir.join("../vendor.csv"), &table).unwrap();
    let by =
        ["--records", "../vendor.csv", "--match-column", "request_id=Request Id", "--bridged-when", "Result=bridged"];
    let not = ["--not-bridged-when", "Result=failed"];
    let dry = reconcile(&run, 11, &[&by[..], &["--dry-run", "--format", "json"]].concat());
    assert_eq!(json_of(&dry)["found"].as_array().unwrap().len(), 1);
    let ended = reconcile(&run, 11, &[&by[..], &not, &["--format", "json"]].concat());
    let said = json_of(&ended);
    let found: Vec<(u64, &str, &str)> = said["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["job"].as_u64().unwrap(), one["outcome"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (1, "succeeded", "row 2 of vendor.csv: Result=bridged"),
            (2, "not_bridged", "row 3 of vendor.csv: Result=failed")
        ]
    );
    let left: Vec<&str> = said["left"].as_array().unwrap().iter().map(|one| one["why"].as_str().unwrap()).collect();
    assert_eq!(left, ["vendor.csv: its rows fit no condition", "vendor.csv: no row is about it"]);
    let last = check_closed(&run);
    let kept = last["records"]["snapshot"].as_str().unwrap();
    assert_eq!(run.bytes(kept), table.as_bytes());
    assert_eq!(run.summary()["reconciliation"]["records"][0]["sha256"], last["records"]["sha256"]);

    // That there is no record says nothing, unless somebody says that it does, and why.
    let absent = ["--absent-means", "not-bridged"];
    reconcile(&run, 2, &[&by[..], &absent].concat());
    let reason = ["--reason", "the export is complete up to noon"];
    reconcile(&run, 11, &[&by[..], &absent, &reason].concat());
    let audit = audit(&run);
    let found = *audit.events("reconciled").last().unwrap();
    assert_eq!((&found["job"], &found["outcome"]), (&json!(4), &json!("not_bridged")));
    assert!(found["reason"].as_str().unwrap().contains("complete up to noon"), "{found:#}");
    check_closed(&run);
    assert_eq!(run.summary()["reconciliation"]["by_records"], 3);
    assert_eq!(server.requests().len(), before, "something was sent");
}

#[test]
fn records_that_cannot_be_read_or_that_could_be_about_another_job_change_nothing() {
    let (_server, run) = three();
    let before = run.bytes("audit.jsonl");
    std::fs::write(run.dir.join("../v.csv"), "id,result\nlost-1,bridged\n").unwrap();
    let by =
        |column: &'static str| ["--records", "../v.csv", "--match-column", column, "--bridged-when", "result=bridged"];
    let wrong = reconcile(&run, 65, &by("call_id"));
    assert!(wrong.stderr.contains("no column \"call_id\"; it has id, result"), "{wrong}");
    reconcile(&run, 66, &["--records", "none.csv", "--match-column", "call_id", "--bridged-when", "a=b"]);
    std::fs::write(run.dir.join("../v.csv"), "id,result\nlost-1\n").unwrap();
    reconcile(&run, 65, &by("call_id=id"));
    std::fs::write(run.dir.join("../v.csv"), "id,result\nlost-1,bridged\n").unwrap();
    let silent = reconcile(
        &run,
        11,
        &["--records", "../v.csv", "--match-column", "correlation_id=id", "--bridged-when", "result=x"],
    );
    assert!(silent.stdout.contains("no correlation_id"), "{silent}");
    assert_eq!(run.bytes("audit.jsonl"), before);
    assert!(!run.dir.join("reconciled").exists(), "a table that nothing rests on was kept");

    let server = RawServer::bridging(|_| Reply::Reset);
    let twice = Book::at(&server.url()).sets(&format!(
        "{}{}",
        crate::support::book::set("a", r#"[{"call_id":"same"}]"#, ""),
        crate::support::book::set("b", r#"[{"call_id":"same"}]"#, "")
    ));
    let run = twice.more("guards: {duplicates: allow}").run(11);
    std::fs::write(run.dir.join("../v.csv"), "id,result\nsame,bridged\n").unwrap();
    let silent = reconcile(&run, 11, &by("call_id=id"));
    assert!(silent.stdout.contains("another job of the run has the same call"), "{silent}");
}

/// A run against an API whose probe says nothing until `told` is set.
fn probed(words: &'static str) -> (RawServer, Run, Arc<AtomicBool>, Book) {
    let told = Arc::new(AtomicBool::new(false));
    let say = Arc::clone(&told);
    let server = own_server(
        |request: &Request| if request.path().contains("lost") { Reply::Reset } else { ok() },
        move |_| if say.load(Ordering::SeqCst) { state(words) } else { answer(503, &[], "") },
    );
    let book = own_book(&server.url(), &["lost-1", "fine"], "");
    let run = book.run(11);
    (server, run, told, book)
}

/// `reconcile` with the credentials of the run.
fn with_credentials(run: &Run, book: &Book, exit: u8, args: &[&str]) -> Ended {
    let path = run.dir.to_str().unwrap();
    let all: Vec<&str> = ["reconcile", path].into_iter().chain(args.iter().copied()).collect();
    book.command(exit, &all)
}

#[test]
fn the_profile_s_probe_tells_with_read_only_requests() {
    for (words, outcome) in [("bridged", "succeeded"), ("gone", "not_bridged")] {
        let (server, run, told, book) = probed(words);
        let (posts, gets) = sent(&server);
        let silent = with_credentials(&run, &book, 11, &["--probe"]);
        assert!(silent.stdout.contains("the probe cannot tell (status 503)"), "{silent}");
        assert!(audit(&run).events("reconciled").is_empty());
        told.store(true, Ordering::SeqCst);
        with_credentials(&run, &book, 0, &["--probe"]);
        let after = sent(&server);
        assert_eq!(after, (posts, gets + 3 + 1), "only GETs, and one that tells is enough");
        check_closed(&run);
        let audit = audit(&run);
        let found = audit.event("reconciled");
        assert_eq!(
            (&found["outcome"], &found["by"], &found["status_code"]),
            (&json!(outcome), &json!("probe"), &json!(200))
        );
        assert_eq!(run.summary()["reconciliation"]["by_probe"], 1);
        // Nothing is left, and nothing more is asked.
        with_credentials(&run, &book, 0, &["--probe"]);
        assert_eq!(sent(&server), after);
    }
}

#[test]
fn the_probe_is_that_of_the_run_s_own_inputs() {
    let (server, run, told, book) = probed("bridged");
    told.store(true, Ordering::SeqCst);
    // What stands there now does not matter.
    let changed = book.clone().file("own.yaml", "version: 2\n").verbatim("version: 1\n");
    with_credentials(&run, &changed, 0, &["--probe", "--dry-run"]);
    // A copy that was changed is refused.
    let copy = run.dir.join("inputs/runbook.yaml");
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replace("lost-1", "lost-9")).unwrap();
    let refused = with_credentials(&run, &book, 65, &["--probe"]);
    assert!(refused.stderr.contains("not the copy that the run has made"), "{refused}");
    std::fs::write(&copy, text).unwrap();
    let before = server.requests().len();
    with_credentials(&run, &book.clone().without_env("SECRET"), 78, &["--probe"]);
    assert_eq!(server.requests().len(), before);
    assert!(audit(&run).events("reconciled").is_empty());
}

#[test]
fn a_runbook_of_several_files_with_data_variables_and_a_folder_of_its_own_is_read_again() {
    let server = own_server(|_| Reply::Reset, |_| answer(503, &[], ""));
    let connection = format!(
        "version: 1\nconnection: {{profile: ../profiles/own.yaml, base_url: \"{}\", auth: {{client_id: {{env: ID}}, client_secret: {{file: id.txt}}}}}}\n\
         retry: {{min_wait: 1ms, max_wait: 5ms}}\n",
        server.url()
    );
    let runbook = "version: 1\nname: itest\ninclude: [../shared/connection.yaml]\nvars: {wing: north}\nsets:\n  - name: s\n    \
                   rows: {csv: data/calls.csv}\n    job: {call_id: \"{{vars.wing}}-{{row.call}}\"}\n    key: \"{{row.call}}\"\n";
    let book = Book::offline()
        .file("books/night.yaml", runbook)
        .file("shared/connection.yaml", &connection)
        .file("profiles/own.yaml", crate::support::own::PROFILE)
        .file("books/data/calls.csv", "call\none\ntwo\nthree\n")
        .file("shared/id.txt", "own-secret-1\n")
        .env("ID", "own-id");
    std::fs::set_permissions(book.dir().join("shared/id.txt"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let args = ["run", "books/night.yaml", "--out", "out", "--no-progress", "--set", "wing=south", "--limit", "2"];
    book.command(11, &args);
    let dir = book.run_dirs().into_iter().next().unwrap();
    for changed in ["books/night.yaml", "shared/connection.yaml", "profiles/own.yaml", "books/data/calls.csv"] {
        std::fs::remove_file(book.dir().join(changed)).unwrap();
    }
    let (posts, gets) = sent(&server);
    let typed = dir.join("inputs/typed.json");
    let kept = std::fs::read_to_string(&typed).unwrap();
    std::fs::write(&typed, kept.replace("south", "north")).unwrap();
    let wrong = book.command(65, &["reconcile", dir.to_str().unwrap(), "--probe"]);
    assert!(wrong.stderr.contains("typed.json is not the copy that the run has made"), "{wrong}");
    assert_eq!(sent(&server), (posts, gets));
    std::fs::write(&typed, kept).unwrap();
    let ended = book.command(11, &["reconcile", dir.to_str().unwrap(), "--probe"]);
    assert_eq!(ended.stdout.matches("the probe cannot tell (status 503)").count(), 2, "{ended}");
    assert_eq!(sent(&server), (posts, gets + 6));
    assert_eq!(server.bridges().last().unwrap().path(), "/calls/south-two?fields=state");
    // Rows that are other ones, though the jobs that are asked about are the same.
    let copy = dir.join("inputs/1-calls.csv");
    let rows = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, rows.replace("three", "four")).unwrap();
    let changed = book.command(65, &["reconcile", dir.to_str().unwrap(), "--probe"]);
    assert!(changed.stderr.contains("1-calls.csv is not the copy that the run has made"), "{changed}");
    assert_eq!(sent(&server), (posts, gets + 6));
}

#[test]
fn a_profile_without_a_probe_says_so() {
    let (_server, run) = three();
    let ended = reconcile(&run, 78, &["--probe"]);
    assert!(ended.stderr.contains("the profile cxone has no probe"), "{ended}");
}

#[test]
fn a_run_that_was_cut_off_is_ended_first_and_only_if_that_is_wanted() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let book = Book::at(&server.url()).many_calls(3);
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let run = started.kill();
    gate.open();
    let before = run.bytes("audit.jsonl");
    let refused = reconcile(&run, 65, &["--decide", "1=bridged", "--reason", "x"]);
    assert!(
        refused.stderr.contains("did not end: 1 in flight, 2 not begun") && refused.stderr.contains("--close"),
        "{refused}"
    );
    assert_eq!(run.bytes("audit.jsonl"), before);
    let closed = reconcile(&run, 11, &["--close"]);
    assert!(closed.stdout.contains("1 unknown"), "{closed}");
    let audit_now = audit(&run);
    let attempt = audit_now.outcome_of("call-1");
    assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&json!("unknown"), &json!("crash")));
    let finished = audit_now.finished();
    assert_eq!((&finished["ending"], &finished["exit_code"]), (&json!("interrupted"), &json!(14)));
    assert_eq!((&finished["totals"]["unknown"], &finished["totals"]["not_attempted"]), (&json!(1), &json!(2)));
    check_closed(&run);
    assert!(audit(&run).begins_with(&String::from_utf8(before).unwrap()));
    reconcile(&run, 0, &["--decide", "1=not-bridged", "--reason", "the vendor says so"]);
    let last = check_closed(&run);
    assert_eq!((&last["totals"]["not_bridged"], &last["verdict"]), (&json!(1), &json!("failed")));
    // The next run does not warn about it any more.
    let next = book.clone().run(0);
    assert!(!next.stderr.contains("did not end"), "{}", next.stderr);
}

#[test]
fn a_changed_file_is_not_added_to() {
    let (_server, run) = three();
    let whole = run.bytes("audit.jsonl");
    let text = String::from_utf8(whole.clone()).unwrap();
    for (bytes, words) in [
        (text.replacen("\"unknown\"", "\"rejected\"", 1).into_bytes(), "the line was changed"),
        ([&whole[..whole.len() - 9], b"\n"].concat(), "not an audit record"),
        (Vec::new(), "the run has sent nothing"),
    ] {
        std::fs::write(run.dir.join("audit.jsonl"), &bytes).unwrap();
        let refused = reconcile(&run, 65, &["--decide", "2=bridged", "--reason", "x", "--close"]);
        assert!(refused.stderr.contains(words), "{refused}");
        assert_eq!(run.bytes("audit.jsonl"), bytes);
    }
}

#[test]
fn whatever_is_done_to_a_reconciled_file_is_found() {
    let (_server, run) = three();
    reconcile(&run, 11, &["--decide", "2=bridged", "--reason", "seen"]);
    let text = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let count = lines.len();
    let says = |changed: &str, code: u8| {
        std::fs::write(run.dir.join("audit.jsonl"), changed).unwrap();
        run.verify(code)
    };
    assert_eq!(says(&text, 0)["lines"], count);
    let changed = says(&text.replacen("\"reason\":\"seen\"", "\"reason\":\"guessed\"", 1), 65);
    assert_eq!(changed["integrity"]["damage"]["line"], count - 1);
    // Without its closing record the reconciliation is incomplete; without all of it the run's own end is left.
    let cut = says(&lines[..count - 1].concat(), 65);
    assert_eq!((&cut["integrity"]["ok"], &cut["completeness"]["ok"]), (&json!(true), &json!(false)));
    assert!(cut["completeness"]["reason"].as_str().unwrap().contains("reconciliation_finished"));
    says(&lines[..count - 2].concat(), 0);
    says(&[lines[..count - 2].concat(), lines[count - 1].to_owned()].concat(), 65);
    // A reconciliation whose closing record was cut off can be gone on with.
    std::fs::write(run.dir.join("audit.jsonl"), lines[..count - 1].concat()).unwrap();
    reconcile(&run, 11, &[]);
    check_closed(&run);
}

#[test]
fn a_run_that_goes_on_is_not_reconciled() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |_| {
        held.wait();
        ok()
    });
    let book = Book::at(&server.url());
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let dirs = book.run_dirs();
    let dir = dirs.iter().next().unwrap();
    let ended = Running::start(bridgebook(dir, &["reconcile", ".", "--close"])).finish().expect(75);
    assert!(ended.stderr.contains("another run holds"), "{ended}");
    gate.open();
    started.finish(0);
}

#[test]
fn the_wave_of_a_run_that_was_cut_off_adds_up() {
    // The first job waits for another attempt, the second one is in flight, the third belongs to the next wave.
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request| {
        if request.call() == "call-1" {
            return answer(408, &[], "");
        }
        held.wait();
        ok()
    });
    let waves = "waves:\n  - {size: 2}\n  - {size: \"100%\"}";
    let book = Book::at(&server.url()).many_calls(3).retry("{min_wait: 1h, max_wait: 1h}").more(waves);
    let started = book.start(&[]);
    server.wait_for_bridges(2);
    let run = started.kill();
    gate.open();
    let cut = json_of(&run.command(65, &["report", ".", "--format", "json"]));
    reconcile(&run, 11, &["--close"]);
    let wave = audit(&run).finished()["waves"][0].clone();
    for wave in [&cut["waves"][0], &wave] {
        let counts = ["jobs", "unknown", "not_attempted"].map(|name| wave[name].as_u64());
        assert_eq!(counts, [Some(2), Some(1), Some(1)], "{wave}");
    }
    let left = audit(&run);
    let attempts: Vec<&Value> = left.events("job_not_attempted").iter().map(|event| &event["attempts"]).collect();
    assert_eq!(attempts, [&json!(1), &Value::Null]);
}

#[test]
fn the_record_of_an_attempt_without_effect_says_nothing_of_the_one_in_doubt() {
    // By the vendor's id: the first attempt is refused and has one; the second, which is in doubt, ended without an answer.
    let named = |status: u16, id: &str| answer(status, &[("x-cxone-correlation-id", id)], "");
    let first = Arc::new(AtomicBool::new(true));
    let server = RawServer::bridging(move |request| match request.call() {
        "call-1" if first.swap(false, Ordering::SeqCst) => named(429, "c-1"),
        "call-1" => Reply::Reset,
        "call-2" => named(500, "c-2"),
        // Masked in the audit file: its row cannot be found there.
        "call-5" => named(500, "12025550143"),
        _ => named(500, "same"),
    });
    let run = Book::at(&server.url()).many_calls(5).run(11);
    std::fs::write(run.dir.join("../v.csv"), "id,result\n12025550143,bridged\nc-1,failed\nc-2,failed\nsame,failed\n")
        .unwrap();
    let by = ["--records", "../v.csv", "--match-column", "correlation_id=id", "--not-bridged-when", "result=failed"];
    let absent = ["--absent-means", "not-bridged", "--reason", "the export is complete"];
    let said = json_of(&reconcile(&run, 11, &[&by[..], &absent, &["--format", "json"]].concat()));
    let found: Vec<&Value> = said["found"].as_array().unwrap().iter().map(|one| &one["job"]).collect();
    assert_eq!(found, [&json!(2)], "{said:#}");
    let left: Vec<&str> = said["left"].as_array().unwrap().iter().map(|one| one["why"].as_str().unwrap()).collect();
    assert!(left[0].contains("has no correlation_id") && left[1].contains("the same id"), "{left:?}");
    assert!(left[3].contains("has no correlation_id"), "{left:?}");
}
