//! Rows that come again: what the columns say that a report has put beside those of the input.

use super::Cause;
use crate::model::again::{
    CALL, CELLS, COLUMNS, KEY, MATRIX, MORE, PART, ROW, RUN, RUNBOOK, SET, STATE, UNKNOWN, is_reserved,
};
use crate::model::{BridgePart, Cells, Code, DataPlace, Problem};
use serde_json::{Map, Value};

/// What separates the cells of a file of this beginning, if it has such columns: a spreadsheet may have chosen another sign
/// than the one that the file was written with.
pub(super) fn delimiter(begin: &[u8], delimiters: &[u8]) -> Option<u8> {
    let line = begin.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty())?;
    let makes = |delimiter: u8, of: fn(&str) -> bool| {
        let cells = line.split(|byte| *byte == delimiter).filter_map(|cell| std::str::from_utf8(cell).ok());
        cells.map(|cell| cell.trim().trim_matches('"')).any(of)
    };
    // A whole name first: with the wrong sign, all columns are one whose name begins like one of ours.
    let whole = delimiters.iter().copied().find(|delimiter| makes(*delimiter, |name| COLUMNS.contains(&name)));
    whole.or_else(|| delimiters.iter().copied().find(|delimiter| makes(*delimiter, is_reserved)))
}

/// Where the columns stand in a header.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    set: Option<usize>,
    runbook: Option<usize>,
    run: Option<usize>,
    key: Option<usize>,
    call: Option<usize>,
    state: Option<usize>,
    row: Option<usize>,
    matrix: Option<usize>,
    part: Option<usize>,
    cells: Option<usize>,
    more: Option<usize>,
    /// Those of the input.
    pub(super) input: Vec<usize>,
}

/// What they say of a row.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::expand) struct RowAgain {
    pub(in crate::expand) index: Option<u64>,
    pub(in crate::expand) matrix: Option<Map<String, Value>>,
    pub(in crate::expand) part: Option<BridgePart>,
    pub(in crate::expand) cells: Cells,
    pub(in crate::expand) key: Option<String>,
    pub(in crate::expand) call: Option<String>,
    /// Its job is unknown.
    pub(in crate::expand) doubt: bool,
}

/// Whose row it is, and what became of its job: what is asked before anything is made of the row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::expand) struct Origin {
    pub(in crate::expand) set: Option<String>,
    pub(in crate::expand) runbook: Option<String>,
    pub(in crate::expand) state: Option<String>,
    pub(in crate::expand) run: Option<String>,
    /// The row's number in its set, and the part that it is, as they are written.
    pub(in crate::expand) row: Option<String>,
    pub(in crate::expand) part: Option<BridgePart>,
    pub(in crate::expand) without_input: bool,
}

/// A cell that cannot be read: its column, and what would be right.
pub(super) struct Wrong(pub(super) &'static str, pub(super) &'static str);

impl Wrong {
    pub(super) fn problem(&self, place: DataPlace) -> Problem {
        let Self(column, right) = self;
        Problem::at(Code::ReservedColumn, "", format!("`{column}` must be {right}"))
            .help("leave the columns whose names begin with `bridgebook_` as they were made, or remove the row")
            .caused_by(place)
    }
}

impl Own {
    /// A name that looks like one of ours and is none: what it holds would be passed over.
    pub(super) fn stray(header: &[String]) -> Option<usize> {
        header.iter().position(|name| is_reserved(name) && !COLUMNS.contains(&name.as_str()))
    }

    /// `None`: the header has no such column, and the file is one like any other.
    pub(super) fn of(header: &[String]) -> Option<Self> {
        let (own, input): (Vec<usize>, Vec<usize>) = (0..header.len()).partition(|at| is_reserved(&header[*at]));
        if own.is_empty() {
            return None;
        }
        let find = |name: &str| header.iter().position(|column| column == name);
        Some(Self {
            set: find(SET),
            runbook: find(RUNBOOK),
            run: find(RUN),
            key: find(KEY),
            call: find(CALL),
            state: find(STATE),
            row: find(ROW),
            matrix: find(MATRIX),
            part: find(PART),
            cells: find(CELLS),
            more: find(MORE),
            input,
        })
    }

