//! The texts of a runbook: itself, what it includes, and the files of variables from the command line. Each is read,
//! parsed and checked for itself, so that every slip is found in the file where it stands.

use super::kind::{Kind, misplaced};
use super::merge::rebase;
use super::positions::AT_LINE;
use super::source::SourceError;
use super::{quoting, source, yaml};
use crate::model::{Code, Layer, Problem, Role, Source, Texts};
use crate::schema::{Checker, prune};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Texts of one runbook at most.
const MAX_TEXTS: usize = 64;

/// The texts in order of their weight, what of each is sound, and what is wrong.
pub(super) struct Loaded {
    pub(super) texts: Texts,
    /// One for each text; `None` when it cannot be parsed.
    pub(super) documents: Vec<Option<Value>>,
    pub(super) problems: Vec<Problem>,
}

/// The schemas that texts are checked by.
pub(super) struct Checkers {
    pub(super) runbook: Checker,
    pub(super) fragment: Checker,
}

/// Reads everything that belongs to a runbook. `vars` in the order of the command line: the last one counts most.
pub(super) fn read(runbook: Source, vars: &[PathBuf], checkers: &Checkers) -> Loaded {
    let mut loaded = Loaded { texts: Texts(Vec::new()), documents: Vec::new(), problems: Vec::new() };
    for path in vars.iter().rev() {
        match source::read(path) {
            Ok(source) => loaded.variables(source),
            Err(error) => loaded.unreadable(Role::Vars, path, &error),
        }
    }
    let base = runbook.path.parent().unwrap_or(Path::new("")).to_owned();
    let mut chain = vec![runbook.path.clone()];
    loaded.text(Role::Runbook, runbook, &base, &mut chain, checkers);
    loaded
}

impl Loaded {
    /// Adds a text and, after it, what it includes: the last entry first, since it beats the others.
    fn text(&mut self, role: Role, source: Source, base: &Path, chain: &mut Vec<PathBuf>, checkers: &Checkers) {
        let index = self.documents.len();
        let folder = source.path.parent().unwrap_or(Path::new("")).to_owned();
        let parsed = yaml::parse(&source.text);
        let text = source.text.clone();
        self.texts.0.push(Layer { role, source });
        self.documents.push(None);
        let mut document = match parsed {
            Ok(document) => document,
            Err(problems) => return self.add(index, problems),
        };
        let kind = if role == Role::Runbook { Kind::Runbook } else { Kind::Fragment };
        if let Some(problem) = misplaced(&document, kind) {
            return self.add(index, vec![problem]);
        }
        let checker = if role == Role::Runbook { &checkers.runbook } else { &checkers.fragment };
        let mut problems = checker.problems(&document);
        if role == Role::Include {
            problems.iter_mut().for_each(explain_fragment);
        }
        prune(&mut document, &problems);
        problems.extend(quoting::quote_numbers(&mut document, &text));
        self.add(index, problems);
        let included: Vec<(usize, String)> = document
            .get("include")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(entry, path)| Some((entry, path.as_str()?.to_owned())))
            .collect();
        if let Value::Object(members) = &mut document {
            members.shift_remove("include");
        }
        if let Ok(way) = folder.strip_prefix(base)
            && role == Role::Include
        {
            rebase(&mut document, way);
        }
        self.documents[index] = Some(document);
        for (entry, path) in included.into_iter().rev() {
            let refuse = |code, message: String, help: &str| Problem {
                text: Some(index),
                ..Problem::at(code, format!("/include/{entry}"), message).help(help)
            };
            let found = folder.join(&path);
            if chain.iter().any(|open| same_file(open, &found)) {
                let message = format!("{} includes itself, by way of {}", found.display(), ways(chain));
                self.problems.push(refuse(Code::IncludeCycle, message, "remove this entry"));
            } else if self.texts.layers().iter().any(|layer| same_file(&layer.source.path, &found)) {
                // Two ways to one file are no cycle: its values count once, at their first place.
            } else if self.documents.len() >= MAX_TEXTS {
                let message = format!("the runbook is made of more than {MAX_TEXTS} files");
                self.problems.push(refuse(Code::IncludeUnreadable, message, "put shared parts into fewer files"));
                return;
            } else {
                match source::read(&found) {
                    Err(error) => {
                        let help = "paths are relative to the file that includes them";
                        self.problems.push(refuse(error.code(Code::IncludeUnreadable), error.to_string(), help));
                    }
                    Ok(source) => {
                        chain.push(found);
                        self.text(Role::Include, source, base, chain, checkers);
                        chain.pop();
                    }
                }
            }
        }
    }

    /// Adds a file of variables: one mapping, by name.
    fn variables(&mut self, source: Source) {
        let index = self.documents.len();
        let parsed = yaml::parse(&source.text);
        let text = source.text.clone();
        self.texts.0.push(Layer { role: Role::Vars, source });
        self.documents.push(None);
        match parsed {
            Ok(Value::Object(values)) => {
                let mut document = Value::Object(Map::from_iter([("vars".to_owned(), Value::Object(values))]));
                let problems = quoting::quote_numbers_below(&mut document, &text, Role::Vars.mount());
                self.documents[index] = Some(document);
                self.add(index, problems);
            }
            Ok(_) => {
                let problem =
                    Problem::at(Code::WrongType, "/vars", "a file of variables is a mapping of names to values");
                self.add(index, vec![problem.help("write for example `desk: \"+12025550104\"`")]);
            }
            Err(problems) => self.add(index, problems),
        }
    }

    /// Adds a file that nobody but the command line names, and that cannot be read.
    fn unreadable(&mut self, role: Role, path: &Path, error: &SourceError) {
        let source = Source { path: path.to_owned(), text: String::new(), marked: false };
        self.texts.0.push(Layer { role, source });
        self.documents.push(None);
        let (line, column) = error.place();
        let code = error.code(Code::IncludeUnreadable);
        let problem = Problem::at(code, format!("{AT_LINE}{line}:{column}:1"), error.to_string());
        self.add(self.documents.len() - 1, vec![problem]);
    }

    fn add(&mut self, index: usize, problems: Vec<Problem>) {
        self.problems.extend(problems.into_iter().map(|problem| Problem { text: Some(index), ..problem }));
    }
}

/// The keys that a fragment lacks are known ones: the message should say where they belong.
fn explain_fragment(problem: &mut Problem) {
    for key in super::NOT_IN_FRAGMENTS {
        if problem.code == Code::UnknownKey && problem.pointer == format!("/{key}") {
            problem.message = format!("`{key}` cannot stand in an included file");
            problem.help = Some("move it into the runbook itself".to_owned());
        }
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn ways(chain: &[PathBuf]) -> String {
    chain.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" -> ")
}
