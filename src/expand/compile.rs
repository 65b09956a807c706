//! Compiling a runbook's sets, once, with everything that can be said before the first row.

use super::again;
use super::files::Files;
use super::guards::Guards;
use super::rows::{RowReader, stale};
use crate::model::{Code, Legs, Problem, Runbook, SetName, SetSpec, Timestamp};
use crate::profile::Profile;
use crate::template::{CompileError, Engine, Scope, Template, Tree};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Which part of the plan is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// These sets only; empty: all.
    pub only: Vec<SetName>,
    /// The first so many rows of the plan only.
    pub limit: Option<u64>,
}

/// A set that is ready to expand.
pub(super) struct CompiledSet<'a> {
    pub(super) spec: &'a SetSpec,
    pub(super) engine: Engine,
    pub(super) when: Option<Template>,
    pub(super) key: Option<Template>,
    pub(super) not_after: Option<Template>,
    pub(super) job: Tree,
    /// Values of every row but `row` and `index`.
    pub(super) values: Map<String, Value>,
    /// Pointers to the fields that are filled in from data, but for the call.
    pub(super) filled: Vec<String>,
    /// Problems of the runbook's own text: not repeated for each row.
    pub(super) known: HashSet<(Code, String)>,
}

impl std::fmt::Debug for CompiledSet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledSet({})", self.spec.name)
    }
}

/// Turns a runbook's rows into jobs.
#[derive(Debug)]
pub struct Expander<'a> {
    pub(super) runbook: &'a Runbook,
    pub(super) profile: &'a Profile,
    pub(super) files: Files,
    pub(super) sets: Vec<CompiledSet<'a>>,
    pub(super) limit: Option<u64>,
    pub(super) guards: Guards,
    /// What has expired is judged by this moment before a run, and again by the run's clock.
    pub(super) now: Timestamp,
    problems: Vec<Problem>,
}

impl<'a> Expander<'a> {
    /// Compiles every selected set; `files` says where the data files are.
    pub fn new(runbook: &'a Runbook, profile: &'a Profile, files: Files, selection: &Selection) -> Self {
        let mut problems = Vec::new();
        let env = environment(runbook, &mut problems);
        let (wrong, refused) = again::inspect(runbook, &files, selection);
        problems.extend(wrong);
        let mut sets = Vec::new();
        let reads_refused = |spec: &SetSpec| again::file(spec).is_some_and(|file| refused.contains(&file));
        for spec in runbook.sets.iter().filter(|spec| !reads_refused(spec)) {
            if selection.only.is_empty() || selection.only.contains(&spec.name) {
                sets.extend(compile_set(runbook, profile, &files, &env, spec, &mut problems));
            }
        }
        let guards = Guards::compile(runbook, &files, &mut problems);
        let now = Timestamp::now();
        Self { runbook, profile, files, sets, limit: selection.limit, guards, now, problems }
    }

    /// The own limit of each set, in the order of the streams.
    pub fn concurrency(&self) -> impl Iterator<Item = Option<usize>> {
        self.sets.iter().map(|set| set.spec.concurrency)
    }

    /// What is wrong with the runbook's templates and constant fields.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn environment(runbook: &Runbook, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let mut values = Map::new();
    for (index, name) in runbook.env.iter().enumerate() {
        if let Ok(value) = std::env::var(name) {
            values.insert(name.clone(), Value::String(value));
        } else {
            let message = format!("the environment variable {name} is not set");
            problems.push(
                Problem::at(Code::UnknownName, format!("/env/{index}"), message)
                    .help("set it, or remove it from `env`"),
            );
        }
    }
    values
}

