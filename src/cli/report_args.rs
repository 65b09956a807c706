//! What can be typed behind `bridgebook report`.

use super::args::Format;
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
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}
