//! Many jobs, many messages: lists are cut, say so, and results.csv has everything.

use super::support::{Audit, file, rows};
use crate::event::{Ending, Event, FileDigest, Setting, SettingSource, TokenFailed, Verdict};
use crate::model::{Evidence as Proof, Outcome};

/// So many unknowns, half of them with a message of their own, and everywhere text that needs escapes.
pub(super) fn unknown_in_many_ways(jobs: u64) -> Audit {
    let mut audit = Audit::of(&[("billing", jobs)], &[]).with_calls(|job| format!("{}{job}", "<&\"'".repeat(60)));
    for job in 1..=jobs {
        audit.message = Some(if job % 2 == 0 { "&&&&".repeat(75).leak() } else { format!("\"{job}\"").leak() });
        audit.intent(job, 1);
        audit.answer((job, 1), (Outcome::Unknown, Proof::Answer), Some(500), job * 17, true);
    }
    audit.finish(Ending::Completed, Verdict::Failed, &[]);
    audit
}

#[test]
fn a_page_in_which_everything_is_long_is_bounded_too() {
    let long = "&<'=\">".repeat(200);
    let mut audit = unknown_in_many_ways(3_000);
    audit.edit_start(|start| {
        let input = start.inputs[0].clone();
        start.inputs =
            (0..400).map(|_| FileDigest { file: long.clone(), sha256: long.clone(), ..input.clone() }).collect();
        let setting = Setting { name: long.clone(), value: long.clone(), source: SettingSource::Flag };
        start.settings = vec![setting; 400];
        start.labels = (0..400).map(|label| (format!("{label}{long}"), long.clone())).collect();
        (start.description, start.owner, start.base_url) = (Some(long.clone()), Some(long.clone()), Some(long.clone()));
    });
    audit.records.pop();
    for _ in 0..100 {
        audit.stopping(&long);
        audit.push(Event::TokenFailed(TokenFailed {
            status_code: None,
            error_message: long.clone(),
            retry_in_ms: None,
            early: false,
        }));
        audit.wait(60_000);
    }
    let criteria: Vec<(&str, Option<f64>, bool)> = vec![(long.as_str(), None, false); 400];
    audit.finish(Ending::Completed, Verdict::Failed, &criteria);
    let page = file(&audit.report(), "report.html");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("200 more stand in summary.json"));
}

#[test]
fn the_page_and_the_summary_are_bounded_and_say_what_they_leave_out() {
    let report = unknown_in_many_ways(3_000).report();
    let summary = report.summary();
    assert_eq!((summary.unknown.jobs.len(), summary.unknown.left_out), (1_000, 2_000));
    assert_eq!(summary.errors.len(), 50);
    let listed: u64 = summary.errors.iter().map(|group| group.count).sum();
    assert_eq!(listed + summary.errors_left_out, 3_000);
    let page = file(&report, "report.html");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("2,500 more are in unknown.csv"));
    assert_eq!(rows(&file(&report, "results.csv")).len(), 3_000);
}
