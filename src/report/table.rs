//! Columns for a terminal: as wide as what stands in them, words to the left, numbers to the right.

/// A table of plain text.
#[derive(Clone, Debug)]
pub struct Table {
    /// Which columns are numbers.
    numbers: Vec<bool>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with these headings; those that start with `>` stand over numbers.
    pub fn new(headings: &[&str]) -> Self {
        let numbers = headings.iter().map(|heading| heading.starts_with('>')).collect();
        let first = headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
        Self { numbers, rows: vec![first] }
    }

    /// One more row. Its texts must be printable.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, headings first, without blanks at their ends.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let width = |column| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.numbers.len()).map(width).collect();
        self.rows.iter().map(move |row| {
            let cells = row.iter().zip(&widths).zip(&self.numbers);
            let cells = cells.map(|((cell, width), number)| match number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["run", ">jobs", "verdict"]);
        table.row(["é".to_owned(), "1204".to_owned(), "PASSED".to_owned()]);
        table.row(["longer".to_owned(), "7".to_owned(), String::new()]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(lines, ["run     jobs  verdict", "é       1204  PASSED", "longer     7"]);
    }
}
