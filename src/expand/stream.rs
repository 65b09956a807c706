//! The jobs of one set, one at a time.

use super::blame::Said;
use super::compile::{CompiledSet, Expander};
use super::rows::{Row, RowReader};
use crate::model::{
    CallId, Code, Job, JobKey, JobNumber, NumberPrivacy, Planned, Problem, Severity, SkipReason, Skipped,
};
use crate::template::{RenderError, Template};
use handlebars::Context;
use serde_json::Value;

/// A stream of planned rows. After an error it goes on with the next row.
pub struct JobStream<'a> {
    pub(super) expander: &'a Expander<'a>,
    pub(super) set: &'a CompiledSet<'a>,
    pub(super) rows: RowReader<'a>,
    pub(super) values: Context,
    next: JobNumber,
    /// Rows that may still come.
    left: u64,
    index: u64,
    run_id: String,
    pub(super) said: Said,
}

/// What became of one row: its line, and the job or its problems.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) line: u64,
    pub(super) planned: Option<Planned>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> JobStream<'a> {
    pub(super) fn open(
        expander: &'a Expander<'a>,
        set: &'a CompiledSet<'a>,
        first: JobNumber,
        left: u64,
        run_id: &str,
    ) -> Result<Self, Problem> {
        let rows = RowReader::open(&set.spec.rows, &expander.files).map_err(|problem| Problem {
            pointer: format!("/sets/{}/rows{}", set.spec.index, problem.pointer),
            ..problem
        })?;
        let mut values = set.values.clone();
        values.insert("row".to_owned(), Value::Null);
        values.insert("index".to_owned(), Value::from(0));
        let values = Context::from(Value::Object(values));
        Ok(Self {
            expander,
            set,
            rows,
            values,
            next: first,
            left,
            index: 0,
            run_id: run_id.to_owned(),
            said: Said::default(),
        })
    }

    /// The next row. `places` says for which severity the place of a problem is looked up.
    pub(super) fn advance(&mut self, places: Option<Severity>) -> Option<Expanded> {
        if self.left == 0 {
            return None;
        }
        let Row { values, place } = match self.rows.next()? {
            Ok(row) => row,
            Err(mut problem) => {
                problem.pointer = format!("/sets/{}/rows{}", self.set.spec.index, problem.pointer);
                if problem.code == Code::DataUnreadable {
                    // The next read would fail alike, for ever.
                    self.left = 0;
                }
                if let Some(data) = &mut problem.data {
                    data.text = self.expander.runbook.numbers.mask(&data.text);
                }
                return Some(Expanded { line: 0, planned: None, problems: vec![problem] });
            }
        };
        self.left -= 1;
        self.index += 1;
        let number = self.next;
        self.next += 1;
        if let Value::Object(data) = self.values.data_mut() {
            data.insert("row".to_owned(), Value::Object(values));
            data.insert("index".to_owned(), Value::from(self.index));
        }
        let (planned, mut problems) = match self.plan(number) {
            Ok((planned, warnings)) => (Some(planned), warnings),
            Err(problems) => (None, problems),
        };
        self.place_problems(&mut problems, place.line, places);
        Some(Expanded { line: place.line, planned, problems })
    }

    /// Pointers of the problems start at the job, or are `@when` and `@key`.
    fn plan(&self, number: JobNumber) -> Result<(Planned, Vec<Problem>), Vec<Problem>> {
        let set = self.set;
        if !self.wanted()? {
            let skipped = Skipped { number, set: set.spec.name.clone(), call_id: None, reason: SkipReason::When };
            return Ok((Planned::Skipped(skipped), Vec::new()));
        }
        let fields =
            set.job.render(&set.engine, &self.values).map_err(|error| vec![failed(error.pointer, &error.error)])?;
        let profile = self.expander.profile;
        let found: Vec<Problem> = profile
            .problems(&fields)
            .into_iter()
            .filter(|problem| !set.known.contains(&(problem.code, problem.pointer.clone())))
            .collect();
        if found.iter().any(|problem| problem.code.severity() == Severity::Error) {
            return Err(found);
        }
        let call_field = format!("/{}", profile.call_field());
        let bad_id = |reason: &str| vec![Problem::at(Code::BadCallId, &*call_field, format!("the call id {reason}"))];
        let call_id = CallId::new(profile.call_id(&fields).unwrap_or_default()).map_err(bad_id)?;
        let key = match &set.key {
            None => JobKey::new(call_id.as_str()),
            Some(template) => JobKey::new(self.text(template, "@key")?),
        };
        self.check_privacy(&fields, &call_id, &key)?;
        let targets = profile.targets(&fields, self.expander.runbook.numbers);
        let (request_id, request) =
            profile.request(fields, &call_id, &self.run_id, number).map_err(|problem| vec![problem])?;
        let set = set.spec.name.clone();
        let job = Job { number, set, key, call_id, request_id, targets, request };
        Ok((Planned::Job(Box::new(job)), found))
    }

    /// Call id and key are written down in full: they may not hold what `privacy` hides.
    fn check_privacy(&self, fields: &Value, call_id: &CallId, key: &JobKey) -> Result<(), Vec<Problem>> {
        if self.expander.runbook.numbers == NumberPrivacy::Full {
            return Ok(());
        }
        let call_field = format!("/{}", self.expander.profile.call_field());
        let texts = [(&*call_field, "call id", call_id.as_str()), ("@key", "key", key.as_str())];
        for digits in self.expander.profile.target_digits(fields) {
            if let Some((pointer, what, _)) = texts.iter().find(|(_, _, text)| text.contains(&digits)) {
                let message = format!("the {what} holds a target's telephone number, and is written down in full");
                let help = "choose another one, or say `privacy: {numbers: full}`";
                return Err(vec![Problem::at(Code::NumberShown, *pointer, message).help(help)]);
            }
        }
        Ok(())
    }

    fn wanted(&self) -> Result<bool, Vec<Problem>> {
        let Some(when) = &self.set.when else { return Ok(true) };
        match self.text(when, "@when")?.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => {
                let shown = crate::model::printable(other, 60);
                let problem = Problem::at(Code::WhenNotBoolean, "@when", format!("`when` gave {shown:?}"));
                Err(vec![problem.help("it must give `true` or `false`, as `{{eq row.status 'waiting'}}` does")])
            }
        }
    }

    fn text(&self, template: &Template, pointer: &str) -> Result<String, Vec<Problem>> {
        match self.set.engine.render(template, &self.values) {
            Ok(Value::String(text)) => Ok(text),
            Ok(other) => Ok(other.to_string()),
            Err(error) => Err(vec![failed(pointer.to_owned(), &error)]),
        }
    }
}

fn failed(pointer: String, error: &RenderError) -> Problem {
    Problem::at(Code::TemplateFailed, pointer, format!("the template failed for this row: {error}"))
        .help("give the row what the template reads, or use `default`")
}

impl Iterator for JobStream<'_> {
    type Item = Result<Planned, Vec<Problem>>;

    fn next(&mut self) -> Option<Self::Item> {
        let expanded = self.advance(None)?;
        Some(expanded.planned.ok_or(expanded.problems))
    }
}
