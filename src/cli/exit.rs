//! The exit codes: one table, printed by `--help`, used by every command.

use crate::event::{Ending, Verdict};
use crate::execute::End;
use std::fmt::Write;

macro_rules! exits {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        /// How the process ends.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Exit { $(#[doc = $meaning] $name = $number,)* }

        impl Exit {
            /// Every code with its meaning, in order.
            pub const TABLE: &'static [(u8, &'static str)] = &[$(($number, $meaning),)*];
        }
    };
}

exits! {
    Success = 0, "success criteria met";
    Internal = 1, "internal error";
    Usage = 2, "bad command line";
    CriteriaNotMet = 10, "finished, criteria not met";
    Unknown = 11, "finished with more unknown outcomes than allowed (default: any)";
    StoppedEarly = 12, "stopped early: abort rule, lost criterion, wave, deadline, window, breaker";
    Refused = 13, "refused by a guard";
    Interrupted = 14, "interrupted by a signal, audit file consistent";
    Invalid = 65, "runbook, data or audit file invalid";
    InputMissing = 66, "input missing, empty or stale";
    Unreachable = 69, "API unreachable, nothing was sent (safe to retry)";
    CannotCreate = 73, "cannot create output";
    AuditFailed = 74, "audit file cannot be written";
    Locked = 75, "another run holds the lock, nothing was sent (safe to retry)";
    Credentials = 77, "credentials refused";
    Configuration = 78, "configuration: a secret is missing, or the token URL is wrong";
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The code of a run that has ended in an orderly way. Where several apply: 14, 77, 13, 12, 69, 11, 10.
    pub fn of_run(end: End<'_>) -> u8 {
        let sent = end.run.anything_sent();
        let exit = match end.ending {
            Ending::Interrupted => Self::Interrupted,
            Ending::CredentialsRefused => Self::Credentials,
            Ending::GuardFailed => Self::Refused,
            Ending::Misconfigured if !sent => Self::Configuration,
            Ending::ApiUnreachable if !sent => Self::Unreachable,
            Ending::ApiUnreachable
            | Ending::InputChanged
            | Ending::Misconfigured
            | Ending::Aborted
            | Ending::CriterionLost
            | Ending::Deadline
            | Ending::WindowClosed
            | Ending::WaveFailed
            | Ending::BreakerOpen => Self::StoppedEarly,
            Ending::Completed if !sent && end.verdict == Verdict::Failed && end.run.total().attempts > 0 => {
                Self::Unreachable
            }
            Ending::Completed if !end.unknown_allowed => Self::Unknown,
            Ending::Completed if end.verdict == Verdict::Failed => Self::CriteriaNotMet,
            Ending::Completed => Self::Success,
        };
        exit.code()
    }

    /// The table as text for `--help`.
    pub fn help() -> String {
        let mut text = String::from("Exit codes:\n");
        for (code, meaning) in Self::TABLE {
            let _ = writeln!(text, "  {code:>3}  {meaning}");
        }
        text.push_str("Only 69 and 75 promise that no call was made.");
        text
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
