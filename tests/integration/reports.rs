//! Reports: made again from the audit file alone they are the same bytes, and their figures can be recounted.

use crate::support::book::{Book, Run, set};
use crate::support::canary::LEFT;
use crate::support::process::GUARD;
use crate::support::server::{Gate, RawServer, Request, answer_and_close, locked, ok};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

const FILES: [&str; 7] =
    ["summary.json", "summary.csv", "results.csv", "report.html", "junit.xml", "summary.md", "metrics.prom"];

/// One run with every outcome, every reason to try again, a warning, a stop, hostile words, and two sets.
///
/// Set `one` goes in order, one job at a time; its seventh job hangs. Only then is the only job of set `two` refused (408) for
/// a new attempt, at a server that no longer listens: `not_sent`. The signal comes while the seventh job still hangs.
fn every_outcome() -> Run {
    let tokens = RawServer::bridging(|_| ok());
    let server = Arc::new(OnceLock::<RawServer>::new());
    let (hanging, release) = (Gate::default(), Gate::default());
    let script = {
        let (server, hanging, release) = (Arc::clone(&server), hanging.clone(), release.clone());
        let firsts = Mutex::new(HashSet::new());
        move |request: &Request| {
            let first = locked(&firsts).insert(request.call().to_owned());
            match request.call() {
                "accepted" => answer_and_close(202, &[], "{}"),
                "rejected" => answer_and_close(404, &[], r#"{"message":"=1+1 <script>no such call</script>"}"#),
                "unknown" => answer_and_close(500, &[("x-cxone-correlation-id", "corr-9")], "oops"),
                "refreshed" if first => answer_and_close(401, &[], ""),
                // Without a word about how long, the whole run rests until its turn comes again.
                "throttled" if first => answer_and_close(429, &[], ""),
                "odd" => answer_and_close(200, &[], "<html>"),
                "hangs" => {
                    server.get().unwrap().stop_listening();
                    hanging.open();
                    release.wait();
                    answer_and_close(200, &[], "{}")
                }
                "lost" => {
                    hanging.wait();
                    answer_and_close(408, &[], "{}")
                }
                _ => answer_and_close(200, &[], "{}"),
            }
        }
    };
    let _ = server.set(RawServer::bridging(script));
    let server = server.get().unwrap();
    let calls =
        ["accepted", "rejected", "unknown", "refreshed", "throttled", "odd", "left-out", "hangs", "never-1", "never-2"];
    let rows = Value::from(calls.map(|call| json!({"call_id": call})).to_vec()).to_string();
    let sets = set("one", &rows, "    limits: {concurrency: 1}\n    when: \"{{ne row.call_id 'left-out'}}\"\n")
        + &set("two", r#"[{"call_id": "lost"}]"#, "");
    let book = Book::at(&server.url())
        .token_at(&tokens.url())
        .sets(&sets)
        .limits("{concurrency: 2}")
        .more("description: \"every <b>outcome</b>\"\nlabels: {change: CHG-1}\nsuccess_criteria: [\"success_rate >= 99%\", \"unknown <= 1\", \"failed == 0 in two\"]\non_lost_criterion: continue");
    let mut started = book.start(&["-v"]);
    hanging.wait();
    // The last attempt of `lost`: connect is refused for good.
    let until = Instant::now() + GUARD;
    while !lost_for_good(&book) {
        assert!(Instant::now() < until, "the job of set two never ended");
        std::thread::yield_now();
    }
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    release.open();
    started.finish(14)
}

/// Whether the audit file has the final outcome of the job in set `two`. Polled: a file is no event.
fn lost_for_good(book: &Book) -> bool {
    let dirs = book.run_dirs();
    let texts = dirs.iter().filter_map(|dir| std::fs::read_to_string(dir.join("audit.jsonl")).ok());
    let found = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut lines = found.filter(|line| line.contains("\"call_id\":\"lost\""));
    lines.any(|line| line.contains("\"outcome\":\"not_sent\"") && line.contains("\"final\":true"))
}

#[test]
fn reports_made_again_are_the_same_bytes_for_a_run_with_every_outcome() {
    let run = every_outcome();
    for (outcome, count) in [
        ("succeeded", 4),
        ("accepted", 1),
        ("rejected", 1),
        ("not_sent", 1),
        ("unknown", 1),
        ("skipped", 1),
        ("not_attempted", 2),
    ] {
        assert_eq!(run.audit.total(outcome), count, "{outcome}: {:#}", run.audit.finished());
    }
    let live: BTreeMap<&str, Vec<u8>> = FILES.into_iter().map(|name| (name, run.bytes(name))).collect();
    for name in FILES {
        std::fs::remove_file(run.dir.join(name)).unwrap();
    }
    std::fs::remove_dir_all(run.dir.join("inputs")).unwrap();
    let ended = run.command(0, &["report", "."]);
    for (name, bytes) in &live {
        assert!(run.bytes(name) == *bytes, "{name} differs");
    }
    let is_place = |line: &str| ["report", "go on"].iter().any(|label| line.starts_with(label));
    let but_place = |text: &str| text.lines().filter(|line| !is_place(line)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(but_place(&ended.stdout), but_place(&run.stdout));
    let json = run.command(0, &["report", ".", "--format", "json"]);
    assert_eq!(json.stdout.as_bytes(), live["summary.json"]);
    let left: Vec<_> = std::fs::read_dir(&run.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), FILES.len() + LEFT.len() + 1, "{left:?}");
    recount(&run);
    hostile_words_are_harmless(&live);
}

fn hostile_words_are_harmless(files: &BTreeMap<&str, Vec<u8>>) {
    let page = String::from_utf8(files["report.html"].clone()).unwrap();
    assert!(!page.contains("<script") && !page.contains("<b>outcome</b>"));
    assert!(page.contains("&lt;script&gt;no such call") && page.contains("Content-Security-Policy"));
    let mut results = csv::Reader::from_reader(files["results.csv"].as_slice());
    let header = results.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|title| title == name).unwrap();
    let rows: Vec<csv::StringRecord> = results.records().map(Result::unwrap).collect();
    let calls: Vec<&str> = rows.iter().map(|row| &row[column("call_id")]).collect();
    assert_eq!(
        calls,
        ["accepted", "rejected", "unknown", "refreshed", "throttled", "odd", "", "hangs", "never-1", "never-2", "lost"],
        "rows in plan order"
    );
    let states: Vec<&str> = rows.iter().map(|row| &row[column("state")]).collect();
    assert_eq!(
        states,
        [
            "accepted",
            "rejected",
            "unknown",
            "succeeded",
            "succeeded",
            "succeeded",
            "skipped",
            "succeeded",
            "not_attempted",
            "not_attempted",
            "not_sent"
        ]
    );
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "a spreadsheet takes {cell:?} for a formula");
    }
}

