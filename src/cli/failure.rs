//! What ends a command before it could do its work: the words and the exit code.

use super::exit::Exit;
use std::fmt;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same for programs.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let error = serde_json::json!({"exit_code": self.exit.code(), "message": self.message, "help": self.help});
        serde_json::json!({"diagnostics": [], "error": error})
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}
