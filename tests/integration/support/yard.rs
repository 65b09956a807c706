//! Several runbooks beside each other, with one output directory and one register of calls.

use super::audit::Audit;
use super::book::{Book, set};
use super::process::{Ended, Running};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The directory.
pub(crate) struct Yard {
    book: Book,
}

/// The guard that all of them have.
pub(crate) const GUARD: &str = "guards: {once_per: 24h, duplicates: skip}";

/// A run that has ended, with its directory.
pub(crate) struct Past {
    pub(crate) dir: PathBuf,
    pub(crate) audit: Audit,
    pub(crate) stderr: String,
}

impl Past {
    pub(crate) fn id(&self) -> &str {
        self.audit.lines[0]["run_id"].as_str().unwrap()
    }

    /// The record that leaves a call out.
    #[track_caller]
    pub(crate) fn skip_of(&self, call: &str) -> &Value {
        let skips = self.audit.events("job_skipped");
        skips.into_iter().find(|skip| skip["call_id"] == call).unwrap_or_else(|| panic!("{call} was not skipped"))
    }

    /// Calls that `once_per` has left out, each with the words.
    pub(crate) fn left_out(&self) -> Vec<(String, String)> {
        let skips = self.audit.events("job_skipped").into_iter().filter(|skip| skip["reason"] == "once_per");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        skips.map(|skip| (text(&skip["call_id"]), text(&skip["detail"]))).collect()
    }
}

impl Yard {
    pub(crate) fn at(url: &str) -> Self {
        Self { book: Book::at(url).limits("{concurrency: 8}") }
    }

    /// The same with another API, in the same place.
    pub(crate) fn also_at(&self, url: &str) -> Self {
        Self { book: self.book.clone().other_url(url) }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.book.dir()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.dir().join("out/calls.sqlite")
    }

    /// A runbook with these calls and more top-level YAML.
    pub(crate) fn book(&self, name: &str, calls: &[impl AsRef<str>], more: &str) -> &Self {
        let items: Vec<Value> = calls.iter().map(|id| json!({"call_id": id.as_ref()})).collect();
        self.book_of(name, &set("waiting", &Value::from(items).to_string(), ""), more)
    }

    /// A runbook with these sets.
    pub(crate) fn book_of(&self, name: &str, sets: &str, more: &str) -> &Self {
        let limits = if more.contains("limits:") { "" } else { "limits: {concurrency: 8}\n" };
        let text = self.book.clone().sets(sets).more(more).text();
        let text = text.replace("name: itest\n", &format!("name: {name}\n"));
        let text = text.replace("limits: {concurrency: 8}\n", limits);
        std::fs::write(self.dir().join(format!("{name}.yaml")), text).unwrap();
        self
    }

    /// Any command in the directory.
    #[track_caller]
    pub(crate) fn command(&self, code: u8, args: &[&str]) -> Ended {
        self.start_command(args).finish().expect(code)
    }

    pub(crate) fn start_command(&self, args: &[&str]) -> Running {
        Running::start(self.book.prepared(args))
    }

    /// Starts a run.
    pub(crate) fn start(&self, name: &str, args: &[&str]) -> Running {
        let file = format!("{name}.yaml");
        let all: Vec<&str> =
            ["run", &file, "--out", "out", "--no-progress"].into_iter().chain(args.iter().copied()).collect();
        self.start_command(&all)
    }

    /// Starts a run in a shell that has first done this to itself.
    pub(crate) fn start_after(&self, shell: &str, name: &str) -> Running {
        self.book.start_args_after(shell, &format!("run {name}.yaml --out out --no-progress"))
    }

    /// Runs a runbook to its end, and checks what it leaves.
    #[track_caller]
    pub(crate) fn run(&self, code: u8, name: &str) -> Past {
        let before = self.runs(name);
        let ended = self.start(name, &[]).finish().expect(code);
        self.past(name, &before, ended)
    }

    /// A run that has ended in a directory that was not there before; its file is whole and balances.
    #[track_caller]
    pub(crate) fn past(&self, name: &str, before: &BTreeSet<PathBuf>, ended: Ended) -> Past {
        let past = self.cut_off(name, before, ended);
        self.command(0, &["verify", past.dir.to_str().unwrap()]);
        let finished = past.audit.finished();
        let sum = |states: &[&str]| states.iter().map(|state| past.audit.total(state)).sum::<u64>();
        let states =
            ["succeeded", "accepted", "rejected", "not_sent", "unknown", "not_bridged", "skipped", "not_attempted"];
        assert_eq!(past.audit.total("jobs"), sum(&states), "{finished:#}");
        past
    }

    /// A run that need not have come to its end.
    #[track_caller]
    pub(crate) fn cut_off(&self, name: &str, before: &BTreeSet<PathBuf>, ended: Ended) -> Past {
        let new: Vec<PathBuf> = self.runs(name).difference(before).cloned().collect();
        let [dir] = new.as_slice() else { panic!("there must be one new run directory, not {new:?}: {ended}") };
        Past { dir: dir.clone(), audit: Audit::read_torn(&dir.join("audit.jsonl")), stderr: ended.stderr }
    }

    /// Runs that must not begin: nothing but the lock is made.
    #[track_caller]
    pub(crate) fn refused(&self, code: u8, name: &str) -> Ended {
        let before = self.runs(name);
        let ended = self.start(name, &[]).finish().expect(code);
        assert_eq!(self.runs(name), before, "a run directory is left behind: {ended}");
        ended
    }

    /// The run directories of a runbook, hidden ones too.
    pub(crate) fn runs(&self, name: &str) -> BTreeSet<PathBuf> {
        let entries = std::fs::read_dir(self.dir().join("out").join(name)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }

    /// The register, opened from outside.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.store()).unwrap()
    }

    /// Every row of the register in words, without its internal numbers.
    pub(crate) fn rows(&self) -> Vec<String> {
        let database = self.database();
        let mut select = database
            .prepare(
                "SELECT apis.name || ' | ' || call_id || ' | ' || run_id || ' | ' || runbook || ' | ' || dir || ' | ' || set_name \
                 || ' | ' || job_key || ' | ' || coalesce(outcome, 'claimed') || ' | ' || at \
                 FROM calls JOIN runs ON runs.id = run JOIN apis ON apis.id = api ORDER BY 1",
            )
            .unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Makes the rows of a call so old.
    pub(crate) fn age(&self, call: &str, age: std::time::Duration) {
        let at = bridgebook::model::Timestamp::now().minus(age).to_string();
        let changed =
            self.database().execute("UPDATE calls SET at = ?1 WHERE call_id = ?2", [at.as_str(), call]).unwrap();
        assert_eq!(changed, 1, "{call}");
    }
}