/// The value at a nearest rank, `percent` of the way.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    sorted[(percent * sorted.len()).div_ceil(100).max(1) - 1]
}

fn close(one: &Value, other: f64) -> bool {
    (one.as_f64().unwrap() - other).abs() < 0.000_6
}

/// Every figure of the summary, counted again from the lines of the audit file.
pub(crate) fn recount(run: &Run) {
    let lines = &run.audit.lines;
    let summary = run.summary();
    let sets: Vec<String> =
        lines[0]["sets"].as_array().unwrap().iter().map(|set| set["name"].as_str().unwrap().to_owned()).collect();
    figures(lines, &summary["total"], None);
    for (name, figures_of) in sets.iter().zip(summary["sets"].as_array().unwrap()) {
        assert_eq!(figures_of["set"], *name);
        figures(lines, figures_of, Some(name));
    }
    let at = |line: &Value| line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let duration = at(lines.last().unwrap()).duration_since(at(&lines[0])).as_secs_f64();
    assert!(close(&summary["duration_ms"], duration * 1000.0), "{duration}");
    let attempted = summary["total"]["total_operations"].as_f64().unwrap();
    assert!(close(&summary["total"]["throughput_per_s"], attempted / duration));
    assert_eq!(summary["audit"]["lines"], lines.len());
    criteria(&summary);
    table(&run.bytes("summary.csv"), &summary);
    printed(&run.stdout, &summary);
}

