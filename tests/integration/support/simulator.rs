//! `bridgebook simulate` as a process of its own, with its ledger as a file.

use super::process::{Running, bridgebook};
use serde_json::Value;
use tempfile::TempDir;

/// The running simulator.
pub(crate) struct Simulator {
    _process: Running,
    hello: Value,
    dir: TempDir,
}

impl Simulator {
    /// Starts it with a fault script.
    pub(crate) fn start(script: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("script.yaml"), script).unwrap();
        let args = ["simulate", "--script", "script.yaml", "--ledger", "ledger.jsonl"];
        let mut process = Running::start(bridgebook(dir.path(), &args));
        let hello = serde_json::from_str(&process.stdout_line()).unwrap();
        Self { _process: process, hello, dir }
    }

    pub(crate) fn url(&self) -> &str {
        self.hello["url"].as_str().unwrap()
    }

    /// What it accepts as id and secret.
    pub(crate) fn credentials(&self) -> (&str, &str) {
        (self.hello["client_id"].as_str().unwrap(), self.hello["client_secret"].as_str().unwrap())
    }

    /// Every bridge request that it decided.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("ledger.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
