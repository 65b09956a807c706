//! file -> [`Runbook`]: reading, schema, lowering, and the places of everything that is wrong.
//!
//! The happy path reads the text once, with `serde_yaml`. Places come from a second, event-based parser that runs only
//! when there is something to report. What the schema refuses is pruned, and the rest is checked on: all problems in
//! one pass.

mod diagnostic;
mod lower;
mod positions;
mod quoting;
mod raw;
mod source;
mod yaml;

pub use diagnostic::{Diagnostic, Place, locate, unreadable};
pub use raw::runbook_schema;
pub use source::{SourceError, read};

use crate::model::{Code, Problem, Runbook, Severity, Source};
use crate::schema::{Checker, prune};
use raw::RawRunbook;

/// The shipped schema of a runbook; a test proves that it is what the Rust types give.
pub const RUNBOOK_SCHEMA: &str = include_str!("../../schemas/runbook.schema.json");

/// A runbook as far as it could be read.
#[derive(Debug)]
pub struct Draft {
    runbook: Option<Runbook>,
    problems: Vec<Problem>,
}

impl Draft {
    /// The sound parts, to look for further problems; never to be run.
    pub fn preview(&self) -> Option<&Runbook> {
        self.runbook.as_ref()
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether something refuses the runbook.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.severity() == Severity::Error)
    }

    /// The same with something changed in the runbook, such as a variable from the command line.
    pub fn with<E>(mut self, change: impl FnOnce(&mut Runbook) -> Result<(), E>) -> Result<Self, E> {
        self.runbook.as_mut().map_or(Ok(()), change)?;
        Ok(self)
    }

    /// The runbook, if nothing refuses it.
    pub fn finish(self) -> Result<Runbook, Vec<Problem>> {
        if self.is_refused() {
            return Err(self.problems);
        }
        self.runbook.ok_or(self.problems)
    }
}

/// A runbook's text as JSON, merge keys resolved; `None` when it is not such a text.
pub fn document(text: &str) -> Option<serde_json::Value> {
    yaml::parse(text).ok()
}

/// Checks a runbook's text.
pub fn load(source: Source) -> Draft {
    let mut document = match yaml::parse(&source.text) {
        Ok(document) => document,
        Err(problems) => return Draft { runbook: None, problems },
    };
    let checker = match checker() {
        Ok(checker) => checker,
        Err(problem) => return Draft { runbook: None, problems: vec![problem] },
    };
    let mut problems = checker.problems(&document);
    prune(&mut document, &problems);
    problems.extend(quoting::quote_numbers(&mut document, &source.text));
    let raw = match serde_json::from_value::<RawRunbook>(document) {
        Ok(raw) => raw,
        Err(error) => {
            // The schema and the types are made from one definition, so this is reached only for a root that is no mapping.
            if problems.is_empty() {
                problems.push(Problem::at(Code::WrongType, "", error.to_string()));
            }
            return Draft { runbook: None, problems };
        }
    };
    let runbook = lower::lower(source, &raw, &mut problems);
    Draft { runbook: Some(runbook), problems }
}

fn checker() -> Result<Checker, Problem> {
    serde_json::from_str(RUNBOOK_SCHEMA)
        .map_err(|error| error.to_string())
        .and_then(|schema| Checker::new(schema, lower::explain_pattern))
        .map_err(|error| Problem::at(Code::Unreadable, "", format!("the built-in schema is broken: {error}")))
}
