//! What is left of a run and fed back: what is refused, what the audit file says of it, and what becomes of the files
//! themselves.

use crate::support::book::{Book, Run};
use crate::support::canary::LEFT;
use crate::support::server::{Gate, RawServer, Reply, answer, ok};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;

const SETS: &str = "  - name: one\n    rows: {csv: d.csv}\n    job: {call_id: \"{{row.call}}\", targets: [{type: phone, value: \"{{row.to}}\"}], direction: transfer}\n";
const TWO: &str = "  - name: two\n    rows: {items: [{call: i-good}]}\n    job: {call_id: \"{{row.call}}\", targets: [{type: phone, value: \"+12025550104\"}], direction: transfer}\n";
const DATA: &str = "call,to\nbad-1,+12025550101\nlost-2,+12025550102\ngood-3,+12025550103\nlost-4,+12025550104\n";

/// `bad` calls are refused, `lost` ones unknown.
fn server() -> RawServer {
    RawServer::bridging(|request| match request.call().split('-').next() {
        Some("bad") => answer(404, &[], "{}"),
        Some("lost") => Reply::Reset,
        _ => ok(),
    })
}

fn book(sets: &str) -> Book {
    Book::offline().sets(sets).file("d.csv", DATA).more("on_lost_criterion: continue")
}

/// A run with one refused and two unknown calls, and its files in the runbook's directory.
fn one_run(sets: &str) -> (Book, Run) {
    let (server, book) = (server(), book(sets));
    let run = book.clone().other_url(&server.url()).run(11);
    for name in LEFT {
        std::fs::write(book.dir().join(name), run.bytes(name)).unwrap();
    }
    (book, run)
}

fn lines(run: &Run, name: &str) -> usize {
    csv::Reader::from_reader(&*run.bytes(name)).records().count()
}

fn setting<'r>(run: &'r Run, name: &str) -> Option<&'r str> {
    let settings = run.audit.lines[0]["settings"].as_array().unwrap();
    settings.iter().find(|setting| setting["name"] == name).and_then(|setting| setting["value"].as_str())
}

#[test]
fn an_unknown_is_not_sent_again_by_feeding_it_back() {
    let (book, _run) = one_run(SETS);
    let server = RawServer::bridging(|_| ok());
    let book = book.other_url(&server.url());
    let fed = ["--rows", "unknown.csv"];
    for command in ["validate", "plan"] {
        let ended = book.command(13, &[&[command, "runbook.yaml"], fed.as_slice()].concat());
        assert!(ended.stderr.contains("BB0520") && ended.stderr.contains("--> unknown.csv:2:"), "{ended}");
        assert!(ended.stderr.contains("1 more row") && ended.stderr.contains("bridgebook reconcile"), "{ended}");
    }
    book.refused(13, &fed);
    // Nor in the place of the data, nor from standard input.
    let in_place = book.clone().file("d.csv", &std::fs::read_to_string(book.dir().join("unknown.csv")).unwrap());
    in_place.refused(13, &[]);
    let piped = book.clone().sets(&SETS.replace("csv: d.csv", "stdin: csv"));
    let bytes = std::fs::read(book.dir().join("unknown.csv")).unwrap();
    piped.command_fed(13, &["run", "runbook.yaml", "--out", "out"], &bytes);
    book.refused(2, &["--rows", "unknown.csv", "--resend-unknown"]);
    assert_eq!(server.bridges().len(), 0);

    let sure = ["--rows", "unknown.csv", "--resend-unknown", "--reason", "asked the desk at +12025550104"];
    let run = book.run_with(0, &sure);
    assert_eq!((run.audit.total("jobs"), server.bridges().len()), (2, 2));
    assert_eq!(setting(&run, "resend_unknown"), Some("asked the desk at +1202*****04"));
    assert_eq!(setting(&run, "rows"), Some("unknown.csv"));
}

