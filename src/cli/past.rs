//! What the audit file of a run says that is over, for those who add to it.

use super::exit::Exit;
use super::failure::Failure;
use super::run::boot_id;
use crate::event::RunStarted;
use crate::execute;
use crate::journal::{self, DirectoryCheck, Tail, Verification};
use crate::model::{RunId, Timestamp};
use crate::reconcile::OpenJobs;
use crate::state::RunState;
use std::path::Path;

/// What the audit file says, and where it ends.
pub(super) struct Past {
    pub(super) run: RunState,
    pub(super) open: OpenJobs,
    pub(super) run_id: RunId,
    pub(super) tail: Tail,
    /// Its last moment.
    pub(super) last: Timestamp,
    /// What an engine has to know beyond that.
    pub(super) engine: execute::Past,
    /// It is signed as it ends now.
    pub(super) signed: bool,
    /// What in its directory does not fit.
    pub(super) strange: Vec<String>,
    /// An earlier reconciliation has no closing record.
    pub(super) cut_off: bool,
}

impl Past {
    /// Reads and checks it. A torn last line is no damage; nothing else is passed over.
    pub(super) fn read(run_dir: &Path) -> Result<Self, Failure> {
        let audit = run_dir.join("audit.jsonl");
        let missing =
            |error: &dyn std::fmt::Display| Failure::new(Exit::InputMissing, error).help("give the directory of a run");
        let file = std::fs::metadata(&audit).map_err(|error| missing(&format!("{}: {error}", audit.display())))?;
        if !file.is_file() {
            return Err(missing(&format!("{}: not a regular file", audit.display())));
        }
        let bytes = file.len();
        let (mut open, mut engine, mut last) = (OpenJobs::default(), execute::Past::default(), None);
        let mut directory = DirectoryCheck::default();
        let checked = journal::verify(&audit, |record| {
            open.take(record);
            engine.take(record.timestamp, &record.event);
            directory.take(record);
            last = Some(record.timestamp);
        })
        .map_err(|error| missing(&error))?;
        let tail = Tail::of(&checked, bytes);
        let help = format!("bridgebook verify {}", run_dir.display());
        let refuse = |words: String| Failure::new(Exit::Invalid, words).help(help.clone());
        if checked.run_id.is_none() && (checked.lines == 0 || checked.torn.is_some()) {
            let words = format!("{} has no whole record: as it was written, the run has sent nothing", audit.display());
            return Err(Failure::new(Exit::Invalid, words).help(
                "start it anew with `bridgebook run`; after a power cut with `durability: process`, or if somebody has emptied the \
                 file, find out first what was sent",
            ));
        }
        if let Some(finding) = checked.serious_damage() {
            return Err(refuse(format!(
                "{}, line {}: {}; nothing is added to a damaged file",
                audit.display(),
                finding.line,
                finding.reason
            )));
        }
        let signed = checked.signature.is_some();
        let Verification { incomplete, disorder, run, run_id, .. } = checked;
        let cut_off = run.is_reconciling();
        // Behind an event that contradicts the ones before it nobody can tell what was done.
        let wrong = disorder.or(incomplete.filter(|_| run.finished().is_some() && !cut_off));
        if let Some(reason) = wrong {
            return Err(refuse(format!("{}: {reason}; nothing is added to it", audit.display())));
        }
        let (Some(run_id), Some(last), Some(tail)) = (run_id, last, tail) else {
            return Err(refuse(format!("{} has no records", audit.display())));
        };
        let strange = directory.findings(run_dir);
        Ok(Self { run, open, run_id, tail, last, engine, signed, strange, cut_off })
    }
}

/// What is said of a file that may lack its end.
pub(super) const LACKS_ITS_END: &str = "the run was kept with `durability: process`, and the machine has been started anew: the file may have lost its end";

/// Whether lines that were only with the kernel may be gone: after a power cut their requests have left all the same.
pub(super) fn may_lack_its_end(started: &RunStarted) -> bool {
    let at_kernel = started.settings.iter().any(|one| one.name == "audit.durability" && one.value == "process");
    at_kernel && (started.boot_id.is_none() || started.boot_id != boot_id())
}
