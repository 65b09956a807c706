//! The first pass: every row expanded and checked, nothing kept but counts.

use super::compile::Expander;
use super::files::Files;
use super::order::{Calls, Earlier, Keys, Repeats};
use super::stream::{Expanded, JobStream, Start};
use super::turns::{Turns, share};
use crate::model::{
    Code, DataPlace, Duplicates, Job, JobNumber, Legs, Planned, Problem, Region, RowSource, SetName, Severity,
    SkipReason,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

/// Problems that are kept with their words; the rest is counted.
const MAX_KEPT: usize = 100;

/// What a set holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetCensus {
    /// Its name.
    pub name: SetName,
    /// Number of its first row in plan order.
    pub first: JobNumber,
    /// Jobs, skipped ones included: one a row, unless a row is split into several bridges.
    pub rows: u64,
    /// Jobs that are left out.
    pub skipped: u64,
    /// The same by reason.
    pub skips: BTreeMap<SkipReason, u64>,
    /// Jobs that wait for an earlier job of the same call.
    pub repeated: u64,
    /// Warnings about its rows.
    pub warnings: u64,
    /// What is to be called, by region; `None`: numbers whose region nobody knows.
    pub destinations: BTreeMap<Option<Region>, Destination>,
    /// Rows that were read.
    read: u64,
    /// Jobs of the sets before by counter of `max_per_prefix`.
    counts: Vec<u64>,
}

/// What is to be called in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Destination {
    /// Rows with a number there.
    pub jobs: u64,
    /// Numbers there, each as often as it is called.
    pub numbers: u64,
}

impl SetCensus {
    fn new(name: SetName, first: JobNumber, counts: Vec<u64>) -> Self {
        let (skips, destinations) = (BTreeMap::new(), BTreeMap::new());
        Self { name, first, rows: 0, skipped: 0, skips, repeated: 0, warnings: 0, destinations, read: 0, counts }
    }

    /// Counts what a row became.
    fn count(&mut self, expanded: &Expanded) {
        self.read += u64::from(expanded.line > 0);
        // A row with problems stands for one job; it never runs.
        self.rows += if expanded.line > 0 { expanded.jobs.len().max(1) as u64 } else { 0 };
        let is_warning = |problem: &&Problem| problem.code.severity() == Severity::Warning;
        self.warnings += expanded.problems.iter().filter(is_warning).count() as u64;
        for planned in &expanded.jobs {
            match planned {
                Planned::Job(job) => self.repeated += u64::from(job.after.is_some()),
                Planned::Skipped(skipped) => {
                    self.skipped += 1;
                    *self.skips.entry(skipped.reason).or_default() += 1;
                }
            }
        }
        if expanded.first_job().is_none() {
            return;
        }
        for (index, region) in expanded.regions.iter().enumerate() {
            let destination = self.destinations.entry(*region).or_default();
            destination.numbers += 1;
            destination.jobs += u64::from(!expanded.regions[..index].contains(region));
        }
    }
}

/// What the plan holds, and what is wrong with it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Census {
    /// Sets in order.
    pub sets: Vec<SetCensus>,
    /// Errors and warnings, at most a hundred with their words.
    pub problems: Vec<Problem>,
    /// Errors and warnings beyond those.
    pub more: u64,
    /// Calls that stand in the plan more than once.
    repeats: Arc<Repeats>,
}

impl Census {
    /// Jobs in all.
    pub fn rows(&self) -> u64 {
        self.sets.iter().map(|set| set.rows).sum()
    }

    /// Jobs that are not left out.
    pub fn to_run(&self) -> u64 {
        self.sets.iter().map(|set| set.rows - set.skipped).sum()
    }

