//! Runs that ended: sums, figures, order, and that every number can be counted again from the records.

use super::support::{Audit, bytes_of, file, rows};
use crate::event::{Ending, Event, Verdict};
use crate::model::{Evidence as Proof, Latency, Outcome};
use crate::report::Summary;

fn happy() -> Audit {
    let mut audit = Audit::of(&[("billing", 3), ("support", 2)], &["success_rate >= 98%", "unknown == 0"]);
    for (job, micros) in [(2, 5_100), (1, 7_250), (5, 52_831), (4, 9_000), (3, 6_000)] {
        audit.bridged(job, micros);
        audit.wait(100);
    }
    let criteria = [("success_rate >= 98%", Some(100.0), true), ("unknown == 0", Some(0.0), true)];
    audit.finish(Ending::Completed, Verdict::Passed, &criteria);
    audit
}

/// Ten jobs, every final state among them, retries and a throttle.
pub(super) fn every_state() -> Audit {
    let mut audit = Audit::of(&[("billing", 6), ("support", 4)], &["success_rate >= 98%", "unknown == 0"]);
    audit.bridged(1, 5_100);
    audit.intent(2, 1);
    audit.answer((2, 1), (Outcome::Accepted, Proof::Answer), Some(202), 8_000, true);
    audit.message = Some("call CALL is not known here");
    for job in [4, 3] {
        audit.intent(job, 1);
        audit.answer((job, 1), (Outcome::Rejected, Proof::Answer), Some(404), 3_000, true);
    }
    audit.message = Some("connection refused");
    audit.intent(5, 1);
    audit.answer((5, 1), (Outcome::NotSent, Proof::Connect), None, 1_000, false);
    audit.intent(5, 2);
    audit.answer((5, 2), (Outcome::NotSent, Proof::Connect), None, 1_000, true);
    audit.message = Some("server error");
    audit.intent(6, 1);
    audit.answer((6, 1), (Outcome::Unknown, Proof::Answer), Some(500), 40_000, true);
    audit.message = None;
    audit.skip(7);
    audit.intent(8, 1);
    audit.answer((8, 1), (Outcome::Rejected, Proof::Refusal), Some(429), 2_000, false);
    audit.throttled(8);
    audit.intent(8, 2);
    audit.warning = Some("the answer's body is empty");
    audit.answer((8, 2), (Outcome::Succeeded, Proof::Answer), Some(200), 6_000, true);
    audit.warning = None;
    audit.stopping("SIGINT");
    audit.intent(9, 1);
    audit.answer((9, 1), (Outcome::Unknown, Proof::Timeout), None, 30_000_000, true);
    audit.give_up(10);
    let criteria = [("success_rate >= 98%", Some(42.857_143), false), ("unknown == 0", Some(2.0), false)];
    audit.finish(Ending::Interrupted, Verdict::Failed, &criteria);
    audit
}

#[test]
fn a_happy_run_passes_and_its_rows_follow_the_plan_not_the_answers() {
    let report = happy().report();
    assert!(report.is_complete());
    assert!(report.text().starts_with("PASSED"), "{}", report.text());
    assert_eq!(report.summary().total.success_rate_percent, Some(100.0));
    let results = rows(&file(&report, "results.csv"));
    let order: Vec<&str> = results.iter().map(|row| row["call_id"].as_str()).collect();
    assert_eq!(order, ["call-00001", "call-00002", "call-00003", "call-00004", "call-00005"]);
    assert_eq!(results[4]["set"], "support");
    assert_eq!(results[4]["latency_ms"], "52.832", "rounded to eleven bits when it was recorded, exact since");
    assert_eq!(results[1]["first_sent"], "2026-11-22T08:01:02.001000Z");
    let page = file(&report, "report.html");
    assert!(page.contains("every criterion is met") && !page.contains("INCOMPLETE"));
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count(), "every drawing has words");
}

#[test]
fn every_state_is_counted_once_and_the_sheet_balances() {
    let report = every_state().report();
    let total = &report.summary().total;
    let states = [
        total.succeeded,
        total.accepted,
        total.rejected,
        total.not_sent,
        total.unknown,
        total.skipped,
        total.not_attempted,
        total.open,
    ];
    assert_eq!(states, [2, 1, 2, 1, 2, 1, 1, 0]);
    assert_eq!(states.iter().sum::<u64>(), total.jobs);
    assert_eq!((total.total_operations, total.success_count, total.failure_count), (8, 3, 5));
    assert_eq!(total.success_rate_percent, Some(37.5));
    assert_eq!((total.attempts, total.retries, total.throttled), (10, 2, 1));
    let by_set: u64 = report.summary().sets.iter().map(|set| set.jobs).sum();
    assert_eq!(by_set, total.jobs);
    let results = rows(&file(&report, "results.csv"));
    let states: Vec<&str> = results.iter().map(|row| row["state"].as_str()).collect();
    assert_eq!(
        states,
        [
            "succeeded",
            "accepted",
            "rejected",
            "rejected",
            "not_sent",
            "unknown",
            "skipped",
            "succeeded",
            "unknown",
            "not_attempted",
        ]
    );
    assert_eq!((results[7]["attempts"].as_str(), results[7]["status_code"].as_str()), ("2", "200"));
    assert_eq!((results[6]["evidence"].as_str(), results[6]["first_sent"].as_str()), ("when", ""));
    assert!(file(&report, "report.html").contains("It adds up"));
}

