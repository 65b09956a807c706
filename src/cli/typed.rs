//! What was typed for a run, and the environment that its templates saw: kept beside its inputs, so that it can go on from its
//! directory alone.
//!
//! Of environment variables only salted digests are kept: one may hold a secret, and the run only has to find it unchanged.

use super::args::SelectionArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::inputs::cannot_create;
use crate::event::FileDigest;
use crate::journal;
use crate::model::Runbook;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Where it is kept.
const TYPED: &str = "inputs/typed.json";
/// Its name among the inputs.
pub(super) const NAME: &str = "command line and environment";

/// What is kept.
#[derive(Serialize, Deserialize, Default)]
struct Typed {
    /// The values of `--set`, in order.
    set: Vec<(String, String)>,
    salt: String,
    /// A digest of the value of each variable under `env`.
    env: BTreeMap<String, String>,
}

/// Keeps it; nothing is written where there is nothing to keep.
pub(super) fn keep(args: &SelectionArgs, runbook: &Runbook, run_dir: &Path) -> Result<Option<FileDigest>, Failure> {
    if args.set.is_empty() && runbook.env.is_empty() {
        return Ok(None);
    }
    let salt: String = std::iter::repeat_with(|| format!("{:016x}", super::run::unlike_others())).take(4).collect();
    let env = runbook.env.iter().map(|name| (name.clone(), digest(&salt, name))).collect();
    let typed = Typed { set: args.set.clone(), salt, env };
    let text = serde_json::to_vec(&typed).map_err(|error| Failure::new(Exit::Internal, error))?;
    journal::write_private(&run_dir.join(TYPED), &text).map_err(cannot_create)?;
    Ok(Some(FileDigest {
        file: NAME.to_owned(),
        snapshot: TYPED.to_owned(),
        sha256: journal::sha256_hex(&text),
        bytes: text.len() as u64,
    }))
}

/// The values of `--set` of a run. Its environment must be what it was.
pub(super) fn recall(run_dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let path = run_dir.join(TYPED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Invalid, format!("{}: {error}", path.display()));
    let text = std::fs::read(&path).map_err(|error| unreadable(&error))?;
    let typed: Typed = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    let changed = typed.env.iter().find(|(name, before)| digest(&typed.salt, name) != **before);
    match changed {
        Some((name, _)) => Err(Failure::new(
            Exit::Configuration,
            format!("the environment variable {name} is not what it was when the run began"),
        )
        .help("set it to the same value: payloads are made from it")),
        None => Ok(typed.set),
    }
}

fn digest(salt: &str, name: &str) -> String {
    let value = std::env::var(name).unwrap_or_default();
    journal::sha256_hex(format!("{salt}\0{name}\0{value}").as_bytes())
}