    /// Whether a run must be refused.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.severity() == Severity::Error)
    }

    /// Puts these in front of its own problems.
    pub fn put_first(&mut self, problems: &[Problem]) {
        let own = std::mem::take(&mut self.problems);
        for problem in problems.iter().cloned().chain(own) {
            self.add(problem);
        }
    }

    /// Which problems would be kept, and so need their place.
    fn wants(&self) -> Option<Severity> {
        if self.problems.len() < MAX_KEPT {
            return Some(Severity::Warning);
        }
        self.problems.iter().any(|kept| kept.code.severity() == Severity::Warning).then_some(Severity::Error)
    }

    /// Errors are kept before warnings.
    fn add(&mut self, problem: Problem) {
        if self.problems.len() < MAX_KEPT {
            self.problems.push(problem);
            return;
        }
        self.more += 1;
        if problem.code.severity() == Severity::Error
            && let Some(place) = self.problems.iter().rposition(|kept| kept.code.severity() == Severity::Warning)
        {
            self.problems.remove(place);
            self.problems.push(problem);
        }
    }
}

impl<'a> Expander<'a> {
    /// Expands and checks every row; `visit` sees each job (with its line) that is sound.
    pub fn census(&'a self, run_id: &str, mut visit: impl FnMut(&Job)) -> Census {
        let mut census = Census::default();
        for problem in self.problems() {
            census.add(problem.clone());
        }
        let mut met = Met::default();
        let mut next = 1;
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut counts = Vec::new();
        for (place, set) in self.sets.iter().enumerate() {
            let start = Start { first: next, rows: left, repeats: Arc::default(), counts: counts.clone() };
            let mut stream = match JobStream::open(self, set, start.clone(), run_id) {
                Ok(stream) => stream,
                Err(problem) => {
                    census.add(problem);
                    continue;
                }
            };
            let mut counted = SetCensus::new(set.spec.name.clone(), next, counts);
            let malformed = thread::scope(|scope| {
                // The number of a job must be known before those of the rows before it.
                let shares = set.spec.legs == Legs::Refuse;
                let second = || shares.then(|| JobStream::open(self, set, start, run_id).ok())?;
                let mut turns = Turns::new(|| share(scope, second()?));
                let mut malformed = false;
                while let Some(mut expanded) = stream.advance(census.wants(), turns.next()) {
                    malformed |= expanded.line == 0;
                    let refused = self.meet(&mut met, place, &mut expanded, &mut stream);
                    counted.count(&expanded);
                    match refused {
                        Some(problem) => census.add(problem),
                        None => expanded.jobs.iter().for_each(|planned| {
                            if let Planned::Job(job) = planned {
                                visit(job);
                            }
                        }),
                    }
                    for problem in expanded.problems {
                        census.add(problem);
                    }
                }
                malformed
            });
            if counted.read == 0 && left > 0 && !malformed && !set.spec.allow_empty && self.runbook.again.file.is_none()
            {
                let problem = Problem::at(
                    Code::NoRows,
                    format!("/sets/{}/rows", set.spec.index),
                    format!("set `{}` has no rows", set.spec.name),
                );
                census.add(problem.help("check the input, or allow it with `allow_empty: true`").on_key());
            }
            next += counted.rows;
            left -= counted.read;
            counts = stream.counts().to_vec();
            census.sets.push(counted);
        }
        census.repeats = Arc::new(met.repeats);
        for (counter, place) in met.exceeded {
            let count = counts.get(counter).copied().unwrap_or_default();
            self.exceeded(counter, place, count).into_iter().for_each(|problem| census.add(problem));
        }
        if let Some(max) = self.runbook.guards.max_jobs
            && census.to_run() > max
        {
            let message = format!("the plan would run {} jobs, max_jobs allows {max}", census.to_run());
            census.add(
                Problem::at(Code::TooManyJobs, "/guards/max_jobs", message).help("check the input, or raise max_jobs"),
            );
        }
        census
    }

