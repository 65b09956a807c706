//! `bridgebook verify`: is an audit file as it was written, does it balance, who has signed it, is it where it belongs?

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::{keys, print};
use crate::journal::{self, DirectoryCheck, LockHolder, PublicKey, Verification};
use serde_json::{Value, json};
use std::path::Path;

/// What was found, beyond the file itself.
struct Found {
    checked: Verification,
    /// What does not fit in its directory; `None`: a bare file was given.
    directory: Option<Vec<String>>,
    /// Who is at work on it.
    alive: Option<LockHolder>,
    /// The head that was kept elsewhere, and the line that has it.
    kept: Option<(String, Option<u64>)>,
    signature: Signature,
}

/// What its last line says of a signature.
enum Signature {
    /// None, and none was asked for.
    None,
    /// By a key that nobody has named.
    By(PublicKey),
    /// By the key that was asked for.
    Good(PublicKey),
    /// Not what was asked for.
    Bad(String),
}

/// Checks a run's audit file.
pub(super) fn verify(
    path: &Path,
    public_key: Option<&Path>,
    head: Option<&str>,
    format: Format,
) -> Result<u8, Failure> {
    let wanted = public_key.map(keys::public).transpose()?;
    let run_dir = path.is_dir().then(|| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let audit = if run_dir.is_some() { path.join("audit.jsonl") } else { path.to_owned() };
    let mut directory = DirectoryCheck::default();
    let mut kept_at = None;
    let checked = journal::verify(&audit, |record| {
        directory.take(record);
        if head.is_some_and(|head| head.eq_ignore_ascii_case(&record.hash)) {
            kept_at = Some(record.seq);
        }
    })
    .map_err(|error| Failure::new(Exit::InputMissing, error).help("give the directory of a run"))?;
    let found = Found {
        signature: Signature::of(&checked, wanted),
        directory: run_dir.as_ref().map(|run_dir| directory.findings(run_dir)),
        alive: run_dir.as_ref().and_then(|run_dir| alive(run_dir, &checked)),
        kept: head.map(|head| (head.to_owned(), kept_at)),
        checked,
    };
    match format {
        Format::Json => print::json(&found.json(&audit))?,
        Format::Human => print::text(&found.text(&audit))?,
    };
    Ok(if found.is_sound() { Exit::Success } else { Exit::Invalid }.code())
}

/// Who is at work on a run that is not complete.
pub(super) fn alive(run_dir: &Path, checked: &Verification) -> Option<LockHolder> {
    checked.incomplete.as_ref()?;
    let run_dir = run_dir.canonicalize().ok()?;
    let name = run_dir.file_name()?.to_string_lossy();
    journal::holder(run_dir.parent()?).filter(|holder| holder.is_of(&name))
}

impl Signature {
    fn of(checked: &Verification, wanted: Option<PublicKey>) -> Self {
        match (wanted, checked.signature) {
            (None, None) => Self::None,
            (None, Some(key)) => Self::By(key),
            (Some(wanted), Some(key)) if wanted == key => Self::Good(key),
            (Some(_), Some(key)) => Self::Bad(format!("it is by another key, {}", key.fingerprint())),
            (Some(_), None) => Self::Bad("its last line is no good signature".to_owned()),
        }
    }

    fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::By(key) | Self::Good(key) => Some(key),
            Self::None | Self::Bad(_) => None,
        }
    }

    /// Whether it is what was asked for; null where nothing was.
    fn ok(&self) -> Option<bool> {
        match self {
            Self::None | Self::By(_) => None,
            Self::Good(_) => Some(true),
            Self::Bad(_) => Some(false),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::By(key) => format!("signed by {} (not checked against a key of yours)", key.fingerprint()),
            Self::Good(key) => format!("ok: signed by your key {}", key.fingerprint()),
            Self::Bad(reason) => format!("NOT SIGNED by your key: {reason}"),
        }
    }
}

impl Found {
    fn is_sound(&self) -> bool {
        let fits = self.directory.as_ref().is_none_or(Vec::is_empty);
        let signed = self.signature.ok() != Some(false);
        let kept = self.kept.as_ref().is_none_or(|(_, at)| at.is_some());
        self.checked.damage.is_none() && self.checked.incomplete.is_none() && fits && signed && kept
    }

    fn json(&self, audit: &Path) -> Value {
        let checked = &self.checked;
        let damage = checked.damage.as_ref().map(|finding| json!({"line": finding.line, "reason": finding.reason}));
        let reason = match &self.signature {
            Signature::Bad(reason) => Some(reason),
            Signature::None | Signature::By(_) | Signature::Good(_) => None,
        };
        let key = self.signature.key();
        json!({
            "file": audit.display().to_string(),
            "run_id": checked.run_id,
            "lines": checked.lines,
            "head": checked.head.to_string(),
            "integrity": {"ok": checked.damage.is_none(), "damage": damage},
            "completeness": {"ok": checked.incomplete.is_none(), "reason": checked.incomplete, "alive": self.alive},
            "signature": {
                "ok": self.signature.ok(),
                "public_key": key.map(ToString::to_string),
                "fingerprint": key.map(PublicKey::fingerprint),
                "reason": reason,
            },
            "directory": self.directory.as_ref().map(|found| json!({"ok": found.is_empty(), "findings": found})),
            "kept_head": self.kept.as_ref().map(|(head, at)| json!({"ok": at.is_some(), "head": head, "line": at})),
            "resumed": checked.run.resumed(),
            "totals": checked.run.total().counts(),
            "reconciled": checked.run.reconciliation().map(|(at, _)| at),
        })
    }

    fn text(&self, audit: &Path) -> String {
        let line = |name: &str, words: &str| format!("{name:<12} {words}\n");
        let mut lines = vec![format!("{}\n", audit.display())];
        lines.push(line("integrity", &self.integrity()));
        lines.push(line("completeness", &self.completeness()));
        lines.extend(self.alive.as_ref().map(|holder| line("", &format!("the run is still going on: {holder}"))));
        lines.push(line("signature", &self.signature.words()));
        lines.extend(self.kept.as_ref().map(|(_, at)| match at {
            Some(at) => line("kept head", &format!("ok: line {at} has it")),
            None => line("kept head", "NOT FOUND: no line of this file has it"),
        }));
        let findings = self.directory.iter().flatten();
        lines.extend(findings.map(|finding| line("directory", &format!("DOES NOT FIT: {finding}"))));
        lines.concat()
    }

    fn integrity(&self) -> String {
        match &self.checked.damage {
            None => format!("ok: {} lines, head {}", self.checked.lines, self.checked.head),
            Some(finding) => format!("DAMAGED at line {}: {}", finding.line, finding.reason),
        }
    }

    fn completeness(&self) -> String {
        if let Some(reason) = &self.checked.incomplete {
            return format!("INCOMPLETE: {reason}");
        }
        let run = &self.checked.run;
        let (jobs, attempts) = (run.total().counts().jobs, run.total().attempts);
        let reconciled = run.reconciliation().map(|(at, _)| format!("; reconciled after the run, last {at}"));
        let resumed = match run.resumed() {
            0 => String::new(),
            1 => "; resumed once".to_owned(),
            times => format!("; resumed {times} times"),
        };
        let reconciled = reconciled.unwrap_or_default();
        format!("ok: {jobs} jobs, each in one final state, {attempts} attempts{resumed}{reconciled}")
    }
}