#[test]
fn an_unknown_that_is_sent_again_stays_one_until_it_succeeds() {
    let (book, _run) = one_run(SETS);
    // The first of the two is refused now, and the second has no turn.
    let server = RawServer::bridging(|_| answer(404, &[], "{}"));
    let sure = ["--rows", "unknown.csv", "--resend-unknown", "--reason", "asked"];
    let book = book.more("abort_when: [\"failed >= 1\"]").limits("{concurrency: 1}").other_url(&server.url());
    let run = book.run_with(12, &sure);
    assert_eq!(LEFT.map(|name| lines(&run, name)), [1, 0, 1]);
    for name in ["failed.csv", "not_attempted.csv"] {
        let text = String::from_utf8(run.bytes(name)).unwrap();
        let refused = book.clone().file("again.csv", &text).refused(13, &["--rows", "again.csv"]);
        assert!(refused.stderr.contains("BB0520"), "{refused}");
    }
    assert_eq!(server.bridges().len(), 1);
}

#[test]
fn rows_of_json_that_speak_of_a_state_are_no_new_ones() {
    for rows in ["{items: [{call: c, bridgebook_state: unknown}]}", "{jsonl: d.jsonl}"] {
        let sets = SETS.replace("{csv: d.csv}", rows).replace("{{row.to}}", "+12025550104");
        let book =
            Book::offline().sets(&sets).file("d.jsonl", "{\"call\": \"c\", \"Bridgebook_State\": \"unknown\"}\n");
        let refused = book.refused(65, &[]);
        assert!(refused.stderr.contains("BB0416"), "{refused}");
    }
}

/// Bridges of so many targets, nine of which are two parts; the data names the call and the key.
fn splitting(targets: usize) -> String {
    let targets = vec!["{type: phone, value: \"+12025550101\"}"; targets].join(", ");
    let job = format!("{{call_id: \"{{{{row.call}}}}\", targets: [{targets}], direction: transfer}}");
    format!("  - name: one\n    legs: split\n    rows: {{csv: d.csv}}\n    key: \"{{{{row.key}}}}\"\n    job: {job}\n")
}

#[test]
fn later_parts_go_with_the_parts_before_them_or_not_at_all() {
    let data = "call,key\na-1,a\nb-2,b\nc-3,c\n";
    // The first part of the first bridge is in flight when the run is stopped twice: it is unknown, all others had no turn.
    let gate = Gate::default();
    let hangs = gate.clone();
    let server = RawServer::bridging(move |_| Reply::SendAndHang(Vec::new(), hangs.clone()));
    let book = Book::offline().sets(&splitting(9)).file("d.csv", data).limits("{concurrency: 1}");
    let stopped = book.clone().other_url(&server.url());
    let mut started = stopped.start(&[]);
    server.wait_for_bridges(1);
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    started.process.signal("INT");
    let run = started.finish(14);
    gate.open();
    assert_eq!(LEFT.map(|name| lines(&run, name)), [0, 1, 5]);
    let text = String::from_utf8(run.bytes("not_attempted.csv")).unwrap();
    let refused = book.clone().file("again.csv", &text).refused(13, &["--rows", "again.csv"]);
    assert!(refused.stderr.contains("an earlier part"), "{refused}\n{text}");
    let rows: Vec<&str> = text.lines().filter(|line| !line.contains("earlier_part")).collect();
    assert_eq!((rows.len(), text.lines().count()), (5, 6), "{text}");
    let fed =
        book.clone().file("again.csv", &rows.join("\n")).command(0, &["plan", "runbook.yaml", "--rows", "again.csv"]);
    assert!(!fed.stderr.contains("error"), "{fed}");
    // Somebody has sorted it.
    let mut sorted = rows.clone();
    sorted[1..].sort_by_key(|line| line.contains(",2/"));
    let refused = book.clone().file("again.csv", &sorted.join("\n")).refused(65, &["--rows", "again.csv"]);
    assert!(refused.stderr.contains("one behind the other"), "{refused}");
}

#[test]
fn a_key_that_looks_like_that_of_a_part_gives_no_other_row() {
    let sets = splitting(1);
    let data = "call,key\ngood-1,job7#1/2\ngood-2,job7#2/2\nbad-3,y\ngood-4,z\n";
    let book = Book::offline().sets(&sets).file("d.csv", data).more("on_lost_criterion: continue");
    let run = book.clone().other_url(&server().url()).run(10);
    let text = String::from_utf8(run.bytes("failed.csv")).unwrap();
    assert!(!text.contains("good-"), "{text}");
    // Either it is the right row, or none at all.
    let second = server();
    let fed = book
        .other_url(&second.url())
        .file("again.csv", &text)
        .command(65, &["run", "runbook.yaml", "--rows", "again.csv", "--out", "out"]);
    assert!(fed.stderr.contains("BB0415") && second.bridges().is_empty(), "{fed}");
}