    pub(super) fn origin(&self, cell: impl Fn(usize) -> String) -> Origin {
        let text = |at: Option<usize>| at.map(&cell).filter(|text| !text.is_empty());
        Origin {
            set: text(self.set),
            runbook: text(self.runbook),
            state: text(self.state),
            run: text(self.run),
            row: text(self.row),
            part: text(self.part).as_deref().and_then(BridgePart::parse),
            without_input: text(self.cells).as_deref() == Some(Cells::None.word()),
        }
    }

    /// The row's values, and what is said of it.
    pub(super) fn read(
        &self,
        header: &[String],
        cell: impl Fn(usize) -> String,
    ) -> Result<(Map<String, Value>, RowAgain), Wrong> {
        let text = |at: Option<usize>| at.map(&cell).filter(|text| !text.is_empty());
        let object = |at: Option<usize>, wrong: Wrong| match text(at) {
            None => Ok(None),
            Some(text) => match strict(&text) {
                Some(Value::Object(members)) => Ok(Some(members)),
                _ => Err(wrong),
            },
        };
        let cells = match text(self.cells) {
            None => Cells::default(),
            Some(word) => {
                Cells::ALL.into_iter().find(|cells| cells.word() == word).ok_or(Wrong(CELLS, "`text` or `json`"))?
            }
        };
        let index = match text(self.row) {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| Wrong(ROW, "the number of a row"))?),
        };
        let part = match text(self.part) {
            None => None,
            Some(text) => Some(BridgePart::parse(&text).ok_or(Wrong(PART, "a part and their count, as `2/3`"))?),
        };
        let matrix = object(self.matrix, Wrong(MATRIX, "a combination of the set's matrix, as a JSON object"))?;
        let more = object(self.more, Wrong(MORE, "a JSON object"))?;
        let mut values = Map::new();
        for at in &self.input {
            let value = match (cells, cell(*at)) {
                (Cells::Json, text) if text.is_empty() => continue,
                (Cells::Json, text) => strict(&text).unwrap_or(Value::String(text)),
                (Cells::Text | Cells::None, text) => Value::String(text),
            };
            values.insert(header[*at].clone(), value);
        }
        values.extend(more.into_iter().flatten());
        let doubt = text(self.state).as_deref() == Some(UNKNOWN);
        Ok((values, RowAgain { index, matrix, part, cells, key: text(self.key), call: text(self.call), doubt }))
    }
}

/// A cell's text as JSON, if it is that.
fn strict(text: &str) -> Option<Value> {
    serde_json::from_str::<crate::expand::strict_json::Strict>(text).ok().map(|strict| strict.0)
}

/// A combination that the set's matrix has not.
pub(super) fn no_combination(cause: Option<Cause>) -> Problem {
    let wrong = Wrong(MATRIX, "a combination of the set's matrix");
    match cause {
        Some(Cause::Data(place)) => wrong.problem(place),
        Some(Cause::Runbook(_)) | None => wrong.problem(DataPlace::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_makes_a_column_of_ours() {
        let found = |begin: &str| delimiter(begin.as_bytes(), b",;\t|");
        assert_eq!(found("a,b,bridgebook_set\r\n1;2,3,x"), Some(b','));
        assert_eq!(found("\na;\"bridgebook_set\";bridgebook_key\n"), Some(b';'));
        assert_eq!(found("bridgebook_set;bridgebook_key"), Some(b';'));
        assert_eq!(found("number;Bridgebook_Set;x"), Some(b';'));
        assert_eq!(found("a,b,c\nbridgebook_set"), None);
        assert_eq!(found(""), None);
    }
}