fn figures(lines: &[Value], figures: &Value, set: Option<&str>) {
    let jobs_of: BTreeMap<u64, &str> =
        lines.iter().filter_map(|line| Some((line["job"].as_u64()?, line["set"].as_str()?))).collect();
    let ours = |line: &&Value| {
        set.is_none_or(|set| jobs_of.get(&line["job"].as_u64().unwrap_or_default()).is_some_and(|of| *of == set))
    };
    let of = |kind: &str| lines.iter().filter(|line| line["event_type"] == kind).filter(ours).collect::<Vec<_>>();
    let (intents, attempts) = (of("bridge_intent"), of("bridge_attempt"));
    let finals: Vec<&&Value> = attempts.iter().filter(|attempt| attempt["final"] == true).collect();
    let ended = |outcome: &str| finals.iter().filter(|attempt| attempt["outcome"] == outcome).count() as u64;
    let outcomes =
        ["succeeded", "accepted", "rejected", "not_sent", "unknown"].map(|outcome| (outcome, ended(outcome)));
    for (outcome, count) in outcomes {
        assert_eq!(figures[outcome], count, "{outcome} of {set:?}");
    }
    let (skipped, given_up) = (of("job_skipped").len() as u64, of("job_not_attempted").len() as u64);
    assert_eq!((&figures["skipped"], &figures["not_attempted"]), (&skipped.into(), &given_up.into()));
    let attempted: u64 = outcomes.iter().map(|(_, count)| count).sum();
    assert_eq!(figures["jobs"], attempted + skipped + given_up);
    let successes = outcomes[0].1 + outcomes[1].1;
    assert_eq!(figures["total_operations"], attempted);
    assert_eq!(
        (&figures["success_count"], &figures["failure_count"]),
        (&successes.into(), &(attempted - successes).into())
    );
    if attempted > 0 {
        let rate = (successes as f64 * 10_000.0 / attempted as f64).round() / 100.0;
        assert_eq!(figures["success_rate_percent"], rate, "{set:?}");
    }
    assert_eq!(figures["attempts"], intents.len());
    assert_eq!(figures["retries"], intents.iter().filter(|intent| intent["attempt"].as_u64() > Some(1)).count());
    assert_eq!(figures["throttled"], of("throttled").len());

    let mut latencies: Vec<f64> = attempts
        .iter()
        .filter(|attempt| attempt["status_code"].is_u64())
        .map(|attempt| attempt["latency_ms"].as_f64().unwrap())
        .collect();
    latencies.sort_by(f64::total_cmp);
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt["status_code"].is_u64()) {
        *by_status.entry(attempt["status_code"].to_string()).or_default() += 1;
    }
    assert_eq!(figures["by_status"], json!(by_status));
    if let (Some(min), Some(max)) = (latencies.first(), latencies.last()) {
        let ms = &figures["latency_ms"];
        let mean = latencies.iter().sum::<f64>() / latencies.len() as f64;
        assert!(close(&figures["average_latency_ms"], mean), "{mean} {figures:#}");
        assert_eq!((&ms["answers"], &ms["min"], &ms["max"]), (&latencies.len().into(), &json!(min), &json!(max)));
        for percent in [50, 90, 95, 99] {
            assert_eq!(ms[format!("p{percent}")], json!(nearest_rank(&latencies, percent)), "p{percent} of {set:?}");
        }
    }
    let mut queue: Vec<f64> = attempts.iter().map(|attempt| attempt["queue_ms"].as_f64().unwrap()).collect();
    queue.sort_by(f64::total_cmp);
    if !queue.is_empty() {
        let (p50, p95) = (nearest_rank(&queue, 50), nearest_rank(&queue, 95));
        let shown = &figures["queue_ms"];
        assert_eq!((&shown["p50"], &shown["p95"], &shown["max"]), (&json!(p50), &json!(p95), &json!(queue.last())));
    }
}

/// The value of each criterion, from figures that were recounted already.
fn criteria(summary: &Value) {
    for criterion in summary["criteria"].as_array().unwrap() {
        let words: Vec<&str> = criterion["criterion"].as_str().unwrap().split(' ').collect();
        let of = match words.as_slice() {
            [_, _, _, "in", set] => {
                summary["sets"].as_array().unwrap().iter().find(|figures| figures["set"] == *set).unwrap()
            }
            _ => &summary["total"],
        };
        let number = |value: &Value| value.as_f64().unwrap();
        let value = match words[0] {
            "success_rate" => (number(&of["success_count"]) * 1e8 / number(&of["total_operations"])).round() / 1e6,
            "failed" => number(&of["rejected"]) + number(&of["not_sent"]),
            "latency.p95" => number(&of["latency_ms"]["p95"]),
            count => number(&of[count]),
        };
        assert_eq!(criterion["value"], value, "{words:?}");
        let bound: f64 = match words[2].strip_suffix('%').or_else(|| words[2].strip_suffix('s')) {
            Some(bound) if words[2].ends_with('s') => bound.parse::<f64>().unwrap() * 1000.0,
            bound => bound.unwrap_or(words[2]).parse().unwrap(),
        };
        let met = match words[1] {
            ">=" => value >= bound,
            "<=" => value <= bound,
            "==" => (value - bound).abs() < f64::EPSILON,
            other => panic!("{other} is not in this test"),
        };
        assert_eq!(criterion["met"], met, "{words:?}: {value}");
    }
}

