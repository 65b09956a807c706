//! The audit file: written ahead of every request, read back line by line, checked by anyone.
//!
//! The format is described in `docs/audit.md`.

mod append;
mod chain;
mod decode;
mod directory;
mod glance;
mod holder;
mod lock;
mod read_ahead;
mod reader;
mod signature;
mod snapshot;
mod verify;
mod writer;

pub use append::{Tail, append};
pub use chain::{Head, sha256_hex, sha256_of};
pub use directory::{DirectoryCheck, differs, mark};
pub use glance::{Glance, glance};
pub use holder::{holder, left_there};
pub use lock::{LockError, LockHolder, RunLock};
pub use reader::{Line, ReadError, Reader, unfinished};
pub use signature::{PublicKey, SigningKey};
pub use snapshot::{
    STAGING, SnapshotError, copy_input, copy_stream, create_run_dir, publish, remove_staging, write_private,
    write_private_with,
};
pub use verify::{Finding, Torn, Verification, verify, verify_from};
pub use writer::{FileLedger, Keeping, Written};
