//! Running the jobs: one loop owns all state, requests are futures that it polls, the ledger is asked before each one.
//!
//! Data flow: `dispatcher` says which job may go next (pure), `engine` records its intent, waits until that is durable,
//! and only then polls the request in `transport`; `verdict` says what the exchange proves, `retry` whether the job is
//! tried again. Nothing here prints, and nothing here knows where events go.

mod after_run;
mod auth;
mod breaker;
mod challenge;
mod claims;
mod clearing;
mod dispatcher;
mod engine;
mod error;
mod gates;
mod lead;
mod pace;
mod probing;
mod resume;
mod retry;
mod schedule;
mod scrub;
mod settle;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod token_check;
mod token_store;
mod transport;
mod verdict;

pub use after_run::{ProbeReply, Question, look_up_after};
pub use dispatcher::{Lane, RowStream};
pub use engine::{End, Engine, ExitCodeOf, Policy, Signal};
pub use error::ExecuteError;
pub use resume::{Begun, Opening, Past, Resumption};
pub use token_check::{GrantedToken, NoToken, check_token};
pub use transport::{Authorities, Identity, ProxyServer, ProxyUse, Transport, TransportSettings, certificates};
