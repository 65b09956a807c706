//! The report of a run while it goes on: a thread beside the engine folds what the ledger was given, so that at the end of the
//! run nothing has to be read again.
//!
//! The same fold of the same records as in `bridgebook report`, so the files are equal byte for byte. Whenever anything
//! is missing (no thread, one that is far behind, a record that the fold refuses, a file that is not as long as what was
//! written) there is none, and the audit file is read.

use crate::event::{Happened, Observer};
use crate::expand::make_way;
use crate::journal::Written;
use crate::model::RunId;
use crate::report::{Evidence, Report, ReportBuilder};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{Builder, JoinHandle};

/// Batches that wait to be folded at most. The fold takes a tenth of the engine's time: one that is so far behind is held up, by
/// its temporary file for example, and the run does not wait for it.
const MAX_WAITING: usize = 256;

/// Watches a run.
pub(super) struct Live {
    batches: Option<SyncSender<Arc<[Happened]>>>,
    fold: Option<JoinHandle<Option<ReportBuilder>>>,
}

impl Live {
    /// Begins with an empty fold: for the first process of a run.
    pub(super) fn of(run_id: RunId) -> Self {
        let (batches, waiting) = mpsc::sync_channel::<Arc<[Happened]>>(MAX_WAITING);
        let fold = Builder::new().name("report".to_owned()).spawn(move || {
            make_way();
            let mut builder = ReportBuilder::default();
            while let Ok(batch) = waiting.recv() {
                let mut all = batch.iter();
                if !all.all(|happened| builder.take(&run_id, happened.at, &happened.event).is_ok()) {
                    return None;
                }
            }
            Some(builder)
        });
        Self { batches: Some(batches), fold: fold.ok() }
    }

    /// The report, when the audit file holds just what the run has written.
    pub(super) fn finish(mut self, audit: &Path, written: Option<Written>) -> Option<Report> {
        self.batches = None;
        let builder = self.fold.take()?.join().ok()??;
        let written = written?;
        let length = std::fs::metadata(audit).ok()?.len();
        (length == written.bytes).then(|| {
            builder.finish(Evidence {
                head: written.head.to_string(),
                lines: written.lines,
                signed_by: written.signed_by.map(|key| key.fingerprint()),
                alive: None,
                unread: false,
                damage: None,
            })
        })
    }
}

impl Observer for Live {
    fn observe(&mut self, batch: &Arc<[Happened]>) {
        let taken = self.batches.as_ref().is_some_and(|batches| batches.try_send(Arc::clone(batch)).is_ok());
        if !taken {
            // What it would say lacks this batch.
            (self.batches, self.fold) = (None, None);
        }
    }
}
