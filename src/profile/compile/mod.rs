//! Profile file -> [`Profile`]: everything that is wrong with it, each with a pointer into the file.
//!
//! The schema has been asked before; what it refused is not here any more and is not missed a second time.

mod probe;
mod request;

use super::Profile;
use super::auth::Authorization;
use super::endpoints::EndpointRules;
use super::job;
use super::request::RequestTemplates;
use super::sandbox::{SandboxRules, call_place};
use super::spec::ProfileSpec;
use crate::model::{Code, Problem};
use crate::template::{CompileError, Engine, Scope, Template};
use serde_json::Value;

/// What templates of a profile are compiled with.
struct Templates<'a> {
    engine: &'a mut Engine,
    scope: Scope,
    /// The names in scope, for help.
    names: &'static str,
    problems: &'a mut Vec<Problem>,
}

impl Templates<'_> {
    /// Compiles one; a slip is a problem at its place.
    fn one(&mut self, at: &str, text: &str) -> Option<Template> {
        match self.engine.compile(text, &self.scope) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problems.push(problem(at, error, self.names));
                None
            }
        }
    }
}

/// A slip in a template at its place.
pub(super) fn problem(at: &str, error: CompileError, names: &str) -> Problem {
    match error {
        CompileError::Syntax(message, help) => {
            Problem::at(Code::TemplateSyntax, at, format!("the template cannot be read: {message}")).help(
                help.unwrap_or_else(|| {
                    "a template looks like `{{job.call_id}}` or `{{lower job.direction}}`".to_owned()
                }),
            )
        }
        CompileError::Name(message, help) => {
            Problem::at(Code::UnknownName, at, message).help(help.unwrap_or_else(|| format!("in scope here: {names}")))
        }
    }
}

/// Compiles a profile from its file's sound parts.
pub(super) fn compile(document: Value, text: String, shipped: bool) -> Result<Profile, Vec<Problem>> {
    let mut problems = Vec::new();
    let spec: ProfileSpec = match serde_json::from_value(document) {
        Ok(spec) => spec,
        // The schema and the types are made from one definition: reached only for a root that is no mapping.
        Err(error) => return Err(vec![Problem::at(Code::WrongType, "", error.to_string())]),
    };
    let name = spec.name.unwrap_or_default();
    if !shipped && Profile::names().any(|known| known == name) {
        let message = format!("`{name}` is the name of a shipped profile: an audit file would not tell the two apart");
        let help = format!("choose another one, such as `my-{name}`");
        problems.push(Problem::at(Code::ReservedName, "/name", message).help(help));
    }
    let answers = spec.answers.unwrap_or_default();
    problems.extend(answers.problems());
    let (rules, checker) = job::compile(spec.job.unwrap_or_default(), &mut problems);
    let auth = Authorization::compile(spec.auth.unwrap_or_default(), &mut problems);
    let endpoints = EndpointRules::compile(spec.endpoints.unwrap_or_default(), auth.as_ref(), &mut problems);
    let request = spec.request.unwrap_or_default();
    let call = call_place(&request, &rules.call_id);
    let sandbox = SandboxRules::compile(spec.sandbox.unwrap_or_default(), call, &mut problems);
    let mut engine = Engine::default();
    let scope = request::scope(&rules);
    let mut templates = Templates { engine: &mut engine, scope, names: request::NAMES, problems: &mut problems };
    let request = request::request(request, &rules, &mut templates);
    if let (Some(auth), Some(request)) = (&auth, &request) {
        templates.problems.extend(token_header(auth.header(), request));
    }
    let probe = spec.probe.and_then(|probe| probe::probe(probe, &rules, &mut templates));
    match (checker, auth, request) {
        (Some(checker), Some(auth), Some(templates)) if problems.is_empty() => Ok(Profile {
            name,
            description: spec.description.unwrap_or_default(),
            text,
            shipped,
            endpoints,
            auth,
            rules,
            checker,
            engine,
            templates,
            probe,
            answers,
            sandbox,
        }),
        _ => Err(problems),
    }
}

/// The header that carries a token is its own: no other value stands beside it, and the connection does not set it.
fn token_header(name: &str, request: &RequestTemplates) -> Option<Problem> {
    let at = "/auth/header";
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    // That a request may not set it has been said where it does.
    if is("authorization") {
        return None;
    }
    if is("content-type") || is("accept") || request::reserved(at, name).is_some() {
        let message = format!("the header {name} cannot carry a token");
        return Some(Problem::at(Code::ReservedHeader, at, message).help("name the header of the vendor's reference"));
    }
    request.headers.iter().any(|(other, _)| is(other)).then(|| {
        let message = format!("the header {name} carries the token, and the request sets it, too");
        Problem::at(Code::ProfileContradiction, at, message).help("keep one of the two")
    })
}

/// Compiles a shipped profile. A test asks the schema about it, so that no run has to.
pub(super) fn shipped(text: &str) -> Result<Profile, Vec<Problem>> {
    match serde_yaml::from_str(text) {
        Ok(document) => compile(document, text.to_owned(), true),
        Err(error) => Err(vec![Problem::at(Code::ProfileUnreadable, "", error.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::profile_checker;

    #[test]
    fn every_shipped_profile_fits_the_schema_and_compiles() {
        let checker = profile_checker().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(Profile::names().count(), 4);
        for name in Profile::names() {
            let profile = Profile::built_in(name).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(profile.name(), name);
            let document: Value = serde_yaml::from_str(profile.text()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(checker.problems(&document), Vec::new(), "{name}");
            // The same text as a user's own file is refused for its name alone.
            let problems = Profile::compile(document, String::new()).err().unwrap_or_default();
            assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::ReservedName], "{problems:?}");
        }
    }
}
