//! Why a run cannot go on.

use crate::event::LedgerError;
use crate::state::StateError;

/// A failure of the run itself, not of a job.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Nothing may be sent that cannot be recorded.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    /// A credential that cannot be sent as it is.
    #[error("{0}")]
    Credentials(String),
    /// An event that cannot follow the ones before it: an error in this program.
    #[error("internal error: {0}")]
    State(#[from] StateError),
}
