//! Bytes that a report needs again, kept out of memory: a private file without a name, written once, read in any order.
//!
//! Small reports never open it. A file that cannot be made or is full is no reason to have no report: then the rest stays
//! in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are written at once. Below this nothing leaves the memory.
const WRITE: usize = 256 * 1024;
/// Bytes that are read at once.
const READ: usize = 64 * 1024;
/// Bytes of these in front of what is asked for: plan order is nearly the order of the answers, and jumps back a little.
const BEHIND: u64 = 16 * 1024;

/// Entries, one after the other.
#[derive(Debug, Default)]
pub(super) struct Spill {
    file: Option<File>,
    /// Bytes in the file.
    filed: u64,
    /// What follows them.
    tail: Vec<u8>,
    /// The file takes no more.
    full: bool,
}

impl Spill {
    /// Adds an entry, and gives its place.
    pub(super) fn push(&mut self, entry: &[u8]) -> u64 {
        let place = self.filed + self.tail.len() as u64;
        let length = u32::try_from(entry.len()).unwrap_or(u32::MAX);
        self.tail.extend_from_slice(&length.to_le_bytes());
        self.tail.extend_from_slice(entry);
        if self.tail.len() >= WRITE && !self.full {
            self.full = self.write().is_err();
        }
        place
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&self.tail, self.filed)?;
        self.filed += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }

    /// Reads entries; best in ascending order, more or less.
    pub(super) fn reads(&self) -> Reads<'_> {
        Reads { spill: self, window: Vec::new(), start: 0 }
    }
}

/// Reads entries by their places.
#[derive(Debug)]
pub(super) struct Reads<'a> {
    spill: &'a Spill,
    window: Vec<u8>,
    /// The place of the window's first byte.
    start: u64,
}

impl Reads<'_> {
    /// The entry at a place.
    pub(super) fn at(&mut self, place: u64) -> io::Result<&[u8]> {
        let mut length = [0; 4];
        length.copy_from_slice(self.bytes(place, 4)?);
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
        self.bytes(place + 4, length)
    }

    fn bytes(&mut self, place: u64, length: usize) -> io::Result<&[u8]> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let part =
            |from: u64| usize::try_from(from).ok().and_then(|at| Some(at..at.checked_add(length)?)).ok_or_else(end);
        if let Some(in_tail) = place.checked_sub(self.spill.filed) {
            return self.spill.tail.get(part(in_tail)?).ok_or_else(end);
        }
        let there = place.checked_sub(self.start).is_some_and(|at| at + length as u64 <= self.window.len() as u64);
        if !there {
            self.fill(place, length)?;
        }
        self.window.get(part(place - self.start)?).ok_or_else(end)
    }

    fn fill(&mut self, place: u64, length: usize) -> io::Result<()> {
        let Some(file) = &self.spill.file else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let start = place.saturating_sub(BEHIND);
        let until = (place + length.max(READ) as u64).min(self.spill.filed);
        let wanted = usize::try_from(until - start).map_err(io::Error::other)?;
        self.window.resize(wanted, 0);
        // A window that could not be filled holds nothing.
        self.start = u64::MAX;
        file.read_exact_at(&mut self.window, start)?;
        self.start = start;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Vec<u8> {
        let length = fastrand::Rng::with_seed(number).usize(..300);
        (0..length).map(|at| (number + at as u64).to_le_bytes()[0]).collect()
    }

    fn check(spill: &Spill, places: &[u64]) {
        let mut reads = spill.reads();
        let mut order: Vec<usize> = (0..places.len()).collect();
        for _ in 0..2 {
            for number in &order {
                let found = reads.at(places[*number]).unwrap_or_else(|error| panic!("{number}: {error}"));
                assert_eq!(found, entry(*number as u64), "{number}");
            }
            fastrand::Rng::with_seed(7).shuffle(&mut order);
        }
    }

    #[test]
    fn entries_are_found_wherever_they_are() {
        let mut spill = Spill::default();
        let places: Vec<u64> = (0..10_000).map(|number| spill.push(&entry(number))).collect();
        assert!(spill.filed > 0 && !spill.tail.is_empty(), "some of both");
        check(&spill, &places);
        assert!(spill.reads().at(u64::MAX - 3).is_err());
    }

    #[test]
    fn what_a_full_disk_does_not_take_stays_in_memory() {
        let full = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full");
        let mut spill = Spill { file: full.ok(), ..Spill::default() };
        assert!(spill.file.is_some());
        let places: Vec<u64> = (0..10_000).map(|number| spill.push(&entry(number))).collect();
        assert_eq!(spill.filed, 0);
        check(&spill, &places);
    }
}
