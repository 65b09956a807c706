//! Taking runs in: each counts once, however often it is given. Figures are merged at once, so that only the summary of each
//! run stays in memory.

use super::entry::Entry;
use super::merged::Merged;
use crate::model::RunId;
use crate::report::summary::Summary;
use std::collections::BTreeMap;

/// Two files that say that they are the same run, and are not the same.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("run {run_id} was given twice, and the two audit files differ (heads {first} and {second})")]
pub struct Conflict {
    /// The run.
    pub run_id: RunId,
    /// The head of the one that was given first.
    pub first: String,
    /// The head of the other.
    pub second: String,
}

/// Runs of one runbook; rehearsals in the sandbox apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Every run, as it was given.
    pub(super) runs: Vec<Summary>,
    /// The complete ones.
    pub(super) merged: Merged,
}

/// Runs, in any order.
#[derive(Clone, Debug, Default)]
pub struct Several {
    /// By runbook, and whether it was a rehearsal.
    pub(super) groups: BTreeMap<(String, bool), Group>,
    /// How often each run was given beyond the first time.
    pub(super) repeated: BTreeMap<RunId, u64>,
}

impl Several {
    /// Takes one more in. A file without an opening record belongs to no run, and is never a repetition.
    pub fn take(&mut self, entry: Entry) -> Result<(), Conflict> {
        let Entry { summary, figures } = entry;
        let run_id = &summary.run_id;
        let same = |known: &&Summary| !run_id.as_str().is_empty() && known.run_id == *run_id;
        let known = self.groups.values().flat_map(|group| &group.runs).find(same);
        if let Some(known) = known {
            let file = |run: &Summary| (run.audit.head.clone(), run.audit.lines, run.complete);
            if file(known) != file(&summary) {
                let (first, second) = (known.audit.head.clone(), summary.audit.head);
                return Err(Conflict { run_id: summary.run_id, first, second });
            }
            *self.repeated.entry(summary.run_id).or_default() += 1;
            return Ok(());
        }
        let group = self.groups.entry((summary.runbook.clone(), summary.sandbox)).or_default();
        if summary.complete {
            group.merged = std::mem::take(&mut group.merged).merge(figures);
        }
        group.runs.push(summary);
        Ok(())
    }
}
