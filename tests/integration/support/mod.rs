//! What the tests stand on: a runbook builder, a bare TCP server, the simulator as a process, the audit file's rules
//! told a second time.

pub(crate) mod audit;
pub(crate) mod book;
pub(crate) mod disk;
pub(crate) mod h2;
pub(crate) mod openssl;
pub(crate) mod own;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod simulator;
pub(crate) mod tls;

use std::path::PathBuf;

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
