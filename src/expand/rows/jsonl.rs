//! Rows from JSON Lines: one object a line.

use super::input::{Input, Opened, not_text, unreadable};
use super::json_row::{malformed, object};
use super::record::{MAX_RECORD, Record};
use super::spans;
use super::{Row, RowPlace};
use crate::model::{Code, DataPlace, Problem};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

const REMEDY: &str = "write one JSON object a line";

/// A JSON Lines file.
pub(super) struct JsonlReader {
    input: BufReader<Input>,
    record: Record,
    shown: PathBuf,
    /// No row was read yet.
    fresh: bool,
    /// Nothing more can be read.
    ended: bool,
}

impl JsonlReader {
    pub(super) fn new(opened: Opened) -> Self {
        let Opened { input, shown } = opened;
        Self { input, record: Record::default(), shown, fresh: true, ended: false }
    }

    /// The place of the line that was read last, or of a value in it.
    pub(super) fn place(&self, path: Option<&[String]>) -> DataPlace {
        let span = path.and_then(|path| spans::value(std::str::from_utf8(&self.record.raw).ok()?, path));
        self.record.place(&self.shown, span)
    }

    /// Reads a line without its end; false at the end of the file. What is beyond the limit is not kept.
    fn line(&mut self) -> std::io::Result<bool> {
        self.record.raw.clear();
        self.record.line += 1;
        let limit = MAX_RECORD as u64 + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut self.record.raw)? == 0 {
            return Ok(false);
        }
        match self.record.raw.pop_if(|byte| *byte == b'\n') {
            Some(_) => drop(self.record.raw.pop_if(|byte| *byte == b'\r')),
            None if self.record.raw.len() > MAX_RECORD => drop(self.input.skip_until(b'\n')?),
            None => {}
        }
        Ok(true)
    }

    fn row(&mut self) -> Result<Row, Problem> {
        let fresh = std::mem::take(&mut self.fresh);
        if self.record.raw.len() > MAX_RECORD {
            let place = self.record.place(&self.shown, Some(0..1));
            return Err(Problem::at(Code::RecordTooLarge, "", "the line is longer than 1 MiB")
                .help(REMEDY)
                .caused_by(place));
        }
        if let Some(problem) = not_text(&self.record, &self.shown) {
            self.ended = true;
            return Err(problem);
        }
        let text = std::str::from_utf8(&self.record.raw).unwrap_or_default();
        let start = text.trim();
        if fresh && (start.starts_with('[') || start == "{") {
            // Every further line would be wrong for the same reason.
            self.ended = true;
            let message = "the file is one JSON document, not an object a line";
            let help = "write `json:` in place of `jsonl:`";
            let begin = text.len() - text.trim_start().len();
            return Err(malformed(message)
                .help(help)
                .caused_by(self.record.place(&self.shown, Some(begin..begin + 1))));
        }
        let values = object(&self.record, &self.shown).map_err(|problem| match problem.help {
            None => problem.help(REMEDY),
            Some(_) => problem,
        })?;
        Ok(Row { values, place: RowPlace { line: self.record.line } })
    }
}

impl Iterator for JsonlReader {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.line() {
                Ok(false) => return None,
                Ok(true) if self.record.raw.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.row()),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(unreadable(&self.shown, &error)));
                }
            }
        }
        None
    }
}
