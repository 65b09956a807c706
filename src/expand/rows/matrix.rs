//! The combinations of a matrix, one at a time, in the order of its axes.

use crate::model::Matrix;
use serde_json::{Map, Value};

/// Walks over the combinations; it can begin anew for each row.
pub(super) struct Combinations<'a> {
    matrix: &'a Matrix,
    /// For each axis the place of its value; `None` before the first and behind the last combination.
    at: Option<Vec<usize>>,
    /// Combinations of `include` that were given.
    included: usize,
    begun: bool,
}

impl<'a> Combinations<'a> {
    pub(super) fn new(matrix: &'a Matrix) -> Self {
        Self { matrix, at: None, included: 0, begun: false }
    }

    /// Whether a name is one of the axes.
    pub(super) fn has(&self, name: &str) -> bool {
        self.matrix.axes.iter().any(|(axis, _)| axis == name)
    }

    /// The axes' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.matrix.axes.iter().map(|(name, _)| name.as_str())
    }

    /// Begins anew.
    pub(super) fn rewind(&mut self) {
        (self.at, self.included, self.begun) = (None, 0, false);
    }

    /// Puts the next combination into a row; false behind the last one.
    pub(super) fn fill(&mut self, row: &mut Map<String, Value>) -> bool {
        while self.advance() {
            let Some(at) = &self.at else { break };
            if !self.is_excluded(at) {
                for ((name, values), place) in self.matrix.axes.iter().zip(at) {
                    row.insert(name.clone(), values.get(*place).cloned().unwrap_or_default());
                }
                return true;
            }
        }
        let Some(more) = self.matrix.include.get(self.included) else { return false };
        self.included += 1;
        row.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        true
    }

    /// Puts this combination into a row; false: there is none such.
    pub(super) fn choose(&mut self, wanted: &Map<String, Value>, row: &mut Map<String, Value>) -> bool {
        let whole = wanted.len() == self.matrix.axes.len();
        while whole && self.fill(row) {
            if wanted.iter().all(|(axis, value)| row.get(axis) == Some(value))
                && wanted.keys().all(|axis| self.has(axis))
            {
                return true;
            }
        }
        false
    }

    /// Where the value of an axis in the last combination stands below `rows`.
    pub(super) fn pointer(&self, axis: &str) -> String {
        let name = axis.replace('~', "~0").replace('/', "~1");
        let place = self.matrix.axes.iter().position(|(known, _)| known == axis);
        match (&self.at, place) {
            (Some(at), Some(place)) => format!("/matrix/axes/{name}/{}", at[place]),
            _ => format!("/matrix/include/{}/{name}", self.included.saturating_sub(1)),
        }
    }

    /// Counts up like an odometer: the last axis changes fastest.
    fn advance(&mut self) -> bool {
        let axes = &self.matrix.axes;
        if !self.begun {
            self.begun = true;
            let whole = !axes.is_empty() && axes.iter().all(|(_, values)| !values.is_empty());
            self.at = whole.then(|| vec![0; axes.len()]);
            return whole;
        }
        let Some(at) = &mut self.at else { return false };
        for (place, (_, values)) in at.iter_mut().zip(axes).rev() {
            *place += 1;
            if *place < values.len() {
                return true;
            }
            *place = 0;
        }
        self.at = None;
        false
    }

    fn is_excluded(&self, at: &[usize]) -> bool {
        self.matrix.exclude.iter().any(|excluded| excluded.iter().all(|(axis, value)| at[*axis] == *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_product_in_order_less_what_is_excluded_and_then_what_is_included() {
        let matrix = Matrix {
            axes: vec![("a".into(), vec![json!("x"), json!("y")]), ("b".into(), vec![json!(1), json!(2), json!(3)])],
            exclude: vec![vec![(0, 0), (1, 1)], vec![(1, 2)]],
            include: vec![json!({"a": "z", "b": 9}).as_object().cloned().unwrap_or_default()],
        };
        let mut combinations = Combinations::new(&matrix);
        for _ in 0..2 {
            combinations.rewind();
            let mut found = Vec::new();
            let mut row = Map::new();
            while combinations.fill(&mut row) {
                found.push((format!("{}{}", row["a"], row["b"]), combinations.pointer("b")));
            }
            let found: Vec<(&str, &str)> = found.iter().map(|(row, at)| (row.as_str(), at.as_str())).collect();
            let expected = [
                ("\"x\"1", "/matrix/axes/b/0"),
                ("\"y\"1", "/matrix/axes/b/0"),
                ("\"y\"2", "/matrix/axes/b/1"),
                ("\"z\"9", "/matrix/include/0/b"),
            ];
            assert_eq!(found, expected);
        }
    }
}
