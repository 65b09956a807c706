//! The vendor's own records, as a CSV table: which row is about which job, and what it says.
//!
//! A row that fits a condition says something; a row that fits none says nothing, and so does a row that is not there, unless
//! the operator says otherwise and why. One row that says *bridged* outweighs others that say *not bridged*: a job's first
//! attempt may have failed and its second one not.

use super::{Finding, OpenJob, OpenJobs};
use crate::event::ReconciledBy;
use crate::model::{JobNumber, Outcome};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::str::FromStr;

/// What a row is matched by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The call's id.
    CallId,
    /// The request id that bridgebook sent.
    RequestId,
    /// The vendor's own id of the exchange.
    CorrelationId,
}

impl Field {
    fn word(self) -> &'static str {
        match self {
            Self::CallId => "call_id",
            Self::RequestId => "request_id",
            Self::CorrelationId => "correlation_id",
        }
    }
}

/// `FIELD` or `FIELD=COLUMN`: the column of the table that holds a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matching {
    /// The field.
    pub field: Field,
    /// The column.
    pub column: String,
}

impl FromStr for Matching {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, column) = text.split_once('=').unwrap_or((text, text));
        let fields = [Field::CallId, Field::RequestId, Field::CorrelationId];
        let known = fields.into_iter().find(|known| known.word() == field.trim());
        let help = "write call_id, request_id or correlation_id, or call_id=COLUMN for another name";
        let field = known.ok_or(help)?;
        let column = column.trim().to_owned();
        if column.is_empty() { Err(help.to_owned()) } else { Ok(Self { field, column }) }
    }
}

/// `COLUMN=VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// The value, compared exactly but for blanks around it.
    pub value: String,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((column, value)) if !column.trim().is_empty() => {
                Ok(Self { column: column.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("write COLUMN=VALUE".to_owned()),
        }
    }
}

/// How a table is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordRules {
    /// Its name, for reasons.
    pub name: String,
    /// What a row is matched by.
    pub matching: Matching,
    /// A row says *bridged* when one of these holds.
    pub bridged: Vec<Condition>,
    /// A row says *not bridged* when one of these holds.
    pub not_bridged: Vec<Condition>,
    /// Why a job without a row is not bridged; `None`: it says nothing.
    pub absent: Option<String>,
}

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// It is no CSV table.
    #[error("{0}: {1}")]
    Unreadable(String, csv::Error),
    /// A column that it has not.
    #[error("{file} has no column {column:?}; it has {known}")]
    NoColumn {
        /// The table.
        file: String,
        /// The column.
        column: String,
        /// Those that it has.
        known: String,
    },
}

/// What a table says.
#[derive(Debug, Default)]
pub struct Records {
    /// The findings, in plan order.
    pub findings: Vec<Finding>,
    /// Jobs about which it says nothing, and why.
    pub silent: BTreeMap<JobNumber, String>,
}

/// What the rows of one id say.
#[derive(Default)]
struct Said {
    bridged: Option<String>,
    not_bridged: Option<String>,
    rows: u64,
}

/// A job, and the ids by which its rows are known.
struct Asked {
    job: JobNumber,
    ids: Vec<String>,
    /// It is not bridged when each of these says so; `None`: an attempt that may have had its effect has no id.
    needed: Option<Vec<String>>,
}

