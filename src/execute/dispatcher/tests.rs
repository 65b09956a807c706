//! The dispatcher by itself: jobs of one call keep their order and never overlap, whatever becomes of them, and a run
//! never stands still.

use super::{Admission, Dispatcher, Feel, Health, Lane, Ready, Report};
use crate::event::{Event, JobExpired, JobSkipped};
use crate::execute::testing::{self, Fold};
use crate::model::{After, BreakerPolicy, Job, JobNumber, Limits, Outcome, Planned, Problem, Timestamp};
use crate::state::JobState;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

fn job(number: JobNumber, set: usize, call: u64, after: Option<After>) -> Job {
    Job { after, ..testing::job(number, &format!("set-{set}"), call) }
}

fn limits(concurrency: usize) -> Limits {
    Limits { concurrency, ..Limits::default() }
}

/// The state of a run with these jobs.
fn fold(sets: &[Vec<Job>]) -> Fold {
    let names: Vec<String> = (0..sets.len()).map(|set| format!("set-{set}")).collect();
    let plan: Vec<(&str, u64)> =
        names.iter().zip(sets).map(|(name, jobs)| (name.as_str(), jobs.len() as u64)).collect();
    Fold::new(&plan)
}

/// Two sets whose rows name few calls again and again, with parts of split bridges among them.
fn plan(rng: &mut fastrand::Rng) -> Vec<Vec<Job>> {
    let mut last: HashMap<u64, JobNumber> = HashMap::new();
    let mut number = 0;
    let mut sets = Vec::new();
    for set in 0..rng.usize(1..4) {
        let mut jobs: Vec<Job> = Vec::new();
        for _ in 0..rng.usize(1..40) {
            let call = rng.u64(0..8);
            let parts = if rng.u8(0..5) == 0 { 3 } else { 1 };
            for part in 0..parts {
                number += 1;
                let after = last.insert(call, number).map(|job| After { job, must_succeed: part > 0 });
                let mut job = job(number, set, call, after);
                // Some are late from the start.
                job.not_after = (rng.u8(0..10) == 0).then(Timestamp::now);
                jobs.push(job);
            }
        }
        sets.push(jobs);
    }
    sets
}

