//! The files for machines (`JUnit` XML, Markdown, metrics): what each state becomes, and that all of it is bounded.

use super::complete::every_state;
use super::support::{Audit, file};
use crate::event::{Ending, Verdict};
use crate::model::{Evidence as Proof, Outcome};

#[test]
fn each_state_has_its_kind_of_case() {
    let junit = file(&every_state().report(), "junit.xml");
    let case = |job: u64| {
        let cases = junit.lines().filter(|line| line.starts_with("<testcase "));
        let mut own = cases.filter(|line| line.contains(&format!("name=\"job {job}: ")));
        own.next().unwrap_or_else(|| panic!("job {job}: {junit}")).to_owned()
    };
    for (job, begins) in [
        (3, "<failure type=\"rejected\" message=\"by the answer, status 404: call call-00003 is not known here\">"),
        (5, "<failure type=\"not_sent\" message=\"no connection: connection refused\">"),
        (
            6,
            "<error type=\"unknown\" message=\"may have had an effect: look it up with request id bridge-call-00006-7d1f0006\">",
        ),
        (7, "<skipped type=\"skipped\" message=\"when\">"),
        (10, "<skipped type=\"not_attempted\" message=\"the run ended first\">"),
    ] {
        assert!(case(job).contains(begins), "{}", case(job));
    }
    for job in [1, 2, 8] {
        assert!(case(job).ends_with("/>"), "{}", case(job));
    }
    assert!(case(9).contains("time=\"29.999104\""), "seconds, as recorded: {}", case(9));
    assert!(
        junit.contains("<testcase classname=\"after-hours-transfer.run\" name=\"the run came to its end\"><failure")
    );
    assert!(junit.contains("name=\"set billing\" tests=\"6\" failures=\"3\" errors=\"1\" skipped=\"0\""), "{junit}");
    assert!(
        junit.contains("<testsuites name=\"after-hours-transfer\" tests=\"14\" failures=\"6\" errors=\"2\""),
        "{junit}"
    );
}

#[test]
fn metrics_are_gauges_and_summaries_in_base_units() {
    let metrics = file(&every_state().report(), "metrics.prom");
    for line in [
        "# TYPE bridgebook_run_jobs gauge",
        "# TYPE bridgebook_run_latency_seconds summary",
        "bridgebook_run_jobs{runbook=\"after-hours-transfer\",state=\"unknown\"} 2",
        "bridgebook_run_set_jobs{runbook=\"after-hours-transfer\",set=\"support\",state=\"skipped\"} 1",
        "bridgebook_run_latency_seconds{runbook=\"after-hours-transfer\",quantile=\"1\"} 0.040000",
        "bridgebook_run_latency_seconds_count{runbook=\"after-hours-transfer\"} 7",
        "bridgebook_run_success_ratio{runbook=\"after-hours-transfer\"} 0.3750",
        "bridgebook_run_exit_code{runbook=\"after-hours-transfer\"} 14",
        "bridgebook_run_complete{runbook=\"after-hours-transfer\"} 1",
        "bridgebook_run_passed{runbook=\"after-hours-transfer\"} 0",
        "bridgebook_run_start_timestamp_seconds{runbook=\"after-hours-transfer\"} 1795334462.000000",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let series: Vec<&str> =
        metrics.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series).collect();
    let samples: Vec<&&str> = series.iter().filter(|series| !series.starts_with('#')).collect();
    let unique: std::collections::BTreeSet<_> = samples.iter().collect();
    assert_eq!(unique.len(), samples.len(), "no series stands there twice");
    assert_eq!(metrics.matches("run_id=").count(), 1, "one new series a run");
}

#[test]
fn whatever_the_run_the_files_are_bounded() {
    // What escapes to the most characters, in every place where there is a text of others.
    let bars: &'static str = "|".repeat(1_000).leak();
    let sets: Vec<(&'static str, u64)> =
        (0..300).map(|number| (format!("{number}{bars}").leak() as &'static str, 10)).collect();
    let criteria: Vec<String> = (0..300).map(|number| format!("{number}{bars}")).collect();
    let criteria: Vec<&str> = criteria.iter().map(String::as_str).collect();
    let mut audit = Audit::of(&sets, &criteria).with_calls(|job| format!("{}{job}", "|<&\"'".repeat(60)));
    audit.edit_start(|start| {
        start.runbook = bars.into();
        start.operator.host = bars.into();
        start.labels = (0..1_000).map(|number| (format!("{number}{bars}"), bars.to_owned())).collect();
    });
    for job in 1..=3_000 {
        audit.message = Some(format!("{job}{bars}").leak());
        audit.intent(job, 1);
        let (outcome, status) = if job % 2 == 0 { (Outcome::Unknown, 500) } else { (Outcome::Rejected, 404) };
        audit.answer((job, 1), (outcome, Proof::Answer), Some(status), job * 17, true);
    }
    audit.stopping(bars);
    let judged: Vec<_> = criteria.iter().map(|criterion| (*criterion, Some(1e15 / 7.0), false)).collect();
    audit.finish(Ending::Completed, Verdict::Failed, &judged);
    let report = audit.report_with(Some(bars));
    let markdown = file(&report, "summary.md");
    assert!(markdown.chars().count() < 65_000, "{}", markdown.chars().count());
    assert!(markdown.contains("1,475 more unknown jobs"), "{markdown}");
    let metrics = file(&report, "metrics.prom");
    assert!(metrics.len() < 5_000_000, "{}", metrics.len());
    let junit = file(&report, "junit.xml");
    assert!(junit.len() < 20_000_000, "{}", junit.len());
    assert_eq!(junit.matches("<testcase ").count(), 2 + 300 + 3_000);
}
