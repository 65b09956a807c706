//! Many jobs, many messages: lists are cut, say so, and results.csv has everything.

use super::support::{Audit, file, rows};
use crate::event::{Ending, Verdict};
use crate::model::{Evidence as Proof, Outcome};

#[test]
fn the_page_and_the_summary_are_bounded_and_say_what_they_leave_out() {
    let mut audit = Audit::of(&[("billing", 3_000)], &[]).with_calls(|job| format!("{}{job}", "<&\"'".repeat(60)));
    for job in 1..=3_000 {
        audit.message = Some(if job % 2 == 0 { "&&&&".repeat(75).leak() } else { format!("\"{job}\"").leak() });
        audit.intent(job, 1);
        audit.answer((job, 1), (Outcome::Unknown, Proof::Answer), Some(500), job * 17, true);
    }
    audit.finish(Ending::Completed, Verdict::Failed, &[]);
    let report = audit.report();
    let summary = report.summary();
    assert_eq!((summary.unknown.jobs.len(), summary.unknown.left_out), (1_000, 2_000));
    assert_eq!(summary.errors.len(), 50);
    let listed: u64 = summary.errors.iter().map(|group| group.count).sum();
    assert_eq!(listed + summary.errors_left_out, 3_000);
    let page = file(&report, "report.html");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("2,000 more are in results.csv"));
    assert_eq!(rows(&file(&report, "results.csv")).len(), 3_000);
}
