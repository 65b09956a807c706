//! The rows of a set as its source gives them, in the order of its jobs: no template is rendered, nothing is judged.

use super::files::Files;
use super::rows::{Row, RowReader};
use crate::model::{Cells, InputRow, Problem, RowFormat, RowSource, SetSpec};
use serde_json::Map;

/// Reads them, one at a time; a matrix is laid over them.
pub struct SourceRows<'a> {
    reader: RowReader<'a>,
    /// Its values are texts, not JSON.
    text: bool,
    index: u64,
}

impl std::fmt::Debug for SourceRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceRows(at {})", self.index)
    }
}

impl<'a> SourceRows<'a> {
    /// Opens them.
    pub fn open(set: &'a SetSpec, files: &Files) -> Result<Self, Problem> {
        let reader = RowReader::open(&set.rows, files, Some(&set.name))?;
        let text = matches!(
            set.rows.source,
            RowSource::File(_, RowFormat::Csv { .. }) | RowSource::Stdin(RowFormat::Csv { .. })
        );
        Ok(Self { reader, text, index: 0 })
    }

    /// The columns, where every row has the same.
    pub fn columns(&self) -> Option<Vec<String>> {
        self.reader.input_columns()
    }
}

impl Iterator for SourceRows<'_> {
    type Item = Result<InputRow, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut values = match self.reader.next()? {
            Ok(Row { values, .. }) => values,
            Err(problem) => return Some(Err(problem)),
        };
        let mut axes = self.reader.axes().peekable();
        let matrix = axes.peek().is_some().then(|| {
            axes.filter_map(|axis| Some((axis.to_owned(), values.shift_remove(axis)?))).collect::<Map<_, _>>()
        });
        let again = self.reader.again();
        self.index = again.and_then(|again| again.index).unwrap_or(self.index + 1);
        let cells = if self.text { again.map(|again| again.cells).unwrap_or_default() } else { Cells::Json };
        let part = again.and_then(|again| again.part);
        let doubt = again.is_some_and(|again| again.doubt);
        Some(Ok(InputRow { values, index: self.index, matrix, part, cells, doubt }))
    }
}
