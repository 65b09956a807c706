//! The first pass by two threads: rows are worked out in turns, and what does not depend on the rows before is made of every
//! second turn elsewhere.
//!
//! Nothing else changes. Both read every row; a row with problems, and one that is not where it should be, is worked out
//! again by the one who counts.

use super::stream::{Expanded, JobStream};
use std::sync::mpsc;
use std::thread::{Builder, Scope};
use std::vec;

/// Rows of a turn. Smaller sets need no second thread.
pub(super) const TURN: usize = 256;
/// Turns that are ready at most, so that memory does not grow with the input.
const READY: usize = 2;

/// What was made of a row; `None`: it has to be worked out again.
type Made = Option<Expanded>;

/// The rows that a second thread works out.
pub(super) struct Turns<F> {
    /// Starts it, once there are enough rows.
    start: Option<F>,
    /// The row that comes next, from 0.
    row: usize,
    made: vec::IntoIter<Made>,
    taken: Option<mpsc::Receiver<Vec<Made>>>,
}

impl<F> Turns<F>
where
    F: FnOnce() -> Option<mpsc::Receiver<Vec<Made>>>,
{
    /// `start` is called at the first row of the second turn.
    pub(super) fn new(start: F) -> Self {
        Self { start: Some(start), row: 0, made: Vec::new().into_iter(), taken: None }
    }

    /// What was made of the next row.
    pub(super) fn next(&mut self) -> Made {
        let is_ours = (self.row / TURN).is_multiple_of(2);
        let begins = self.row.is_multiple_of(TURN);
        self.row += 1;
        if is_ours {
            return None;
        }
        if let Some(start) = self.start.take() {
            self.taken = start();
        }
        if begins {
            let next = self.taken.as_ref().and_then(|taken| taken.recv().ok());
            self.made = next.unwrap_or_default().into_iter();
        }
        self.made.next().flatten()
    }
}

/// Works out every second turn of a stream, from the second one on, for as long as somebody takes them. Without a thread
/// nobody does.
pub(super) fn share<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stream: JobStream<'scope>,
) -> Option<mpsc::Receiver<Vec<Made>>> {
    let (give, taken) = mpsc::sync_channel(READY);
    let thread = Builder::new().name("rows".to_owned());
    thread.spawn_scoped(scope, move || work(stream, &give)).ok().map(|_| taken)
}

fn work(mut stream: JobStream<'_>, give: &mpsc::SyncSender<Vec<Made>>) {
    loop {
        if !(0..TURN).all(|_| stream.pass()) {
            return;
        }
        let rows = std::iter::from_fn(|| stream.advance(None, None)).take(TURN);
        let made: Vec<Made> = rows.map(|row| Some(row).filter(|row| row.problems.is_empty())).collect();
        let ended = made.len() < TURN;
        if give.send(made).is_err() || ended {
            return;
        }
    }
}
