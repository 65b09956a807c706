//! Jobs in plan order -> their rows.
//!
//! A row is one job, unless the set says `legs: split`: then the keys tell how many jobs a row has become.

use crate::cli::reopen::Inputs;
use crate::event::RunStarted;
use crate::expand::SourceRows;
use crate::model::{BridgePart, InputRow, JobNumber, Legs, SetSpec};
use crate::report::LeftJob;

/// Walks over the jobs and the rows of a run at once.
pub(super) struct Pairing<'a> {
    sets: Vec<SetRows<'a>>,
    inputs: &'a Inputs,
    trouble: Option<String>,
}

/// The rows of one set.
struct SetRows<'a> {
    /// Numbers of its jobs.
    jobs: std::ops::Range<JobNumber>,
    /// `None`: the runbook's copy has no such set.
    spec: Option<&'a SetSpec>,
    rows: Option<SourceRows<'a>>,
    /// The columns that all its rows have; `None`: nobody has asked, or each row has its own.
    header: Option<Vec<String>>,
    /// The job whose row comes next.
    next: JobNumber,
    /// The row of the last job, where it has more parts.
    split: Option<Split>,
    /// The rows do not fit to the jobs, or cannot be read.
    lost: bool,
}

/// A row that has become several jobs.
struct Split {
    row: InputRow,
    base: String,
    call: Option<String>,
    part: BridgePart,
}

impl<'a> Pairing<'a> {
    pub(super) fn new(started: &RunStarted, inputs: &'a Inputs) -> Self {
        let mut next = 1;
        let sets = started.sets.iter().map(|set| {
            let jobs = next..next + set.jobs;
            next = jobs.end;
            let spec = inputs.runbook.sets.iter().find(|spec| spec.name == set.name);
            SetRows { next: jobs.start, jobs, spec, rows: None, header: None, split: None, lost: false }
        });
        Self { sets: sets.collect(), inputs, trouble: None }
    }

    /// Whether the jobs between those of a file count as well.
    pub(super) fn needs_every_job(&self) -> bool {
        self.sets.iter().any(|set| set.spec.is_some_and(|spec| spec.legs == Legs::Split))
    }

    /// Why some job has no row.
    pub(super) fn trouble(self) -> Option<String> {
        self.trouble
    }

    /// The columns of a job's set, where all its rows have the same; asking is not reading.
    pub(super) fn header(&mut self, job: &LeftJob<'_>) -> Result<Option<&[String]>, String> {
        let inputs = self.inputs;
        let Some(set) = self.sets.iter_mut().find(|set| set.jobs.contains(&job.number())) else { return Ok(None) };
        if set.header.is_none() {
            set.header = set.open(inputs)?.columns();
        }
        Ok(set.header.as_deref())
    }

    /// The row of a job. Jobs come in plan order; of a set that splits bridges every one.
    pub(super) fn row(&mut self, job: &LeftJob<'_>) -> Option<InputRow> {
        let inputs = self.inputs;
        let set = self.sets.iter_mut().find(|set| set.jobs.contains(&job.number()))?;
        if set.lost {
            return None;
        }
        let row = set.row(job, inputs);
        set.lost = row.is_err();
        row.map_err(|why| self.trouble.get_or_insert(why).clone()).ok()
    }
}

impl<'a> SetRows<'a> {
    fn open(&mut self, inputs: &'a Inputs) -> Result<&mut SourceRows<'a>, String> {
        let spec = self.spec.ok_or("the copy of the runbook lacks a set of the run")?;
        if self.rows.is_none() {
            self.rows = Some(SourceRows::open(spec, &inputs.files).map_err(|problem| problem.message)?);
        }
        self.rows.as_mut().ok_or_else(String::new)
    }

    fn row(&mut self, job: &LeftJob<'_>, inputs: &'a Inputs) -> Result<InputRow, String> {
        let splits = self.spec.is_some_and(|spec| spec.legs == Legs::Split);
        if splits {
            return self.split_row(job, inputs);
        }
        let between = job.number() - self.next;
        self.next = job.number() + 1;
        self.nth(between, inputs)
    }

    fn nth(&mut self, between: u64, inputs: &'a Inputs) -> Result<InputRow, String> {
        let few = || "a copy of the input has fewer rows than the run".to_owned();
        let between = usize::try_from(between).map_err(|_| few())?;
        let row = self.open(inputs)?.nth(between).ok_or_else(few)?;
        row.map_err(|problem| problem.message)
    }

    /// Of a row that has become several jobs the first one's key ends in `#1/3`, and the others follow.
    fn split_row(&mut self, job: &LeftJob<'_>, inputs: &'a Inputs) -> Result<InputRow, String> {
        let unclear = || "the records do not say which parts of a split bridge there are".to_owned();
        if let Some(Split { row, base, call, part }) = self.split.take() {
            let part = BridgePart { part: part.part + 1, ..part };
            // A key of somebody's own may look like that of a part; the parts of one bridge have one call.
            if job.key().and_then(of_part) != Some((&base, part)) || job.call() != call.as_deref() {
                return Err(unclear());
            }
            let row = InputRow { part: Some(part), ..row };
            if part.part < part.of {
                self.split = Some(Split { row: row.clone(), base, call, part });
            }
            return Ok(row);
        }
        if job.key().is_none() && job.is_pending() {
            return Err(unclear());
        }
        let row = self.nth(0, inputs)?;
        let first = job.key().and_then(of_part).filter(|(_, part)| part.part == 1 && part.of > 1);
        match first {
            // One that has come again is a part already.
            Some((base, part)) if row.part.is_none() => {
                let row = InputRow { part: Some(part), ..row };
                let call = job.call().map(str::to_owned);
                self.split = Some(Split { row: row.clone(), base: base.to_owned(), call, part });
                Ok(row)
            }
            _ => Ok(row),
        }
    }
}

/// A key of a part, as key of the whole and part.
fn of_part(key: &str) -> Option<(&str, BridgePart)> {
    let (base, part) = key.rsplit_once('#')?;
    Some((base, BridgePart::parse(part)?))
}
