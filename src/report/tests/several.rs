//! Several runs: merging is adding, in any order, and loses nothing; the trend, its marks, and two runs side by side.

use super::support::{Audit, rows};
use crate::event::{Ending, Verdict};
use crate::model::{Evidence as Proof, Latency, Outcome, RunId};
use crate::report::{CriterionChange, Entry, Figures, Merged, RegressionKind, Several, Trend};
use crate::state::RunState;
use std::time::Duration;

/// A job: its set's place, and its attempts with outcome, status and microseconds.
type Job = (usize, Vec<(Outcome, Option<u16>, u64)>);

const SETS: [&str; 2] = ["billing", "support"];

fn random_jobs(rng: &mut fastrand::Rng) -> Vec<Job> {
    let job = |rng: &mut fastrand::Rng| {
        let attempts = (0..rng.usize(0..4)).map(|_| {
            // From microseconds to minutes, evenly over the orders of magnitude.
            let micros = 1 << rng.u32(0..28);
            let (outcome, status) = rng
                .choice([(Outcome::Rejected, Some(429)), (Outcome::NotSent, None)])
                .unwrap_or((Outcome::NotSent, None));
            (outcome, status, micros + rng.u64(0..micros))
        });
        let mut attempts: Vec<_> = attempts.collect();
        if let Some(last) = attempts.last_mut() {
            let ends = [
                (Outcome::Succeeded, Some(200)),
                (Outcome::Accepted, Some(202)),
                (Outcome::Rejected, Some(404)),
                (Outcome::Unknown, None),
            ];
            (last.0, last.1) = rng.choice(ends).unwrap_or((Outcome::Unknown, None));
        }
        (rng.usize(0..SETS.len()), attempts)
    };
    (0..rng.usize(0..40)).map(|_| job(rng)).collect()
}

/// One run with these jobs: skipped where there is no attempt.
fn run_of(jobs: &[Job]) -> Audit {
    let mut ordered: Vec<&Job> = jobs.iter().collect();
    ordered.sort_by_key(|(set, _)| *set);
    let count = |place| ordered.iter().filter(|(set, _)| *set == place).count() as u64;
    let mut audit = Audit::of(&[(SETS[0], count(0)), (SETS[1], count(1))], &[]);
    for (number, (_, attempts)) in (1u64..).zip(ordered) {
        if attempts.is_empty() {
            audit.skip(number);
        }
        for (attempt, (outcome, status, micros)) in (1u32..).zip(attempts) {
            audit.intent(number, attempt);
            let is_final = attempt as usize == attempts.len();
            audit.answer((number, attempt), (*outcome, Proof::Answer), *status, *micros, is_final);
            if *status == Some(429) {
                audit.throttled(number);
            }
        }
    }
    audit.finish(Ending::Completed, Verdict::Passed, &[]);
    audit
}

fn merged(jobs: &[Job]) -> Merged {
    let mut run = RunState::default();
    for record in &run_of(jobs).records {
        run.take(record.timestamp, &record.event).unwrap_or_else(|error| panic!("{error}"));
    }
    Merged::of(&run, Duration::from_secs(1))
}

fn figures(merged: &Merged) -> (u64, Duration, Figures, Vec<Figures>) {
    (merged.runs(), merged.duration(), merged.total(), merged.sets())
}

/// The nearest rank among all values, computed without a histogram.
fn nearest_rank(sorted: &[u64], quantile: f64) -> Option<f64> {
    let of = |rank: usize| sorted.get(rank).map(|micros| Latency::from_micros(*micros).millis());
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some hundred values"
    )]
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    of(rank.max(1) - 1)
}

#[test]
fn merging_is_associative_and_commutative_and_equals_one_fold_over_all_records() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let runs: Vec<Vec<Job>> = (0..3).map(|_| random_jobs(&mut rng)).collect();
        let parts: Vec<Merged> = runs.iter().map(|jobs| merged(jobs)).collect();
        let [a, b, c] = [0, 1, 2].map(|at| parts[at].clone());
        let left = figures(&a.clone().merge(b.clone()).merge(c.clone()));
        assert_eq!(left, figures(&a.clone().merge(b.clone().merge(c.clone()))), "seed {seed}: associative");
        assert_eq!(
            left,
            figures(&c.merge(Merged::default()).merge(b).merge(a)),
            "seed {seed}: commutative, with a neutral element"
        );
        assert_eq!(left, figures(&parts.into_iter().collect()), "seed {seed}: as an iterator gives them");

        let all: Vec<Job> = runs.concat();
        let mut whole = merged(&all);
        whole = Merged::of(&RunState::default(), Duration::ZERO).merge(whole);
        let same_pace = |mut figures: Figures| {
            figures.throughput_per_s = None;
            figures
        };
        assert_eq!(same_pace(left.2.clone()), same_pace(whole.total()), "seed {seed}: one fold over all records");
        let sets = |figures: Vec<Figures>| figures.into_iter().map(same_pace).collect::<Vec<_>>();
        assert_eq!(sets(left.3), sets(whole.sets()), "seed {seed}: the same for each set");

        let answered = all.iter().flat_map(|(_, attempts)| attempts).filter(|(_, status, _)| status.is_some());
        let mut micros: Vec<u64> = answered.map(|(.., micros)| Latency::from_micros(*micros).micros()).collect();
        micros.sort_unstable();
        let Some(found) = left.2.latency_ms else {
            assert!(micros.is_empty());
            continue;
        };
        for (quantile, value) in
            [(0.0, found.min), (0.5, found.p50), (0.9, found.p90), (0.95, found.p95), (1.0, found.max)]
        {
            assert_eq!(Some(value), nearest_rank(&micros, quantile), "seed {seed}: {quantile}");
        }
    }
}

