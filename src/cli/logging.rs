//! The operational log on stderr. `BRIDGEBOOK_LOG` takes a filter in the `tracing` syntax.

use super::args::{LogFormat, OutputArgs};
use super::print::colours;
use tracing_subscriber::EnvFilter;

/// Starts the log. Libraries stay at `warn` unless asked for: their debug output may show what ours never does.
pub(super) fn start(output: OutputArgs) {
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,bridgebook=info",
        (false, _) => "warn,bridgebook=debug",
    };
    let filter = std::env::var("BRIDGEBOOK_LOG").ok().and_then(|text| EnvFilter::try_new(text).ok());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(level)))
        // Its own errors would go to stderr by a macro that panics when stderr is gone, with calls in flight.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(colours(output));
    // A second start (library use) keeps the first subscriber.
    let _ = match output.log_format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
