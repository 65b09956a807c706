//! What happened when, what was left out, what took long: each from records written by hand.

use super::support::{Audit, bytes_of, file};
use crate::event::{
    BreakerClosed, BreakerOpened, Counts, Ending, Event, Operator, RunResumed, TokenFailed, Verdict, Waiting,
    WaveCounts, WaveFinished, WaveStarted,
};
use crate::model::{Evidence as Proof, Outcome, SkipReason};
use crate::report::{Report, RunEventKind as Kind};

/// A run of two processes to which everything happens.
fn eventful() -> Audit {
    let mut audit = Audit::of(&[("billing", 12), ("support", 4)], &["success_rate >= 98%", "unknown == 0"]);
    audit.push(Event::WaveStarted(WaveStarted { wave: 1, jobs: 2 }));
    audit.bridged(1, 5_100);
    audit.wait(400);
    audit.bridged(2, 7_100);
    let counts = Counts { jobs: 2, succeeded: 2, ..Counts::default() };
    let wave = WaveCounts { wave: 1, counts };
    audit.push(Event::WaveFinished(WaveFinished { wave, require: vec![], passed: true, pause_ms: Some(1_000) }));
    audit.wait(1_000);
    audit.push(Event::WaveStarted(WaveStarted { wave: 2, jobs: 14 }));
    for job in [3, 4] {
        audit.intent(job, 1);
        audit.message = Some("slow down");
        audit.answer((job, 1), (Outcome::Rejected, Proof::Refusal), Some(429), 2_000, false);
        audit.throttled(job);
    }
    audit.wait(700);
    audit.message = Some("no connection");
    for job in [3, 4] {
        audit.intent(job, 2);
        audit.answer((job, 2), (Outcome::NotSent, Proof::Connect), None, 1_000, true);
    }
    for (failures, pause_ms) in [(5, 10_000), (6, 20_000)] {
        audit.push(Event::BreakerOpened(BreakerOpened { failures, refusing: false, pause_ms, in_flight: 1 }));
        audit.wait(pause_ms);
    }
    audit.bridged(5, 9_000);
    audit.push(Event::BreakerClosed(BreakerClosed { job: 5 }));
    audit.skip_for(6, SkipReason::DenyNumbers, None);
    audit.skip_for(9, SkipReason::OncePer, Some("bridged by run 20261121T080102Z-1a2b3c"));
    audit.skip_for(8, SkipReason::OncePer, Some("unknown in run 20261121T080102Z-1a2b3c"));
    let failed =
        TokenFailed { status_code: Some(503), error_message: "busy".into(), retry_in_ms: Some(1), early: true };
    audit.push(Event::TokenFailed(failed));
    audit.intent(7, 1);
    audit.message = None;
    audit.stopping("SIGTERM");
    audit.wait(3_600_000);
    let operator = Operator { user: "night".into(), sudo_user: None, host: "batch-02.example.com".into(), pid: 1 };
    audit.push(Event::RunResumed(Box::new(RunResumed {
        operator,
        tool: "bridgebook 0.1.0".into(),
        settings: vec![],
        torn_bytes: 0,
        open: 1,
        pending: 7,
        reason: None,
        despite: vec![],
    })));
    audit.answer((7, 1), (Outcome::Unknown, Proof::Crash), None, 0, true);
    let until = audit.now().plus(std::time::Duration::from_secs(5));
    audit.push(Event::Waiting(Waiting { reason: "the window opens at 08:00".into(), until, in_flight: 0 }));
    audit.wait(5_000);
    for job in 10..=16 {
        audit.bridged(job, job * 1_000);
        audit.wait(80);
    }
    audit
}

fn closed() -> Audit {
    let mut audit = eventful();
    let criteria = [("success_rate >= 98%", Some(76.923_077), false), ("unknown == 0", Some(1.0), false)];
    audit.finish(Ending::Completed, Verdict::Failed, &criteria);
    audit
}

fn kinds(report: &Report) -> Vec<(Kind, u64)> {
    report.summary().events.iter().map(|event| (event.kind, event.count)).collect()
}