#[test]
fn rows_of_others_are_refused_with_their_place() {
    let (book, run) = one_run(&[SETS, TWO].concat());
    let failed = std::fs::read_to_string(book.dir().join("failed.csv")).unwrap();
    for (from, to, code, words) in [
        (",one,bad-1", ",on,bad-1", 65, "no set `on`"),
        (",one,bad-1", ",,bad-1", 65, "names no set"),
        (",bad-1,rejected,", ",bad-2,rejected,", 65, "a job of another call"),
        (",rejected,", ",Unknown,", 65, "does not say that the job had no effect"),
        (",rejected,", ",,", 65, "does not say that the job had no effect"),
        (",rejected,", ",in_flight,", 65, "does not say that the job had no effect"),
        (",rejected,", ",earlier_part,", 13, "an earlier part"),
        (",itest,", ",other,", 65, "runbook `other`"),
        (",rejected,", ",accepted,", 13, "has been bridged"),
        (",text,", ",none,", 65, "lacks the values"),
    ] {
        assert!(failed.contains(from), "{from} in {failed}");
        let book = book.clone().file("changed.csv", &failed.replace(from, to));
        let ended = book.refused(code, &["--rows", "changed.csv"]);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("--> changed.csv:2:"), "{ended}");
        assert!(ended.stderr.ends_with("\n1 error\n"), "{ended}");
    }
    let header = failed.lines().next().unwrap().to_owned() + "\n";
    let empty = book.clone().file("empty.csv", &header).refused(66, &["--rows", "empty.csv"]);
    assert!(empty.stderr.contains("empty.csv has no rows to send"), "{empty}");
    let other_set = book.refused(66, &["--rows", "failed.csv", "--only", "two"]);
    assert!(other_set.stderr.contains("failed.csv has no rows to send"), "{other_set}");
    let gone = book.refused(66, &["--rows", "gone.csv"]);
    assert!(gone.stderr.contains("--rows gone.csv"), "{gone}");
    // Nor does any other file take the place of the rows: results.csv has the jobs that are bridged.
    for other in ["call,to\nx,+12025550101\n", &String::from_utf8(run.bytes("results.csv")).unwrap()] {
        let plain = book.clone().file("plain.csv", other).sets(SETS).refused(65, &["--rows", "plain.csv"]);
        assert!(plain.stderr.contains("BB0415") && plain.stderr.contains("no columns of a run's report"), "{plain}");
    }
}

#[test]
fn a_set_without_rows_is_none_of_the_run_s_business() {
    let (book, _run) = one_run(&[SETS, TWO].concat());
    let server = RawServer::bridging(|_| ok());
    let judged = book
        .other_url(&server.url())
        .more("success_criteria: [\"failed == 0 in one\", \"success_rate >= 100% in two\"]");
    let run = judged.run_with(0, &["--rows", "failed.csv"]);
    let sets: Vec<&Value> = run.audit.lines[0]["sets"].as_array().unwrap().iter().collect();
    assert_eq!((sets.len(), &sets[0]["name"]), (1, &"one".into()));
}

#[test]
fn a_run_of_what_was_left_goes_on_from_its_own_copy() {
    let data = "call,to\nbad-1,+12025550101\nbad-2,'+12025550102\nbad-3,+12025550103\n";
    let first = server();
    let book = Book::offline().sets(SETS).file("d.csv", data).more("on_lost_criterion: continue");
    let run = book.clone().other_url(&first.url()).run(10);
    std::fs::write(book.dir().join("failed.csv"), run.bytes("failed.csv")).unwrap();
    let second = RawServer::bridging(|request| if request.call() == "bad-1" { answer(404, &[], "{}") } else { ok() });
    let stopping = book.other_url(&second.url()).more("abort_when: [\"failed >= 1\"]");
    let stopped = stopping.run_with(12, &["--rows", "failed.csv"]);
    assert_eq!(lines(&stopped, "not_attempted.csv"), 2);
    std::fs::remove_file(stopping.dir().join("failed.csv")).unwrap();
    std::fs::remove_file(stopping.dir().join("d.csv")).unwrap();
    let ended = stopping.start_resume(&stopped.dir, &["--despite-rules", "--reason", "seen"]).finish().expect(10);
    let resumed = stopping.resumed(&stopped.dir);
    assert_eq!(resumed.audit.total("succeeded"), 2, "{ended}");
    assert_eq!(
        second.bridges().iter().map(|request| request.call().to_owned()).collect::<Vec<_>>(),
        ["bad-1", "bad-2", "bad-3"]
    );
    // The files of before are not those of now.
    assert_eq!((lines(&resumed, "not_attempted.csv"), lines(&resumed, "failed.csv")), (0, 1));
}

