//! `resume`: from the run's directory alone, with what is left, under the rules and figures that the run has had.

use crate::support::book::{Book, Run, set};
use crate::support::server::{Gate, RawServer, Reply, Request, answer, ok};
use serde_json::Value;
use std::collections::BTreeMap;

/// Requests by call.
fn by_call(server: &RawServer) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in server.bridges() {
        *calls.entry(request.call().to_owned()).or_default() += 1;
    }
    calls
}

fn hanging(gate: &Gate) -> Reply {
    Reply::SendAndHang(Vec::new(), gate.clone())
}

/// A run of six calls that is killed while the third is on the wire; the gate lets nobody wait afterwards.
fn killed(server: &RawServer, book: &Book, requests: usize) -> Run {
    let run = book.start(&[]);
    server.wait_for_bridges(requests);
    run.kill()
}

/// A server that hangs at this call, and answers all others.
fn hangs_at(call: &'static str, gate: &Gate) -> RawServer {
    let gate = gate.clone();
    RawServer::bridging(move |request| if request.call() == call { hanging(&gate) } else { ok() })
}

#[test]
fn what_was_in_flight_is_unknown_what_has_ended_is_not_sent_again_and_the_rest_is_done() {
    let gate = Gate::default();
    let server = hangs_at("call-3", &gate);
    let book = Book::at(&server.url()).file("calls.csv", "id\ncall-1\ncall-2\ncall-3\ncall-4\ncall-5\ncall-6\n").sets(
        "  - name: waiting\n    rows: {csv: calls.csv}\n    job:\n      call_id: \"{{row.id}}\"\n      \
         targets: [{type: phone, value: \"+12025550104\"}]\n      direction: transfer\n",
    );
    let run = killed(&server, &book, 3);
    // Nothing but the run's directory is left, and the input was sorted in the meantime.
    std::fs::write(book.dir().join("calls.csv"), "id\ncall-6\ncall-5\ncall-4\n").unwrap();
    std::fs::remove_file(book.dir().join("runbook.yaml")).unwrap();
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    let calls = by_call(&server);
    assert_eq!(calls.len(), 6);
    assert!(calls.values().all(|requests| *requests == 1), "{calls:?}");
    let audit = &resumed.audit;
    assert_eq!((audit.total("succeeded"), audit.total("unknown"), audit.total("jobs")), (5, 1, 6));
    let again = audit.event("run_resumed");
    assert_eq!((&again["open"], &again["pending"]), (&1.into(), &3.into()));
    let crash = audit.outcome_of("call-3");
    assert_eq!((&crash["outcome"], &crash["evidence"]), (&"unknown".into(), &"crash".into()));
    assert!(resumed.audit.begins_with(&run.audit.lines.iter().map(|line| format!("{line}\n")).collect::<String>()));
    // Once it has ended, there is nothing to go on with.
    let again = book.resume(&run.dir, 11, &[]);
    assert!(again.stderr.contains("nothing is left to send"), "{}", again.stderr);
    assert_eq!(again.audit.lines.len(), resumed.audit.lines.len());
    assert_eq!(server.bridges().len(), 6);
}

#[test]
fn an_interrupted_run_goes_on_with_what_it_did_not_come_to() {
    let gate = Gate::default();
    let server = hangs_at("call-2", &gate);
    let book = Book::at(&server.url()).many_calls(5);
    let run = book.start(&[]);
    server.wait_for_bridges(2);
    run.process.signal("INT");
    let mut run = run;
    run.process.wait_for_stderr("stopping");
    gate.open();
    let run = run.finish(14);
    assert_eq!(run.audit.total("not_attempted"), 3);
    let resumed = book.resume(&run.dir, 11, &[]);
    assert_eq!((resumed.audit.total("not_attempted"), resumed.audit.total("jobs")), (0, 5));
    assert!(by_call(&server).values().all(|requests| *requests == 1));
    assert_eq!(resumed.audit.events("run_finished").len(), 2);
}

