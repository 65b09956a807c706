//! Rows expanded ahead of their turn, by a thread of their own: what a row costs is then not taken from the requests.
//!
//! One thread serves all sets up to a bound in all, so that memory does not grow with the input. Nothing else changes: the
//! rows of a set come in their order, and what depends on the clock is judged when a row's turn has come.

use crate::model::{Planned, Problem};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

/// Rows that all sets together may be ahead: some turns of the engine's loop.
const MAX_AHEAD: usize = 512;
/// A set's part of them is handed over in so many pieces, so that nobody waits for the whole of it.
const PIECES: usize = 8;
/// With more sets each would have too few rows for a thread to be worth it.
const MAX_SETS: usize = 16;

/// How much less of the processor a thread in the background gets than those that send and write (see nice(2)).
const BEHIND: i32 = 10;

type Item = Result<Planned, Vec<Problem>>;

/// Lowers the priority of this thread: the requests come first. Where no lower one can be had, all are equal.
pub fn make_way() {
    let _ = rustix::process::nice(BEHIND);
}

/// What is ready of each set, and who is still there.
#[derive(Debug)]
struct State {
    sets: Vec<Ready>,
    /// Rows that a set may be ahead.
    most: usize,
    /// Streams that somebody reads.
    readers: usize,
}

#[derive(Debug, Default)]
struct Ready {
    rows: VecDeque<Item>,
    ended: bool,
    /// Nobody reads it any more.
    left: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Rows are ready, or a set has ended.
    filled: Condvar,
    /// There is room, or a reader has left.
    taken: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a panic: whoever waits for rows must not wait for a thread that has panicked.
    fn end_all(&self) {
        for set in self.lock().sets.iter_mut().filter(|set| !set.ended) {
            // A row that cannot be expanded ends the run; rows that are missing would pass for its end.
            set.rows.push_back(Err(Vec::new()));
            set.ended = true;
        }
        self.filled.notify_all();
    }
}

/// The rows of one set, expanded ahead.
#[derive(Debug)]
pub struct Ahead<S> {
    set: usize,
    /// Rows that were taken over and not asked for yet.
    rows: VecDeque<Item>,
    shared: Arc<Shared>,
    /// Where no thread could be had: the stream itself.
    itself: Option<S>,
}

/// Begins to expand every set ahead. The thread ends with the last of the streams that it serves.
pub fn ahead<'scope, S>(scope: &'scope Scope<'scope, '_>, streams: Vec<S>) -> Vec<Ahead<S>>
where
    S: Iterator<Item = Item> + Send + 'scope,
{
    let readers = streams.len();
    let most = MAX_AHEAD / readers.max(1);
    let sets = streams.iter().map(|_| Ready::default()).collect();
    let state = Mutex::new(State { sets, most, readers });
    let shared = Arc::new(Shared { state, filled: Condvar::new(), taken: Condvar::new() });
    let given = Arc::new(Mutex::new(streams));
    let theirs = (Arc::clone(&shared), Arc::clone(&given));
    let begin = || {
        Builder::new().name("rows".to_owned()).spawn_scoped(scope, move || {
            let (shared, given) = theirs;
            make_way();
            let streams = std::mem::take(&mut *given.lock().unwrap_or_else(PoisonError::into_inner));
            let _end = EndAll(&shared);
            expand(&shared, streams, most.div_ceil(PIECES));
        })
    };
    let mut own = if readers <= MAX_SETS && begin().is_ok() {
        Vec::new()
    } else {
        std::mem::take(&mut *given.lock().unwrap_or_else(PoisonError::into_inner))
    }
    .into_iter();
    let reader = |set| Ahead { set, rows: VecDeque::new(), shared: Arc::clone(&shared), itself: own.next() };
    (0..readers).map(reader).collect()
}

struct EndAll<'s>(&'s Shared);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end_all();
        }
    }
}

/// Fills the sets in turn, until all have ended or nobody reads any more.
fn expand(shared: &Shared, mut streams: Vec<impl Iterator<Item = Item>>, batch: usize) {
    let mut next = 0;
    while let Some(set) = wait_for_room(shared, &mut next) {
        let rows: Vec<Item> = streams[set].by_ref().take(batch).collect();
        let ended = rows.len() < batch;
        let mut state = shared.lock();
        let ready = &mut state.sets[set];
        ready.rows.extend(rows);
        ready.ended = ended;
        drop(state);
        shared.filled.notify_one();
    }
}

