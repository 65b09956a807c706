//! Dispatcher, pace and breaker against a server whose capacity changes, in virtual time: seeded, and without a socket.
//!
//! The server takes so many requests per second and answers 429 to the rest; with no capacity it takes no connection. Times
//! of answers are drawn. What the engine does with an answer is done here by the same parts.

use super::breaker::{Change, Health};
use super::dispatcher::{Admission, Dispatcher, Lane, Ready, Report};
use super::pace::Feel;
use super::retry;
use super::testing::{self, Fold};
use crate::model::{
    BreakerPolicy, DurationSpec, JobNumber, Limits, Outcome, Planned, Problem, RetryPolicy, Share, Timestamp,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A time in which the server takes so many requests per second.
#[derive(Clone, Copy)]
struct Step {
    seconds: f64,
    capacity: f64,
}

const STEPS: [Step; 4] = [
    Step { seconds: 30.0, capacity: 100.0 },
    Step { seconds: 30.0, capacity: 20.0 },
    Step { seconds: 10.0, capacity: 0.0 },
    Step { seconds: 30.0, capacity: 100.0 },
];

/// How a server without capacity refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outage {
    /// It takes no connection.
    NoConnection,
    /// It answers 500 after a while.
    Failing,
}

/// Requests of one step.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    taken: u32,
    /// Answers after the first second of the step, and those of them that were 429.
    answers: u32,
    throttled: u32,
}

/// What became of a run.
#[derive(Debug, Default)]
struct Course {
    steps: [Counts; 4],
    /// Requests that began in the outage before the breaker opened.
    before_opening: u32,
    /// The most requests at once that began while the breaker was not closed.
    trying_at_once: usize,
    openings: u32,
    closings: u32,
}

enum Answer {
    Taken,
    Throttled,
    Down,
}

struct Server {
    began: Instant,
    outage: Outage,
    tokens: f64,
    filled: f64,
}

impl Server {
    fn step(at: f64) -> (usize, f64) {
        let mut start = 0.0;
        for (index, step) in STEPS.iter().enumerate() {
            if at < start + step.seconds {
                return (index, at - start);
            }
            start += step.seconds;
        }
        (STEPS.len() - 1, at - start)
    }

    fn take(&mut self, now: Instant, rng: &mut fastrand::Rng) -> (Answer, Duration) {
        let at = now.duration_since(self.began).as_secs_f64();
        let capacity = STEPS[Self::step(at).0].capacity;
        self.tokens = (self.tokens + capacity * (at - self.filled)).min((capacity / 10.0).max(1.0));
        self.filled = at;
        let millis = |rng: &mut fastrand::Rng, from, to| Duration::from_millis(rng.u64(from..to));
        if capacity == 0.0 {
            self.tokens = 0.0;
            let slow = if self.outage == Outage::Failing { millis(rng, 100, 3000) } else { millis(rng, 1, 5) };
            (Answer::Down, slow)
        } else if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            (Answer::Taken, millis(rng, 20, 120))
        } else {
            (Answer::Throttled, millis(rng, 5, 20))
        }
    }
}