/// Run number `day` with this many successes of 100 and this latency; `None`: it was cut off.
fn entry(day: u8, successes: u64, micros: u64, complete: bool) -> Entry {
    let mut audit = Audit::of(&[("billing", 100)], &["success_rate >= 90%"]);
    for job in 1..=100 {
        if job <= successes {
            audit.bridged(job, micros);
        } else {
            audit.intent(job, 1);
            audit.answer((job, 1), (Outcome::Rejected, Proof::Answer), Some(404), micros, true);
        }
    }
    let met = successes >= 90;
    let verdict = if met { Verdict::Passed } else { Verdict::Failed };
    if complete {
        #[expect(clippy::cast_precision_loss, reason = "a hundred at most")]
        audit.finish(Ending::Completed, verdict, &[("success_rate >= 90%", Some(successes as f64), met)]);
    }
    let text = format!("\"2026-11-{day:02}T08:00:00.000000Z\"");
    let started = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    for record in &mut audit.records {
        record.run_id = RunId::new(format!("202611{day:02}T080000Z-4f2a9c"));
        record.timestamp = started;
    }
    audit.report().into_entry()
}

fn trend(entries: impl IntoIterator<Item = Entry>) -> Trend {
    let mut several = Several::default();
    entries.into_iter().for_each(|entry| several.take(entry).unwrap_or_else(|error| panic!("{error}")));
    several.trend()
}

