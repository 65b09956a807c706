//! Rows that stand in the runbook itself.

use super::{Row, RowPlace};
use serde_json::{Map, Value};

/// Inline rows; a row's line is its number, from 1.
pub(super) struct ItemsReader<'a> {
    items: &'a [Map<String, Value>],
    next: usize,
}

impl<'a> ItemsReader<'a> {
    pub(super) fn new(items: &'a [Map<String, Value>]) -> Self {
        Self { items, next: 0 }
    }

    /// Every name that an item has.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        let mut names: Vec<String> = self.items.iter().flat_map(Map::keys).cloned().collect();
        names.sort_unstable();
        names.dedup();
        Some(names).filter(|_| !self.items.is_empty())
    }

    /// Where the last row, or a value in it, stands below `rows`.
    pub(super) fn pointer(&self, path: Option<&[String]>) -> String {
        let mut pointer = format!("/items/{}", self.next.saturating_sub(1));
        for name in path.into_iter().flatten() {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        pointer
    }
}

impl Iterator for ItemsReader<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let values = self.items.get(self.next)?.clone();
        self.next += 1;
        Some(Row { values, place: RowPlace { line: self.next as u64 } })
    }
}