#[test]
fn what_was_planned_of_what_was_left_runs_and_nothing_else() {
    let (book, _run) = one_run(SETS);
    let server = RawServer::bridging(|_| ok());
    let book = book.other_url(&server.url());
    book.command(0, &["plan", "runbook.yaml", "--rows", "failed.csv", "--save", "p.json"]);
    book.refused(13, &["--plan", "p.json"]);
    let text = std::fs::read_to_string(book.dir().join("failed.csv")).unwrap();
    std::fs::write(book.dir().join("failed.csv"), text.replace("2025550101", "2025550109")).unwrap();
    let ended = book.refused(13, &["--rows", "failed.csv", "--plan", "p.json"]);
    assert!(ended.stderr.contains("file of rows failed.csv: its content has changed"), "{ended}");
    std::fs::write(book.dir().join("failed.csv"), text).unwrap();
    book.run_with(0, &["--rows", "failed.csv", "--plan", "p.json"]);
    assert_eq!(server.bridges().len(), 1);
}

#[test]
fn the_files_are_private_whole_made_again_alike_and_never_of_yesterday() {
    let (_book, run) = one_run(SETS);
    let before = LEFT.map(|name| run.bytes(name));
    for name in LEFT {
        let mode = std::fs::metadata(run.dir.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        std::fs::write(run.dir.join(name), "of yesterday").unwrap();
    }
    let ended = run.command(0, &["report", "."]);
    assert_eq!(LEFT.map(|name| run.bytes(name)), before);
    assert!(!ended.stderr.contains("note"), "{ended}");
    assert_eq!(LEFT.map(|name| lines(&run, name)), [1, 2, 0]);
    // What is found out about an unknown changes its file.
    let job = run.audit.outcome_of("lost-2")["job"].to_string();
    let decision = format!("{job}=not-bridged");
    let by = ["--decide", &decision, "--reason", "asked"];
    let reconciled = run.command(11, &[&["reconcile", "."], by.as_slice()].concat());
    assert_eq!(LEFT.map(|name| lines(&run, name)), [2, 1, 0], "{reconciled}");
}

#[test]
fn without_the_copies_there_are_the_jobs_and_a_word() {
    let (book, run) = one_run(SETS);
    std::fs::remove_dir_all(run.dir.join("inputs")).unwrap();
    let ended = run.command(0, &["report", "."]);
    assert!(ended.stderr.starts_with("note: ") && ended.stderr.contains("cannot be fed back"), "{ended}");
    assert_eq!(LEFT.map(|name| lines(&run, name)), [1, 2, 0]);
    let refused = book.file("d.csv", &String::from_utf8(run.bytes("failed.csv")).unwrap()).refused(65, &[]);
    assert!(refused.stderr.contains("BB0415") && refused.stderr.contains("lacks the values"), "{refused}");
}

#[test]
fn a_copy_that_was_changed_is_not_taken_for_the_input() {
    let (_book, run) = one_run(SETS);
    let copy = run.dir.join("inputs/1-d.csv");
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replace("bad-1,", "bad-9,")).unwrap();
    let ended = run.command(0, &["report", "."]);
    assert!(ended.stderr.contains("1-d.csv is not the copy that the run has made"), "{ended}");
    assert!(!String::from_utf8(run.bytes("failed.csv")).unwrap().contains("+12025550101"));
}

