//! What depends on the rows before: the same call again.
//!
//! Only the first pass remembers calls. What the second one must do differently it is told by job number, so memory grows
//! with the jobs whose call stands in the plan more than once, and with no others.

use crate::model::{Duplicates, JobNumber};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Where an earlier row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Earlier {
    /// Its set's place among the sets.
    pub(super) set: usize,
    /// Its line.
    pub(super) line: u64,
}

/// What becomes of a row whose call stands in the plan already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    /// It is skipped.
    Skip,
    /// It waits for this job.
    After {
        /// The last job of the row before.
        job: JobNumber,
        /// Counts the rows of the call, from 2.
        occurrence: u32,
    },
}

/// Repeated rows by the number of their first job.
pub(super) type Repeats = HashMap<JobNumber, Repeat>;

/// 128 bits of SHA-256: 16 bytes, whatever the ids look like.
fn digest(parts: [&str; 2]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte))
}

/// Keys that were seen.
#[derive(Default)]
pub(super) struct Keys(HashMap<u128, Earlier>);

impl Keys {
    /// The earlier row with the same key in the same set.
    pub(super) fn earlier(&mut self, set: &str, key: &str, here: Earlier) -> Option<Earlier> {
        match self.0.entry(digest([set, key])) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(here);
                None
            }
        }
    }
}

struct Call {
    first: Earlier,
    /// The last job of its last row that runs.
    last: Option<JobNumber>,
    /// Rows that run.
    rows: u32,
}

/// Calls that were seen.
#[derive(Default)]
pub(super) struct Calls(HashMap<u128, Call>);

impl Calls {
    /// Takes a row's call in. `Err`: it stood there before, and that is refused.
    pub(super) fn meet(
        &mut self,
        call: &str,
        here: Earlier,
        duplicates: Duplicates,
    ) -> Result<Option<Repeat>, Earlier> {
        match self.0.entry(digest(["", call])) {
            Entry::Vacant(place) => {
                place.insert(Call { first: here, last: None, rows: 0 });
                Ok(None)
            }
            Entry::Occupied(call) => match (duplicates, call.get()) {
                (Duplicates::Refuse, call) => Err(call.first),
                (Duplicates::Skip, _) => Ok(Some(Repeat::Skip)),
                (Duplicates::Allow, call) => Ok(call.last.map(|job| Repeat::After { job, occurrence: call.rows + 1 })),
            },
        }
    }

    /// A row of the call runs, and this is its last job: whoever comes next waits for it. A row that is left out after all
    /// must not stand in between, since it ends before those that it would have waited for.
    pub(super) fn runs(&mut self, call: &str, last: JobNumber) {
        if let Some(call) = self.0.get_mut(&digest(["", call])) {
            call.last = Some(last);
            call.rows += 1;
        }
    }
}
