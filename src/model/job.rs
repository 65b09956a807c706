//! A job: one bridge that is to be made, with the request that would make it. Only `expand` makes one.

use super::{CallId, JobKey, JobNumber, ProbeRequest, SetName, Timestamp};
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
    /// Which limits of `limits.per_prefix` its targets count for, by index, each once.
    pub prefixes: Vec<usize>,
    /// What is sent.
    pub request: RequestSpec,
    /// The read-only request that tells whether its call is bridged, where the profile has one.
    pub probe: Option<Box<ProbeRequest>>,
    /// From this moment on it is not begun any more.
    pub not_after: Option<Timestamp>,
    /// The job of the same call that must have ended before.
    pub after: Option<After>,
}

/// The job that a job waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct After {
    /// Its number: always a smaller one.
    pub job: JobNumber,
    /// Without its success there is nothing to go on with: it is an earlier part of the same bridge.
    pub must_succeed: bool,
}

macro_rules! skip_reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// Why a job is left out of the run.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum SkipReason {
            $($(#[$doc])* $name,)*
        }

        impl SkipReason {
            /// The word for it in files.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

skip_reasons! {
    /// `when` gave false.
    When = "when";
    /// One of its numbers is on the list of `guards.deny_numbers`.
    DenyNumbers = "deny_numbers";
    /// One of its numbers begins with a prefix of `guards.deny_prefixes`.
    DenyPrefixes = "deny_prefixes";
    /// One of its numbers begins with no prefix of `guards.allow_prefixes`.
    PrefixNotAllowed = "prefix_not_allowed";
    /// One of its numbers belongs to no region of `guards.allow_regions`.
    RegionNotAllowed = "region_not_allowed";
    /// One of its numbers is a premium, satellite, emergency or short one that `guards.allow` does not name.
    KindNotAllowed = "kind_not_allowed";
    /// `guards.max_per_prefix` jobs with such a number came before.
    MaxPerPrefix = "max_per_prefix";
    /// Its call stands in the plan already, and `guards.duplicates` is `skip`.
    Duplicate = "duplicate";
    /// Its `not_after` had passed when its turn came.
    Expired = "expired";
    /// The part of the bridge before it did not succeed.
    EarlierPart = "earlier_part";
    /// Another run has bridged its call, has it in flight, or left it unknown, within `guards.once_per`.
    OncePer = "once_per";
}

/// A job that is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// Its place in plan order.
    pub number: JobNumber,
    /// Its set's name.
    pub set: SetName,
    /// The call, if the row names one.
    pub call_id: Option<CallId>,
    /// Its identity by content, if the row got that far.
    pub key: Option<JobKey>,
    /// Why.
    pub reason: SkipReason,
}

impl Job {
    /// The same as one that is left out.
    pub fn skipped(&self, reason: SkipReason) -> Skipped {
        let (set, call_id, key) = (self.set.clone(), Some(self.call_id.clone()), Some(self.key.clone()));
        Skipped { number: self.number, set, call_id, key, reason }
    }
}

/// What a row became.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Planned {
    /// A job to run.
    Job(Box<Job>),
    /// A row that is left out.
    Skipped(Skipped),
}
