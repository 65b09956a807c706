//! Planted numbers, names and secrets: none of them comes out of any command, in any form, at any level of the log.

mod slips;

use crate::support::book::{Book, Run};
use crate::support::canary::{Haystack, name, number, secret};
use crate::support::process::Running;
use crate::support::server::{RawServer, Reply, Request, TOKEN, answer, token_body};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

const PROFILE: &str = r#"version: 1
name: aviary
endpoints: {token_path: /oauth/token}
auth: {grant: client_credentials}
request:
  path: "/calls/{{job.call_id}}/bridge"
  query: {to: "{{job.to}}"}
  headers: {x-note: "{{job.note}}"}
  json: {to: "{{job.to}}", note: "{{job.note}}", direction: "{{job.direction}}"}
answers: {succeeded: [2xx], refused: [429], token_refused: [401], throttling: [429], unknown: [5xx], error_pointers: [/message], correlation_header: X-Correlation-ID}
probe:
  path: "/calls/{{job.call_id}}"
  query: {to: "{{job.to}}", note: "{{job.note}}"}
  bridged: {pointer: /state, equals: bridged}
  settled_after: 20ms
job:
  call_id: call_id
  numbers: {fields: [/to]}
  schema:
    type: object
    required: [call_id, to]
    properties:
      call_id: {type: string, minLength: 1}
      to: {type: string, pattern: "^[+]?[0-9]{3,15}$"}
      note: {type: string, maxLength: 60}
      direction: {type: string, enum: [transfer, conference]}
      at: {type: string, format: date}
"#;

/// What the commands of one case are given.
const FORMS: [&[&str]; 4] = [&[], &["-vv"], &["-vv", "--log-format", "json"], &["-q"]];

/// A runbook in which every place holds a canary. Its rows are files; each has a name that is sent and one that is not.
fn aviary(url: &str) -> Book {
    let set = |name: &str, rows: &str| {
        format!(
            "  - name: {name}\n    rows: {rows}\n    job: {{call_id: \"{{{{row.call_id}}}}\", to: \"{{{{e164 row.number}}}}\", \
             note: \"for {{{{row.sent}}}} of {{{{vars.desk}}}}\", direction: transfer}}\n"
        )
    };
    let row = |call: &str, which: u32, place: &str| json!({"call_id": call, "number": number(which), "sent": name(&format!("Sent{place}")), "kept": name(&format!("Kept{place}"))});
    let csv = format!(
        "call_id,number,sent,kept\nok,{},{},{}\nrejected,+1 (202) 555-0132,{},\"{}\"\nunknown,0012025550132,{},x\nredirected,{},{},y\nretried,{},{},z\n\
         denied,{},{},d\nlost,{},{},\n",
        number(32),
        name("Sentcsv"),
        name("Keptcsv"),
        name("Twocsv"),
        name("Quoted, csv"),
        name("Threecsv"),
        number(32),
        name("Fourcsv"),
        number(32),
        name("Fivecsv"),
        number(36),
        name("Denied"),
        number(32),
        name("Lost"),
    );
    let jsonl = format!("{}\n{}\n", row("jsonl-ok", 33, "jsonl"), row("jsonl-rejected", 33, "jsonl"));
    let rows = Value::Array(vec![row("json-ok", 34, "json"), row("json-unknown", 34, "json")]);
    let sets = [
        set("table", "{csv: rows.csv}"),
        set("lines", "{jsonl: rows.jsonl}"),
        set("list", "{json: rows.json}"),
        set("written", &format!("{{items: [{}]}}", row("written", 35, "written"))),
    ];
    let book = format!(
        "version: 1\nname: aviary\ndescription: \"for the desk at {n30}\"\nowner: \"{n30}\"\nlabels: {{desk: \"{n30}\", ticket: CHG20261122001}}\n\
         include: [part.yaml]\nconnection:\n  profile: ./aviary.yaml\n  base_url: \"{url}\"\n  auth:\n    client_id: {{env: ID}}\n    \
         client_secret: {{env: SECRET}}\nenv: [DESK]\nvars: {{desk: \"{person}\", number: \"{n30}\"}}\nsets:\n{sets}\
         limits: {{concurrency: 1}}\nretry: {{max_attempts: 2, min_wait: 1ms, max_wait: 5ms}}\nbreaker: {{failures: 0}}\n\
         success_criteria: [\"unknown == 0\", \"failed == 0\"]\non_lost_criterion: continue\n",
        n30 = number(30),
        person = name("Variable"),
        sets = sets.concat(),
    );
    Book::offline()
        .verbatim(&book)
        .file("aviary.yaml", PROFILE)
        .file("part.yaml", "guards: {deny_numbers: never.csv}\n")
        .file("never.csv", &format!("number,name\n{},{}\n", number(36), name("Never")))
        .file("rows.csv", &csv)
        .file("rows.jsonl", &jsonl)
        .file("rows.json", &rows.to_string())
        .env("ID", "aviary-client")
        .env("SECRET", &secret("client"))
        .env("DESK", &name("Environment"))
        .env("RUST_BACKTRACE", "1")
        .env("RUST_LOG", "trace")
}

