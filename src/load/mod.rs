//! file -> [`Runbook`]: reading, schema, lowering, and the places of everything that is wrong.
//!
//! The happy path reads the text once, with `serde_yaml`. Places come from a second, event-based parser that runs only
//! when there is something to report. What the schema refuses is pruned, and the rest is checked on: all problems in
//! one pass.

mod diagnostic;
mod kind;
mod layers;
mod lower;
mod merge;
mod positions;
mod quoting;
mod raw;
mod source;
mod yaml;

pub use diagnostic::{Diagnostic, Place, locate, unreadable};
pub use kind::Kind;
pub use raw::{fragment_schema, runbook_schema};
pub use source::{SourceError, read};

use crate::model::{Code, Layer, Problem, Role, Runbook, Severity, Source, Texts};
use crate::schema::{Checker, prune};
use crate::template::nearest;
use layers::{Checkers, Loaded};
use raw::RawRunbook;
use serde_json::Value;
use std::path::PathBuf;

/// The shipped schema of a runbook; a test proves that it is what the Rust types give.
pub const RUNBOOK_SCHEMA: &str = include_str!("../../schemas/runbook.schema.json");
/// The shipped schema of a file that runbooks include.
pub const FRAGMENT_SCHEMA: &str = include_str!("../../schemas/fragment.schema.json");

/// Keys of a runbook that are its own and nobody else's.
const NOT_IN_FRAGMENTS: [&str; 3] = ["name", "description", "sets"];

/// A runbook as far as it could be read.
#[derive(Debug)]
pub struct Draft {
    runbook: Option<Runbook>,
    texts: Texts,
    problems: Vec<Problem>,
}

impl Draft {
    /// The sound parts, to look for further problems; never to be run.
    pub fn preview(&self) -> Option<&Runbook> {
        self.runbook.as_ref()
    }

    /// What it was read from.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether something refuses the runbook.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.severity() == Severity::Error)
    }

    /// The same with another document that the runbook names, and what is wrong with it.
    #[must_use]
    pub fn attach(mut self, layer: Layer, problems: Vec<Problem>) -> Self {
        let index = self.texts.0.len();
        self.texts.0.push(layer);
        self.refuse(problems.into_iter().map(|problem| Problem { text: Some(index), ..problem }).collect())
    }

    /// The same with more that is wrong.
    #[must_use]
    pub fn refuse(mut self, problems: Vec<Problem>) -> Self {
        self.problems.extend(problems);
        self
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

/// Checks a runbook's text, what it includes, and the files of variables that are put over its `vars`.
pub fn load(source: Source, vars: &[PathBuf]) -> Draft {
    let checkers = match checkers() {
        Ok(checkers) => checkers,
        Err(problem) => return Draft { runbook: None, texts: Texts(Vec::new()), problems: vec![problem] },
    };
    let Loaded { texts, documents, mut problems } = layers::read(source, vars, &checkers);
    let broken =
        documents.iter().any(Option::is_none) || problems.iter().any(|problem| problem.pointer.starts_with("/include"));
    let mut document = whole(documents, &texts, &mut problems);
    // Without one of its files a runbook lacks things that nobody has forgotten.
    if broken {
        return Draft { runbook: None, texts, problems };
    }
    merge::apply_defaults(&mut document);
    match serde_json::from_value::<RawRunbook>(document) {
        Ok(raw) => {
            let runbook = lower::lower(texts.clone(), &raw, &mut problems);
            Draft { runbook: Some(runbook), texts, problems }
        }
        Err(error) => {
            // The schema and the types are made from one definition, so this is reached only for a root that is no mapping.
            if problems.is_empty() {
                problems.push(Problem::at(Code::WrongType, "", error.to_string()));
            }
            Draft { runbook: None, texts, problems }
        }
    }
}

/// Reads another document that people write, such as a profile, and checks it: its sound parts, unless it is no YAML at
/// all, and what is wrong. `what` is its name in messages.
pub fn check_document(text: &str, checker: &Checker, kind: Kind, what: &str) -> (Option<Value>, Vec<Problem>) {
    match yaml::parse(text) {
        Ok(document) if let Some(problem) = kind::misplaced(&document, kind) => (None, vec![problem]),
        Ok(mut document) => {
            let problems = checker.problems(&document);
            prune(&mut document, &problems);
            (Some(document), problems)
        }
        Err(mut problems) => {
            for problem in &mut problems {
                problem.message = problem.message.replace("runbook", what);
                problem.help = problem.help.take().map(|help| help.replace("runbook", what));
            }
            (None, problems)
        }
    }
}

/// The runbook as one document, for who asks which keys are written anywhere. Texts that are not sound are left out.
pub fn document(texts: &Texts) -> Value {
    let parsed = |layer: &Layer| {
        let document = yaml::parse(&layer.source.text).ok()?;
        Some(if layer.role.mount().is_empty() { document } else { serde_json::json!({"vars": document}) })
    };
    texts.layers().iter().rev().filter_map(parsed).fold(Value::Object(serde_json::Map::new()), merge::merge)
}

/// All documents as one. Variables count only if the runbook has them: a misspelt one would change nothing.
fn whole(documents: Vec<Option<Value>>, texts: &Texts, problems: &mut Vec<Problem>) -> Value {
    let mut whole = Value::Object(serde_json::Map::new());
    // What a text that cannot be parsed says of variables nobody knows.
    let all_known =
        documents.iter().zip(texts.layers()).all(|(document, layer)| document.is_some() || layer.role == Role::Vars);
    for (index, document) in documents.into_iter().enumerate().rev() {
        let Some(mut document) = document else { continue };
        if texts.layers()[index].role == Role::Vars {
            let known: Vec<&str> = whole
                .get("vars")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str())
                .collect();
            let unknown = unknown_variables(&mut document, &known);
            let unknown = unknown.into_iter().filter(|_| all_known);
            problems.extend(unknown.map(|problem| Problem { text: Some(index), ..problem }));
        }
        whole = merge::merge(whole, document);
    }
    whole
}

fn unknown_variables(document: &mut Value, known: &[&str]) -> Vec<Problem> {
    let Some(vars) = document.get_mut("vars").and_then(Value::as_object_mut) else { return Vec::new() };
    let unknown: Vec<String> = vars.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    let explain = |name: String| {
        vars.shift_remove(&name);
        let help = nearest(&name, known.iter().copied())
            .map_or_else(|| format!("vars: {}", known.join(", ")), |near| format!("write `{near}`"));
        let pointer = format!("/vars/{}", name.replace('~', "~0").replace('/', "~1"));
        Problem::at(Code::UnknownVariable, pointer, format!("the runbook has no variable `{name}`")).help(help).on_key()
    };
    unknown.into_iter().map(explain).collect()
}

fn checkers() -> Result<Checkers, Problem> {
    let compile = |schema: &str| {
        serde_json::from_str(schema)
            .map_err(|error| error.to_string())
            .and_then(|schema| Checker::new(schema, lower::explain_pattern))
            .map_err(|error| Problem::at(Code::Unreadable, "", format!("a built-in schema is broken: {error}")))
    };
    Ok(Checkers { runbook: compile(RUNBOOK_SCHEMA)?, fragment: compile(FRAGMENT_SCHEMA)? })
}
