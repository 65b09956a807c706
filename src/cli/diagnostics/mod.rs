//! What was found wrong, in the form that was asked for: for people, for programs, for code scanning, for the log of a
//! workflow.

mod github;
mod human;
mod json;
mod sarif;

pub(super) use github::{github, github_failure};
pub(super) use human::human;
pub(super) use json::json;
pub(super) use sarif::{sarif, sarif_failure};

use super::exit::Exit;
use crate::load::Diagnostic;
use crate::model::{Code, Severity};

/// The diagnostics of one command.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Findings {
    /// Those with their words and places.
    pub(super) found: Vec<Diagnostic>,
    /// How many there are beyond those.
    pub(super) more: u64,
    /// Warnings refuse as errors do.
    pub(super) deny_warnings: bool,
}

impl Findings {
    fn count(&self, severity: Severity) -> u64 {
        self.found.iter().filter(|found| found.severity() == severity).count() as u64
    }

    /// The exit code, if something refuses the runbook. Missing input is another matter than wrong input, and a guard's
    /// refusal than both: each only when nothing else is wrong.
    pub(super) fn refusal(&self) -> Option<Exit> {
        let refusing = |found: &&Diagnostic| self.deny_warnings || found.severity() == Severity::Error;
        let codes: Vec<Code> = self.found.iter().filter(refusing).map(|found| found.code).collect();
        if codes.is_empty() {
            None
        } else if codes.iter().all(|code| code.is_missing_input()) {
            Some(Exit::InputMissing)
        } else if codes.iter().all(|code| code.is_guard()) {
            Some(Exit::Refused)
        } else {
            Some(Exit::Invalid)
        }
    }
}
