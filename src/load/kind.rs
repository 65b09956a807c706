//! Which of the files that people write a document is, so that one in another's place is one slip and not ten.

use crate::model::{Code, Problem};
use serde_json::Value;

/// What a document is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A runbook.
    Runbook,
    /// A part that runbooks include.
    Fragment,
    /// What an API is.
    Profile,
}

/// The problem with a document that is another kind of file altogether.
pub(super) fn misplaced(document: &Value, wanted: Kind) -> Option<Problem> {
    let has = |key: &str| document.get(key).is_some();
    let is_runbook = has("sets") && !(has("request") || has("answers"));
    let is_profile = has("request") && has("answers") && !has("sets");
    let is_nothing = document.as_object().is_some_and(|members| !members.is_empty())
        && !["version", "name", "sets", "connection"].into_iter().any(has);
    let (message, help) = match wanted {
        Kind::Runbook if is_profile => {
            ("this is a profile, not a runbook", "name it in a runbook: `connection: {profile: ./FILE}`")
        }
        Kind::Runbook if is_nothing => (
            "this is not a runbook: it has neither `version` nor `name`, `connection` or `sets`",
            "a file to include is checked with the runbook that includes it",
        ),
        Kind::Fragment if is_runbook && has("name") => {
            ("this is a runbook, not a part of one", "include files without `name` and `sets`")
        }
        Kind::Fragment if is_profile => {
            ("this is a profile, not a part of a runbook", "name it as the profile: `connection: {profile: ./FILE}`")
        }
        Kind::Profile if is_runbook => {
            ("this is a runbook, not a profile", "name a profile's file, or a shipped profile: `bridgebook profiles`")
        }
        _ => return None,
    };
    Some(Problem::at(Code::WrongDocument, "", message).help(help))
}
