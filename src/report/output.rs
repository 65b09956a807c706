//! The finished report: what the fold came to, and the files that it can be written as.
//!
//! Must not read a clock or a file of the run. Asking twice gives the same bytes twice.

use super::charts::{Clock, Timeline};
use super::jobs::Jobs;
use super::summary::Summary;
use super::{html, junit, markdown, prometheus, results_csv, summary_csv, text};
use crate::state::RunState;
use std::fmt::Display;
use std::io::{self, Write};

/// What the reader of the file knows beyond the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// SHA-256 of the last line, in lower-case hex: the head of the chain.
    pub head: String,
    /// Lines of the file.
    pub lines: u64,
    /// Fingerprint of the key by which the last line is a good signature; `None`: it is none.
    pub signed_by: Option<String>,
    /// Who is at work on the run, where it has not ended.
    pub alive: Option<String>,
    /// The rest of the file cannot be read: jobs without a word may have ended.
    pub unread: bool,
    /// An integrity problem in words; `None` when the chain is intact.
    pub damage: Option<String>,
}

/// A report. Only [`super::ReportBuilder`] makes one.
#[derive(Debug)]
pub struct Report {
    pub(super) summary: Summary,
    pub(super) run: RunState,
    pub(super) jobs: Jobs,
    /// The run over time; `None` when no job ended.
    pub(super) timeline: Option<Timeline>,
    pub(super) clock: Clock,
}

/// A file's name and what writes it.
type Format = (&'static str, fn(&Report, &mut dyn Write) -> io::Result<()>);

/// Every format, in the order in which they are written.
const FORMATS: [Format; 7] = [
    ("summary.json", |report, out| out.write_all(&or_words(summary_json(&report.summary)))),
    ("summary.csv", |report, out| out.write_all(&or_words(summary_csv::bytes(&report.summary)))),
    ("results.csv", results_csv::write),
    ("report.html", |report, out| out.write_all(&or_words(html::page(report)))),
    ("junit.xml", junit::write),
    ("summary.md", |report, out| out.write_all(markdown::text(report).as_bytes())),
    ("metrics.prom", |report, out| out.write_all(prometheus::text(report).as_bytes())),
];

impl Report {
    /// The figures; as JSON they are `summary.json`.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether the file is whole: its chain is intact and every job of the plan is accounted for.
    pub fn is_complete(&self) -> bool {
        self.summary.complete
    }

    /// The short summary that `run` and `report` print: plain UTF-8, no colour, ends with a line feed.
    pub fn text(&self) -> String {
        text::lines(&self.summary)
    }

    /// The files, in the order in which they are written. Only the page and the summaries fit into memory for sure.
    pub fn files(&self) -> impl Iterator<Item = ReportFile<'_>> {
        FORMATS.into_iter().map(move |(name, write)| ReportFile { name, report: self, write })
    }
}

/// One file of a report.
#[derive(Debug)]
pub struct ReportFile<'a> {
    /// Its name.
    pub name: &'static str,
    report: &'a Report,
    write: fn(&Report, &mut dyn Write) -> io::Result<()>,
}

impl ReportFile<'_> {
    /// Writes it.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        (self.write)(self.report, out)
    }
}

fn summary_json(summary: &Summary) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(summary)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writing our own data to memory does not fail. Should it ever, the file says so: a panic at the end of a run would
/// cost the other files and the exit code.
fn or_words<E: Display>(bytes: Result<Vec<u8>, E>) -> Vec<u8> {
    bytes.unwrap_or_else(|error| format!("this report could not be made: {error}\n").into_bytes())
}
