//! The lines of an audit file, read ahead by a thread of their own: hashing and decoding a line costs as much as all that is
//! made of it. Nothing else changes: lines come in their order, up to the first error.

use super::reader::{Line, ReadError, Reader};
use std::io::Read;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// Lines that are handed over at once.
const BATCH: usize = 128;
/// Batches that are ready at most, so that memory does not grow with the file.
const BATCHES: usize = 4;

/// A line, or why there is none.
pub(super) type Item = Result<Line, ReadError>;

/// Lets `take` have the lines.
pub(super) fn read_ahead<T, R: Read + Send>(
    reader: Reader<R>,
    take: impl FnOnce(&mut dyn Iterator<Item = Item>) -> T,
) -> T {
    // Only one of the two ever locks it.
    let reader = Mutex::new(reader);
    let locked = || reader.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let (give, taken) = mpsc::sync_channel::<Vec<Item>>(BATCHES);
        let thread = thread::Builder::new().name("read".to_owned());
        if thread.spawn_scoped(scope, move || hand_over(&mut *locked(), &give)).is_err() {
            // Without a thread it takes longer.
            return take(&mut *locked());
        }
        // Should the thread panic, its lines end early, and so does this with a panic of its own.
        take(&mut taken.into_iter().flatten())
    })
}

/// Ends with the file, with its first error, or when nobody takes anything more.
fn hand_over(reader: &mut impl Iterator<Item = Item>, give: &mpsc::SyncSender<Vec<Item>>) {
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        let mut failed = false;
        while batch.len() < BATCH && !failed {
            let Some(line) = reader.next() else { break };
            failed = line.is_err();
            batch.push(line);
        }
        let ended = batch.len() < BATCH || failed;
        if give.send(batch).is_err() || ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::Path;

    fn read_ahead<T>(path: &Path, take: impl FnOnce(&mut dyn Iterator<Item = Item>) -> T) -> Result<T, ReadError> {
        Reader::open(path).map(|reader| super::read_ahead(reader, take))
    }

    /// A file of so many lines that are no records.
    fn file(lines: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
        file.write_all("{}\n".repeat(lines).as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        file
    }

    fn numbers(lines: &mut dyn Iterator<Item = Item>) -> Vec<u64> {
        lines.map(|line| line.map_or(0, |line| line.number)).collect()
    }

    #[test]
    fn every_line_comes_once_and_in_order() {
        for lines in [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH, 10 * BATCH * BATCHES + 7] {
            let found = read_ahead(file(lines).path(), numbers).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found, (1..=lines as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn who_stops_early_does_not_wait_for_the_rest() {
        let first = read_ahead(file(100 * BATCH * BATCHES).path(), |lines| lines.next().is_some());
        assert!(first.is_ok_and(|there_is_one| there_is_one));
    }

    /// Gives what it has, and then an error.
    struct Broken(&'static [u8]);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("the disk is gone"));
            }
            self.0.read(buffer)
        }
    }

    #[test]
    fn an_error_is_the_last_of_all() {
        let reader = Reader::of(Broken(b"{}\n{}\n"), Path::new("broken"));
        assert_eq!(super::read_ahead(reader, numbers), [1, 2, 0]);
        assert!(Reader::open(Path::new("/nowhere")).is_err());
        assert!(Reader::open(Path::new("/")).is_err(), "a directory is no file");
    }
}
