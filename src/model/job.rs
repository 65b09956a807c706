//! A job: one bridge that is to be made, with the request that would make it. Only `expand` makes one.

use super::{CallId, JobKey, JobNumber, SetName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The method of a request that has an effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// The request of a job, ready for the wire but for its authorization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestSpec {
    /// The method.
    pub method: Method,
    /// Path and query below the base URL, percent-encoded.
    pub path: String,
    /// Header names and values, without `Authorization`.
    pub headers: Vec<(String, String)>,
    /// The exact body.
    pub body: Vec<u8>,
}

/// One bridge job.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Job {
    /// Its place in plan order.
    pub number: JobNumber,
    /// Its set's name.
    pub set: SetName,
    /// Its identity by content.
    pub key: JobKey,
    /// The call that is bridged.
    pub call_id: CallId,
    /// The same on every attempt of this job, unlike that of any other job.
    pub request_id: String,
    /// The targets, as the audit file may show them.
    pub targets: Vec<String>,
    /// What is sent.
    pub request: RequestSpec,
}

/// Why a row is left out of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// `when` gave false.
    When,
}

/// A row that is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// Its place in plan order.
    pub number: JobNumber,
    /// Its set's name.
    pub set: SetName,
    /// The call, if the row names one.
    pub call_id: Option<CallId>,
    /// Why.
    pub reason: SkipReason,
}

/// What a row became.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Planned {
    /// A job to run.
    Job(Box<Job>),
    /// A row that is left out.
    Skipped(Skipped),
}
