//! SIGINT, SIGTERM and SIGHUP (a terminal that went away) as a stream: the first drains, the second abandons.

use crate::execute::Signal;
use futures::stream::{LocalBoxStream, StreamExt, unfold};
use tokio::signal::unix::{SignalKind, signal};

/// The number is the same on every Unix but those on MIPS.
const SIGXFSZ: i32 = 25;

/// See [`signals`].
pub(super) type Signals = LocalBoxStream<'static, Signal>;

/// The signals that the operator or the scheduler sends. Must be called within the runtime.
pub(super) fn signals() -> std::io::Result<Signals> {
    // A file that may not grow any more (`ulimit -f`) is then an error of that write, as a full disk is, and no silent death.
    // The handler stays when the stream is gone.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    let sources = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(unfold(sources, |(mut interrupt, mut terminate, mut hangup)| async move {
        let name = tokio::select! {
            Some(()) = interrupt.recv() => "SIGINT",
            Some(()) = terminate.recv() => "SIGTERM",
            Some(()) = hangup.recv() => "SIGHUP",
            else => return None,
        };
        Some((Signal(name), (interrupt, terminate, hangup)))
    })
    .boxed_local())
}
