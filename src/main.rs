//! The `bridgebook` binary: hands its arguments to [`bridgebook::cli`] and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bridgebook::cli::main(std::env::args_os())
}
