//! The profile of a runbook: a shipped one by its name, or a file of the user's own, read and checked like the runbook.

use super::args::{Format, OutputArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::{check, diagnostics, print};
use crate::load::{self, Draft, Kind};
use crate::model::{Code, Layer, Problem, Role, Source, Texts, is_profile_file};
use crate::profile::{Profile, ProfileError, profile_checker};
use crate::template::nearest;
use std::path::Path;

/// The profile that a runbook names, and the draft with everything that is wrong with it and with what the runbook's
/// `connection` gives it.
pub(super) fn attach(draft: Draft) -> (Draft, Option<Profile>) {
    let Some(runbook) = draft.preview() else { return (draft, None) };
    let name = runbook.connection.profile.clone();
    let moved = runbook.moved.clone();
    let (draft, mut profile) = if is_profile_file(&name) {
        let path = runbook.texts.base().join(&name);
        match load::read(&path) {
            Ok(source) => {
                let (profile, problems) = compile(&source);
                (draft.attach(Layer { role: Role::Profile, source }, problems), profile)
            }
            Err(error) => {
                let code = error.code(Code::ProfileUnreadable);
                let problem = Problem::at(code, "/connection/profile", error.to_string());
                (draft.refuse(vec![problem.help("a profile file is named relative to the runbook")]), None)
            }
        }
    } else {
        match shipped(&name) {
            Ok(profile) => (draft, Some(profile)),
            Err(problem) => (draft.refuse(vec![problem]), None),
        }
    };
    if let Some(profile) = &mut profile {
        profile.move_statuses(moved);
    }
    let problems = match (&profile, draft.preview()) {
        (Some(profile), Some(runbook)) => profile.connection_problems(&runbook.connection, draft.problems()),
        _ => Vec::new(),
    };
    (draft.refuse(problems), profile)
}

/// A profile by its name or file, for commands without a runbook; the inner error is the exit code of one that is
/// refused, which has been shown.
pub(super) fn open(name: &str, output: OutputArgs) -> Result<Result<Profile, Exit>, Failure> {
    if !is_profile_file(name) {
        return shipped(name).map(Ok).map_err(|problem| {
            let failure = Failure::new(Exit::Usage, problem.message);
            match problem.help {
                Some(help) => failure.help(help),
                None => failure,
            }
        });
    }
    let source = load::read(Path::new(name)).map_err(|error| Failure::new(check::exit_of(&error), error))?;
    let (profile, problems) = compile(&source);
    if let Some(profile) = profile {
        return Ok(Ok(profile));
    }
    let texts = Texts(vec![Layer { role: Role::Profile, source }]);
    let problems: Vec<Problem> = problems.into_iter().map(|problem| Problem { text: Some(0), ..problem }).collect();
    let found = load::locate(&texts, &problems);
    let findings = diagnostics::Findings { found, ..diagnostics::Findings::default() };
    print::note(&diagnostics::human(&findings, print::colours(output)));
    Ok(Err(Exit::Invalid))
}

/// Lists the shipped profiles.
pub(super) fn list(format: Format) -> Result<u8, Failure> {
    let profiles = Profile::names()
        .map(|name| Profile::built_in(name).map_err(|error| Failure::new(Exit::Internal, error)))
        .collect::<Result<Vec<_>, _>>()?;
    match format {
        Format::Json => {
            let one = |profile: &Profile| {
                let credentials: Vec<&str> = profile.credentials().iter().map(|name| name.as_str()).collect();
                serde_json::json!({
                    "name": profile.name(), "description": profile.description(), "credentials": credentials,
                })
            };
            print::json(&serde_json::json!({"profiles": profiles.iter().map(one).collect::<Vec<_>>()}))
        }
        Format::Human => {
            let line = |profile: &Profile| format!("{:<14} {}\n", profile.name(), profile.description());
            print::text(&profiles.iter().map(line).collect::<String>())
        }
    }
}

/// Checks and compiles a profile's text.
fn compile(source: &Source) -> (Option<Profile>, Vec<Problem>) {
    let checker = match profile_checker() {
        Ok(checker) => checker,
        Err(reason) => return (None, vec![Problem::at(Code::ProfileUnreadable, "", reason)]),
    };
    let (document, mut problems) = load::check_document(&source.text, &checker, Kind::Profile, "profile");
    let Some(document) = document else { return (None, problems) };
    match Profile::compile(document, source.text.clone()) {
        Ok(profile) if problems.is_empty() => {
            let warnings = profile.warnings();
            (Some(profile), warnings)
        }
        Ok(_) => (None, problems),
        Err(found) => {
            // A place that is refused already needs no second word about it.
            let known: Vec<String> = problems.iter().map(|problem| problem.pointer.clone()).collect();
            // Nor does an answer of the probe of which a part is refused.
            let within = |whole: &str| {
                let part = format!("{whole}/");
                whole.starts_with("/probe/") && known.iter().any(|known| known.starts_with(&part))
            };
            problems.extend(
                found.into_iter().filter(|problem| !known.contains(&problem.pointer) && !within(&problem.pointer)),
            );
            (None, problems)
        }
    }
}

fn shipped(name: &str) -> Result<Profile, Problem> {
    Profile::built_in(name).map_err(|error| {
        let problem = Problem::at(Code::UnknownProfile, "/connection/profile", error.to_string());
        match error {
            ProfileError::Unknown(name) => {
                let help = nearest(&name, Profile::names()).map_or_else(
                    || {
                        format!(
                            "profiles: {}; a file of your own begins with ./",
                            Profile::names().collect::<Vec<_>>().join(", ")
                        )
                    },
                    |near| format!("write `{near}`"),
                );
                problem.help(help)
            }
            ProfileError::Invalid { .. } => problem,
        }
    })
}
