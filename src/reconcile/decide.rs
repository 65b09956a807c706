//! Somebody's decision about a job, as it is written on the command line.

use super::{Finding, OpenJobs};
use crate::event::ReconciledBy;
use crate::model::{JobNumber, Outcome};
use crate::state::{JobState, RunState};
use std::str::FromStr;

/// `JOB=bridged` or `JOB=not-bridged`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The job's number in plan order.
    pub job: JobNumber,
    /// Whether its call is bridged.
    pub bridged: bool,
}

impl FromStr for Decision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write JOB=bridged or JOB=not-bridged, with the job's number";
        let (job, word) = text.split_once('=').ok_or(help)?;
        let job = job.trim().parse().ok().filter(|job| *job > 0).ok_or(help)?;
        match word.trim() {
            "bridged" => Ok(Self { job, bridged: true }),
            "not-bridged" | "not_bridged" => Ok(Self { job, bridged: false }),
            _ => Err(help.to_owned()),
        }
    }
}

/// The findings of some decisions; the error says which of them is none.
pub fn decide(decisions: &[Decision], reason: &str, open: &OpenJobs, run: &RunState) -> Result<Vec<Finding>, String> {
    let mut findings: Vec<Finding> = Vec::new();
    for decision in decisions {
        let job = decision.job;
        match run.job(job) {
            None => return Err(format!("there is no job {job} in the run")),
            Some(JobState::Unknown) if open.get(job).is_some() => {}
            Some(state) => return Err(format!("job {job} is {}, not unknown", state.word())),
        }
        if findings.iter().any(|finding| finding.job == job) {
            return Err(format!("job {job} is decided twice"));
        }
        let outcome = if decision.bridged { Outcome::Succeeded } else { Outcome::NotBridged };
        let reason = reason.to_owned();
        findings.push(Finding { job, outcome, by: ReconciledBy::Operator, reason, status_code: None });
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_a_number_and_one_of_two_words() {
        assert_eq!("12=bridged".parse(), Ok(Decision { job: 12, bridged: true }));
        assert_eq!(" 3 = not-bridged ".parse(), Ok(Decision { job: 3, bridged: false }));
        for bad in ["", "3", "0=bridged", "x=bridged", "3=", "3=Bridged", "-1=bridged", "3=unknown"] {
            assert!(bad.parse::<Decision>().is_err(), "{bad}");
        }
    }
}
