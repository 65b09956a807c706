//! The simulator: a fake bridging API on loopback, for `run --sandbox`, `simulate` and the tests.
//!
//! It speaks what the reference API speaks (a client-credentials token, then one non-idempotent POST a bridge) and
//! misbehaves exactly as a [`Script`] says. What it did is in the [`Ledger`], which is the judge of the engine's
//! promise: the ledger knows which calls were bridged, whatever the answers said.
//!
//! ```text
//! socket (server) -> path, method, body (api) -> token | bridge -> payload checks, fault -> ledger -> answer
//! ```
//!
//! By itself it is the reference API, payload checks included. With an [`ApiSurface`](crate::model::ApiSurface) it is
//! the API that a profile describes: its token endpoint, its path and method, its authorization; what it is sent is not
//! judged beyond that.
//!
//! Invariants
//! - It listens on 127.0.0.1 only and imports of the crate only plain data.
//! - Which fault hits which request, and every latency, follow from the seed, the call id and the number of the
//!   request of that call: never from arrival order, timing or concurrency. Two runs meet the same faults.
//! - A request is decided and in the ledger before any of its latency is spent. A client that gives up early finds
//!   the call bridged nevertheless, as it would with a slow server.

mod answer;
mod api;
mod bridge;
mod fault;
mod ledger;
mod payload;
mod quantity;
mod rule;
mod script;
mod server;
mod surface;
#[cfg(test)]
mod tests;
mod token;

pub use ledger::{Ledger, LedgerEntry, Stats};
pub use script::{Script, ScriptError};
pub use server::Simulator;
