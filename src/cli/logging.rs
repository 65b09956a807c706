//! The operational log on stderr. `BRIDGEBOOK_LOG` takes a filter in the `tracing` syntax.

use super::args::{LogFormat, OutputArgs};
use super::print::colours;
use indicatif::MultiProgress;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines that wait to be written at most. Beyond that they are dropped: the audit file is the record, not the log.
const MAX_LINES: usize = 10_000;

/// Whose debug output may be asked for: ours, and that of libraries which tell of connections and say nothing of what goes
/// through them. Others write the values that they work with, as the template engine does.
const TALKATIVE: [&str; 4] = ["bridgebook", "hyper", "hyper_util", "reqwest"];

/// The log of this process; it is written until this is dropped.
pub(super) struct Log {
    bars: Bars,
    _guard: WorkerGuard,
}

/// The progress bars that are on the screen, if any: a line between them must go around them.
pub(super) type Bars = Arc<Mutex<Option<MultiProgress>>>;

impl Log {
    /// Where the display says which bars it has.
    pub(super) fn bars(&self) -> Bars {
        Arc::clone(&self.bars)
    }
}

/// Stderr, above the bars.
struct AboveBars(Bars);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().lock().write(bytes);
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Starts the log. A thread of its own writes, since a stderr that does not
/// take the lines must not hold the engine. Libraries stay at `warn` unless asked for, and those that are not [`TALKATIVE`]
/// stay there whatever is asked.
pub(super) fn start(output: OutputArgs) -> Log {
    let bars = Bars::default();
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(MAX_LINES).finish(AboveBars(Arc::clone(&bars)));
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,bridgebook=info",
        (false, _) => "warn,bridgebook=debug",
    };
    let filter = std::env::var("BRIDGEBOOK_LOG").ok().and_then(|text| EnvFilter::try_new(text).ok());
    let mut filter = filter.unwrap_or_else(|| EnvFilter::new(level));
    // It writes the numbers that it looks at into its log, in full.
    if let Ok(silent) = "rlibphonenumber=off".parse() {
        filter = filter.add_directive(silent);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Its own errors would go to stderr by a macro that panics when stderr is gone, with calls in flight.
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(colours(output));
    // A second start (library use) keeps the first subscriber.
    let _ = match output.log_format {
        LogFormat::Text => builder.with_target(false).finish().with(filter_fn(may_be_said)).try_init(),
        LogFormat::Json => builder.json().finish().with(filter_fn(may_be_said)).try_init(),
    };
    Log { bars, _guard: guard }
}

fn may_be_said(what: &Metadata<'_>) -> bool {
    let from = what.target().split("::").next().unwrap_or_default();
    *what.level() <= Level::WARN || TALKATIVE.contains(&from)
}
