//! What can be typed. Reading it touches nothing but the environment.

use super::exit::Exit;
use super::locking::IfRunningArgs;
use super::reconcile::ReconcileArgs;
use super::report_args::ReportArgs;
use super::report_format::ReportFormat;
use super::runs::RunsArgs;
use crate::model::{DurationSpec, Rate, SetName};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Runs declarative runbooks that bridge live calls in bulk: at most one request with an effect for each job.
#[derive(Parser, Debug)]
#[command(name = "bridgebook", version, max_term_width = 100, after_help = Exit::help())]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// How to talk: for every command.
#[derive(Args, Debug, Clone, Copy)]
pub(super) struct OutputArgs {
    /// More log on stderr: -v info, -vv debug
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,
    /// Errors only on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Form of the log on stderr
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true, env = "BRIDGEBOOK_LOG_FORMAT")]
    pub(super) log_format: LogFormat,
    /// Colours
    #[arg(long, value_enum, default_value_t = When::Auto, global = true)]
    pub(super) color: When,
}

/// Form of the log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Colours.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Form of results on stdout.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Form of diagnostics on stdout.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckFormat {
    /// For people, on stderr.
    Human,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands, for annotations on GitHub.
    Github,
}

impl From<Format> for CheckFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
        }
    }
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Write a runbook with sample data that validates, plans and runs in the sandbox
    Init {
        /// Where to write; must not hold these files yet
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Check runbooks and every row of their data; sends nothing
    Validate {
        /// Runbooks to check
        #[arg(required = true)]
        runbooks: Vec<PathBuf>,
        #[command(flatten)]
        selection: SelectionArgs,
        #[command(flatten)]
        strictness: StrictnessArgs,
        /// Form of the diagnostics
        #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
        format: CheckFormat,
    },
    /// Show what a run would send; sends nothing
    Plan(PlanArgs),
    /// Run a runbook
    Run(RunArgs),
    /// Go on with a run that was cut off, interrupted or stopped: what has ended is never sent again
    Resume(ResumeArgs),
    /// Find out whether a run would be let in
    Auth {
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// Find out what became of the unknowns of a run that is over, and add it to its audit file
    Reconcile(Box<ReconcileArgs>),
    /// Look after the register of calls of `guards.once_per`
    Guard {
        #[command(subcommand)]
        command: GuardCommand,
    },
    /// Make every report of a run anew, from its audit file alone; of several runs the trend and the figures together
    Report(ReportArgs),
    /// List the runs of an output directory, newest first; writes nothing
    Runs(RunsArgs),
    /// Check that an audit file is as it was written, and that it balances
    Verify {
        /// The run's directory, or an audit file
        run_dir: PathBuf,
        /// Its last line must be a signature by this Ed25519 key (PEM, as `openssl pkey -pubout` writes it)
        #[arg(long, value_name = "FILE.pem")]
        public_key: Option<PathBuf>,
        /// A head that was kept elsewhere: a line of the file must have it
        #[arg(long, value_name = "HEX")]
        head: Option<String>,
        /// Form of the result
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Print a JSON Schema
    Schema {
        /// Which one
        #[arg(value_enum)]
        kind: SchemaKind,
        /// Whose `job` or `payload`: a shipped profile, or a profile file
        #[arg(long, value_name = "NAME|FILE", default_value = "cxone")]
        profile: String,
    },
    /// List the shipped profiles
    Profiles {
        /// Form of the result
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Explain a diagnostic's code (BB0101, or just 101) or a topic; without one, list them
    Explain {
        /// A code, or `templates`
        topic: Option<String>,
    },
    /// Start the built-in fake API on loopback, for rehearsals
    Simulate(SimulateArgs),
    /// Print a shell's completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// The form of its result, where there is a choice.
    pub(super) fn format(&self) -> CheckFormat {
        match self {
            Self::Validate { format, .. } => *format,
            Self::Report(args) => Format::from(args.format).into(),
            Self::Runs(args) => args.format.into(),
            Self::Verify { format, .. } | Self::Profiles { format } => (*format).into(),
            Self::Plan(args) => args.format.into(),
            Self::Run(args) => Format::from(args.format).into(),
            Self::Resume(args) => Format::from(args.format).into(),
            Self::Reconcile(args) => args.format.into(),
            Self::Guard { command: GuardCommand::Rebuild(args) } => args.format.into(),
            Self::Auth { command: AuthCommand::Check(args) } => args.format.into(),
            Self::Init { .. }
            | Self::Schema { .. }
            | Self::Explain { .. }
            | Self::Simulate(_)
            | Self::Completions { .. } => CheckFormat::Human,
        }
    }
}

/// The schemas.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaKind {
    /// A runbook.
    Runbook,
    /// A file that runbooks include.
    Fragment,
    /// A job's fields.
    Job,
    /// The body of a bridge request.
    Payload,
    /// A line of the audit file.
    Audit,
    /// `summary.json`.
    Summary,
    /// `trend.json`: several runs.
    Trend,
    /// Two runs side by side: `report --compare --format json`.
    Comparison,
    /// The list of runs: `runs --format json`.
    Runs,
    /// A profile.
    Profile,
}

/// Which part of a plan, with which values.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct SelectionArgs {
    /// Override a value of `vars`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
    /// Override values of `vars` by those of a YAML or JSON file; `--set` beats it, a later file an earlier one
    #[arg(long, value_name = "FILE")]
    pub(super) vars: Vec<PathBuf>,
    /// Only these sets
    #[arg(long, value_name = "SET", value_parser = set_name)]
    pub(super) only: Vec<SetName>,
    /// Only the first N rows of the plan
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Take the rows of all sets from `failed.csv`, `unknown.csv` or `not_attempted.csv` of an earlier run
    #[arg(long, value_name = "FILE.csv")]
    pub(super) rows: Option<PathBuf>,
    /// Take rows of unknown jobs too: those that are bridged already are bridged twice
    #[arg(long, requires = "reason")]
    pub(super) resend_unknown: bool,
    /// Why: it stands in the audit file beside your name
    #[arg(long, value_name = "TEXT", value_parser = reason, requires = "resend_unknown")]
    pub(super) reason: Option<String>,
}

/// What refuses a runbook.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(super) struct StrictnessArgs {
    /// Warnings refuse the runbook as errors do
    #[arg(long)]
    pub(super) deny_warnings: bool,
}

