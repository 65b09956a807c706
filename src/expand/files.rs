//! Where a runbook's data files are: beside it, or in the copies that a run has made.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the data files are that a runbook names.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The runbook's directory: names are relative to it.
    pub base: PathBuf,
    /// Copies that are read in their place: file as named, file as found.
    pub copies: BTreeMap<PathBuf, PathBuf>,
    /// What standard input held: a file, since every row is read twice. `None`: there is nothing to read.
    pub stdin: Option<Arc<File>>,
    /// A file from the command line that takes the place of all rows: relative to the working directory.
    pub given: Option<PathBuf>,
}

impl Files {
    /// How standard input is called.
    pub const STDIN: &'static str = "<stdin>";

    /// The file as people know it.
    pub(super) fn shown(&self, named: &Path) -> PathBuf {
        if self.is_given(named) { named.to_owned() } else { self.base.join(named) }
    }

    fn is_given(&self, named: &Path) -> bool {
        self.given.as_deref() == Some(named)
    }

    /// The file that is read.
    pub fn found(&self, named: &Path) -> PathBuf {
        self.copies.get(named).cloned().unwrap_or_else(|| self.shown(named))
    }
}