#[test]
fn unknown_jobs_are_sent_again_only_on_somebody_s_word_with_a_reason() {
    let server = RawServer::bridging({
        let met = std::sync::atomic::AtomicUsize::new(0);
        move |request: &Request| {
            let first = request.call() == "call-2" && met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            if first { Reply::Reset } else { ok() }
        }
    });
    let book = Book::at(&server.url()).many_calls(3);
    let run = book.run(11);
    book.start_resume(&run.dir, &["--resend-unknown"]).finish().expect(2);
    assert_eq!(by_call(&server)["call-2"], 1);
    let resumed =
        book.resume(&run.dir, 0, &["--resend-unknown", "--reason", "the agent says that +12025550104 never rang"]);
    assert_eq!(by_call(&server)["call-2"], 2);
    let again = resumed.audit.event("run_resumed");
    assert_eq!(again["reason"], "the agent says that +1202*****04 never rang");
    let summary = resumed.summary();
    assert_eq!((&summary["resumptions"][0]["reopened"], &summary["verdict"]), (&1.into(), &"passed".into()));
    assert!(resumed.stdout.contains("1 unknown sent again; reason: the agent says"), "{}", resumed.stdout);
    let page = String::from_utf8(resumed.bytes("report.html")).unwrap();
    assert!(page.contains("1 unknown sent again; reason: the agent says"));
    assert_eq!(resumed.audit.event("job_reopened")["call_id"], "call-2");
    assert_eq!(resumed.audit.outcome_of("call-2")["attempt"], 2);
    assert_eq!(resumed.audit.total("succeeded"), 3);
    let ids: Vec<String> =
        server.bridges().iter().filter(|request| request.call() == "call-2").map(|r| r.id().to_owned()).collect();
    assert_eq!(ids[0], ids[1], "the request id of a job never changes");
}

#[test]
fn a_job_sent_again_that_is_refused_stays_unknown() {
    let met = std::sync::atomic::AtomicUsize::new(0);
    let server = RawServer::bridging(move |_| {
        if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { Reply::Reset } else { answer(404, &[], "") }
    });
    let book = Book::at(&server.url());
    let run = book.run(11);
    let resumed = book.resume(&run.dir, 11, &["--resend-unknown", "--reason", "why not"]);
    assert_eq!((resumed.audit.total("unknown"), resumed.audit.total("rejected")), (1, 0));
}