impl RecordRules {
    /// Reads a table; rows about other jobs pass by.
    pub fn read<'a>(
        &self,
        table: impl Read,
        jobs: impl IntoIterator<Item = &'a OpenJob>,
        open: &OpenJobs,
    ) -> Result<Records, RecordsError> {
        let mut records = Records::default();
        let mut asked: Vec<Asked> = Vec::new();
        let mut owners: HashMap<String, u32> = HashMap::new();
        for job in jobs {
            let one = |id: &String| (vec![id.clone()], Some(vec![id.clone()]));
            let (ids, needed) = match self.matching.field {
                Field::CallId if open.shares_its_call(job) => {
                    let why = "another job of the run has the same call: match by request_id";
                    records.silent.insert(job.job, why.to_owned());
                    continue;
                }
                Field::CallId => one(&job.call_id),
                Field::RequestId => one(&job.request_id),
                Field::CorrelationId => (job.correlation_ids.clone(), job.doubtful_ids().map(<[String]>::to_vec)),
            };
            if ids.is_empty() {
                records.silent.insert(job.job, "the run has no correlation_id of it".to_owned());
                continue;
            }
            let own: HashSet<&String> = ids.iter().collect();
            for id in own {
                *owners.entry(id.clone()).or_default() += 1;
            }
            asked.push(Asked { job: job.job, ids, needed });
        }
        let mut said: HashMap<String, Said> = owners.keys().map(|id| (id.clone(), Said::default())).collect();
        self.scan(table, &mut said)?;
        for asked in asked {
            let job = asked.job;
            if asked.ids.iter().any(|id| owners.get(id).is_some_and(|owners| *owners > 1)) {
                records.silent.insert(job, "another job of the run has the same id: match by request_id".to_owned());
                continue;
            }
            match self.conclude(&asked, &said) {
                Ok((outcome, reason)) => {
                    records.findings.push(Finding {
                        job,
                        outcome,
                        by: ReconciledBy::Records,
                        reason,
                        status_code: None,
                    });
                }
                Err(why) => drop(records.silent.insert(job, why)),
            }
        }
        Ok(records)
    }

    /// What the rows say about one job; the error says why they say nothing.
    fn conclude(&self, asked: &Asked, said: &HashMap<String, Said>) -> Result<(Outcome, String), String> {
        if let Some(reason) = asked.ids.iter().find_map(|id| said.get(id)?.bridged.clone()) {
            return Ok((Outcome::Succeeded, reason));
        }
        let Some(needed) = &asked.needed else {
            return Err("an attempt that may have had its effect has no correlation_id: match by request_id".to_owned());
        };
        let mut reasons =
            needed.iter().filter_map(|id| said.get(id)).map(|said| match (&said.not_bridged, &self.absent) {
                (Some(reason), _) => Ok(reason.clone()),
                (None, Some(why)) if said.rows == 0 => Ok(format!("no row of {} is about it: {why}", self.name)),
                (None, _) if said.rows == 0 => Err(format!("{}: no row is about it", self.name)),
                (None, _) => Err(format!("{}: its rows fit no condition", self.name)),
            });
        let first = reasons.next().unwrap_or_else(|| Err("the run has no id of it".to_owned()))?;
        reasons.try_fold(first, |_, reason| reason).map(|reason| (Outcome::NotBridged, reason))
    }

    fn scan(&self, table: impl Read, said: &mut HashMap<String, Said>) -> Result<(), RecordsError> {
        let unreadable = |error| RecordsError::Unreadable(self.name.clone(), error);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table);
        let header: Vec<String> = reader
            .headers()
            .map_err(unreadable)?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').trim().to_owned())
            .collect();
        let place = |column: &str| {
            header.iter().position(|name| name == column).ok_or_else(|| RecordsError::NoColumn {
                file: self.name.clone(),
                column: column.to_owned(),
                known: header.join(", "),
            })
        };
        let places = |conditions: &[Condition]| {
            let one = |condition: &Condition| Ok((place(&condition.column)?, condition.clone()));
            conditions.iter().map(one).collect::<Result<Vec<_>, RecordsError>>()
        };
        let id = place(&self.matching.column)?;
        let (bridged, not_bridged) = (places(&self.bridged)?, places(&self.not_bridged)?);
        for (row, record) in (1u64..).zip(reader.records()) {
            let record = record.map_err(unreadable)?;
            let Some(said) = record.get(id).and_then(|id| said.get_mut(id)) else { continue };
            said.rows += 1;
            let holds = |conditions: &[(usize, Condition)]| {
                let held = conditions.iter().find(|(at, condition)| record.get(*at) == Some(&condition.value));
                held.map(|(_, held)| format!("row {row} of {}: {}={}", self.name, held.column, held.value))
            };
            said.bridged = said.bridged.take().or_else(|| holds(&bridged));
            said.not_bridged = said.not_bridged.take().or_else(|| holds(&not_bridged));
        }
        Ok(())
    }
}
