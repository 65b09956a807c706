//! The jobs of one set, one at a time.

use super::blame::Said;
use super::compile::{CompiledSet, Expander};
use super::link_again::{Before, Linked};
use super::order::{Repeat, Repeats};
use super::plan_row::RowPlan;
use super::rows::{Row, RowReader};
use crate::model::{After, Code, JobKey, JobNumber, OnViolation, Planned, Problem, Region, Severity, SkipReason};
use handlebars::Context;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// A stream of planned rows. After an error it goes on with the next row.
pub struct JobStream<'a> {
    pub(super) expander: &'a Expander<'a>,
    pub(super) set: &'a CompiledSet<'a>,
    pub(super) rows: RowReader<'a>,
    pub(super) values: Context,
    /// The job of the row that was read last: its memory serves the next one.
    fields: Value,
    next: JobNumber,
    /// Rows that may still come.
    left: u64,
    index: u64,
    pub(super) run_id: String,
    pub(super) said: Said,
    /// Jobs of the row that was read last.
    ready: VecDeque<Planned>,
    repeats: Arc<Repeats>,
    /// Jobs so far by counter of `max_per_prefix`.
    counts: Vec<u64>,
    /// The part of a split bridge that came again last.
    pub(super) before: Option<Before>,
}

/// Where a stream begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Start {
    /// The number of its first job.
    pub(super) first: JobNumber,
    /// Rows that may be read.
    pub(super) rows: u64,
    /// What the first pass has found out about repeated calls; empty in the first pass itself.
    pub(super) repeats: Arc<Repeats>,
    /// Jobs before it by counter of `max_per_prefix`.
    pub(super) counts: Vec<u64>,
}

/// The key of a call's second row: `call-1` becomes `call-1#2`, a part of it `call-1#2#1/3`.
pub(super) fn repeated(key: &JobKey, call_id: &str, occurrence: u32) -> JobKey {
    let part = key.as_str().strip_prefix(call_id).unwrap_or_default();
    JobKey::new(format!("{call_id}#{occurrence}{part}"))
}

/// What became of one row: its line, and its jobs or its problems.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) line: u64,
    /// None when its problems refuse it; several when it is split.
    pub(super) jobs: Vec<Planned>,
    pub(super) problems: Vec<Problem>,
    /// The region of each of its numbers.
    pub(super) regions: Vec<Option<Region>>,
    counters: Vec<usize>,
    /// What it has to do with the rows before, if it comes again.
    pub(super) again: Linked,
}

impl Expanded {
    fn refused(line: u64, problems: Vec<Problem>) -> Self {
        Self { line, jobs: Vec::new(), problems, regions: Vec::new(), counters: Vec::new(), again: Linked::default() }
    }

    /// The number of its first job, if it has one that is to run.
    pub(super) fn first_job(&self) -> Option<JobNumber> {
        match self.jobs.first()? {
            Planned::Job(job) => Some(job.number),
            Planned::Skipped(_) => None,
        }
    }

    /// The number of its first job.
    fn begins(&self) -> Option<JobNumber> {
        match self.jobs.first()? {
            Planned::Job(job) => Some(job.number),
            Planned::Skipped(skipped) => Some(skipped.number),
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        for planned in &mut self.jobs {
            if let Planned::Job(job) = planned {
                *planned = Planned::Skipped(job.skipped(reason));
            }
        }
    }
}

impl<'a> JobStream<'a> {
    pub(super) fn open(
        expander: &'a Expander<'a>,
        set: &'a CompiledSet<'a>,
        start: Start,
        run_id: &str,
    ) -> Result<Self, Problem> {
        let rows = RowReader::open(&set.spec.rows, &expander.files, Some(&set.spec.name)).map_err(|problem| {
            Problem { pointer: format!("/sets/{}/rows{}", set.spec.index, problem.pointer), ..problem }
        })?;
        let mut values = set.values.clone();
        values.insert("row".to_owned(), Value::Null);
        values.insert("index".to_owned(), Value::from(0));
        let values = Context::from(Value::Object(values));
        let Start { first, rows: left, repeats, mut counts } = start;
        counts.resize(expander.guards.bounds(), 0);
        let (run_id, ready) = (run_id.to_owned(), VecDeque::new());
        Ok(Self {
            expander,
            set,
            rows,
            values,
            fields: Value::Null,
            next: first,
            left,
            index: 0,
            run_id,
            said: Said::default(),
            ready,
            repeats,
            counts,
            before: None,
        })
    }