/// The next set, in turn, that has room and rows left; `None`: there is nothing left to do.
fn wait_for_room(shared: &Shared, next: &mut usize) -> Option<usize> {
    let mut state = shared.lock();
    loop {
        let count = state.sets.len();
        if state.readers == 0 || state.sets.iter().all(|set| set.ended || set.left) {
            return None;
        }
        let in_turn = (0..count).map(|step| (*next + step) % count);
        let mut wanting = in_turn.filter(|set| {
            let set = &state.sets[*set];
            !set.ended && !set.left && set.rows.len() < state.most
        });
        if let Some(set) = wanting.next() {
            *next = set + 1;
            return Some(set);
        }
        state = shared.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

impl<S: Iterator<Item = Item>> Iterator for Ahead<S> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(stream) = &mut self.itself {
            return stream.next();
        }
        if self.rows.is_empty() {
            let mut state = self.shared.lock();
            loop {
                let ready = &mut state.sets[self.set];
                if !ready.rows.is_empty() {
                    std::mem::swap(&mut ready.rows, &mut self.rows);
                    break;
                }
                if ready.ended {
                    break;
                }
                state = self.shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            self.shared.taken.notify_one();
        }
        self.rows.pop_front()
    }
}

impl<S> Drop for Ahead<S> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.sets[self.set].left = true;
        state.readers -= 1;
        drop(state);
        self.shared.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SetName, SkipReason, Skipped};

    type Rows = Box<dyn Iterator<Item = Item> + Send>;

    #[expect(clippy::unnecessary_wraps, reason = "an item of a stream")]
    fn row(number: u64) -> Item {
        let (set, reason) = (SetName::new("a"), SkipReason::When);
        Ok(Planned::Skipped(Skipped { number, set, call_id: None, key: None, reason }))
    }

    fn number(item: &Item) -> Option<u64> {
        match item {
            Ok(Planned::Skipped(skipped)) => Some(skipped.number),
            _ => None,
        }
    }

    fn rows(from: u64, count: u64) -> Rows {
        Box::new((from..from + count).map(row))
    }

    #[test]
    fn every_set_gives_its_rows_in_order_however_they_are_asked_for() {
        for sets in [0, 1, 2, 5, MAX_SETS, MAX_SETS + 1] {
            let counts: Vec<u64> = (0..sets).map(|set| [0, 1, 64, 2_000, 65][set % 5]).collect();
            let streams = counts.iter().map(|count| rows(1, *count)).collect();
            let mut rng = fastrand::Rng::with_seed(sets as u64);
            let mut found = vec![Vec::new(); sets];
            std::thread::scope(|scope| {
                let mut read = ahead(scope, streams);
                let mut open: Vec<usize> = (0..sets).collect();
                while !open.is_empty() {
                    let at = rng.usize(..open.len());
                    match read[open[at]].next() {
                        Some(item) => found[open[at]].extend(number(&item)),
                        None => drop(open.remove(at)),
                    }
                }
            });
            for (found, count) in found.iter().zip(counts) {
                assert!(found.iter().copied().eq(1..=count), "{sets} sets");
            }
        }
    }

    #[test]
    fn a_reader_may_leave_at_any_time() {
        std::thread::scope(|scope| {
            let mut read = ahead(scope, vec![rows(1, u64::MAX / 2), rows(1, u64::MAX / 2)]);
            assert_eq!(read[1].next().as_ref().and_then(number), Some(1));
            drop(read.remove(0));
            for wanted in 2..=3 * MAX_AHEAD as u64 {
                assert_eq!(read[0].next().as_ref().and_then(number), Some(wanted));
            }
        });
    }

    #[test]
    fn a_thread_that_panics_ends_in_a_row_that_cannot_be_read() {
        let streams: Vec<Rows> =
            vec![Box::new((1..).map(|number| if number < 5 { row(number) } else { panic!("five") }))];
        let mut found = Vec::new();
        let scope = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| found = ahead(scope, streams).remove(0).collect());
        }));
        assert!(scope.is_err());
        assert!(matches!(found.as_slice(), [Err(problems)] if problems.is_empty()));
    }
}