/// How much at once, how fast.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct PaceArgs {
    /// Requests in flight at most
    #[arg(long, value_name = "N", env = "BRIDGEBOOK_CONCURRENCY", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) concurrency: Option<u16>,
    /// Requests started at most: 25/s, 90/m, 1000/h
    #[arg(long, env = "BRIDGEBOOK_RATE")]
    pub(super) rate: Option<Rate>,
}

#[derive(Args, Debug, Clone)]
pub(super) struct PlanArgs {
    /// The runbook
    pub(super) runbook: PathBuf,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
    #[command(flatten)]
    pub(super) strictness: StrictnessArgs,
    /// Write every payload to this file, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) payloads: Option<PathBuf>,
    /// Save the plan by content: `run --plan` then refuses to run anything else
    #[arg(long, value_name = "FILE.json")]
    pub(super) save: Option<PathBuf>,
    /// The output directory, whose register of calls `guards.once_per` asks
    #[arg(long, value_name = "DIR", default_value = "runs", env = "BRIDGEBOOK_OUT")]
    pub(super) out: PathBuf,
    /// Latency that the estimated duration assumes; default 500ms
    #[arg(long, value_name = "DURATION")]
    pub(super) latency: Option<DurationSpec>,
    /// Take that latency, the mean, from a past run
    #[arg(long, value_name = "RUN_DIR", conflicts_with = "latency")]
    pub(super) latency_of: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Args, Debug, Clone)]