#[test]
fn retries_go_on_counting() {
    let server = RawServer::bridging(|_| answer(408, &[], ""));
    let book = Book::at(&server.url()).retry("{max_attempts: 2, min_wait: 1h, max_wait: 1h}");
    let run = book.start(&[]);
    book.wait_for_audit(r#""status_code":408"#);
    let run = run.kill();
    let resumed = book.resume(&run.dir, 10, &[]);
    let attempts: Vec<_> = resumed.audit.attempts().iter().map(|attempt| attempt["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(server.bridges().len(), 2);
    assert_eq!(resumed.audit.total("rejected"), 1);
}

fn moment(line: &Value) -> jiff::Timestamp {
    line["timestamp"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_pause_that_a_server_has_asked_for_holds_for_the_next_process_too() {
    let met = std::sync::atomic::AtomicUsize::new(0);
    let server = RawServer::bridging(move |_| {
        let first = met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if first { answer(429, &[("retry-after", "3")], "") } else { ok() }
    });
    let book = Book::at(&server.url());
    let run = book.start(&[]);
    book.wait_for_audit("throttled");
    let run = run.kill();
    let resumed = book.resume(&run.dir, 0, &[]);
    let asked = resumed.audit.event("throttled");
    let sent = resumed.audit.intents()[1];
    assert!(moment(sent).duration_since(moment(asked)).as_millis() >= 3000, "{asked:#} {sent:#}");
}

#[test]
fn the_time_between_two_processes_is_not_the_run_s() {
    let gate = Gate::default();
    let server = hangs_at("call-1", &gate);
    let book = Book::at(&server.url()).many_calls(2);
    let run = killed(&server, &book, 1);
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    let lines = &resumed.audit.lines;
    let at = lines.iter().position(|line| line["event_type"] == "run_resumed").unwrap();
    let idle = moment(&lines[at]).duration_since(moment(&lines[at - 1]));
    let all = moment(lines.last().unwrap()).duration_since(moment(&lines[0]));
    let own = (all - idle).as_micros();
    let shown = resumed.summary()["duration_ms"].as_f64().unwrap() * 1000.0;
    assert!(idle.is_positive());
    #[expect(clippy::cast_precision_loss, reason = "microseconds of seconds")]
    let differs = (shown - own as f64).abs();
    assert!(differs < 2.0, "{shown} us are shown, {own} are the run's");
}

#[test]
fn waves_budget_and_criteria_go_on_from_where_they_were() {
    let gate = Gate::default();
    let server = hangs_at("call-3", &gate);
    let book = Book::at(&server.url()).many_calls(9).more(
        "waves: [{size: 2, require: [\"success_rate >= 100%\"]}, {size: 4}, {size: 100%}]\nsuccess_criteria: [\"succeeded >= 8\"]",
    );
    let run = killed(&server, &book, 3);
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    let waves = &resumed.audit.finished()["waves"];
    let jobs: Vec<u64> = waves.as_array().unwrap().iter().map(|wave| wave["jobs"].as_u64().unwrap()).collect();
    assert_eq!(jobs, [2, 4, 3], "{waves:#}");
    assert_eq!(resumed.audit.events("wave_started").len(), 3, "no wave begins twice");
    assert_eq!(resumed.audit.finished()["criteria"][0]["value"], 8.0);
}

#[test]
fn an_abort_rule_that_holds_stops_the_run_again_unless_somebody_passes_it_over() {
    let gate = Gate::default();
    let server = hangs_at("call-3", &gate);
    let book = Book::at(&server.url())
        .many_calls(5)
        .more("abort_when: [\"unknown >= 1\"]\nsuccess_criteria: [\"unknown <= 5\"]");
    let run = killed(&server, &book, 3);
    let stopped = book.resume(&run.dir, 12, &[]);
    assert_eq!(server.bridges().len(), 3, "nothing is sent");
    assert_eq!(stopped.audit.total("not_attempted"), 2);
    assert!(
        stopped.stdout.contains("bridgebook resume") && stopped.stdout.contains("--despite-rules"),
        "{}",
        stopped.stdout
    );
    let resumed = book.resume(&run.dir, 0, &["--despite-rules", "--reason", "looked at"]);
    gate.open();
    assert_eq!((resumed.audit.total("succeeded"), resumed.audit.total("unknown")), (4, 1));
    let again = resumed.audit.events("run_resumed");
    assert_eq!(again[1]["despite"], serde_json::json!(["unknown >= 1"]));
    assert_eq!(again[1]["reason"], "looked at");
}

#[test]
fn a_criterion_that_is_lost_already_does_not_keep_the_rest_from_being_done() {
    let gate = Gate::default();
    let server = hangs_at("call-3", &gate);
    let book =
        Book::at(&server.url()).many_calls(5).more("success_criteria: [\"unknown == 0\", \"success_rate >= 50%\"]");
    let run = killed(&server, &book, 3);
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    assert_eq!((resumed.audit.total("succeeded"), resumed.audit.total("unknown")), (4, 1));
}

#[test]
fn an_open_breaker_stays_open_and_one_job_tries_first() {
    let server = RawServer::bridging(|request| if request.call() < "call-4" { answer(500, &[], "") } else { ok() });
    let book = Book::at(&server.url())
        .calls((1..=9).map(|n| format!("call-{n}")))
        .breaker("{failures: 2, pause: 1h, probes: 1}")
        .more("on_lost_criterion: continue");
    let run = book.start(&[]);
    book.wait_for_audit("breaker_opened");
    let run = run.kill();
    let resumed = book.start_resume(&run.dir, &[]);
    // An hour is not waited for: it is interrupted, having sent nothing.
    book.wait_for_audit("run_resumed");
    resumed.signal("INT");
    resumed.finish().expect(14);
    assert_eq!(server.bridges().len(), 2);
}

#[test]
fn values_of_the_command_line_and_the_environment_are_those_of_the_run() {
    let gate = Gate::default();
    let server = hangs_at("south-1", &gate);
    let runbook_sets =
        set("s", r#"[{"id":"1"},{"id":"2"}]"#, "").replace("{{row.call_id}}", "{{vars.wing}}-{{row.id}}");
    let runbook_sets = runbook_sets.replace("+12025550104", "{{env.DESK}}");
    let book = Book::at(&server.url())
        .sets(&runbook_sets)
        .more("vars: {wing: north}\nenv: [DESK]")
        .env("DESK", "+12025550107");
    let run = book.start(&["--set", "wing=south"]);
    server.wait_for_bridges(1);
    let run = run.kill();
    let typed = run.bytes("inputs/typed.json");
    assert!(!String::from_utf8_lossy(&typed).contains("0107"), "values of the environment are not kept");
    let other = book.clone().env("DESK", "+12025550108").start_resume(&run.dir, &[]).finish().expect(78);
    assert!(other.stderr.contains("DESK"), "{other}");
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    assert_eq!(resumed.audit.total("succeeded"), 1);
    let calls = by_call(&server);
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["south-1", "south-2"]);
}

#[test]
fn a_run_that_is_alive_is_left_alone() {
    let gate = Gate::default();
    let server = hangs_at("call-1", &gate);
    let book = Book::at(&server.url()).many_calls(2);
    let run = book.start(&[]);
    server.wait_for_bridges(1);
    let dir =
        book.run_dirs().into_iter().find(|dir| !dir.file_name().unwrap().to_string_lossy().starts_with('.')).unwrap();
    let refused = book.start_resume(&dir, &[]).finish().expect(75);
    assert!(refused.stderr.contains("another run holds"), "{refused}");
    gate.open();
    run.finish(11);
    assert_eq!(server.bridges().len(), 2);
}

#[test]
fn damage_is_refused_with_its_line_and_a_torn_line_is_cut_off() {
    let gate = Gate::default();
    let server = hangs_at("call-3", &gate);
    let book = Book::at(&server.url()).many_calls(4);
    let run = killed(&server, &book, 3);
    let path = run.dir.join("audit.jsonl");
    let sound = std::fs::read(&path).unwrap();
    let line = sound.split(|byte| *byte == b'\n').take(3).map(|line| line.len() + 1).sum::<usize>();
    let mut damaged = sound.clone();
    damaged[line + 30] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let refused = book.start_resume(&run.dir, &[]).finish().expect(65);
    assert!(refused.stderr.contains("line 4"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), damaged, "nothing is written to it");
    let torn = [sound.as_slice(), b"{\"v\":1,\"seq\":"].concat();
    std::fs::write(&path, torn).unwrap();
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    assert_eq!(resumed.audit.event("run_resumed")["torn_bytes"], 13);
    assert_eq!(resumed.audit.total("succeeded"), 3);
}

#[test]
fn a_run_is_resumed_as_often_as_it_is_cut_off() {
    let gate = Gate::default();
    let server = {
        let gate = gate.clone();
        // Every second call hangs.
        RawServer::bridging(move |request| {
            let number: usize = request.call().trim_start_matches("call-").parse().unwrap();
            if number.is_multiple_of(2) { hanging(&gate) } else { ok() }
        })
    };
    let book = Book::at(&server.url()).many_calls(7);
    let run = killed(&server, &book, 2);
    for requests in [4, 6] {
        let mut resumed = book.start_resume(&run.dir, &[]);
        server.wait_for_bridges(requests);
        resumed.kill();
        resumed.finish();
    }
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    assert_eq!((resumed.audit.total("succeeded"), resumed.audit.total("unknown")), (4, 3));
    assert_eq!(resumed.audit.events("run_resumed").len(), 3);
    assert!(by_call(&server).values().all(|requests| *requests == 1));
}

#[test]
fn a_torn_file_can_be_reconciled_too() {
    let gate = Gate::default();
    let server = hangs_at("call-1", &gate);
    let book = Book::at(&server.url()).many_calls(2);
    let run = killed(&server, &book, 1);
    gate.open();
    let path = run.dir.join("audit.jsonl");
    let torn = [std::fs::read(&path).unwrap().as_slice(), b"{\"v\":"].concat();
    std::fs::write(&path, torn).unwrap();
    let args = ["reconcile", ".", "--close", "--decide", "1=not-bridged", "--reason", "nobody was called"];
    run.command(0, &args);
    run.verify(0);
    // What was left out may still be done.
    let resumed = book.resume(&run.dir, 10, &[]);
    let totals: &Value = &resumed.audit.finished()["totals"];
    assert_eq!((&totals["succeeded"], &totals["not_bridged"]), (&1.into(), &1.into()));
}

/// Jobs of each wave, and how many of them are bridged.
pub(crate) fn waves(run: &Run) -> Vec<(u64, u64)> {
    let waves = run.audit.finished()["waves"].as_array().unwrap().clone();
    let number = |wave: &Value, name: &str| wave[name].as_u64().unwrap();
    waves.iter().map(|wave| (number(wave, "jobs"), number(wave, "succeeded"))).collect()
}

#[test]
fn a_job_that_is_sent_again_belongs_to_the_wave_that_is_going_on() {
    let met = std::sync::atomic::AtomicUsize::new(0);
    let server = RawServer::bridging(move |_| {
        if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { Reply::Reset } else { ok() }
    });
    let book = Book::at(&server.url()).many_calls(6).more("waves: [{size: 2}, {size: 2}, {size: 100%}]");
    let run = book.run(11);
    assert_eq!(waves(&run), [(2, 1), (2, 2), (2, 2)]);
    let resumed = book.resume(&run.dir, 0, &["--resend-unknown", "--reason", "nobody was connected"]);
    assert_eq!(waves(&resumed), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn a_wave_that_has_failed_holds_until_it_is_found_out_or_passed_over() {
    let met = std::sync::atomic::AtomicUsize::new(0);
    let server = RawServer::bridging(move |_| {
        if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { Reply::Reset } else { ok() }
    });
    let book = Book::at(&server.url())
        .many_calls(5)
        .more("waves: [{size: 2, require: [\"success_rate >= 100%\"]}, {size: 100%}]\non_lost_criterion: continue");
    let run = book.run(12);
    let again = book.resume(&run.dir, 12, &[]);
    assert_eq!((server.bridges().len(), again.audit.total("not_attempted")), (2, 3));
    // A run directory keeps its name: `verify` holds it against the file.
    std::fs::create_dir(book.dir().join("copy")).unwrap();
    let copy = book.dir().join("copy").join(run.dir.file_name().unwrap());
    let copied = std::process::Command::new("cp")
        .args(["-r", run.dir.to_str().unwrap()])
        .arg(book.dir().join("copy"))
        .status()
        .unwrap();
    assert!(copied.success());
    let despite = book.resume(&copy, 11, &["--despite-rules", "--reason", "it was a test call"]);
    assert_eq!((despite.audit.total("succeeded"), despite.audit.total("unknown")), (4, 1));
    // Once it is known that the call was bridged, the wave has shown what it had to.
    run.command(0, &["reconcile", ".", "--decide", "1=bridged", "--reason", "the agent was there"]);
    let resumed = book.resume(&run.dir, 0, &[]);
    assert_eq!(waves(&resumed), [(2, 2), (3, 3)]);
}

#[test]
fn a_run_goes_on_with_the_calls_that_it_has_claimed_and_leaves_those_of_others() {
    let gate = Gate::default();
    let server = {
        let gate = gate.clone();
        RawServer::bridging(
            move |request| if request.call() == "call-2" && !gate.is_open() { hanging(&gate) } else { ok() },
        )
    };
    let guarded = |calls: [&str; 4]| {
        Book::at(&server.url()).calls(calls).more("guards: {once_per: 24h, once_store: calls.sqlite}")
    };
    let book = guarded(["call-1", "call-2", "call-3", "call-4"]);
    let run = killed(&server, &book, 2);
    // Another run takes what this one has not come to, and leaves alone what it has.
    let other = book.clone().calls(["call-2", "call-4"]).run(0);
    assert_eq!((other.audit.total("skipped"), other.audit.total("succeeded")), (1, 1));
    let resumed = book.resume(&run.dir, 11, &[]);
    gate.open();
    assert_eq!((resumed.audit.total("succeeded"), resumed.audit.total("unknown")), (2, 1));
    assert_eq!(resumed.audit.event("job_skipped")["call_id"], "call-4");
    assert_eq!(by_call(&server).values().collect::<Vec<_>>(), [&1, &1, &1, &1]);
    // Its own unknown is its own to send again.
    let again = book.resume(&run.dir, 0, &["--resend-unknown", "--reason", "nobody was connected"]);
    assert_eq!((again.audit.total("succeeded"), again.audit.total("skipped")), (3, 1));
}
