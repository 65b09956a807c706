//! The first pass: every row expanded and checked, nothing kept but counts.

use super::compile::Expander;
use super::files::Files;
use super::stream::JobStream;
use crate::model::{Code, Job, JobNumber, Planned, Problem, RowSource, SetName, Severity};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Problems that are kept with their words; the rest is counted.
const MAX_KEPT: usize = 100;

/// What a set holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetCensus {
    /// Its name.
    pub name: SetName,
    /// Number of its first row in plan order.
    pub first: JobNumber,
    /// Rows, skipped ones included.
    pub rows: u64,
    /// Rows that are left out.
    pub skipped: u64,
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
}

impl Census {
    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.sets.iter().map(|set| set.rows).sum()
    }

    /// Rows that are not left out.
    pub fn to_run(&self) -> u64 {
        self.sets.iter().map(|set| set.rows - set.skipped).sum()
    }

    /// Whether a run must be refused.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.severity() == Severity::Error)
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

/// Calls and keys that were seen, as 128 bits of SHA-256 each: 32 bytes a row, whatever the ids look like.
#[derive(Default)]
struct Seen(HashMap<u128, (usize, u64)>);

impl Seen {
    /// The set and line of an earlier row with the same text.
    fn earlier(&mut self, parts: [&str; 2], set: usize, line: u64) -> Option<(usize, u64)> {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let short = digest.iter().take(16).fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
        match self.0.entry(short) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert((set, line));
                None
            }
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
        let (mut calls, mut keys) = (Seen::default(), Seen::default());
        let mut next = 1;
        let mut left = self.limit.unwrap_or(u64::MAX);
        for (place, set) in self.sets.iter().enumerate() {
            let mut stream = match JobStream::open(self, set, next, left, run_id) {
                Ok(stream) => stream,
                Err(problem) => {
                    census.add(problem);
                    continue;
                }
            };
            let mut counted = SetCensus { name: set.spec.name.clone(), first: next, rows: 0, skipped: 0 };
            let mut malformed = false;
            while let Some(expanded) = stream.advance(census.wants()) {
                malformed |= expanded.line == 0;
                counted.rows += u64::from(expanded.line > 0);
                match &expanded.planned {
                    Some(Planned::Skipped(_)) => counted.skipped += 1,
                    Some(Planned::Job(job)) => {
                        let pointer = format!("/sets/{}/job/{}", set.spec.index, self.profile.call_field());
                        let twice = calls
                            .earlier(["", job.call_id.as_str()], place, expanded.line)
                            .map(|first| (first, pointer, format!("call {}", job.call_id)));
                        let twice = twice.or_else(|| {
                            // Without a template of its own the key is the call id, which is known by now.
                            set.spec.key.as_ref()?;
                            let first =
                                keys.earlier([set.spec.name.as_str(), job.key.as_str()], place, expanded.line)?;
                            Some((first, format!("/sets/{}/key", set.spec.index), format!("key {}", job.key)))
                        });
                        match twice {
                            Some(((set, line), pointer, what)) => {
                                census.add(self.twice(set, line, pointer, &what, &stream));
                            }
                            None => visit(job),
                        }
                    }
                    None => {}
                }
                for problem in expanded.problems {
                    census.add(problem);
                }
            }
            if counted.rows == 0 && left > 0 && !malformed && !set.spec.allow_empty {
                let problem = Problem::at(
                    Code::NoRows,
                    format!("/sets/{}/rows", set.spec.index),
                    format!("set `{}` has no rows", set.spec.name),
                );
                census.add(problem.help("check the input, or allow it with `allow_empty: true`").on_key());
            }
            next += counted.rows;
            left -= counted.rows;
            census.sets.push(counted);
        }
        if let Some(max) = self.runbook.max_jobs
            && census.to_run() > max
        {
            let message = format!("the plan would run {} jobs, max_jobs allows {max}", census.to_run());
            census.add(
                Problem::at(Code::TooManyJobs, "/guards/max_jobs", message).help("check the input, or raise max_jobs"),
            );
        }
        census
    }

    fn twice(&self, first_set: usize, first_line: u64, pointer: String, what: &str, stream: &JobStream<'_>) -> Problem {
        let first = self.sets.get(first_set).map_or_else(String::new, |set| match &set.spec.rows.source {
            RowSource::File(path, _) => format!("{}:{first_line}", self.files.shown(path).display()),
            RowSource::Stdin(_) => format!("{}:{first_line}", Files::STDIN),
            RowSource::Items(_) => format!("item {first_line} of set `{}`", set.spec.name),
            RowSource::One => format!("combination {first_line} of set `{}`", set.spec.name),
        });
        let message = format!("{what} stands here a second time; first: {first}");
        let problem = Problem::at(Code::DuplicateCall, pointer, message)
            .help("a call can be bridged once a run: remove one of the rows");
        match stream.last_place() {
            Some(place) => problem.caused_by(place),
            None => problem,
        }
    }

    /// The second pass: a stream of each set, in order.
    pub fn streams(&'a self, census: &Census, run_id: &str) -> Result<Vec<JobStream<'a>>, Problem> {
        self.sets
            .iter()
            .zip(&census.sets)
            .map(|(set, counted)| JobStream::open(self, set, counted.first, counted.rows, run_id))
            .collect()
    }
}