pub(super) struct RunArgs {
    /// The runbook
    pub(super) runbook: PathBuf,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
    #[command(flatten)]
    pub(super) strictness: StrictnessArgs,
    /// Where runs are kept: {out}/{runbook}/{run}
    #[arg(long, value_name = "DIR", default_value = "runs", env = "BRIDGEBOOK_OUT")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) running: IfRunningArgs,
    /// Keep to a saved plan: refuse, with exit code 13, when anything differs from it
    #[arg(long, value_name = "FILE.json")]
    pub(super) plan: Option<PathBuf>,
    /// Show the plan and send nothing
    #[arg(long, conflicts_with = "plan")]
    pub(super) dry_run: bool,
    /// Run against the built-in simulator on loopback
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) sandbox: bool,
    /// Fault script of the simulator; default: a rehearsal with some throttling
    #[arg(long, value_name = "FILE", requires = "sandbox")]
    pub(super) sandbox_script: Option<PathBuf>,
    /// No progress display
    #[arg(long)]
    pub(super) no_progress: bool,
    /// Form of the report on stdout
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub(super) format: ReportFormat,
}

#[derive(Args, Debug, Clone)]
pub(super) struct ResumeArgs {
    /// The run's directory: nothing else is read, but for secrets
    pub(super) run_dir: PathBuf,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
    #[command(flatten)]
    pub(super) overrides: OverrideArgs,
    #[command(flatten)]
    pub(super) running: IfRunningArgs,
    /// Fault script of the simulator, for a run that was a rehearsal
    #[arg(long, value_name = "FILE")]
    pub(super) sandbox_script: Option<PathBuf>,
    /// No progress display
    #[arg(long)]
    pub(super) no_progress: bool,
    /// Form of the report on stdout
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub(super) format: ReportFormat,
}

#[derive(Subcommand, Debug, Clone)]
pub(super) enum GuardCommand {
    /// Make the register of calls anew, from all audit files of the output directory
    Rebuild(GuardRebuildArgs),
}

#[derive(Args, Debug, Clone)]
pub(super) struct GuardRebuildArgs {
    /// The output directory; several where runbooks of several share a register
    #[arg(long, value_name = "DIR", default_value = "runs", env = "BRIDGEBOOK_OUT")]
    pub(super) out: Vec<PathBuf>,
    /// The register, where `guards.once_store` names one; default: calls.sqlite in the output directory
    #[arg(long, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
    /// Make it although audit files are damaged: calls behind the damage are missing, and may be sent again
    #[arg(long)]
    pub(super) partial: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// What somebody decides to do although it is not safe.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct OverrideArgs {
    /// Send unknown jobs again: those that are bridged already are bridged twice
    #[arg(long, requires = "reason")]
    pub(super) resend_unknown: bool,
    /// Go on although an abort rule holds already, or the last wave has not shown what it had to
    #[arg(long, requires = "reason")]
    pub(super) despite_rules: bool,
    /// Go on although the machine was started anew since a run with `durability: process`: its file may have lost its end
    #[arg(long, requires = "reason")]
    pub(super) despite_lost_tail: bool,
    /// Why: it stands in the audit file beside your name
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: Option<String>,
}

#[derive(Subcommand, Debug, Clone)]
pub(super) enum AuthCommand {
    /// Fetch a token as a run would, show its lifetime and scopes and where it would be sent; nothing else is sent
    Check(AuthArgs),
}

#[derive(Args, Debug, Clone)]
pub(super) struct AuthArgs {
    /// The runbook
    pub(super) runbook: PathBuf,
    /// Override a value of `vars`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
    /// Override values of `vars` by those of a YAML or JSON file; `--set` beats it, a later file an earlier one
    #[arg(long, value_name = "FILE")]
    pub(super) vars: Vec<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Args, Debug, Clone)]
pub(super) struct SimulateArgs {
    /// Fault script; default: no faults
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(super) port: u16,
    /// Append every bridge request to this file, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) ledger: Option<PathBuf>,
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
fn set_name(text: &str) -> Result<SetName, std::convert::Infallible> {
    Ok(SetName::new(text))
}

/// Why somebody decides as they do.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text.to_owned()) }
}