#[test]
fn jobs_of_one_call_never_overlap_and_keep_their_order_and_every_job_ends() {
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sets = plan(&mut rng);
        let jobs: HashMap<JobNumber, Job> = sets.iter().flatten().map(|job| (job.number, job.clone())).collect();
        let mut fold = self::fold(&sets);
        let (concurrency, lead) = (rng.usize(1..6), rng.usize(0..4));
        let lanes = sets.into_iter().map(|jobs| Lane {
            rows: jobs.into_iter().map(|job| Ok::<_, Vec<Problem>>(Planned::Job(Box::new(job)))),
            concurrency: rng.bool().then(|| rng.usize(1..3)),
        });
        let mut dispatcher = Dispatcher::new(lanes.collect(), &limits(concurrency), BreakerPolicy::default());
        let wall = Timestamp::now().plus(Duration::from_secs(1));
        let mut now = Instant::now();
        let mut flying: Vec<Ready> = Vec::new();
        let mut ended: Vec<JobNumber> = Vec::new();
        for step in 0.. {
            assert!(step < 10_000, "seed {seed}: the run stands still");
            match dispatcher.admit(now, wall, true, lead, &fold.0) {
                Admission::Go(ready) => {
                    let call = &ready.job.call_id;
                    assert!(
                        flying.iter().all(|other| other.job.call_id != *call),
                        "seed {seed}: two of {call} at once"
                    );
                    let late = ended.iter().any(|job| *job > ready.job.number && jobs[job].call_id == *call);
                    assert!(!late, "seed {seed}: {} goes after a later one of its call", ready.job.number);
                    if let Some(after) = ready.job.after.filter(|after| after.must_succeed) {
                        assert!(fold.0.job(after.job).is_some_and(JobState::is_success), "seed {seed}");
                    }
                    fold.intent(&ready);
                    flying.push(ready);
                    assert!(flying.len() <= concurrency + lead);
                }
                Admission::Skip(skipped) => {
                    ended.push(skipped.number);
                    fold.apply(Event::JobSkipped(JobSkipped::from(skipped)));
                }
                Admission::Wait(Some(due)) if flying.is_empty() => now = due,
                Admission::Done if flying.is_empty() => break,
                Admission::Wait(_) | Admission::Done => {
                    let ready = flying.swap_remove(rng.usize(..flying.len()));
                    dispatcher.release(&ready, now, Report::SILENT);
                    let again = ready.attempt < 3 && rng.bool();
                    let outcomes = [Outcome::Succeeded, Outcome::Unknown, Outcome::Rejected, Outcome::NotSent];
                    let outcome = if again { Outcome::Rejected } else { outcomes[rng.usize(..4)] };
                    fold.attempt(&ready, outcome, !again);
                    if again {
                        dispatcher.retry(ready, now + Duration::from_millis(rng.u64(0..50)), outcome);
                    } else {
                        ended.push(ready.job.number);
                    }
                }
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert_eq!(ended.len(), jobs.len(), "seed {seed}: every job has ended");
        let calls: HashSet<_> = jobs.values().map(|job| job.call_id.clone()).collect();
        for call in calls {
            let order: Vec<JobNumber> = ended.iter().copied().filter(|job| jobs[job].call_id == call).collect();
            assert!(order.is_sorted(), "seed {seed}: {call} ended in the order {order:?}");
        }
    }
}

#[test]
fn a_job_whose_time_runs_out_while_it_waits_ends_as_its_last_attempt_did() {
    let mut waiting = job(1, 0, 1, None);
    let moment = Timestamp::now();
    waiting.not_after = Some(moment);
    let mut fold = self::fold(&[vec![waiting.clone()]]);
    let rows = vec![Ok::<_, Vec<Problem>>(Planned::Job(Box::new(waiting)))].into_iter();
    let mut dispatcher = Dispatcher::new(vec![Lane { rows, concurrency: None }], &limits(1), BreakerPolicy::default());
    let now = Instant::now();
    let before = Timestamp::parse("2020-01-01T00:00:00Z").unwrap_or(moment);
    let Admission::Go(ready) = dispatcher.admit(now, before, true, 0, &fold.0) else { panic!("it is in time") };
    fold.intent(&ready);
    fold.attempt(&ready, Outcome::Rejected, false);
    dispatcher.release(&ready, now, Report::SILENT);
    dispatcher.retry(ready, now, Outcome::Rejected);
    // No token is needed for what is not sent.
    let Admission::Expired(ready, Outcome::Rejected) = dispatcher.admit(now, moment, false, 0, &fold.0) else {
        panic!("it is late")
    };
    fold.apply(Event::JobExpired(JobExpired {
        job: 1,
        set: ready.job.set.clone(),
        key: ready.job.key.clone(),
        call_id: String::new(),
        attempts: 1,
        outcome: Outcome::Rejected,
        not_after: moment,
    }));
    assert_eq!(fold.0.job(1), Some(JobState::Rejected));
    assert!(matches!(dispatcher.admit(now, moment, true, 0, &fold.0), Admission::Done));
}

#[test]
fn what_waits_for_a_job_that_is_not_there_stops_the_run_instead_of_holding_it() {
    let second = job(2, 0, 1, Some(After { job: 1, must_succeed: false }));
    let fold = self::fold(&[vec![job(1, 0, 1, None), second.clone()]]);
    let rows = vec![Ok::<_, Vec<Problem>>(Planned::Job(Box::new(second)))].into_iter();
    let mut dispatcher = Dispatcher::new(vec![Lane { rows, concurrency: None }], &limits(1), BreakerPolicy::default());
    let admission = dispatcher.admit(Instant::now(), Timestamp::now(), true, 0, &fold.0);
    assert!(matches!(admission, Admission::Broken(_)), "{admission:?}");
}

#[test]
fn a_job_that_was_let_through_before_the_breaker_opened_is_shut_out() {
    let jobs = [job(1, 0, 1, None), job(2, 0, 2, None)];
    let mut fold = self::fold(&[jobs.to_vec()]);
    let rows = jobs.map(|job| Ok::<_, Vec<Problem>>(Planned::Job(Box::new(job)))).into_iter();
    let breaker = BreakerPolicy { failures: 1, ..BreakerPolicy::default() };
    let mut dispatcher = Dispatcher::new(vec![Lane { rows, concurrency: None }], &limits(2), breaker);
    let (now, wall) = (Instant::now(), Timestamp::now());
    let mut go = |dispatcher: &mut Dispatcher<_>| match dispatcher.admit(now, wall, true, 0, &fold.0) {
        Admission::Go(ready) => {
            fold.intent(&ready);
            ready
        }
        other => panic!("{other:?}"),
    };
    let (first, second) = (go(&mut dispatcher), go(&mut dispatcher));
    assert!(!dispatcher.is_shut_to(&second, now));
    dispatcher.release(&first, now, Report { health: Health::Ill, feel: Feel::Neither });
    assert!(dispatcher.is_shut_to(&second, now));
    let tries = Ready { tries: true, ..second };
    assert!(!dispatcher.is_shut_to(&tries, now), "the one that tries is let through");
}