/// Says everything that it was sent, and a number of its own in every shape, in head and body.
fn echo(request: &Request, status: u16) -> Reply {
    let n = number(37);
    let shapes = format!("{n} {} 00{} (202) 555-0137 +1 202-555-0137 %2B{} tel:{n}", &n[1..], &n[1..], &n[1..]);
    let location = format!("https://elsewhere.example.com/{n}?to={}", &n[1..]);
    let challenge = format!("Bearer realm=\"{n}\", error_description=\"{shapes}\"");
    let headers: Vec<(&str, &str)> = vec![
        ("x-correlation-id", &n),
        ("x-request-id", &n),
        ("location", &location),
        ("x-shapes", &shapes),
        ("www-authenticate", &challenge),
        ("content-type", "application/json"),
        ("retry-after", "0"),
    ];
    let body = json!({"message": format!("{} {shapes}", request.text()), "to": n, "state": n});
    answer(status, &headers, &body.to_string())
}

fn aviary_server() -> RawServer {
    RawServer::start(|request| {
        if request.is_token() {
            return token_body(&json!({"access_token": TOKEN, "expires_in": 3600, "refresh_token": secret("refresh"), "owner": number(38)}).to_string());
        }
        let call = request.path().split(['/', '?']).nth(2).unwrap_or_default().to_owned();
        match call.rsplit('-').next().unwrap_or_default() {
            "rejected" => echo(request, 404),
            "unknown" => echo(request, 500),
            "redirected" => echo(request, 302),
            "retried" => echo(request, 429),
            "lost" => Reply::Reset,
            _ => echo(request, 200),
        }
    })
}

/// Runs every command about a run that is over.
fn look_at(run: &Run, hay: &mut Haystack) {
    for form in FORMS {
        for command in [
            &["report", "."] as &[&str],
            &["report", ".", "--format", "json"],
            &["verify", "."],
            &["verify", ".", "--format", "json"],
            &["reconcile", ".", "--dry-run"],
            &["reconcile", ".", "--dry-run", "--format", "json"],
        ] {
            let args: Vec<&str> = command.iter().chain(form).copied().collect();
            let ended = Running::start(crate::support::process::bridgebook(&run.dir, &args)).finish();
            hay.say(&args.join(" "), &ended);
        }
    }
    hay.files(&run.dir);
    hay.add("stdout of run", &run.stdout);
    hay.add("stderr of run", &run.stderr);
}

/// Every command about a runbook, in every format; none of them sends anything.
fn check(book: &Book, hay: &mut Haystack, more: &[&str]) {
    for form in FORMS {
        for command in [
            &["validate", "runbook.yaml"] as &[&str],
            &["validate", "runbook.yaml", "--format", "json"],
            &["validate", "runbook.yaml", "--format", "sarif"],
            &["validate", "runbook.yaml", "--format", "github"],
            &["plan", "runbook.yaml"],
            &["plan", "runbook.yaml", "--format", "json"],
            &["run", "runbook.yaml", "--dry-run"],
            &["run", "runbook.yaml", "--dry-run", "--format", "json"],
        ] {
            let args: Vec<&str> = command.iter().chain(more).chain(form).copied().collect();
            let ended = Running::start(book.prepared(&args)).finish();
            hay.say(&args.join(" "), &ended);
        }
    }
}

