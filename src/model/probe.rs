//! The read-only request that tells whether a job's call is bridged, filled in for one job.

use serde_json::Value;
use std::fmt;

/// What is asked, and which values its answer is compared with. The profile says what the comparison means.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Path and query, below the base URL.
    pub path: String,
    /// The value that the answer of a bridged call is compared with.
    pub bridged: Option<Value>,
    /// The same for a call that is not bridged.
    pub not_bridged: Option<Value>,
}

impl fmt::Debug for ProbeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeRequest(***)")
    }
}