#[test]
fn jobs_that_a_process_may_still_come_to_are_not_given_away() {
    let gate = Gate::default();
    let hangs = gate.clone();
    let server = RawServer::bridging(move |request| match request.call() {
        "lost-2" => Reply::SendAndHang(Vec::new(), hangs.clone()),
        _ => ok(),
    });
    let book = book(SETS).other_url(&server.url());
    let started = book.start(&[]);
    server.wait_for_bridges(2);
    let alive = book.run_dirs().pop_first().unwrap();
    let not_attempted =
        |dir: &std::path::Path| csv::Reader::from_path(dir.join("not_attempted.csv")).unwrap().records().count();
    let report = |dir: &std::path::Path| book.command(65, &["report", dir.to_str().unwrap()]);
    report(&alive);
    assert_eq!(not_attempted(&alive), 0, "of a run that goes on");
    let run = started.kill();
    gate.open();
    let ended = report(&run.dir);
    assert!(ended.stderr.contains("not_attempted.csv has no rows: the run is not closed"), "{ended}");
    assert_eq!(not_attempted(&run.dir), 0, "of one that was cut off");
    run.command(11, &["reconcile", ".", "--close"]);
    assert_eq!(not_attempted(&run.dir), 2, "of one that is closed");
}

#[test]
fn a_file_without_a_copy_is_not_read_in_its_place() {
    let (book, run) = one_run(SETS);
    // Whoever made the directory can name any file in the runbook: the copy of that name is missing.
    let path = run.dir.join("inputs/runbook.yaml");
    let secret = book.dir().join("secret.csv");
    std::fs::write(&secret, "call,to\nhunter2,+12025550101\n").unwrap();
    let forged = std::fs::read_to_string(&path).unwrap().replace("d.csv", secret.to_str().unwrap());
    std::fs::write(&path, &forged).unwrap();
    let digest: String = Sha256::digest(forged.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let audit = run.dir.join("audit.jsonl");
    let mut lines: Vec<String> = std::fs::read_to_string(&audit).unwrap().lines().map(str::to_owned).collect();
    let inputs = run.audit.lines[0]["inputs"].as_array().unwrap();
    let copied = inputs.iter().find(|input| input["snapshot"] == "inputs/runbook.yaml").unwrap();
    lines[0] = lines[0].replace(copied["sha256"].as_str().unwrap(), &digest);
    std::fs::write(&audit, crate::mutations::chained_anew(&lines)).unwrap();
    let ended = run.command(0, &["report", "."]);
    assert!(ended.stderr.contains("the run has no copy of"), "{ended}");
    let all = LEFT.map(|name| String::from_utf8(run.bytes(name)).unwrap()).concat();
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn a_clean_run_leaves_headers() {
    let server = RawServer::bridging(|_| ok());
    let run = book(SETS).other_url(&server.url()).run(0);
    for name in LEFT {
        let text = String::from_utf8(run.bytes(name)).unwrap();
        assert!(text.starts_with("bridgebook_set,") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn numbers_keep_their_plus_in_every_file() {
    let server = RawServer::bridging(|_| answer(404, &[], r#"{"message":"+12025550101 is engaged"}"#));
    let data = "call,to\n+12025550109,+12025550101\n";
    let book = Book::at(&server.url()).sets(SETS).file("d.csv", data).more("privacy: {numbers: full}");
    let run = book.run(10);
    let intent = run.audit.intents()[0];
    assert_eq!((&intent["call_id"], &intent["targets"][0]), (&"+12025550109".into(), &"phone:+12025550101".into()));
    let results = String::from_utf8(run.bytes("results.csv")).unwrap();
    assert!(
        results.contains(",'+12025550109,'+12025550109,rejected,") && results.contains(",'+12025550101 is engaged,"),
        "{results}"
    );
    let failed = String::from_utf8(run.bytes("failed.csv")).unwrap();
    assert!(failed.contains("\r\n'+12025550109,'+12025550101,one,'+12025550109,'+12025550109,rejected,"), "{failed}");
    // A spreadsheet's user writes numbers so, too.
    let quoted = book.file("d.csv", "call,to\nx,'+12025550101\n");
    quoted.command(0, &["plan", "runbook.yaml", "--payloads", "p.jsonl"]);
    let payload = std::fs::read_to_string(quoted.dir().join("p.jsonl")).unwrap();
    assert!(payload.contains("\"value\":\"+12025550101\""), "{payload}");
}