fn compile_set<'a>(
    runbook: &Runbook,
    profile: &Profile,
    files: &Files,
    env: &Map<String, Value>,
    spec: &'a SetSpec,
    problems: &mut Vec<Problem>,
) -> Option<CompiledSet<'a>> {
    let place = format!("/sets/{}", spec.index);
    let at_rows = |problem: Problem| {
        // A header may hold what a row holds.
        let numbers = &runbook.numbers;
        let data = problem.data.map(|data| Box::new(numbers.excerpt(*data)));
        let (pointer, message) = (format!("{place}/rows{}", problem.pointer), numbers.mask(&problem.message));
        Problem { message, pointer, data, ..problem }
    };
    let unsound = problems.len();
    problems.extend(stale(&spec.rows, files).map(at_rows));
    // A file that cannot be opened hides its columns, not the rest of the set's slips.
    let opened =
        RowReader::open(&spec.rows, files, Some(&spec.name)).map_err(|problem| problems.push(at_rows(problem))).ok();
    problems.extend(opened.iter().flat_map(RowReader::column_problems).map(at_rows));
    let readable = problems.len() == unsound;
    let columns = opened.and_then(|reader| reader.columns());
    let scope = Scope::default()
        .closed("vars", runbook.vars.keys().cloned())
        .closed("env", runbook.env.iter().cloned())
        .closed("set", ["name"])
        .closed("run", ["runbook"])
        .open("index");
    let scope = match columns {
        Some(columns) => scope.closed("row", columns),
        None => scope.open("row"),
    };
    let before = problems.len();
    let mut engine = Engine::default();
    let mut one = |text: &Option<String>, key: &str| {
        let text = text.as_ref()?;
        engine.compile(text, &scope).map_err(|error| problems.push(problem(&format!("{place}/{key}"), error))).ok()
    };
    let when = one(&spec.when, "when");
    let key = one(&spec.key, "key");
    let not_after = one(&spec.not_after, "job/not_after");
    let written = Value::Object(profile.with_defaults(spec.job.clone()));
    let job = Tree::compile(&written, &mut engine, &scope).map_err(|errors| {
        problems.extend(errors.into_iter().map(|error| problem(&format!("{place}/job{}", error.pointer), error.error)));
    });
    let compiled = problems.len() == before;
    // What the profile says of the text as it stands, but for the places that templates fill.
    let mut known = HashSet::new();
    for found in field_problems(profile, spec.legs, &written, Profile::problems) {
        let filled = job
            .as_ref()
            .map_or_else(|()| is_template(&written, &found.pointer), |job| job.leaf_at(&found.pointer).is_some());
        // A name that the job has not is wrong whatever its value will be.
        if !filled || found.code == Code::UnknownKey {
            known.insert((found.code, found.pointer.clone()));
            problems.push(Problem { pointer: format!("{place}/job{}", found.pointer), ..found });
        }
    }
    let values =
        json!({"vars": runbook.vars, "env": env, "set": {"name": spec.name}, "run": {"runbook": runbook.name}});
    // Without a field that the request needs every row would fail, and say what has been said.
    let whole = profile.required_fields().all(|field| written.get(field).is_some());
    let (Ok(job), Value::Object(values), true) = (job, values, readable && compiled && whole) else { return None };
    let call = format!("/{}", profile.call_field());
    let filled = job.leaves().into_iter().map(|leaf| leaf.pointer).filter(|pointer| *pointer != call).collect();
    Some(CompiledSet { spec, engine, when, key, not_after, job, values, filled, known })
}

/// What the profile says of a job's fields by one of its checks; of each bridge apart when it may be split.
pub(super) fn field_problems(
    profile: &Profile,
    legs: Legs,
    written: &Value,
    check: fn(&Profile, &Value) -> Vec<Problem>,
) -> Vec<Problem> {
    if legs == Legs::Refuse {
        let mut problems = check(profile, written);
        // Too many legs have a remedy of their own.
        for problem in problems.iter_mut().filter(|problem| problem.code == Code::OutOfRange) {
            if let Some((_, max)) = profile.legs().filter(|(pointer, _)| *pointer == problem.pointer) {
                let too_many =
                    written.pointer(&problem.pointer).and_then(Value::as_array).is_some_and(|l| l.len() > max);
                problem.help = problem
                    .help
                    .take()
                    .map(|help| if too_many { format!("{help}, or let the set say `legs: split`") } else { help });
            }
        }
        return problems;
    }
    let parts = match profile.split(written.clone()) {
        Ok(parts) => parts,
        Err(problems) => return problems,
    };
    let mut problems: Vec<Problem> = Vec::new();
    for part in &parts {
        for problem in check(profile, &part.fields) {
            let problem = Problem { pointer: part.original(&problem.pointer), ..problem };
            // What all parts have in common is wrong once.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// Whether a pointer leads to or through a text with a template in it.
fn is_template(value: &Value, pointer: &str) -> bool {
    let mut at = pointer;
    loop {
        if value.pointer(at).and_then(Value::as_str).is_some_and(|text| text.contains("{{")) {
            return true;
        }
        match at.rfind('/') {
            Some(end) => at = &at[..end],
            None => return false,
        }
    }
}

fn problem(pointer: &str, error: CompileError) -> Problem {
    match error {
        CompileError::Syntax(message, help) => {
            Problem::at(Code::TemplateSyntax, pointer, format!("the template cannot be read: {message}")).help(
                help.unwrap_or_else(|| "a template looks like `{{row.call_id}}` or `{{lower row.status}}`".to_owned()),
            )
        }
        CompileError::Name(message, help) => {
            let problem = Problem::at(Code::UnknownName, pointer, message);
            match help {
                Some(help) => problem.help(help),
                None => problem.help("in scope: row, vars, env, set, run, index"),
            }
        }
    }
}
