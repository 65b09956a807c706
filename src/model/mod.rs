//! Plain data that every stage shares: ids, quantities, the runbook, jobs, outcomes, problems.
//!
//! Nothing here reads a file, opens a socket or knows another module of the crate.

pub mod again;
mod audit;
mod call;
mod clock;
mod code;
mod credentials;
mod criterion;
mod excerpt;
mod formula;
mod guards;
mod host;
mod ids;
mod job;
mod latency;
mod link;
mod number;
mod numbers;
mod outcome;
mod pace;
mod privacy;
mod probe;
mod problem;
mod quantity;
mod rows;
mod runbook;
mod secret;
mod status;
mod surface;
mod window;

pub use again::{Again, BridgePart, Cells, InputRow};
pub use audit::{AuditSpec, Durability};
pub use call::{CallId, path_segment};
pub use clock::{RunClock, Timestamp};
pub use code::{Code, Severity};
pub use credentials::{CredentialName, Credentials, SecretSource};
pub use criterion::{Criterion, CriterionError, Metric, Operator, Unit};
pub use excerpt::shown_text;
pub use formula::{guarded, starts_formula, unguarded};
pub use guards::{DenyFile, Duplicates, Guards, OnViolation};
pub use host::is_loopback_host;
pub use ids::{JobKey, JobNumber, RunId, SetName};
pub use job::{After, Job, Method, Planned, RequestSpec, SkipReason, Skipped};
pub use latency::Latency;
pub use link::{HostPattern, HttpVersion, Link, ProxySpec, TlsSpec, TlsVersion};
pub use number::{NumberKind, Region, RiskyKind};
pub(crate) use numbers::has_pseudonym;
pub use numbers::{NumberKey, Numbers, ShortKey, holds_number};
pub use outcome::{Evidence, Outcome};
pub use pace::{AbortRule, BreakerPolicy, Limits, Share, Wave};
pub(crate) use privacy::mask_digit_runs;
pub use privacy::{NumberPrivacy, PhoneNumber, printable};
pub use probe::ProbeRequest;
pub use problem::{DataPlace, Focus, Problem};
pub use quantity::{DurationSpec, QuantityError, Rate};
pub use rows::{Matrix, RowFormat, RowSource, Rows};
pub use runbook::{
    Connection, Endpoints, Layer, Legs, OnLostCriterion, RetryPolicy, Role, Runbook, SetSpec, Source, Texts, Timeouts,
    UnknownRetry, is_profile_file,
};
pub use secret::Secret;
pub use status::{MovedStatus, StatusClass, StatusPattern};
pub use surface::{Admission, ApiSurface, CallPart, CallPlace};
pub use window::{DayTime, Days, OutsideWindow, Window};
