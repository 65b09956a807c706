//! The `bridgebook` binary: hands its arguments to [`bridgebook::cli`] and returns the exit code.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// See Cargo.toml for the reason.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    bridgebook::cli::main(std::env::args_os())
}
