//! `privacy:` -> how numbers are written down, and where the key for it comes from.

use super::connection::secret;
use crate::load::raw::RawPrivacy;
use crate::model::{Code, NumberPrivacy, Problem, SecretSource};

pub(super) fn privacy(raw: Option<&RawPrivacy>, problems: &mut Vec<Problem>) -> (NumberPrivacy, Option<SecretSource>) {
    let numbers = raw.and_then(|privacy| privacy.numbers).unwrap_or_default();
    let key = raw.and_then(|privacy| privacy.key.as_ref()).map(secret);
    // What was refused is not missing.
    let refused = problems.iter().any(|problem| problem.pointer.starts_with("/privacy"));
    let mut contradiction = |pointer: &str, message: &str, help: &str| {
        problems.push(Problem::at(Code::Contradiction, pointer, message).help(help).on_key());
    };
    match (numbers, &key) {
        _ if refused => {}
        (NumberPrivacy::Keyed, None) => contradiction(
            "/privacy/numbers",
            "`numbers: keyed` needs a `key`",
            "add `key: {env: NAME}`, `key: {file: PATH}` or `key: {exec: [COMMAND]}`",
        ),
        (NumberPrivacy::Masked | NumberPrivacy::Full, Some(_)) => contradiction(
            "/privacy/key",
            "`key` has a meaning with `numbers: keyed` only",
            "write `numbers: keyed`, or remove the key",
        ),
        _ => {}
    }
    (numbers, key)
}
