//! What a plan says, and what it leaves behind.

use crate::support::book::{Book, set};
use crate::support::server::{RawServer, ok};
use serde_json::{Value, json};

fn plan(book: &Book, args: &[&str]) -> Value {
    let all = [&["plan", "runbook.yaml", "--format", "json"], args].concat();
    serde_json::from_str(&book.command(0, &all).stdout).unwrap()
}

#[test]
fn the_duration_comes_from_the_limits_and_a_latency_that_may_be_given_or_measured() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).many_calls(40).limits("{concurrency: 4}");
    // 40 jobs in 4 places are 10 rounds.
    assert_eq!(plan(&book, &[])["estimated_seconds"], 5.0);
    assert_eq!(plan(&book, &["--latency", "2s"])["estimated_seconds"], 20.0);
    let run = book.run(0);
    let measured = plan(&book, &["--latency-of", run.dir.to_str().unwrap()]);
    let mean = run.summary()["total"]["average_latency_ms"].as_f64().unwrap();
    assert!((measured["latency"]["seconds"].as_f64().unwrap() - mean / 1000.0).abs() < 1e-9);
    book.command(66, &["plan", "runbook.yaml", "--latency-of", "nowhere"]);
    // A rate and a narrow set may be what takes longest.
    let rated = Book::at(&server.url()).many_calls(40).limits("{concurrency: 100, rate: 2/s}");
    assert_eq!(plan(&rated, &[])["estimated_seconds"], 20.0);
    let rows = Value::from((0..6).map(|n| serde_json::json!({"call_id": format!("c-{n}")})).collect::<Vec<_>>());
    let narrow = Book::at(&server.url()).sets(&set("one", &rows.to_string(), "    limits: {concurrency: 1}\n"));
    assert_eq!(plan(&narrow.limits("{concurrency: 100}"), &[])["estimated_seconds"], 3.0);
}

#[test]
fn a_plan_says_where_it_calls_what_it_leaves_out_and_why() {
    let row = |call: &str, number: &str, wanted: bool| json!({"call_id": call, "n": number, "wanted": wanted});
    let one = json!([
        row("c-1", "+12025550101", true),
        row("c-2", "+442079460101", true),
        row("c-1", "+12025550102", true),
        row("c-3", "+12025550103", false),
        row("c-4", "+442079460102", true),
        // Possible, and not in use.
        row("c-5", "+447700900123", true),
    ]);
    let two = json!([row("c-6", "+12025550105", true), row("c-1", "+12025550106", true)]);
    let sets = [("one", one), ("two", two)].map(|(name, rows)| {
        set(name, &rows.to_string(), "    when: \"{{row.wanted}}\"\n").replace("\"+12025550104\"", "\"{{row.n}}\"")
    });
    let guards = "guards: {duplicates: allow, deny_prefixes: [\"+442079460102\"], on_violation: skip}\n";
    let book = Book::offline().sets(&sets.concat()).more(guards);
    let plan = plan(&book, &[]);
    let figures =
        |plan: &Value| json!([plan["jobs"], plan["skipped"], plan["skips"], plan["repeated"], plan["warnings"]]);
    assert_eq!(figures(&plan["sets"][0]), json!([4, 2, {"when": 1, "deny_prefixes": 1}, 1, 1]), "{plan:#}");
    assert_eq!(figures(&plan["sets"][1]), json!([2, 0, {}, 1, 0]), "{plan:#}");
    assert_eq!(figures(&plan), json!([6, 2, {"when": 1, "deny_prefixes": 1}, 2, 1]), "{plan:#}");
    let destination = |region: &str, jobs: u64| json!({"region": region, "jobs": jobs, "numbers": jobs});
    // A number that is not in use belongs to no region.
    let unknown = json!({"region": null, "jobs": 1, "numbers": 1});
    assert_eq!(plan["sets"][0]["destinations"], json!([destination("US", 2), unknown, destination("GB", 1)]));
    assert_eq!(plan["destinations"], json!([destination("US", 4), unknown, destination("GB", 1)]));
    let words = book.command(0, &["plan", "runbook.yaml"]).stdout;
    for line in [
        "to GB",
        "to US",
        "to an unknown region",
        "skipped: deny prefixes",
        "after an earlier one",
        "all sets",
        "1 warning\n",
    ] {
        assert!(words.contains(line), "{line}: {words}");
    }
}

#[test]
fn payloads_of_a_refused_plan_are_not_left_behind() {
    let rows = r#"[{"call_id": "a", "n": "+12025550101"}, {"call_id": "b", "n": "twelve"}]"#;
    let sets = set("one", rows, "").replace("\"+12025550104\"", "\"{{row.n}}\"");
    let book = Book::offline().sets(&sets);
    let ended = book.command(65, &["plan", "runbook.yaml", "--payloads", "payloads.jsonl"]);
    assert!(!book.dir().join("payloads.jsonl").exists(), "{ended}");
}