#[test]
fn runs_stand_in_order_of_start_and_what_is_worse_is_marked() {
    let given = [
        entry(4, 60, 500_000, true),
        entry(1, 100, 100_000, true),
        entry(3, 10, 100_000, false),
        entry(2, 99, 110_000, true),
    ];
    let trend = trend(given);
    assert!(!trend.complete);
    let [group] = trend.groups.as_slice() else { panic!("{trend:#?}") };
    let days: Vec<String> = group.runs.iter().map(|run| run.run_id.to_string()[6..8].to_owned()).collect();
    assert_eq!(days, ["01", "02", "03", "04"]);
    let worse: Vec<Vec<RegressionKind>> =
        group.runs.iter().map(|run| run.regressions.iter().map(|worse| worse.kind).collect()).collect();
    let last = vec![RegressionKind::Verdict, RegressionKind::SuccessRate, RegressionKind::LatencyP95];
    assert_eq!(worse, [vec![], vec![], vec![], last]);
    assert_eq!((group.merged.runs, group.merged.left_out, group.merged.total.jobs), (3, 1, 300));
    let text = trend.text();
    assert!(
        text.contains("INCOMPLETE  20261103T080000Z-4f2a9c") && text.contains("without the one that is not complete")
    );
    assert!(
        text.contains("WORSE       20261104T080000Z-4f2a9c: p95 499.968 ms; the median of the earlier runs is"),
        "{text}"
    );
    let table = text.lines().filter(|line| line.starts_with("2026") || line.starts_with("started"));
    assert!(table.clone().count() == 5 && table.clone().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn every_file_of_a_trend_says_the_same() {
    let trend = trend([entry(1, 100, 100_000, true), entry(2, 60, 500_000, true)]);
    let files = trend.files();
    let bytes =
        |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    let read: Trend = serde_json::from_slice(&bytes("trend.json")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read, trend);
    let table = rows(&String::from_utf8(bytes("trend.csv")).unwrap_or_default());
    assert_eq!(table.iter().map(|row| row["scope"].as_str()).collect::<Vec<_>>(), ["run", "run", "complete_runs"]);
    assert_eq!(
        (table[1]["regressions"].as_str(), table[2]["jobs"].as_str()),
        ("verdict success_rate latency_p95", "200")
    );
    let page = String::from_utf8(bytes("trend.html")).unwrap_or_default();
    assert!(
        page.contains("Worse than before") && page.contains("Content-Security-Policy") && !page.contains("<script")
    );
    assert!(page.contains("20261102T080000Z-4f2a9c"), "{page}");
}

#[test]
fn a_page_of_a_thousand_runs_is_bounded_and_hostile_names_are_harmless() {
    let one = entry(1, 99, 100_000, true);
    let entries = (0..1_000).map(|number| {
        let mut entry = one.clone();
        entry.summary.run_id = RunId::new(format!("<script>{number}</script>"));
        entry.summary.runbook = "=1+1<b>\u{1b}[31m".to_owned();
        entry
    });
    let trend = trend(entries);
    for (name, bytes) in trend.files() {
        let text = String::from_utf8(bytes).unwrap_or_default();
        match name {
            "trend.html" => {
                assert!(text.len() < 1_000_000, "{} bytes", text.len());
                assert!(
                    !text.contains("<script")
                        && !text.contains("<b>\u{fffd}")
                        && text.contains("800 earlier runs are in")
                );
            }
            "trend.csv" => assert!(rows(&text).iter().all(|row| row["runbook"].starts_with("'="))),
            _ => assert!(text.contains("=1+1<b>")),
        }
    }
    assert!(!trend.text().contains('\u{1b}'));
}

#[test]
fn a_run_counts_once_and_two_files_of_one_run_must_be_the_same() {
    let twice = [entry(1, 100, 100_000, true), entry(1, 100, 100_000, true), entry(2, 100, 100_000, true)];
    let trend = trend(twice);
    assert_eq!((trend.runs, trend.groups[0].merged.total.jobs), (2, 200));
    assert_eq!(trend.repeated.values().copied().collect::<Vec<_>>(), [1]);
    assert!(trend.text().contains("given twice, counted once: 20261101T080000Z-4f2a9c"));

    let mut several = Several::default();
    several.take(entry(1, 100, 100_000, true)).unwrap_or_else(|error| panic!("{error}"));
    let mut other = entry(1, 100, 100_000, true);
    other.summary.audit.head = "0".repeat(64);
    let conflict = several.take(other).err().map(|conflict| conflict.to_string()).unwrap_or_default();
    assert!(conflict.contains("given twice, and the two audit files differ"), "{conflict}");
}

#[test]
fn runbooks_are_not_added_to_each_other_and_neither_are_rehearsals_to_real_runs() {
    let mut entries = vec![entry(1, 100, 100_000, true), entry(2, 100, 100_000, true), entry(3, 100, 100_000, true)];
    entries[1].summary.runbook = "another".to_owned();
    entries[2].summary.sandbox = false;
    let trend = trend(entries);
    let groups: Vec<(&str, bool, u64)> =
        trend.groups.iter().map(|group| (group.runbook.as_str(), group.sandbox, group.merged.total.jobs)).collect();
    assert_eq!(
        groups,
        [("after-hours-transfer", false, 100), ("after-hours-transfer", true, 100), ("another", true, 100)]
    );
}

#[test]
fn two_runs_side_by_side_show_every_difference() {
    let (base, mut run) = (entry(1, 100, 100_000, true), entry(2, 60, 500_000, true));
    run.summary.inputs[0].sha256 = "f".repeat(64);
    run.summary.settings[0].value = "32".to_owned();
    run.summary.settings.remove(2);
    let found = crate::report::Comparison::of(&base, &run);
    let figure =
        |name: &str| found.figures.iter().find(|one| one.figure == name).cloned().unwrap_or_else(|| panic!("{name}"));
    let rate = figure("success_rate");
    assert_eq!(
        (rate.base, rate.run, rate.difference, rate.relative_percent),
        (Some(100.0), Some(60.0), Some(-40.0), Some(-40.0))
    );
    assert_eq!(figure("unknown").relative_percent, None, "nothing is some percent of nothing");
    assert_eq!(found.criteria[0].change, CriterionChange::NoLongerMet);
    assert_eq!((found.errors.len(), found.errors[0].base, found.errors[0].run), (1, 0, 40));
    let settings: Vec<(&str, Option<&str>, Option<&str>)> =
        found.settings.iter().map(|one| (one.name.as_str(), one.base.as_deref(), one.run.as_deref())).collect();
    assert_eq!(settings, [("concurrency", Some("16"), Some("32")), ("retry.max_attempts", Some("4"), None)]);
    assert_eq!(found.inputs.iter().map(|one| one.input.as_str()).collect::<Vec<_>>(), ["after-hours.yaml"]);
    assert_eq!(found.regressions.len(), 3);
    let text = found.text();
    for words in ["NO LONGER met", "new     0 -> 40  rejected 404", "concurrency: 16 -> 32", "after-hours.yaml: 9f86"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let back = crate::report::Comparison::of(&run, &base);
    assert_eq!((back.criteria[0].change, back.errors[0].run), (CriterionChange::NowMet, 0));
    let same = crate::report::Comparison::of(&base, &base).text();
    assert_eq!(same.matches("no difference").count(), 4, "{same}");
}
