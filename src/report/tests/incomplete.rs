//! Files that do not hold a whole run. Nobody may take such a report for a result.

use super::complete::every_state;
use super::support::{Audit, HEAD, file, rows};
use crate::event::{Ending, Event, Verdict};
use crate::model::{Evidence as Proof, Outcome};
use crate::report::{Evidence, ReportBuilder};

#[test]
fn a_run_that_was_cut_off_says_incomplete_and_lists_what_was_in_flight() {
    let mut audit = Audit::of(&[("billing", 4)], &["unknown == 0"]);
    audit.bridged(1, 5_100);
    audit.message = Some("busy");
    audit.intent(2, 1);
    audit.answer((2, 1), (Outcome::Rejected, Proof::Refusal), Some(429), 2_000, false);
    audit.intent(2, 2);
    let report = audit.report();
    let summary = report.summary();
    assert!(!report.is_complete());
    assert_eq!((summary.verdict, summary.finished), (None, None));
    assert_eq!((summary.total.open, summary.total.unknown, summary.total.not_attempted), (0, 1, 2));
    assert_eq!(summary.unknown.in_flight, 1);
    assert_eq!(summary.criteria[0].met, None, "nobody judged it");
    assert_eq!((summary.unknown.count, summary.unknown.jobs[0].job), (1, 2));
    assert_eq!(summary.unknown.jobs[0].request_id.as_deref(), Some("bridge-call-00002-7d1f0002"));
    let text = report.text();
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("INCOMPLETE")), "{text}");
    assert!(lines.next().is_some_and(|line| line.contains("no closing record")), "{text}");
    assert!(text.contains("not judged  unknown == 0"), "{text}");
    let results = rows(&file(&report, "results.csv"));
    assert_eq!(
        results.iter().map(|row| row["state"].as_str()).collect::<Vec<_>>(),
        ["succeeded", "unknown", "not_attempted", "not_attempted"]
    );
    assert_eq!((results[1]["status_code"].as_str(), results[1]["evidence"].as_str()), ("", ""));
    let page = file(&report, "report.html");
    assert!(page.contains("role=\"alert\"") && page.contains("but the file is not whole"));
}

#[test]
fn a_broken_chain_makes_a_finished_run_incomplete_whatever_its_verdict() {
    let mut audit = Audit::of(&[("billing", 1)], &[]);
    audit.bridged(1, 5_100);
    audit.finish(Ending::Completed, Verdict::Passed, &[]);
    let report = audit.report_with(Some("line 2 was changed"));
    assert!(!report.is_complete());
    assert!(report.text().starts_with("INCOMPLETE"));
    let page = file(&report, "report.html");
    assert!(page.contains("line 2 was changed") && !page.contains("PASSED"));
}

#[test]
fn totals_that_differ_from_the_events_are_not_believed() {
    let mut audit = every_state();
    if let Some(Event::RunFinished(finished)) = audit.records.last_mut().map(|record| &mut record.event) {
        finished.totals.succeeded += 1;
    }
    let report = audit.report();
    assert!(!report.is_complete());
    assert!(report.summary().problems[0].contains("does not agree"));
    assert!(file(&report, "report.html").contains("but the file is not whole"));
}

#[test]
fn without_any_attempt_there_is_no_data_and_no_division() {
    let mut audit = Audit::of(&[("billing", 2), ("empty", 0)], &["success_rate >= 98%"]);
    audit.skip(1);
    audit.skip(2);
    audit.finish(Ending::Completed, Verdict::Failed, &[("success_rate >= 98%", None, false)]);
    let report = audit.report();
    let total = &report.summary().total;
    assert!(report.is_complete());
    assert_eq!((total.success_rate_percent, total.average_latency_ms, total.throughput_per_s), (None, None, None));
    assert!(total.latency_ms.is_none() && total.queue_ms.is_none());
    assert!(report.text().contains("latency     no data"), "{}", report.text());
    let page = file(&report, "report.html");
    assert!(page.contains("nothing to draw") && !page.contains("NaN"));
    assert_eq!(rows(&file(&report, "summary.csv"))[2]["latency_p95_ms"], "");
}

#[test]
fn a_file_without_a_single_record_still_gives_a_report() {
    let evidence = Evidence {
        head: HEAD.into(),
        lines: 0,
        signed_by: None,
        alive: None,
        unread: false,
        damage: Some("the file is empty".into()),
    };
    let report = ReportBuilder::default().finish(evidence);
    assert!(!report.is_complete());
    assert_eq!(report.summary().problems.len(), 2);
    assert!(file(&report, "report.html").contains("the file is empty"));
    assert_eq!(rows(&file(&report, "results.csv")).len(), 0);
}

#[test]
fn a_record_that_is_refused_leaves_the_report_of_those_before_it() {
    let mut audit = Audit::of(&[("billing", 2)], &[]);
    audit.bridged(1, 5_100);
    audit.intent(1, 2);
    let mut builder = ReportBuilder::default();
    let refused: Vec<bool> = audit.records.iter().map(|record| builder.apply(record).is_err()).collect();
    assert_eq!(refused, [false, false, false, true]);
    let after = builder.finish(Evidence {
        head: HEAD.into(),
        lines: 3,
        signed_by: None,
        alive: None,
        unread: false,
        damage: None,
    });
    assert!(!after.is_complete());
    assert!(after.summary().problems[0].starts_with("line 4: "), "{:?}", after.summary().problems);
    let results = rows(&file(&after, "results.csv"));
    assert_eq!(
        results.iter().map(|row| row["state"].as_str()).collect::<Vec<_>>(),
        ["succeeded", "pending"],
        "what stands behind that record is not known: nothing is settled"
    );
}