#[test]
fn no_command_about_a_run_shows_a_canary() {
    let server = aviary_server();
    let typed = format!("number={}", number(41));
    for form in
        [&["-vv"] as &[&str], &["-vv", "--log-format", "json"], &["-q", "--set", &typed], &["--vars", "vars.yaml"]]
    {
        let vars = format!("desk: \"{}\"\nnumber: \"{}\"\n", name("File"), number(42));
        let book = aviary(&server.url()).file("vars.yaml", &vars).env("BRIDGEBOOK_LOG", "trace");
        let run = book.run_with(11, form);
        let mut hay = Haystack::default();
        look_at(&run, &mut hay);
        hay.files(&book.dir().join("out"));
        // Every unknown once more, with words that hold a number.
        let reason = format!("asked at {}", number(30));
        let again = [form, &["--resend-unknown", "--reason", &reason] as &[&str]].concat();
        hay.say("resume", &book.start_resume(&run.dir, &again).finish());
        look_at(&run, &mut hay);
        hay.assert_silent();
        assert!(!hay.holds(TOKEN), "the token is shown");
        // It is not silent for having nothing to say.
        assert!(hay.bytes() > 50_000 && hay.holds("+1202*****37") && hay.holds("CHG20261122001"));
        assert_eq!(run.audit.lines[0]["labels"]["desk"], "+1202*****30");
    }
    let sent: String = server.requests().iter().map(|request| request.text().to_owned()).collect();
    for which in [32, 33, 34, 35] {
        assert!(sent.contains(&number(which)), "{which} was never sent");
    }
    assert!(sent.contains(&name("Sentcsv")) && sent.contains("aviary-client"), "the canaries have flown");
}

#[test]
fn no_command_before_a_run_shows_a_canary() {
    let server = aviary_server();
    let book = aviary(&server.url()).env("BRIDGEBOOK_LOG", "trace");
    let mut hay = Haystack::default();
    check(&book, &mut hay, &[]);
    for args in [
        &["auth", "check", "runbook.yaml"] as &[&str],
        &["schema", "runbook"],
        &["explain", "BB0506"],
        &["explain"],
        &["profiles"],
    ] {
        hay.say(&args.join(" "), &Running::start(book.prepared(args)).finish());
    }
    hay.say("plan --save", &Running::start(book.prepared(&["plan", "runbook.yaml", "--save", "plan.json"])).finish());
    hay.add("the saved plan", &std::fs::read_to_string(book.dir().join("plan.json")).unwrap());
    hay.assert_silent();
    assert!(hay.holds("***") && hay.holds("+1202*****32"), "the plan shows its requests");
    // The one file that is meant to hold everything is for its owner alone.
    book.command(0, &["plan", "runbook.yaml", "--payloads", "payloads.jsonl"]);
    let file = book.dir().join("payloads.jsonl");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let payloads = std::fs::read_to_string(file).unwrap();
    assert!(payloads.contains(&number(32)) && payloads.contains(&name("Sentcsv")));
}

