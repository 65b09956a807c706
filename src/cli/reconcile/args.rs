//! What `reconcile` takes.

use crate::cli::args::{Format, reason};
use crate::cli::locking::IfRunningArgs;
use crate::reconcile::{Condition, Decision, Matching};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Debug, Clone)]
pub(in crate::cli) struct ReconcileArgs {
    /// The run's directory
    pub(super) run_dir: PathBuf,
    /// Ask the API with the profile's read-only request; the credentials come from where the runbook says
    #[arg(long, help_heading = "By the profile's probe")]
    pub(super) probe: bool,
    /// The vendor's own records: a CSV file with a header
    #[arg(long, value_name = "FILE.csv", requires = "match_column", help_heading = "By the vendor's records")]
    pub(super) records: Option<PathBuf>,
    /// Which column says whose record it is: `call_id`, `request_id` or `correlation_id`; `call_id=COLUMN` for another name
    #[arg(long, value_name = "FIELD[=COLUMN]", requires = "records", help_heading = "By the vendor's records")]
    pub(super) match_column: Option<Matching>,
    /// A record with this value says that the call is bridged; may be repeated
    #[arg(long, value_name = "COLUMN=VALUE", requires = "records", help_heading = "By the vendor's records")]
    pub(super) bridged_when: Vec<Condition>,
    /// A record with this value says that it is not; may be repeated. A record that fits neither says nothing
    #[arg(long, value_name = "COLUMN=VALUE", requires = "records", help_heading = "By the vendor's records")]
    pub(super) not_bridged_when: Vec<Condition>,
    /// What it means that there is no record of a job; left out: nothing
    #[arg(long, value_enum, requires = "records", requires = "reason", help_heading = "By the vendor's records")]
    pub(super) absent_means: Option<AbsentMeans>,
    /// Decide about a job by its number: 12=bridged or 12=not-bridged; may be repeated
    #[arg(long, value_name = "JOB=WORD", requires = "reason", help_heading = "By decision")]
    pub(super) decide: Vec<Decision>,
    /// Why: for --decide and --absent-means; it stands in the audit file beside your name
    #[arg(long, value_name = "TEXT", value_parser = reason, help_heading = "By decision")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) closing: ClosingArgs,
    /// Sign the audit file anew with this Ed25519 private key (PEM): what is added is behind an earlier signature
    #[arg(long, value_name = "FILE.pem")]
    pub(super) signing_key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) running: IfRunningArgs,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(in crate::cli) format: Format,
}

#[derive(Args, Debug, Clone, Copy)]
pub(super) struct ClosingArgs {
    /// End a run that was cut off: what was in flight is unknown, what was not begun is not attempted
    #[arg(long)]
    pub(super) close: bool,
    /// Close it although the machine was started anew since a run with `durability: process`: its file may have lost its end
    #[arg(long, requires = "close")]
    pub(super) despite_lost_tail: bool,
}

/// What the absence of a record means.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum AbsentMeans {
    /// The vendor writes a record of every call that it bridges, and the table has them all.
    NotBridged,
}
