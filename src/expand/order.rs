//! What depends on the rows before: the same call again.
//!
//! Only the first pass remembers calls, 28 bytes each. What the second one must do differently it is told by job number, so
//! its memory grows with the jobs whose call stands in the plan more than once, and with no others.

use crate::model::{Duplicates, JobNumber};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Where an earlier row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Earlier {
    /// Its set's place among the sets.
    pub(super) set: u16,
    /// Its line.
    pub(super) line: u32,
}

impl Earlier {
    /// More sets or lines than these numbers hold do not fit into the memory that this takes; for them the place would be
    /// wrong, not the judgement.
    pub(super) fn at(set: usize, line: u64) -> Self {
        Self { set: u16::try_from(set).unwrap_or(u16::MAX), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
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

/// 96 bits of SHA-256, whatever the ids look like: among a hundred million calls two are taken for one with a chance of
/// one in 10^13.
type Id = [u32; 3];

fn digest(parts: [&str; 2]) -> Id {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    std::array::from_fn(|word| digest.iter().skip(word * 4).take(4).fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

/// Keys that were seen.
#[derive(Default)]
pub(super) struct Keys(HashMap<Id, Earlier>);

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
    /// The line of its first row.
    line: u32,
    /// The last job of its last row that runs; 0: none yet.
    last: u32,
    /// The set of its first row.
    set: u16,
    /// Rows that run.
    rows: u32,
}

/// Calls that were seen.
#[derive(Default)]
pub(super) struct Calls(HashMap<Id, Call>);

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
                place.insert(Call { line: here.line, set: here.set, last: 0, rows: 0 });
                Ok(None)
            }
            Entry::Occupied(call) => match (duplicates, call.get()) {
                (Duplicates::Refuse, call) => Err(Earlier { set: call.set, line: call.line }),
                (Duplicates::Skip, _) => Ok(Some(Repeat::Skip)),
                (Duplicates::Allow, Call { last: 0, .. }) => Ok(None),
                (Duplicates::Allow, call) => {
                    Ok(Some(Repeat::After { job: JobNumber::from(call.last), occurrence: call.rows + 1 }))
                }
            },
        }
    }

    /// A row of the call runs, and this is its last job: whoever comes next waits for it. A row that is left out after all
    /// must not stand in between, since it ends before those that it would have waited for.
    pub(super) fn runs(&mut self, call: &str, last: JobNumber) {
        if let Some(call) = self.0.get_mut(&digest(["", call])) {
            // Four billion jobs would need more memory for this map than a machine has.
            call.last = u32::try_from(last).unwrap_or(u32::MAX);
            call.rows += 1;
        }
    }
}