#[test]
fn what_happened_to_the_run_stands_in_the_order_of_time_and_pauses_that_touch_are_one() {
    let report = closed().report();
    let expected = [
        (Kind::Wave, 1),
        (Kind::Wave, 1),
        (Kind::Throttled, 2),
        (Kind::Breaker, 2),
        (Kind::TokenFailed, 1),
        (Kind::Stopping, 1),
        (Kind::Resumed, 1),
        (Kind::Waiting, 1),
    ];
    assert_eq!(kinds(&report), expected);
    let words: Vec<&str> = report.summary().events.iter().map(|event| event.words.as_str()).collect();
    assert_eq!(words[0], "wave 1: 2 of 2 jobs bridged; passed, then a rest of 1 s");
    assert_eq!(words[1], "wave 2 began, 14 jobs at most; it did not end");
    assert_eq!(words[2], "2 answers asked to slow down (status 429); the longest pause was 0.5 s");
    assert!(words[3].starts_with("opened 2 times, the last time after 6 failures in a row"), "{}", words[3]);
    assert!(words[3].ends_with("job 5 found the API well and closed it"), "{}", words[3]);
    assert_eq!(words[6], "night@batch-02.example.com went on after 1 h 00 min without a process, with 7 left to send");
    let lasted =
        |at: usize| report.summary().events[at].until.map(|until| until.since(report.summary().events[at].timestamp));
    assert_eq!(lasted(2).map(|time| time.as_millis()), Some(503), "from the first answer to the end of the last pause");
    assert_eq!(lasted(1), None, "the file does not say when it ended");
    assert_eq!(lasted(7).map(|time| time.as_secs()), Some(5));
}

#[test]
fn the_time_without_a_process_is_on_no_axis() {
    let page = file(&closed().report(), "report.html");
    assert!(page.contains("buckets of 1 s") && !page.contains(">1 h<"), "an hour of nothing would hide the run");
    for lane in ["waves", "throttled", "breaker", "token", "stop", "resumed", "waiting"] {
        assert!(page.contains(&format!("text-anchor=\"end\">{lane}</text>")), "{lane}");
    }
    assert_eq!(
        page.matches("class=\"mark\"").count(),
        2 * 2 * 2 + 2 * 3,
        "stop and resumption in both charts, both widths"
    );
}

#[test]
fn many_pauses_become_few_and_none_is_lost() {
    let mut audit = Audit::of(&[("billing", 2_000)], &[]);
    for job in 1..=2_000 {
        audit.bridged(job, 1_000);
        audit.throttled(job);
        audit.wait(if job % 7 == 0 { 5_000 } else { 600 });
    }
    let report = audit.report();
    let events = &report.summary().events;
    assert!(events.len() <= 40, "{}", events.len());
    assert_eq!(events.iter().map(|event| event.count).sum::<u64>(), 2_000);
    assert!(events.windows(2).all(|pair| pair[0].until < Some(pair[1].timestamp)), "no two overlap");
    assert_eq!(audit.report().summary().events, *events);
}

#[test]
fn what_was_left_out_is_counted_by_reason_with_its_first_jobs_in_plan_order() {
    let report = closed().report();
    let skips = &report.summary().skips;
    assert_eq!(skips.iter().map(|group| group.count).sum::<u64>(), report.summary().total.skipped);
    assert_eq!(
        (skips[0].reason, skips[0].count, skips[0].first_jobs.as_slice()),
        (SkipReason::OncePer, 2, [8, 9].as_slice())
    );
    assert_eq!(
        skips[0].detail.as_deref(),
        Some("unknown in run 20261121T080102Z-1a2b3c"),
        "that of the first in plan order"
    );
    assert_eq!((skips[1].reason, skips[1].count), (SkipReason::DenyNumbers, 1));
    assert!(report.text().contains("skipped     2 once_per + 1 deny_numbers\n"), "{}", report.text());
    let page = file(&report, "report.html");
    assert!(page.contains("jobs 8, 9") && page.contains("on the list of numbers that must not be called"));
}