    /// Looks at what came before a row, and settles what that means for it. Gives the problem when it may not be there.
    fn meet(&self, met: &mut Met, set: usize, expanded: &mut Expanded, stream: &mut JobStream<'_>) -> Option<Problem> {
        let (Some(Planned::Job(first)), Some(Planned::Job(last))) = (expanded.jobs.first(), expanded.jobs.last())
        else {
            return None;
        };
        let here = Earlier::at(set, expanded.line);
        let (call, first, last) = (first.call_id.clone(), first.number, last.number);
        let duplicates = self.runbook.guards.duplicates;
        let met_before = if expanded.again.continues {
            // The next part of the same bridge.
            Ok(None)
        } else {
            met.calls.meet(call.as_str(), here, duplicates)
        };
        let repeat = match met_before {
            Ok(repeat) => repeat,
            Err(earlier) => {
                let pointer = format!("/sets/{}/job/{}", self.sets[set].spec.index, self.profile.call_field());
                let help = "remove one of the rows, or say what is to become of them: `guards: {duplicates: skip}`";
                return Some(self.twice(earlier, pointer, &format!("call {call}"), help, stream));
            }
        };
        met.repeats.extend(repeat.map(|repeat| (first, repeat)));
        let exceeded = stream.settle(expanded, repeat);
        if duplicates == Duplicates::Allow && expanded.first_job().is_some() {
            met.calls.runs(call.as_str(), last);
        }
        if let Some(counter) = exceeded {
            met.exceeded.entry(counter).or_insert_with(|| stream.last_place());
        }
        let spec = self.sets[set].spec;
        // Without a template of its own a key is the call id, which is known by now, unless it may stand there again.
        if spec.key.is_none() && duplicates != Duplicates::Allow {
            return None;
        }
        for planned in &expanded.jobs {
            let Planned::Job(job) = planned else { continue };
            if let Some(earlier) = met.keys.earlier(spec.name.as_str(), job.key.as_str(), here) {
                let field = || format!("job/{}", self.profile.call_field());
                let key = spec.key.as_ref().map_or_else(field, |_| "key".to_owned());
                let pointer = format!("/sets/{}/{key}", spec.index);
                let help = "give every row of a set a key of its own";
                return Some(self.twice(earlier, pointer, &format!("key {}", job.key), help, stream));
            }
        }
        None
    }

    fn twice(&self, earlier: Earlier, pointer: String, what: &str, help: &str, stream: &JobStream<'_>) -> Problem {
        let first_line = earlier.line;
        let first =
            self.sets.get(usize::from(earlier.set)).map_or_else(String::new, |set| match &set.spec.rows.source {
                RowSource::File(path, _) => format!("{}:{first_line}", self.files.shown(path).display()),
                RowSource::Stdin(_) => format!("{}:{first_line}", Files::STDIN),
                RowSource::Items(_) => format!("item {first_line} of set `{}`", set.spec.name),
                RowSource::One => format!("combination {first_line} of set `{}`", set.spec.name),
            });
        let message = format!("{what} stands here a second time; first: {first}");
        let problem = Problem::at(Code::DuplicateCall, pointer, message).help(help);
        match stream.last_place() {
            Some(place) => problem.caused_by(place),
            None => problem,
        }
    }

    /// More jobs under a prefix than are allowed: one message, at the first row that is too many.
    fn exceeded(&self, counter: usize, place: Option<DataPlace>, count: u64) -> Option<Problem> {
        let (prefix, most) = self.guards.bound(counter)?;
        let shown = self.runbook.numbers.mask(prefix);
        let message =
            format!("the plan would run {count} jobs with numbers under {shown}, max_per_prefix allows {most}");
        let problem = Problem::at(Code::TooManyForPrefix, format!("/guards/max_per_prefix/{prefix}"), message)
            .help("check the input, raise the bound, or leave the rest out with `on_violation: skip`");
        Some(match place {
            Some(data) => problem.caused_by(data),
            None => problem,
        })
    }

    /// The second pass: a stream of each set, in order.
    pub fn streams(&'a self, census: &Census, run_id: &str) -> Result<Vec<JobStream<'a>>, Problem> {
        self.sets
            .iter()
            .zip(&census.sets)
            .map(|(set, counted)| {
                let repeats = Arc::clone(&census.repeats);
                let start = Start { first: counted.first, rows: counted.read, repeats, counts: counted.counts.clone() };
                JobStream::open(self, set, start, run_id)
            })
            .collect()
    }
}

/// What the first pass remembers of the rows that it has met.
#[derive(Default)]
struct Met {
    calls: Calls,
    keys: Keys,
    repeats: Repeats,
    /// The first row beyond each bound of `max_per_prefix`.
    exceeded: BTreeMap<usize, Option<DataPlace>>,
}
