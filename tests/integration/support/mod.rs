//! What the tests stand on: a runbook builder, a bare TCP server, the simulator as a process, the audit file's rules
//! told a second time.

pub(crate) mod audit;
pub(crate) mod book;
pub(crate) mod canary;
pub(crate) mod disk;
pub(crate) mod h2;
pub(crate) mod invented;
pub(crate) mod openssl;
pub(crate) mod own;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod simulator;
pub(crate) mod tls;
pub(crate) mod yard;

use std::path::PathBuf;

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Shows what a test has met, so that whoever reads its output can tell that it met something.
#[expect(clippy::print_stdout, reason = "the harness keeps it, and shows it on a failure or with --nocapture")]
pub(crate) fn show(what: &impl std::fmt::Debug) {
    println!("{what:?}");
}