#[test]
fn errors_are_grouped_over_call_ids_and_add_up_to_the_failures() {
    let report = every_state().report();
    let summary = report.summary();
    assert_eq!(summary.errors.iter().map(|group| group.count).sum::<u64>(), summary.total.failure_count);
    let largest = &summary.errors[0];
    assert_eq!(largest.message.as_deref(), Some("call {call_id} is not known here"));
    assert_eq!((largest.count, largest.first_jobs.as_slice()), (2, [3, 4].as_slice()), "plan order, not answer order");
    for group in summary.errors.iter().filter(|group| group.outcome == Outcome::Unknown) {
        assert!(group.remedy.contains("never re-send"), "{}", group.remedy);
    }
    let unknown: Vec<u64> = summary.unknown.jobs.iter().map(|job| job.job).collect();
    assert_eq!(unknown, [6, 9]);
    assert_eq!(summary.unknown.jobs[0].correlation_id.as_deref(), Some("ex-6"));
    assert_eq!(summary.warnings[0].first_jobs, [8]);
}

#[test]
fn the_terminal_shows_what_a_recount_of_the_records_gives() {
    let audit = every_state();
    let text = audit.report().text();
    let mut answered: Vec<u64> = Vec::new();
    let mut attempts = 0;
    for record in &audit.records {
        match &record.event {
            Event::BridgeIntent(_) => attempts += 1,
            Event::BridgeAttempt(attempt) if attempt.status_code.is_some() => {
                answered.push(attempt.latency_ms.micros());
            }
            _ => {}
        }
    }
    answered.sort_unstable();
    let rank = |percent: usize| answered[(answered.len() * percent).div_ceil(100) - 1];
    let ms = |micros: u64| Latency::from_micros(micros).millis();
    let sum: u64 = answered.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = (sum as f64 / answered.len() as f64).round() / 1000.0;
    let expected = format!(
        "latency     min {} ms  mean {mean} ms  p50 {} ms  p90 {} ms  p95 {} ms  p99 {} ms  max {} ms",
        ms(answered[0]),
        ms(rank(50)),
        ms(rank(90)),
        ms(rank(95)),
        ms(rank(99)),
        ms(answered[answered.len() - 1])
    );
    assert!(text.contains(&expected), "{expected}\n{text}");
    assert!(text.contains(&format!("attempts    {attempts}  retries 2  throttled 1")), "{text}");
    assert!(
        text.contains("jobs        10 = 2 succeeded + 2 unknown + 1 accepted + 2 rejected + 1 not_sent + 1 skipped")
    );
    assert!(text.contains("NOT met     success_rate >= 98%  42.857143%"), "{text}");
    assert!(text.lines().count() <= 25 && text.lines().all(|line| line.trim_end() == line), "{text}");
}

#[test]
fn summary_json_reads_back_and_summary_csv_says_the_same() {
    let report = every_state().report();
    let json = file(&report, "summary.json");
    let read: Summary = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&read, report.summary());
    assert!(json.contains("\"sudo_user\": null"), "null, not absent");
    let table = rows(&file(&report, "summary.csv"));
    assert_eq!(table.iter().map(|row| row["scope"].as_str()).collect::<Vec<_>>(), ["set", "set", "total"]);
    for (column, value) in [("jobs", "10"), ("failure_count", "5"), ("success_rate_percent", "37.5"), ("open", "0")] {
        assert_eq!(table[2][column], value, "{column}");
    }
    assert_eq!(table[2]["by_status"], "200=2 202=1 404=2 429=1 500=1");
}

#[test]
fn summary_json_is_what_its_schema_says() {
    let schema = serde_json::to_value(schemars::schema_for!(Summary)).unwrap_or_default();
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"));
    for audit in [happy(), every_state(), Audit::of(&[("billing", 1)], &["unknown == 0"])] {
        let json = file(&audit.report(), "summary.json");
        let json = serde_json::from_str(&json).unwrap_or_default();
        assert_eq!(validator.iter_errors(&json).map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let audit = every_state();
    let bytes = || audit.report().files().map(|file| (file.name, bytes_of(&file))).collect::<Vec<_>>();
    assert_eq!(bytes(), bytes());
    assert_eq!(bytes().len(), 7);
}
