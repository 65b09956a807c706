//! What can be typed behind `bridgebook report`.

use super::args::Format;
use super::exit::Exit;
use super::failure::Failure;
use super::report_format::ReportFormat;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug, Clone)]
pub(super) struct ReportArgs {
    /// The run's directory; of several runs: the figures together, and the trend in order of start
    #[arg(value_name = "RUN_DIR", required_unless_present = "from")]
    pub(super) run_dirs: Vec<PathBuf>,
    /// An audit file alone, without its directory; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run_dirs", "compare"])]
    pub(super) from: Option<PathBuf>,
    /// Two runs side by side: the first is the base
    #[arg(long)]
    pub(super) compare: bool,
    /// Write the files into this directory; default: one run's into its own, those of several runs or of `--from` nowhere
    #[arg(long, value_name = "DIR")]
    pub(super) to: Option<PathBuf>,
    /// Form of the result; of several runs `human` and `json` alone
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub(super) format: ReportFormat,
}

impl ReportArgs {
    /// The form of what is said of several runs.
    pub(super) fn of_several(&self) -> Result<Format, Failure> {
        match self.format {
            ReportFormat::Human => Ok(Format::Human),
            ReportFormat::Json => Ok(Format::Json),
            ReportFormat::Markdown | ReportFormat::Junit | ReportFormat::Prometheus | ReportFormat::Csv => {
                Err(Failure::new(Exit::Usage, "several runs have no such format: `human` and `json` are theirs")
                    .help("`--to DIR` writes trend.csv and trend.html too"))
            }
        }
    }
}
