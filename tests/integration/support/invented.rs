//! Audit files of runs that never were: random by a seed, legal, and rich in everything that a run can meet.
//!
//! The journal's own writer makes the file, so that chain and seals are right, and every event goes through the one transition
//! table before it is written. Numbers and words are not those of an engine: nothing that is counted here follows from how an engine
//! behaves.

mod records;

use bridgebook::event::{
    BreakerClosed, BreakerOpened, BridgeIntent, Ending, Event, Happened, JobExpired, JobReopened, JobSkipped, Ledger,
    ReconciledBy, ReconciliationFinished, RunResumed, SetPlan, Stopping, Throttled, WaveFinished, WaveStarted,
};
use bridgebook::journal::{FileLedger, Keeping, Tail, append, verify};
use bridgebook::model::{Evidence, JobNumber, Latency, Outcome, RunId, SetName, SkipReason, Timestamp};
use bridgebook::state::{JobState, RunState};
use records::{MESSAGES, operator};
use std::path::Path;
use std::time::Duration;

/// Names with everything in them that a format has to escape.
const SETS: [&str; 8] =
    ["billing", "a|b \\| c", "total", "\"quoted\", 'x'", "<b>bold</b> & co", "`tick``s`", "zürich 電話", "_x_*y*"];
const MOST_ATTEMPTS: u32 = 4;

/// How often what happens, in percent.
struct Manner {
    skip: u8,
    fail: u8,
    answered: bool,
    waves: bool,
    concurrency: usize,
}

struct Invention {
    rng: fastrand::Rng,
    run: RunState,
    now: Timestamp,
    events: Vec<Happened>,
    sets: Vec<SetPlan>,
    /// Attempts of each job.
    attempts: Vec<u32>,
    manner: Manner,
    waves: u32,
}

/// Writes `audit.jsonl` into a directory. The same seed gives the same file.
pub(crate) fn invent(seed: u64, dir: &Path) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let now = Timestamp::parse("2026-11-22T08:00:00Z").unwrap().plus(Duration::from_micros(rng.u64(..86_400_000_000)));
    let run_id = RunId::new(format!("{}-{seed:06x}", now.compact()));
    let mut made = Invention::new(rng, now);
    let ended = made.live();
    let path = dir.join("audit.jsonl");
    let mut ledger = FileLedger::create(&path, run_id, Keeping::default()).unwrap();
    for batch in made.events.chunks(64) {
        ledger.submit(batch.to_vec().into()).unwrap();
    }
    drop(ledger); // waits until everything is written
    if ended && made.one_in(3) {
        made.events.clear();
        made.reconcile();
        let tail = Tail::of(&verify(&path, |_| {}).unwrap(), std::fs::metadata(&path).unwrap().len()).unwrap();
        append(&path, tail, &made.events, None).unwrap();
    }
}

impl Invention {
    fn new(mut rng: fastrand::Rng, now: Timestamp) -> Self {
        let mut names = SETS;
        rng.shuffle(&mut names);
        let large = rng.u8(..12) == 0;
        let size = |rng: &mut fastrand::Rng| match rng.u8(..6) {
            0 => 0,
            1 => 1,
            _ if large => rng.u64(..400),
            _ => rng.u64(..30),
        };
        let count = rng.usize(1..=SETS.len());
        let sets: Vec<SetPlan> =
            names[..count].iter().map(|name| SetPlan { name: SetName::new(*name), jobs: size(&mut rng) }).collect();
        let jobs: u64 = sets.iter().map(|set| set.jobs).sum();
        let manner = Manner {
            skip: [0, 0, 0, 5, 30, 100][rng.usize(..6)],
            fail: [0, 20, 45, 80][rng.usize(..4)],
            answered: rng.u8(..12) > 0,
            waves: rng.u8(..3) == 0,
            concurrency: rng.usize(1..=8),
        };
        let attempts = vec![0; usize::try_from(jobs).unwrap() + 1];
        Self { rng, run: RunState::default(), now, events: Vec::new(), sets, attempts, manner, waves: 0 }
    }

    fn one_in(&mut self, of: u32) -> bool {
        self.rng.u32(..of) == 0
    }