    /// The next row. `places` says for which severity the place of a problem is looked up; `made` is what was made of the row
    /// already.
    pub(super) fn advance(&mut self, places: Option<Severity>, made: Option<Expanded>) -> Option<Expanded> {
        let line = match self.read()? {
            Ok(line) => line,
            Err(refused) => return Some(refused),
        };
        let number = self.next;
        if let Some(made) = made.filter(|made| made.line == line && made.begins() == Some(number)) {
            self.next += made.jobs.len() as u64;
            return Some(made);
        }
        let mut fields = std::mem::take(&mut self.fields);
        let planned = self.plan(number, &mut fields);
        self.fields = fields;
        let (RowPlan { mut jobs, regions, counters, .. }, mut problems) = match planned {
            Ok(mut plan) => {
                let warnings = std::mem::take(&mut plan.warnings);
                (plan, warnings)
            }
            Err(problems) => (RowPlan::default(), problems),
        };
        self.next += jobs.len().max(1) as u64;
        self.place_problems(&mut problems, line, places);
        let again = self.link(&mut jobs);
        problems.extend(self.other_call(&jobs));
        Some(Expanded { line, jobs, problems, regions, counters, again })
    }

    /// Goes past the next row of a set whose rows are one job each; false: there is none.
    pub(super) fn pass(&mut self) -> bool {
        let row = self.read();
        self.next += u64::from(matches!(row, Some(Ok(_))));
        row.is_some()
    }

    /// Puts the next row's values where templates find them, and gives its line; or says why it is none.
    fn read(&mut self) -> Option<Result<u64, Expanded>> {
        if self.left == 0 {
            return None;
        }
        if let Some(Value::Object(row)) = self.values.data_mut().get_mut("row") {
            self.rows.take_back(std::mem::take(row));
        }
        let Row { values, place } = match self.rows.next()? {
            Ok(row) => row,
            Err(mut problem) => {
                problem.pointer = format!("/sets/{}/rows{}", self.set.spec.index, problem.pointer);
                if problem.code == Code::DataUnreadable {
                    // The next read would fail alike, for ever.
                    self.left = 0;
                }
                problem.data = problem.data.map(|data| Box::new(self.expander.runbook.numbers.excerpt(*data)));
                problem.message = self.expander.runbook.numbers.mask(&problem.message);
                return Some(Err(Expanded::refused(0, vec![problem])));
            }
        };
        self.left -= 1;
        // One that comes again is the one that it was.
        self.index = self.rows.again().and_then(|again| again.index).unwrap_or(self.index + 1);
        if let Value::Object(data) = self.values.data_mut() {
            for (name, value) in [("row", Value::Object(values)), ("index", Value::from(self.index))] {
                match data.get_mut(name) {
                    Some(place) => *place = value,
                    None => drop(data.insert(name.to_owned(), value)),
                }
            }
        }
        Some(Ok(place.line))
    }

    /// Puts what the rows before mean for this one into its jobs: both passes do it alike. Gives the counter of
    /// `max_per_prefix` that it is the first to exceed, where that refuses the run.
    pub(super) fn settle(&mut self, expanded: &mut Expanded, repeat: Option<Repeat>) -> Option<usize> {
        expanded.first_job()?;
        match repeat {
            Some(Repeat::Skip) => {
                expanded.skip(SkipReason::Duplicate);
                return None;
            }
            Some(Repeat::After { job, occurrence }) => {
                for planned in &mut expanded.jobs {
                    let Planned::Job(planned) = planned else { continue };
                    planned.after.get_or_insert(After { job, must_succeed: false });
                    if self.set.key.is_none() && !expanded.again.named {
                        planned.key = repeated(&planned.key, planned.call_id.as_str(), occurrence);
                    }
                }
            }
            None => {}
        }
        let guards = &self.expander.guards;
        let full = |counter: &usize| guards.bound(*counter).is_some_and(|(_, most)| self.counts[*counter] >= most);
        let exceeded = expanded.counters.iter().copied().find(full);
        if exceeded.is_some() && guards.on_violation == OnViolation::Skip {
            expanded.skip(SkipReason::MaxPerPrefix);
            return None;
        }
        for counter in &expanded.counters {
            self.counts[*counter] += 1;
        }
        exceeded
    }

    /// Jobs so far by counter of `max_per_prefix`.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }
}

impl Iterator for JobStream<'_> {
    type Item = Result<Planned, Vec<Problem>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(planned) = self.ready.pop_front() {
            return Some(Ok(planned));
        }
        let mut expanded = self.advance(None, None)?;
        if expanded.jobs.is_empty() {
            return Some(Err(expanded.problems));
        }
        let repeat = expanded.first_job().and_then(|number| self.repeats.get(&number).copied());
        self.settle(&mut expanded, repeat);
        self.ready.extend(expanded.jobs);
        self.ready.pop_front().map(Ok)
    }
}