#[test]
fn the_slowest_jobs_are_those_of_results_csv_by_their_last_attempt() {
    let mut audit = Audit::of(&[("billing", 60)], &[]);
    for job in 1..=60 {
        audit.intent(job, 1);
        let first = (Outcome::Rejected, Proof::Refusal);
        // What was slow once is not what is slow in the end.
        audit.answer((job, 1), first, Some(429), 900_000 - job * 1_000, false);
        audit.intent(job, 2);
        let answered = job != 13;
        let outcome = if answered { (Outcome::Succeeded, Proof::Answer) } else { (Outcome::Unknown, Proof::Timeout) };
        audit.answer((job, 2), outcome, answered.then_some(200), (job * 37 % 61) * 1_000, true);
    }
    audit.finish(Ending::Completed, Verdict::Failed, &[]);
    let report = audit.report();
    let slowest = &report.summary().slowest;
    let mut expected: Vec<(u64, u64)> = (1..=60).map(|job| (job * 37 % 61, job)).collect();
    expected.sort_by_key(|(ms, job)| (std::cmp::Reverse(*ms), *job));
    let jobs: Vec<u64> = slowest.iter().map(|slow| slow.job).collect();
    assert_eq!(jobs, expected.iter().take(20).map(|(_, job)| *job).collect::<Vec<_>>());
    assert!(slowest.iter().all(|slow| slow.attempts == 2 && slow.call_id.is_some()));
    let thirteen = slowest.iter().find(|slow| slow.job == 13).map(|slow| (slow.state.as_str(), slow.status_code));
    assert_eq!(thirteen, Some(("unknown", None)), "without an answer, and slow all the same");
}

#[test]
fn the_page_proves_its_sums_and_names_the_run_on_every_sheet() {
    let mut audit = closed();
    audit.edit_start(|start| {
        start.plan_id = Some("ab".repeat(32));
        start.run_dir = Some("/srv/runs/after-hours/20261122T080102Z-4f2a9c".into());
        start.operator.sudo_user = Some("alice".into());
    });
    let page = file(&audit.report(), "report.html");
    let broken: Vec<&str> = page.lines().filter(|line| line.contains("✗ does not hold")).collect();
    assert_eq!(broken, [""; 0]);
    assert!(page.contains("bridgebook reconcile /srv/runs/after-hours/20261122T080102Z-4f2a9c --probe"));
    assert!(page.contains("called by alice through sudo") && page.contains(&"ab".repeat(32)));
    assert!(page.contains("@top-right { content: \"FAILED\""));
    audit.edit_start(|start| {
        start.run_dir = Some("/srv/$(reboot)".into());
        start.runbook = "x\"; } body { display: none } </style><script>".into();
    });
    let page = file(&audit.report(), "report.html");
    assert!(page.contains("bridgebook reconcile RUN_DIR --probe"), "no name that a shell would obey");
    assert!(
        page.contains("content: \"bridgebook xbodydisplaynonestylescript\""),
        "no name that a style sheet would obey"
    );
}

#[test]
fn an_open_file_says_incomplete_wherever_one_looks() {
    let page = file(&eventful().report(), "report.html");
    assert!(page.contains("<title>INCOMPLETE: ") && page.contains("@top-right { content: \"INCOMPLETE: "));
    assert!(page.contains("<aside class=\"stuck\"") && !page.contains("class=\"badge good\""));
    assert!(page.contains("✗ does not hold"));
}

/// Leaves pages where a browser can look at them, when it is told where: `tests/page.mjs` does.
#[test]
fn pages_for_the_browser() {
    let Some(folder) = std::env::var_os("BRIDGEBOOK_TEST_ARTIFACTS") else { return };
    let folder = std::path::PathBuf::from(folder).join("pages");
    let pages = [
        ("eventful", closed().report()),
        ("eventful-open", eventful().report()),
        ("nothing-sent", Audit::of(&[("billing", 2)], &[]).report()),
        ("long-lists", super::scale::unknown_in_many_ways(120).report()),
    ];
    for (name, report) in &pages {
        let page = report.files().find(|file| file.name == "report.html").map(|file| bytes_of(&file));
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(name).with_extension("html"), page.unwrap_or_default()));
        assert!(written.is_ok(), "{name}: {written:?}");
    }
}