/// `summary.csv` has the figures of `summary.json`, a row a set and one for the whole run.
fn table(csv: &[u8], summary: &Value) {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let wanted: Vec<&Value> = summary["sets"].as_array().unwrap().iter().chain([&summary["total"]]).collect();
    assert_eq!(rows.len(), wanted.len());
    for (row, figures) in rows.iter().zip(wanted) {
        for (column, cell) in header.iter().zip(row) {
            let value = match column {
                "scope" | "by_status" | "run_result" => continue,
                column if column.starts_with("latency_") => &figures["latency_ms"][&column[8..column.len() - 3]],
                column if column.starts_with("queue_") => &figures["queue_ms"][&column[6..column.len() - 3]],
                column => &figures[column],
            };
            match value {
                Value::Number(number) => assert_eq!(Some(cell.parse().unwrap()), number.as_f64(), "{column}"),
                Value::Null => assert_eq!(cell, "", "{column}"),
                other => assert_eq!(other, cell, "{column}"),
            }
        }
    }
}

/// What stdout says is what summary.json says.
fn printed(stdout: &str, summary: &Value) {
    let total = &summary["total"];
    let line = |label: &str| {
        let found = stdout.lines().find(|line| line.starts_with(label));
        found.unwrap_or_else(|| panic!("no line {label}: {stdout}")).to_owned()
    };
    let jobs = line("jobs");
    assert!(
        jobs.contains(&format!("{} = {} succeeded + {} unknown", total["jobs"], total["succeeded"], total["unknown"])),
        "{jobs}"
    );
    for state in ["accepted", "rejected", "not_sent", "skipped", "not_attempted"] {
        let count = total[state].as_u64().unwrap();
        assert_eq!(jobs.contains(&format!("{count} {state}")), count > 0, "{jobs}");
    }
    let number = |value: &Value| value.as_f64().unwrap().to_string();
    let success = line("success");
    let said = format!(
        "{}%  {} of {} attempted",
        number(&total["success_rate_percent"]),
        total["success_count"],
        total["total_operations"]
    );
    assert!(success.ends_with(&said), "{success} is not {said}");
    let latency = line("latency");
    for name in ["min", "p50", "p90", "p95", "p99", "max"] {
        let said = format!("{name} {} ms", number(&total["latency_ms"][name]));
        assert!(latency.contains(&said), "{latency} lacks {said}");
    }
    assert!(latency.contains(&format!("mean {} ms", number(&total["average_latency_ms"]))), "{latency}");
    let attempts = line("attempts");
    assert!(
        attempts.ends_with(&format!(
            "{}  retries {}  throttled {}",
            total["attempts"], total["retries"], total["throttled"]
        )),
        "{attempts}"
    );
    assert!(line("pace").contains(&format!("{} jobs/s", number(&total["throughput_per_s"]))));
    for figures in summary["sets"].as_array().unwrap().iter().filter(|_| summary["sets"][1].is_object()) {
        let name = figures["set"].as_str().unwrap();
        let row = stdout
            .lines()
            .find(|line| line.strip_prefix("set").is_some_and(|rest| rest.trim_start().starts_with(name)));
        let row = row.unwrap_or_else(|| panic!("no line for set {name}: {stdout}"));
        let rate = number(&figures["success_rate_percent"]);
        let said = format!(
            "jobs {}  success {rate}%  {} of {}",
            figures["jobs"], figures["success_count"], figures["total_operations"]
        );
        assert!(row.contains(&said) && row.contains(&format!("unknown {}", figures["unknown"])), "{row} lacks {said}");
    }
    let audit = line("audit");
    assert!(audit.contains(&format!("{} lines", summary["audit"]["lines"])), "{audit}");
    for criterion in summary["criteria"].as_array().unwrap() {
        let label = if criterion["met"] == true { "met " } else { "NOT met " };
        let name = criterion["criterion"].as_str().unwrap();
        assert!(stdout.lines().any(|line| line.starts_with(label) && line.contains(name)), "{name}: {stdout}");
    }
}

#[test]
fn a_report_that_cannot_be_written_does_not_hide_how_the_run_ended() {
    let server = RawServer::answering([crate::support::server::answer(500, &[], "")]);
    let book = Book::at(&server.url());
    // Large enough for the audit file, too small for the page. 25 is SIGXFSZ.
    let ended = book.start_after("trap '' 25; ulimit -f 24").finish();
    assert!(ended.stdout.contains("1 unknown"), "the result is told: {ended}");
    let ended = ended.expect(11);
    assert!(ended.stderr.contains("report.html"), "{ended}");
}
