//! The command line: arguments, wiring, printing, exit codes. Results go to stdout, everything else to stderr.

mod args;
mod auth;
mod check;
mod diagnostics;
mod exit;
mod explain;
mod failure;
mod guard;
mod init;
mod inputs;
mod keys;
mod left;
mod link;
mod live;
mod locking;
mod logging;
mod manual;
mod once;
mod panics;
mod past;
mod plan;
mod print;
mod profile;
mod progress;
mod reconcile;
mod reopen;
mod report;
mod report_args;
mod report_format;
mod resume;
mod rows;
mod run;
mod runs;
mod sandbox;
mod schema;
mod secrets;
mod session;
mod settings;
mod signals;
mod simulate;
mod stdin;
mod trend;
mod typed;
mod validate;
mod verify;

pub use exit::Exit;

use args::{AuthCommand, CheckFormat, Cli, Command, GuardCommand};
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use logging::Log;
use settings::Sources;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs a command line and gives the process's exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panics::install();
    let matches = match Cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // `--help` and `--version` come this way too, with code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return Exit::Usage.into();
        }
    };
    let output = cli.output;
    let log = logging::start(output);
    let format = cli.command.format();
    // A panic has said its words on stderr; its exit code must be one of ours.
    let run = std::panic::AssertUnwindSafe(|| dispatch(cli, &settings::sources(&matches), &log));
    match std::panic::catch_unwind(run) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            // A program that asked for a document gets one, whatever happened.
            let _ = match format {
                CheckFormat::Human => Ok(0),
                CheckFormat::Json => print::json(&failure.as_json()),
                CheckFormat::Sarif => print::json(&diagnostics::sarif_failure(&failure.to_string(), failure.exit())),
                CheckFormat::Github => print::text(&diagnostics::github_failure(&failure.to_string())),
            };
            print::error(&failure, output);
            failure.exit().into()
        }
        Err(_) => Exit::Internal.into(),
    }
}

fn dispatch(cli: Cli, sources: &Sources, log: &Log) -> Result<u8, Failure> {
    let output = cli.output;
    match cli.command {
        Command::Init { dir } => init::init(&dir),
        Command::Validate { runbooks, selection, strictness, format } => {
            validate::validate(&runbooks, &selection, strictness, format, output)
        }
        Command::Plan(args) => plan::plan(&args, sources, output),
        Command::Run(args) if args.dry_run => plan::plan(&args.as_plan()?, sources, output),
        Command::Run(args) => run::run(&args, sources, output, log),
        Command::Resume(args) => resume::resume(&args, sources, output, log),
        Command::Auth { command: AuthCommand::Check(args) } => auth::check(&args, output),
        Command::Reconcile(args) => reconcile::reconcile(&args),
        Command::Guard { command: GuardCommand::Rebuild(args) } => guard::rebuild(&args),
        Command::Report(args) => report::report(&args),
        Command::Runs(args) => runs::runs(&args),
        Command::Verify { run_dir, public_key, head, format } => {
            verify::verify(&run_dir, public_key.as_deref(), head.as_deref(), format)
        }
        Command::Schema { kind, profile } => schema::schema(kind, &profile, output),
        Command::Profiles { format } => profile::list(format),
        Command::Explain { topic } => explain::explain(topic.as_deref()),
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bridgebook", &mut script);
            print::bytes(&script)
        }
    }
}
