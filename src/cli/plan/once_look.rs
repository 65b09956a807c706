//! How many jobs of a plan `guards.once_per` would skip now: a look at the register of calls that makes no file.

use super::show::OnceFigures;
use crate::cli::failure::Failure;
use crate::cli::once;
use crate::model::{Job, Runbook, Timestamp};
use crate::profile::Urls;
use crate::register::{Glance, StoreError};
use std::path::Path;

/// The look, as far as it has come.
pub(super) struct OnceLook {
    /// `None`: there is no register.
    glance: Option<Glance>,
    now: Timestamp,
    figures: OnceFigures,
    failed: Option<StoreError>,
}

impl OnceLook {
    /// Opens the register of a runbook; `None`: the guard is off.
    pub(super) fn open(runbook: &Runbook, profile: &str, urls: &Urls, out: &Path) -> Result<Option<Self>, Failure> {
        let (Some(window), Some(path)) = (runbook.guards.once_per, once::place(runbook, out)) else { return Ok(None) };
        let glance =
            Glance::open(&path, &once::api(profile, urls), window.get()).map_err(|error| once::refused(&error))?;
        let (window, store, exists) = (window.to_string(), path.display().to_string(), glance.is_some());
        let figures = OnceFigures { window, store, exists, would_skip: 0 };
        Ok(Some(Self { glance, now: Timestamp::now(), figures, failed: None }))
    }

    /// Looks a job up.
    pub(super) fn look(&mut self, job: &Job) {
        let Some(glance) = self.glance.as_ref().filter(|_| self.failed.is_none()) else { return };
        match glance.is_taken(job.call_id.as_str(), self.now) {
            Ok(taken) => self.figures.would_skip += u64::from(taken),
            Err(error) => self.failed = Some(error),
        }
    }

    /// What was found.
    pub(super) fn figures(self) -> Result<OnceFigures, Failure> {
        match self.failed {
            Some(error) => Err(once::refused(&error)),
            None => Ok(self.figures),
        }
    }
}
