//! The forms in which a run's report can stand on stdout: words for people, or one of its files, byte for byte.

use super::args::Format;
use clap::ValueEnum;

/// Form of a run's report on stdout.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportFormat {
    /// For people.
    Human,
    /// summary.json, for programs.
    Json,
    /// summary.md, for a pull request or a job's summary.
    Markdown,
    /// junit.xml, for CI servers.
    Junit,
    /// metrics.prom, for Prometheus.
    Prometheus,
    /// summary.csv, for spreadsheets.
    Csv,
}

impl ReportFormat {
    /// Its file in the run's directory; `None`: it is for people.
    pub(super) fn file(self) -> Option<&'static str> {
        match self {
            Self::Human => None,
            Self::Json => Some("summary.json"),
            Self::Markdown => Some("summary.md"),
            Self::Junit => Some("junit.xml"),
            Self::Prometheus => Some("metrics.prom"),
            Self::Csv => Some("summary.csv"),
        }
    }
}

/// What is said before there is a report: as JSON where that was asked for; nobody but people is told otherwise.
impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        if format == ReportFormat::Json { Self::Json } else { Self::Human }
    }
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
        }
    }
}