fn run(seed: u64, concurrency: usize, outage: Outage) -> Course {
    const JOBS: u64 = 20_000;
    let seconds = |n| DurationSpec::from(Duration::from_secs(n));
    let (min_wait, max_wait, max_retry_after) = (seconds(2), seconds(10), seconds(60));
    let (budget, unknown) = (Share::Jobs(JOBS), crate::model::UnknownRetry::Never);
    let policy =
        RetryPolicy { max_attempts: 20, min_wait, max_wait, max_retry_after, budget, token_attempts: 8, unknown };
    let mut rng = fastrand::Rng::with_seed(seed);
    let limits = Limits { concurrency, adaptive: true, ..Limits::default() };
    let rows =
        (1..=JOBS).map(|number| Ok::<_, Vec<Problem>>(Planned::Job(Box::new(testing::job(number, "set", number)))));
    let mut dispatcher = Dispatcher::new(vec![Lane { rows, concurrency: None }], &limits, BreakerPolicy::default());
    let mut fold = Fold::new(&[("set", JOBS)]);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(STEPS.iter().map(|step| step.seconds).sum());
    let mut server = Server { began, outage, tokens: 10.0, filled: 0.0 };
    let mut flying: BTreeMap<(Instant, JobNumber), (Ready, Answer)> = BTreeMap::new();
    let mut course = Course::default();
    let (mut now, mut open) = (began, None::<Instant>);
    let outage_begins = began + Duration::from_secs_f64(STEPS[0].seconds + STEPS[1].seconds);
    let wall = Timestamp::now();
    while now < end {
        let wake = match dispatcher.admit(now, wall, true, 0, &fold.0) {
            Admission::Go(ready) => {
                fold.intent(&ready);
                let step = Server::step(now.duration_since(began).as_secs_f64()).0;
                let (answer, time) = server.take(now, &mut rng);
                course.steps[step].taken += u32::from(matches!(answer, Answer::Taken));
                course.before_opening += u32::from(now >= outage_begins && course.openings == 0);
                if let Some(opened) = open {
                    let trying = flying.values().filter(|(ready, _)| ready.began >= opened).count() + 1;
                    course.trying_at_once = course.trying_at_once.max(trying);
                }
                flying.insert((now + time, ready.job.number), (ready, answer));
                continue;
            }
            Admission::Wait(wake) => wake,
            other => panic!("{other:?}"),
        };
        let next = flying.keys().next().map(|(at, _)| *at);
        // In virtual time a wake-up in the past would never end.
        let next = [wake.filter(|wake| *wake > now), next].into_iter().flatten().min();
        now = next.unwrap_or_else(|| panic!("seed {seed}: the run stands still"));
        while let Some(entry) = flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let (ready, answer) = entry.remove();
            let (report, outcome) = match answer {
                Answer::Taken => (Report { health: Health::Well, feel: Feel::Taken }, Outcome::Succeeded),
                Answer::Throttled => (Report { health: Health::Refusing, feel: Feel::Throttled }, Outcome::Rejected),
                Answer::Down if outage == Outage::Failing => {
                    (Report { health: Health::Ill, feel: Feel::Neither }, Outcome::Unknown)
                }
                Answer::Down => (Report { health: Health::Ill, feel: Feel::Neither }, Outcome::NotSent),
            };
            let (step, into) = Server::step(now.duration_since(began).as_secs_f64());
            if into >= 1.0 {
                course.steps[step].answers += 1;
                course.steps[step].throttled += u32::from(matches!(answer, Answer::Throttled));
            }
            let again = matches!(outcome, Outcome::Rejected | Outcome::NotSent) && ready.attempt < policy.max_attempts;
            fold.attempt(&ready, outcome, !again);
            match dispatcher.release(&ready, now, report).breaker {
                Some(Change::Opened { .. }) => {
                    course.openings += 1;
                    open = Some(now);
                }
                Some(Change::Closed) => {
                    course.closings += 1;
                    open = None;
                }
                Some(Change::GaveUp) => panic!("seed {seed}: it gave up"),
                None => {}
            }
            if again {
                let wait = retry::back_off(&policy, ready.attempt + 1, &mut rng);
                dispatcher.retry(ready, now + wait, outcome);
            }
        }
    }
    course
}

fn part(part: u32, whole: f64) -> f64 {
    f64::from(part) / whole
}

#[test]
fn the_pace_follows_a_server_whose_capacity_changes() {
    for (concurrency, outage) in
        [(64, Outage::NoConnection), (64, Outage::Failing), (16, Outage::NoConnection), (16, Outage::Failing)]
    {
        for seed in 0..10 {
            let course = run(seed, concurrency, outage);
            let capacity: f64 = STEPS.iter().map(|step| step.seconds * step.capacity).sum();
            let used = part(course.steps.iter().map(|step| step.taken).sum(), capacity);
            let answers: u32 = course.steps.iter().map(|step| step.answers).sum();
            let throttled = part(course.steps.iter().map(|step| step.throttled).sum(), f64::from(answers));
            let words = format!(
                "seed {seed}, {concurrency} in flight, {outage:?}: {used:.3} used, {throttled:.4} throttled, {course:?}"
            );
            assert!(used >= 0.9, "{words}");
            assert!(throttled < 0.01, "{words}");
            for (step, counts) in STEPS.iter().zip(course.steps) {
                if step.capacity > 0.0 {
                    assert!(part(counts.throttled, f64::from(counts.answers)) < 0.01, "{words}");
                }
            }
            let most = u32::try_from(concurrency).unwrap_or(u32::MAX) + 1;
            assert!((1..=most).contains(&course.before_opening), "{words}");
            assert_eq!(course.trying_at_once, 1, "{words}");
            assert!(course.openings >= 1 && course.closings == 1, "{words}");
        }
    }
}
