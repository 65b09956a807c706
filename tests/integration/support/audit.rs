//! The audit file, read by rules that are written down here a second time, from the words of `docs/audit.md` alone.

use super::repository;
use jsonschema::Validator;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::OnceLock;

/// An audit file whose chain holds and whose every line fits the schema.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    pub(crate) lines: Vec<Value>,
}

impl Audit {
    /// Reads and checks one.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'), "the last line of {} is torn", path.display());
        let mut before = "0".repeat(64);
        let mut lines: Vec<Value> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            before = chained(&before, line).unwrap_or_else(|| panic!("line {} breaks the chain: {line}", index + 1));
            let record: Value = serde_json::from_str(line).unwrap();
            check_schema(audit_schema(), &record);
            assert_eq!(record["seq"], index + 1);
            if let Some(first) = lines.first() {
                assert_eq!(record["run_id"], first["run_id"]);
            }
            lines.push(record);
        }
        Self { lines }
    }

    /// The same for the file of a run that was killed: its last line may be torn.
    pub(crate) fn read_torn(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Self { lines: Vec::new() } };
        let whole = end + 1;
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(copy.path(), &bytes[..whole]).unwrap();
        Self::read(copy.path())
    }

    /// The events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["event_type"] == kind).collect()
    }

    /// Whether the file still begins with what stood there before.
    pub(crate) fn begins_with(&self, before: &str) -> bool {
        let lines = before.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.zip(&self.lines).all(|(then, now)| then == *now)
    }

    /// The only event of a kind.
    #[track_caller]
    pub(crate) fn event(&self, kind: &str) -> &Value {
        let events = self.events(kind);
        assert_eq!(events.len(), 1, "{kind}: {events:#?}");
        events[0]
    }

    pub(crate) fn intents(&self) -> Vec<&Value> {
        self.events("bridge_intent")
    }

    pub(crate) fn attempts(&self) -> Vec<&Value> {
        self.events("bridge_attempt")
    }

    /// The last attempt of a call.
    #[track_caller]
    pub(crate) fn outcome_of(&self, call: &str) -> &Value {
        self.attempts().into_iter().rfind(|attempt| attempt["call_id"] == call).unwrap()
    }

    /// The last closing record; each one before it is of a run that was resumed.
    #[track_caller]
    pub(crate) fn finished(&self) -> &Value {
        let finished = self.events("run_finished");
        assert!(finished.len() <= 1 + self.events("run_resumed").len(), "{finished:#?}");
        finished.last().copied().unwrap_or_else(|| panic!("there is no run_finished: {:#?}", self.lines.last()))
    }

    /// A count of the balance sheet.
    #[track_caller]
    pub(crate) fn total(&self, name: &str) -> u64 {
        self.finished()["totals"][name].as_u64().unwrap()
    }
}

/// The hash of a line if it is the right one: SHA-256 over the 64 digits before and the line in front of its last 75 bytes.
pub(crate) fn chained(before: &str, line: &str) -> Option<String> {
    let (body, tail) = line.split_at_checked(line.len().checked_sub(75)?)?;
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update(body.as_bytes());
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (tail == format!(",\"hash\":\"{digits}\"}}")).then_some(digits)
}

/// Demands that a document fits a schema.
#[track_caller]
pub(crate) fn check_schema(schema: &Validator, document: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

/// Compiles a shipped schema.
pub(crate) fn schema(name: &str) -> Validator {
    let text = std::fs::read_to_string(repository(&format!("schemas/{name}.schema.json"))).unwrap();
    jsonschema::draft202012::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn audit_schema() -> &'static Validator {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| schema("audit"))
}

/// The schema of `summary.json`.
pub(crate) fn summary_schema() -> &'static Validator {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| schema("summary"))
}