#[test]
fn no_diagnostic_shows_a_canary() {
    let mut wrong = Vec::new();
    for (file, was, is, code) in slips::in_files().into_iter().chain(slips::in_the_runbook()) {
        let book = aviary("http://127.0.0.1:9");
        let book = if file == "book" {
            let text = book.text();
            assert!(text.contains(&was) || code.is_empty(), "{was} does not stand in the runbook");
            book.verbatim(&text.replacen(&was, &is, 1))
        } else {
            let text = std::fs::read_to_string(book.dir().join(file)).unwrap();
            assert!(text.contains(&was), "{was} does not stand in {file}");
            book.file(file, &text.replacen(&was, &is, 1))
        };
        let mut hay = Haystack::default();
        for command in [
            &["validate", "runbook.yaml"] as &[&str],
            &["validate", "runbook.yaml", "--format", "json"],
            &["validate", "runbook.yaml", "--format", "sarif"],
            &["validate", "runbook.yaml", "--format", "github"],
            &["plan", "runbook.yaml", "-vv"],
            &["run", "runbook.yaml", "--sandbox", "--out", "out", "-vv", "--no-progress"],
        ] {
            hay.say(
                &format!("{} with {is:?} in {file}", command.join(" ")),
                &Running::start(book.prepared(command)).finish(),
            );
        }
        let leaks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hay.assert_silent()));
        if leaks.is_err() || !hay.holds(code) {
            wrong.push(format!("{is:?} in {file} shows a canary, or is no {code}:\n{}", hay.of("stderr of validate")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_on_standard_input_show_nothing_either() {
    let server = aviary_server();
    let text = aviary(&server.url()).text().replace("{csv: rows.csv}", "{stdin: csv}");
    let book = aviary(&server.url()).verbatim(&text);
    let good = std::fs::read(book.dir().join("rows.csv")).unwrap();
    let mut hay = Haystack::default();
    let run = book.run_fed(11, &good);
    look_at(&run, &mut hay);
    let bad = format!("call_id,number,sent,kept\nok,{},{},\"{}\n", number(43), name("Stdin"), name("Stdin"));
    for command in ["validate", "plan", "run"] {
        hay.say(command, &book.command_fed(65, &[command, "runbook.yaml"], bad.as_bytes()));
    }
    hay.assert_silent();
}

#[test]
fn a_token_endpoint_that_repeats_everything_gives_nothing_away() {
    let server = RawServer::start(|request| if request.is_token() { echo(request, 401) } else { echo(request, 200) });
    let book = aviary(&server.url()).env("BRIDGEBOOK_LOG", "trace");
    let run = book.run(77);
    let mut hay = Haystack::default();
    look_at(&run, &mut hay);
    for form in FORMS {
        let args: Vec<&str> = ["auth", "check", "runbook.yaml"].iter().chain(form).copied().collect();
        hay.say("auth check", &Running::start(book.prepared(&args)).finish());
    }
    hay.assert_silent();
}

#[test]
fn with_full_numbers_are_shown_and_secrets_are_not() {
    let server = aviary_server();
    let book = aviary(&server.url()).verbatim(&(aviary(&server.url()).text() + "privacy: {numbers: full}\n"));
    let run = book.run_with(11, &["-vv"]);
    let mut hay = Haystack::default();
    look_at(&run, &mut hay);
    hay.assert_no_secrets();
    hay.assert_no_names();
    assert!(hay.holds(&number(32)) && !hay.holds(TOKEN));
}

fn keyed(url: &str, key: &str) -> Book {
    let text = aviary(url).text() + "privacy: {numbers: keyed, key: {env: NUMBER_KEY}}\n";
    aviary(url).verbatim(&text).env("NUMBER_KEY", key)
}

/// The target of each call; attempts come in an order of their own.
fn targets(run: &Run) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run.audit.intents().iter().map(|intent| (text(&intent["call_id"]), text(&intent["targets"][0]))).collect()
}

#[test]
fn two_runs_with_one_key_can_be_joined_and_show_no_number() {
    let server = aviary_server();
    let (key, other) = (secret("numbers"), secret("others"));
    let runs =
        [&key, &key, &other].map(|key| keyed(&server.url(), key).env("BRIDGEBOOK_LOG", "trace").run_with(11, &["-vv"]));
    let mut hay = Haystack::default();
    for run in &runs {
        look_at(run, &mut hay);
    }
    hay.assert_silent();
    let [first, second, third] = [&runs[0], &runs[1], &runs[2]].map(targets);
    assert_eq!(first, second);
    let fits = |shown: &String| {
        shown.strip_prefix("to:num:").is_some_and(|l| l.len() == 16 && l.bytes().all(|b| (b'a'..=b'p').contains(&b)))
    };
    assert!(first.values().all(fits), "{first:?}");
    assert!(first.iter().all(|(call, shown)| third[call] != *shown));
    // However a row writes it, one number is one pseudonym; another number is another one.
    let of =
        |call: &str| runs[0].audit.intents().into_iter().find(|i| i["call_id"] == call).unwrap()["targets"][0].clone();
    assert_eq!((of("ok"), of("rejected")), (of("rejected"), of("unknown")));
    assert_ne!(of("ok"), of("jsonl-ok"));
    // Where the server repeats a number there is its pseudonym, too.
    let number = of("ok").as_str().unwrap().trim_start_matches("to:").to_owned();
    let said = runs[0].audit.outcome_of("rejected")["error_message"].as_str().unwrap();
    assert!(said.contains(&number), "{said}");
    let ids = [0, 1, 2].map(|run: usize| runs[run].audit.lines[0]["number_key_id"].as_str().unwrap().to_owned());
    assert!(ids[0] == ids[1] && ids[0] != ids[2] && ids[0].len() == 8, "{ids:?}");
    assert_eq!(runs[0].audit.lines[0]["numbers"], "keyed");
}

#[test]
fn a_key_that_is_missing_or_short_ends_the_run_before_it_begins() {
    let book = keyed("http://127.0.0.1:9", "short-c4n4ry");
    let ended = book.refused(78, &[]);
    assert!(ended.stderr.contains("the key has 12 bytes, and needs 16 at least"), "{ended}");
    let gone = book.clone().without_env("NUMBER_KEY");
    let missing = gone.refused(78, &[]);
    assert!(missing.stderr.contains("privacy.key: the environment variable NUMBER_KEY is not set"), "{missing}");
    // What sends nothing and writes no file of a run does without.
    gone.command(0, &["validate", "runbook.yaml"]);
    let plan = gone.command(0, &["plan", "runbook.yaml"]);
    let mut hay = Haystack::default();
    hay.say("plan", &plan);
    hay.say("run", &ended);
    hay.say("run", &missing);
    hay.assert_silent();
    // A rehearsal needs no secrets: its numbers are masked.
    let run = gone.run_with(0, &["--sandbox"]);
    assert_eq!(
        (&run.audit.lines[0]["numbers"], &targets(&run)["ok"]),
        (&"masked".into(), &"to:+1202*****32".to_owned())
    );
}
