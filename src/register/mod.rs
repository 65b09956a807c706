//! The register of calls: which calls the runs of an output directory have claimed, bridged or left unknown.
//!
//! It answers one question across runs and runbooks: may this call be sent now (`guards.once_per`)? A call is *claimed* here,
//! durably, before the intent of its request is written to the audit file; when the job has ended, the claim becomes an
//! outcome (succeeded, accepted, unknown) or goes away (rejected, not sent, not bridged, not attempted).
//!
//! The audit files are the evidence, the register is made from them: a claim whose run is dead is settled from that run's
//! audit file when the register is next opened, and [`rebuild`] makes the whole of it anew. What cannot be settled counts as
//! unknown, and is not sent.
//!
//! Three locks, all the kernel's and gone with their process: each run holds `.running` in its directory, which says that
//! its claims are its own affair; each user of a register shares `{register}.lock`, which a rebuild wants for itself; and
//! `SQLite`'s own order the transactions.

mod alive;
mod api;
mod calls;
mod error;
mod glance;
mod keeper;
mod past;
mod rebuild;
mod repair;
mod store;

pub use api::Api;
pub use error::StoreError;
pub use glance::Glance;
pub use keeper::{Keeper, RunOfCalls};
pub use rebuild::{Rebuilt, rebuild};
pub use repair::settle_run;
