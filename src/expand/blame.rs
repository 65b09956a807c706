//! Where the cause of a row's problem stands: the cell, the whole row, a value of a matrix, or the runbook alone.

use super::culprit::{Column, culprit, pads};
use super::rows::Cause;
use super::stream::JobStream;
use crate::model::{Code, DataPlace, Problem, Severity};
use serde_json::Value;
use std::collections::HashSet;

/// What the values of a row are called in templates: what else a template reads is the same for every row.
const OF_A_ROW: [&str; 2] = ["row", "index"];

/// Problems that were said, so that a slip in the runbook is not repeated for every row, nor a bad cell for every
/// combination of a matrix.
#[derive(Default)]
pub(super) struct Said {
    /// Those that stand in the runbook.
    ever: HashSet<(Code, String)>,
    /// Those of the row at this line.
    of_row: Vec<(Code, String, u64, u64)>,
    line: u64,
}

enum Blame {
    Runbook,
    Row,
    Column(Column),
}

impl JobStream<'_> {
    /// Places the problems of the row that was read last, and takes out what was said before. `places`: for which
    /// severities the data's text is wanted.
    pub(super) fn place_problems(&mut self, problems: &mut Vec<Problem>, line: u64, places: Option<Severity>) {
        if self.said.line != line {
            self.said.line = line;
            self.said.of_row.clear();
        }
        problems.retain_mut(|problem| self.place_problem(problem, places));
    }

    /// False when it was said before. A row's numbers belong into a CI log as little as into the audit file.
    fn place_problem(&mut self, problem: &mut Problem, places: Option<Severity>) -> bool {
        let blame = self.blame(&problem.pointer);
        let index = self.set.spec.index;
        let numbers = &self.expander.runbook.numbers;
        problem.message = numbers.mask(&problem.message);
        let written = match problem.pointer.strip_prefix('@') {
            Some(key) => format!("/sets/{index}/{key}"),
            None => format!("/sets/{index}/job{}", problem.pointer),
        };
        let wanted = places == Some(Severity::Warning) || places == Some(problem.code.severity());
        if !wanted && self.set.spec.rows.matrix.is_none() && !matches!(blame, Blame::Runbook) {
            return true;
        }
        let cause = match &blame {
            Blame::Runbook => None,
            Blame::Row => self.rows.cause(None),
            Blame::Column(column) => self.rows.cause(Some(column)),
        };
        problem.pointer = written;
        match cause {
            Some(Cause::Data(place)) => {
                let said = (problem.code, problem.pointer.clone(), place.line, place.column);
                problem.data = Some(Box::new(numbers.excerpt(place)));
                if self.said.of_row.contains(&said) {
                    return false;
                }
                self.said.of_row.push(said);
                true
            }
            Some(Cause::Runbook(below)) => {
                problem.pointer = format!("/sets/{index}/rows{below}");
                self.said.ever.insert((problem.code, problem.pointer.clone()))
            }
            // A row without data of its own is told apart by its values only.
            None if matches!(blame, Blame::Runbook) => self.said.ever.insert((problem.code, problem.pointer.clone())),
            None => true,
        }
    }

    /// The template at a pointer that starts at the job, or is `@when` or `@key`, and what is to blame for its value.
    fn blame(&self, pointer: &str) -> Blame {
        let job = |pointer| self.set.job.leaf_at(pointer).map(|leaf| (leaf.template, leaf.pointer.len()));
        let found = match pointer {
            "@when" => self.set.when.as_ref().map(|template| (template, pointer.len())),
            "@key" => self.set.key.as_ref().map(|template| (template, pointer.len())),
            "/not_after" => self.set.not_after.as_ref().map(|template| (template, pointer.len())),
            pointer => job(pointer),
        };
        let Some((template, length)) = found else {
            return if self.set.job.is_written(pointer) { Blame::Runbook } else { Blame::Row };
        };
        if template.is_fixed(&OF_A_ROW) {
            return Blame::Runbook;
        }
        let below_row = |path: &[String]| path.strip_prefix(&["row".to_owned()]).map(<[String]>::to_vec);
        let columns: Vec<Column> = template.names().filter_map(below_row).filter(|path| !path.is_empty()).collect();
        let rendered = self.set.engine.render(template, &self.values).ok().map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        });
        let row = self.values.data().get("row").unwrap_or(&Value::Null);
        let Some(column) = culprit(&columns, row, rendered.as_deref()) else { return Blame::Row };
        if rendered.as_deref().is_some_and(|text| pads(column, row, text)) {
            return Blame::Runbook;
        }
        // A column may hold a whole list or object: then the pointer goes on within it.
        let within = pointer[length..].split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
        Blame::Column(column.iter().cloned().chain(within).collect())
    }

    /// The place of the row that was read last: its call id, if a column gives it. `None`: it stands in the runbook.
    pub(super) fn last_place(&self) -> Option<DataPlace> {
        let cause = match self.blame(&format!("/{}", self.expander.profile.call_field())) {
            Blame::Column(column) => self.rows.cause(Some(&column)),
            Blame::Row | Blame::Runbook => self.rows.cause(None),
        };
        match cause? {
            Cause::Data(place) => Some(self.expander.runbook.numbers.excerpt(place)),
            Cause::Runbook(_) => None,
        }
    }
}
