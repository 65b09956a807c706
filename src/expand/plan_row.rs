//! One row -> its jobs, or why there are none.

use super::compile::field_problems;
use super::guards::{Judgement, Target};
use super::stream::JobStream;
use crate::model::{
    After, BridgePart, CallId, Code, Job, JobKey, JobNumber, Legs, NumberPrivacy, Planned, Problem, Region, Secret,
    Severity, SkipReason, Skipped, Timestamp, holds_number, printable, shown_text,
};
use crate::phone;
use crate::profile::{Part, Profile};
use crate::template::{RenderError, Template};
use serde_json::Value;

/// What a row becomes.
#[derive(Debug, Default)]
pub(super) struct RowPlan {
    /// Its jobs, in order; one unless it is split.
    pub(super) jobs: Vec<Planned>,
    pub(super) warnings: Vec<Problem>,
    /// The region of each of its numbers.
    pub(super) regions: Vec<Option<Region>>,
    /// The counters of `max_per_prefix` that it counts for.
    pub(super) counters: Vec<usize>,
}

impl JobStream<'_> {
    /// Pointers of the problems start at the job, or are `@when` and `@key`. `fields` is what the row before has left.
    pub(super) fn plan(&self, number: JobNumber, fields: &mut Value) -> Result<RowPlan, Vec<Problem>> {
        let set = self.set;
        let skipped = |call_id, key, reason| RowPlan {
            jobs: vec![Planned::Skipped(Skipped { number, set: set.spec.name.clone(), call_id, key, reason })],
            ..RowPlan::default()
        };
        if !self.wanted()? {
            return Ok(skipped(None, None, SkipReason::When));
        }
        let filled = set.job.refill(&set.engine, &self.values, fields);
        filled.map_err(|error| vec![failed(error.pointer, &error.error)])?;
        let fields = &*fields;
        let profile = self.expander.profile;
        let mut warnings = self.news(field_problems(profile, set.spec.legs, fields, Profile::problems_of_data));
        let not_after = self.not_after();
        if warnings.iter().any(is_error) {
            warnings.extend(not_after.err());
            return Err(warnings);
        }
        let call_field = format!("/{}", profile.call_field());
        let call_id = match CallId::new(profile.call_id(fields).unwrap_or_default()) {
            Ok(call_id) => call_id,
            Err(_) if self.is_refused(&call_field) => return Err(warnings),
            Err(reason) => {
                return Err(vec![Problem::at(Code::BadCallId, &*call_field, format!("the call id {reason}"))]);
            }
        };
        let key = match &set.key {
            None => JobKey::new(call_id.as_str()),
            Some(template) => JobKey::new(self.key(template)?),
        };
        self.check_privacy(fields, &call_id, &key)?;
        let targets: Vec<Target<'_>> = profile
            .numbers(fields)
            .map(|(place, number)| Target { place, number, phone: phone::inspect(number) })
            .collect();
        let guards = &self.expander.guards;
        match guards.judge(&targets) {
            Judgement::Skip(reason) => return Ok(skipped(Some(call_id), Some(key), reason)),
            Judgement::Refuse(mut problems) => {
                problems.retain(|problem| !self.is_refused(&problem.pointer));
                // One slip, one message: what refuses a number makes a warning about it idle.
                warnings.retain(|warning| !problems.iter().any(|problem| problem.pointer == warning.pointer));
                problems.extend(warnings);
                problems.extend(not_after.err());
                return Err(problems);
            }
            Judgement::Pass(more) => warnings.extend(more),
        }
        let not_after = not_after.map_err(|problem| vec![problem])?;
        warnings.extend(not_after.filter(|moment| *moment <= self.expander.now).map(|_| expired()));
        let regions = targets.iter().map(|target| target.phone.region).collect();
        let counters = guards.counters(&targets);
        drop(targets);
        let parts = match set.spec.legs {
            Legs::Refuse => None,
            Legs::Split => Some(profile.split(fields.clone()).map_err(|problems| self.news(problems))?),
        };
        let one = self.rows.again().and_then(|again| again.part);
        let jobs = match (parts.filter(|parts| parts.len() > 1), one) {
            (Some(parts), None) => self.parts(number, &call_id, &key, not_after, parts)?,
            (Some(parts), Some(one)) if parts.len() == one.of => {
                let count = parts.len();
                let part = parts.into_iter().nth(one.part - 1).into_iter();
                let key = part_key(&key, one.part, count);
                let jobs = part.map(|part| self.job(number, call_id.clone(), key.clone(), not_after, &part.fields));
                jobs.map(|job| job.map(|job| Planned::Job(Box::new(job)))).collect::<Result<_, _>>()?
            }
            (None, None) => vec![Planned::Job(Box::new(self.job(number, call_id, key, not_after, fields)?))],
            (parts, Some(one)) => return Err(vec![no_part(one, parts.map_or(1, |parts| parts.len()))]),
        };
        Ok(RowPlan { jobs, warnings, regions, counters })
    }

    /// Without what is wrong in the runbook's own text, which has been said.
    fn news(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        problems.retain(|problem| !self.set.known.contains(&(problem.code, problem.pointer.clone())));
        problems
    }

    /// Whether the runbook's own text is refused at this place of the job: then no row needs a second word about it.
    fn is_refused(&self, pointer: &str) -> bool {
        self.set.known.iter().any(|(code, at)| at == pointer && code.severity() == Severity::Error)
    }

    /// The bridges that a job is split into: each waits for the success of the one before.
    fn parts(
        &self,
        first: JobNumber,
        call_id: &CallId,
        key: &JobKey,
        not_after: Option<Timestamp>,
        parts: Vec<Part>,
    ) -> Result<Vec<Planned>, Vec<Problem>> {
        let count = parts.len();
        let part = |(number, (index, part)): (JobNumber, (usize, Part))| {
            let key = part_key(key, index + 1, count);
            let mut job = self.job(number, call_id.clone(), key, not_after, &part.fields)?;
            job.after = (index > 0).then(|| After { job: number - 1, must_succeed: true });
            Ok(Planned::Job(Box::new(job)))
        };
        (first..).zip(parts.into_iter().enumerate()).map(part).collect()
    }

    fn job(
        &self,
        number: JobNumber,
        call_id: CallId,
        key: JobKey,
        not_after: Option<Timestamp>,
        fields: &Value,
    ) -> Result<Job, Vec<Problem>> {
        let profile = self.expander.profile;
        let targets = profile.targets(fields, &self.expander.runbook.numbers);
        let limits = &self.expander.runbook.limits;
        let prefixes = limits.prefixes_of(profile.numbers(fields).map(|(_, number)| number));
        let private = self.private(fields);
        let probe = profile.probe_request(fields, &call_id, &self.run_id, number).map_err(|problem| vec![problem])?;
        let probe = probe.map(Box::new);
        let (request_id, request) =
            profile.request(fields, &call_id, &self.run_id, number).map_err(|problem| vec![problem])?;
        let set = self.set.spec.name.clone();
        Ok(Job {
            number,
            set,
            key,
            call_id,
            request_id,
            targets,
            prefixes,
            request,
            private,
            probe,
            not_after,
            after: None,
        })
    }

    /// The texts that were filled in and are no figures.
    fn private(&self, fields: &Value) -> Vec<Secret<String>> {
        fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
            match value {
                Value::String(text) => found.push(text),
                Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
                Value::Object(members) => members.values().for_each(|member| texts(member, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut found = Vec::new();
        self.set.filled.iter().filter_map(|pointer| fields.pointer(pointer)).for_each(|value| texts(value, &mut found));
        found.retain(|text| shown_text(text) != *text);
        found.into_iter().map(|text| Secret::new(text.to_owned())).collect()
    }

    /// Call id and key are written down in full: they may not hold what `privacy` hides.
    fn check_privacy(&self, fields: &Value, call_id: &CallId, key: &JobKey) -> Result<(), Vec<Problem>> {
        if self.expander.runbook.numbers.privacy() == NumberPrivacy::Full {
            return Ok(());
        }
        for digits in self.expander.profile.target_digits(fields) {
            let (pointer, what) = if holds_number(call_id.as_str(), digits) {
                (format!("/{}", self.expander.profile.call_field()), "call id")
            } else if key.as_str() != call_id.as_str() && holds_number(key.as_str(), digits) {
                ("@key".to_owned(), "key")
            } else {
                continue;
            };
            let message = format!("the {what} holds a target's telephone number, and is written down in full");
            let help = "choose another one, or say `privacy: {numbers: full}`";
            return Err(vec![Problem::at(Code::NumberShown, pointer, message).help(help)]);
        }
        Ok(())
    }

    fn key(&self, template: &Template) -> Result<String, Vec<Problem>> {
        let key = self.text(template, "@key")?;
        if key.trim().is_empty() {
            let problem = Problem::at(Code::EmptyKey, "@key", "`key` gave an empty text");
            return Err(vec![problem.help("it must tell the jobs of a set apart; without `key` the call id does")]);
        }
        Ok(key)
    }

    fn wanted(&self) -> Result<bool, Vec<Problem>> {
        let Some(when) = &self.set.when else { return Ok(true) };
        match self.text(when, "@when")?.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => {
                let shown = printable(shown_text(other), 60);
                let problem = Problem::at(Code::WhenNotBoolean, "@when", format!("`when` gave {shown:?}"));
                Err(vec![problem.help("it must give `true` or `false`, as `{{eq row.status 'waiting'}}` does")])
            }
        }
    }

    fn not_after(&self) -> Result<Option<Timestamp>, Problem> {
        let Some(template) = &self.set.not_after else { return Ok(None) };
        let text = self.text(template, "/not_after").map_err(|problems| {
            let failed = problems.into_iter().next();
            failed.unwrap_or_else(|| Problem::at(Code::BadMoment, "/not_after", "`not_after` cannot be made"))
        })?;
        Timestamp::parse(text.trim()).map(Some).ok_or_else(|| {
            let message = format!("`not_after` gave {:?}, which is no moment", printable(shown_text(&text), 60));
            Problem::at(Code::BadMoment, "/not_after", message)
                .help("it must be RFC 3339 with an offset: 2026-11-22T18:30:00Z or 2026-11-22T18:30:00+01:00")
        })
    }

    fn text(&self, template: &Template, pointer: &str) -> Result<String, Vec<Problem>> {
        match self.set.engine.render(template, &self.values) {
            Ok(Value::String(text)) => Ok(text),
            Ok(other) => Ok(other.to_string()),
            Err(error) => Err(vec![failed(pointer.to_owned(), &error)]),
        }
    }
}

fn is_error(problem: &Problem) -> bool {
    problem.code.severity() == Severity::Error
}

/// The key of one of the bridges that a job is split into.
fn part_key(key: &JobKey, part: usize, of: usize) -> JobKey {
    JobKey::new(format!("{key}#{}", BridgePart { part, of }))
}

/// A row that comes again is a part of a bridge that is split otherwise now.
fn no_part(one: BridgePart, count: usize) -> Problem {
    let now = if count == 1 { "is not split".to_owned() } else { format!("is split into {count} parts") };
    Problem::at(Code::ReservedColumn, "@legs", format!("the row is part {one} of a bridge that {now} now"))
        .help("take back what was changed in its targets, or remove the row")
}

fn expired() -> Problem {
    Problem::at(Code::ExpiredAlready, "/not_after", "`not_after` has passed already")
        .help("the job would be skipped: take fresher rows")
}

fn failed(pointer: String, error: &RenderError) -> Problem {
    Problem::at(Code::TemplateFailed, pointer, format!("the template failed for this row: {error}"))
        .help("give the row what the template reads, or use `default`")
}