    fn percent(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    /// A moment later something happens.
    fn happens(&mut self, event: Event) {
        self.now = self.now.plus(Duration::from_micros(self.rng.u64(..300_000)));
        let happened = Happened { at: self.now, event };
        self.run.apply(&happened).unwrap_or_else(|error| panic!("{error}: {:?}", happened.event));
        self.events.push(happened);
    }

    /// The whole run, with all its processes; whether it has a closing record.
    fn live(&mut self) -> bool {
        let started = self.started();
        self.happens(Event::RunStarted(Box::new(started)));
        loop {
            self.token();
            let ending = self.process();
            match ending {
                Some(ending) => self.close(ending),
                None if self.one_in(2) => return false,
                None => {}
            }
            let left = self.run.finished().is_none() || self.run.total().count(JobState::NotAttempted) > 0;
            if !left || (ending.is_some() && self.one_in(3)) {
                return ending.is_some();
            }
            self.resume();
        }
    }

    /// One process: until all is done, it is stopped, or it dies (`None`).
    fn process(&mut self) -> Option<Ending> {
        let jobs = self.run.total().jobs;
        let stop_after = if self.one_in(2) { Some(self.rng.u64(..=jobs * 2)) } else { None };
        let dies = self.one_in(2);
        for step in 0.. {
            if stop_after.is_some_and(|after| step >= after) {
                return if dies { None } else { Some(self.stop()) };
            }
            if !self.step() {
                return Some(Ending::Completed);
            }
        }
        None
    }

    /// One job begins, ends, or is left out; false: nothing is left.
    fn step(&mut self) -> bool {
        let all = || 1..=self.run.total().jobs;
        let (flying, waiting): (Vec<_>, Vec<_>) = (
            self.in_states(all(), |state| matches!(state, JobState::InFlight | JobState::InFlightDoubtful)),
            self.in_states(all(), |state| matches!(state, JobState::Pending | JobState::Doubtful)),
        );
        if flying.is_empty() && waiting.is_empty() {
            return false;
        }
        let begun = |job: &JobNumber| self.attempts[index(*job)] > 0;
        if self.manner.waves
            && flying.is_empty()
            && !waiting.iter().any(begun)
            && (self.waves == 0 || self.run.wave_is_over() || self.one_in(6))
        {
            self.wave();
        }
        if flying.len() < self.manner.concurrency && !waiting.is_empty() && (flying.is_empty() || self.rng.bool()) {
            // The first ones come first, more or less.
            let job = waiting[self.rng.usize(..waiting.len().min(5))];
            self.begin(job);
        } else {
            let job = flying[self.rng.usize(..flying.len())];
            self.end(job);
        }
        true
    }

    fn in_states(&self, jobs: impl Iterator<Item = JobNumber>, wanted: fn(JobState) -> bool) -> Vec<JobNumber> {
        jobs.filter(|job| self.run.job(*job).is_some_and(wanted)).collect()
    }

    fn wave(&mut self) {
        if self.waves > 0 && !self.run.wave_is_over() {
            let wave = self.run.wave_counts().pop().unwrap();
            let passed = true;
            self.happens(Event::WaveFinished(WaveFinished { wave, require: Vec::new(), passed, pause_ms: None }));
        }
        self.waves += 1;
        self.happens(Event::WaveStarted(WaveStarted { wave: self.waves, jobs: 10 }));
    }

    fn begin(&mut self, job: JobNumber) {
        let (set, key, call_id) = self.names(job);
        let attempts = self.attempts[index(job)];
        if attempts == 0 && self.percent(self.manner.skip) {
            let reason = [SkipReason::When, SkipReason::OncePer, SkipReason::Duplicate][self.rng.usize(..3)];
            let detail = self.rng.bool().then(|| MESSAGES[1].to_owned());
            let skipped = JobSkipped { job, set, key: Some(key), call_id: Some(call_id), reason, detail, attempts };
            return self.happens(Event::JobSkipped(skipped));
        }
        if attempts > 0 && self.one_in(12) {
            let last = self.events.iter().rev().find_map(|happened| match &happened.event {
                Event::BridgeAttempt(attempt) if attempt.job == job => Some(attempt.outcome),
                _ => None,
            });
            let in_doubt = self.run.job(job) == Some(JobState::Doubtful);
            let outcome = if in_doubt { Outcome::Unknown } else { last.unwrap() };
            let not_after = self.now;
            return self.happens(Event::JobExpired(JobExpired {
                job,
                set,
                key,
                call_id,
                attempts,
                outcome,
                not_after,
            }));
        }
        self.attempts[index(job)] += 1;
        let request_id = format!("bridge-{call_id}-7d1f");
        let targets = vec!["+1202*****04".to_owned()];
        let attempt = attempts + 1;
        self.happens(Event::BridgeIntent(BridgeIntent { job, set, key, call_id, attempt, request_id, targets }));
    }

    /// What becomes of an attempt.
    fn end(&mut self, job: JobNumber) {
        let last = self.attempts[index(job)] >= MOST_ATTEMPTS;
        let (outcome, evidence, status, retried) = self.fate();
        let is_final = last || !retried;
        self.attempt(job, outcome, evidence, status, is_final);
        if matches!(status, Some(429 | 503)) && evidence == Evidence::Refusal {
            let status_code = status.unwrap_or_default();
            self.happens(Event::Throttled(Throttled { job, status_code, pause_ms: 500, rate_per_s: None }));
        }
        if self.one_in(40) {
            self.happens(Event::BreakerOpened(BreakerOpened {
                failures: 5,
                refusing: false,
                pause_ms: 9,
                in_flight: 0,
            }));
            self.happens(Event::BreakerClosed(BreakerClosed { job }));
        }
        if self.run.job(job) == Some(JobState::Unknown) && self.one_in(4) {
            self.found(job, ReconciledBy::Probe, None);
        }
    }

    fn fate(&mut self) -> (Outcome, Evidence, Option<u16>, bool) {
        let quiet = [
            (Outcome::NotSent, Evidence::Connect, None, true),
            (Outcome::NotSent, Evidence::Certificate, None, false),
            (Outcome::Unknown, Evidence::Timeout, None, false),
            (Outcome::Unknown, Evidence::ConnectionLost, None, true),
        ];
        let loud = [
            (Outcome::Rejected, Evidence::Answer, Some(404), false),
            (Outcome::Rejected, Evidence::Answer, Some(403), false),
            (Outcome::Rejected, Evidence::Refusal, Some(429), true),
            (Outcome::Rejected, Evidence::Refusal, Some(503), true),
            (Outcome::Unknown, Evidence::Answer, Some(500), false),
            (Outcome::Unknown, Evidence::Answer, Some(502), true),
        ];
        if !self.manner.answered {
            return quiet[self.rng.usize(..quiet.len())];
        }
        if self.percent(self.manner.fail) {
            let which = self.rng.usize(..quiet.len() + loud.len());
            return if which < quiet.len() { quiet[which] } else { loud[which - quiet.len()] };
        }
        match self.rng.u8(..10) {
            0 => (Outcome::Accepted, Evidence::Answer, Some(202), false),
            1 => (Outcome::Succeeded, Evidence::Answer, Some(204), false),
            _ => (Outcome::Succeeded, Evidence::Answer, Some(200), false),
        }
    }

    /// From microseconds to minutes, each order of magnitude as often as another.
    fn latency(&mut self) -> Latency {
        let most = 10u64.pow(self.rng.u32(0..=8));
        Latency::from_micros(self.rng.u64(..=most * 3))
    }

    /// Nothing more is begun; what is in flight ends, and the rest gets no turn.
    fn stop(&mut self) -> Ending {
        let ending = [Ending::Interrupted, Ending::Aborted, Ending::Deadline, Ending::BreakerOpen][self.rng.usize(..4)];
        let reason = "it was enough".to_owned();
        self.happens(Event::Stopping(Stopping { ending, reason, in_flight: self.run.in_flight() }));
        for job in self.in_states(1..=self.run.total().jobs, |state| {
            matches!(state, JobState::InFlight | JobState::InFlightDoubtful)
        }) {
            self.end(job);
        }
        for (job, set) in self.run.pending() {
            self.give_up(job, set);
        }
        ending
    }

    /// Another process goes on, some time later.
    fn resume(&mut self) {
        self.now = self.now.plus(Duration::from_micros(self.rng.u64(..7_200_000_000)));
        let open = self.run.in_flight() + self.run.total().count(JobState::Doubtful);
        let pending = self.run.total().count(JobState::Pending) + self.run.total().count(JobState::NotAttempted);
        self.happens(Event::RunResumed(Box::new(RunResumed {
            operator: operator(),
            tool: "bridgebook 0.1.0".to_owned(),
            settings: Vec::new(),
            torn_bytes: 0,
            open,
            pending,
            reason: None,
            despite: Vec::new(),
        })));
        let jobs = self.run.total().jobs;
        for job in self.in_states(1..=jobs, |state| matches!(state, JobState::InFlight | JobState::InFlightDoubtful)) {
            self.attempt(job, Outcome::Unknown, Evidence::Crash, None, true);
        }
        for job in self.in_states(1..=jobs, |state| state == JobState::Doubtful) {
            let set = self.names(job).0;
            self.give_up(job, set);
        }
        for job in self.in_states(1..=jobs, |state| state == JobState::Unknown) {
            if self.one_in(5) {
                let (set, key, call_id) = self.names(job);
                self.happens(Event::JobReopened(JobReopened { job, set, key, call_id }));
            }
        }
    }

    /// After the run: some unknowns are looked up.
    fn reconcile(&mut self) {
        for job in self.in_states(1..=self.run.total().jobs, |state| state == JobState::Unknown) {
            if self.rng.bool() {
                self.found(job, ReconciledBy::Records, Some(operator()));
            }
        }
        let (criteria, verdict) = self.judged(self.run.finished().unwrap().ending);
        let count = |wanted: Outcome| {
            let is =
                |happened: &&Happened| matches!(&happened.event, Event::Reconciled(found) if found.outcome == wanted);
            self.events.iter().filter(is).count() as u64
        };
        self.happens(Event::ReconciliationFinished(Box::new(ReconciliationFinished {
            operator: operator(),
            tool: "bridgebook 0.1.0".to_owned(),
            records: None,
            bridged: count(Outcome::Succeeded),
            not_bridged: count(Outcome::NotBridged),
            totals: self.run.total().counts(),
            sets: self.run.set_counts(),
            criteria,
            verdict,
            head: String::new(),
        })));
    }
}

fn index(job: JobNumber) -> usize {
    usize::try_from(job).unwrap()
}
