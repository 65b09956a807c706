//! A runbook in a directory of its own, run by the real binary. Whatever a run leaves is checked, whatever the test is
//! about: schema of every line, chain, balance, summary, and the word of `verify`.

use super::audit::{Audit, check_schema, summary_schema};
use super::process::{Ended, Running, bridgebook};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const CLIENT_ID: &str = "itest-client";
pub(crate) const CLIENT_SECRET: &str = "itest-secret-P7wLx2";

/// The builder.
#[derive(Clone)]
pub(crate) struct Book {
    dir: Arc<TempDir>,
    env: Vec<(String, String)>,
    connection: Vec<String>,
    sets: String,
    limits: String,
    retry: String,
    breaker: String,
    more: String,
    verbatim: Option<String>,
}

impl Book {
    /// A runbook against this API: one call, one request at a time, back-offs of milliseconds.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            dir: Arc::new(TempDir::new().unwrap()),
            env: Vec::new(),
            connection: vec![format!("base_url: \"{url}\"")],
            sets: String::new(),
            limits: "{concurrency: 1}".to_owned(),
            retry: "{max_attempts: 3, min_wait: 1ms, max_wait: 5ms}".to_owned(),
            // Cases of failures in a row are about the failures.
            breaker: "{failures: 0}".to_owned(),
            more: String::new(),
            verbatim: None,
        }
        .calls(["call-1"])
        .env("CXONE_CLIENT_ID", CLIENT_ID)
        .env("CXONE_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// For what never gets as far as a request.
    pub(crate) fn offline() -> Self {
        Self::at("http://127.0.0.1:9")
    }

    /// The same runbook, and directory, against another API.
    pub(crate) fn other_url(mut self, url: &str) -> Self {
        self.connection[0] = format!("base_url: \"{url}\"");
        self
    }

    /// With a token endpoint elsewhere.
    pub(crate) fn token_at(mut self, url: &str) -> Self {
        self.connection.push(format!("token_url: \"{url}/oauth/token\""));
        self
    }

    /// Another line of `connection`.
    pub(crate) fn connection(mut self, yaml: &str) -> Self {
        self.connection.push(yaml.to_owned());
        self
    }

    /// One set `waiting`: a job for each of these calls.
    pub(crate) fn calls<S: AsRef<str>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        let items: Vec<Value> = ids.into_iter().map(|id| json!({"call_id": id.as_ref()})).collect();
        self.sets = set("waiting", &Value::from(items).to_string(), "");
        self
    }

    /// The calls `call-1` to `call-N`.
    pub(crate) fn many_calls(self, count: usize) -> Self {
        self.calls((1..=count).map(|number| format!("call-{number}")))
    }

    /// All sets, as YAML below `sets:`.
    pub(crate) fn sets(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.sets);
        self
    }

    pub(crate) fn limits(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.limits);
        self
    }

    pub(crate) fn retry(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.retry);
        self
    }

    pub(crate) fn breaker(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.breaker);
        self
    }

    /// More top-level YAML.
    pub(crate) fn more(mut self, yaml: &str) -> Self {
        self.more.push_str(yaml);
        self.more.push('\n');
        self
    }

    /// A copy with more top-level YAML, in the same directory.
    pub(crate) fn clone_with(&self, yaml: &str) -> Self {
        self.clone().more(yaml)
    }

    /// The whole runbook as it stands here.
    pub(crate) fn verbatim(mut self, yaml: &str) -> Self {
        self.verbatim = Some(yaml.to_owned());
        self
    }

    /// A file beside the runbook.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The runbook's text.
    pub(crate) fn text(&self) -> String {
        let Self { connection, sets, limits, retry, breaker, more, .. } = self;
        let connection: String = connection.iter().map(|line| format!("  {line}\n")).collect();
        self.verbatim.clone().unwrap_or_else(|| {
            format!(
                "version: 1\nname: itest\nconnection:\n{connection}  auth:\n    client_id: {{env: CXONE_CLIENT_ID}}\n    \
                 client_secret: {{env: CXONE_CLIENT_SECRET}}\nsets:\n{sets}limits: {limits}\nretry: {retry}\nbreaker: {breaker}\n{more}"
            )
        })
    }

    fn process(&self, args: &[&str]) -> Command {
        let mut command = bridgebook(self.dir(), args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn write(&self) {
        std::fs::write(self.dir().join("runbook.yaml"), self.text()).unwrap();
    }

    /// Any command in the runbook's directory.
    #[track_caller]
    pub(crate) fn command(&self, code: u8, args: &[&str]) -> Ended {
        self.write();
        Running::start(self.process(args)).finish().expect(code)
    }

    /// The same with these bytes on standard input.
    #[track_caller]
    pub(crate) fn command_fed(&self, code: u8, args: &[&str], bytes: &[u8]) -> Ended {
        self.write();
        Running::start_fed(self.process(args), bytes).finish().expect(code)
    }

    /// `run` with these bytes on standard input.
    #[track_caller]
    pub(crate) fn run_fed(&self, code: u8, bytes: &[u8]) -> Run {
        self.write();
        let process =
            Running::start_fed(self.process(&["run", "runbook.yaml", "--out", "out", "--no-progress"]), bytes);
        Started { book: self, before: self.run_dirs(), process }.finish(code)
    }

    /// A command that waits to be started.
    pub(crate) fn prepared(&self, args: &[&str]) -> Command {
        self.write();
        self.process(args)
    }

    /// Starts `run`.
    pub(crate) fn start(&self, args: &[&str]) -> Started<'_> {
        self.write();
        let mut all = vec!["run", "runbook.yaml", "--out", "out", "--no-progress"];
        all.extend(args);
        Started { book: self, before: self.run_dirs(), process: Running::start(self.process(&all)) }
    }

    /// Starts `run` in a shell that has first done this to itself.
    pub(crate) fn start_after(&self, shell: &str) -> Running {
        self.start_args_after(shell, "run runbook.yaml --out out --no-progress")
    }

    /// The same for any command.
    pub(crate) fn start_args_after(&self, shell: &str, args: &str) -> Running {
        self.write();
        let mut command = Command::new("/bin/sh");
        let run = format!("exec \"$0\" {args}");
        command.args(["-c", &format!("{shell}; {run}"), env!("CARGO_BIN_EXE_bridgebook")]).current_dir(self.dir());
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        Running::start(command)
    }

    /// Runs it to its end, which must leave a run directory.
    #[track_caller]
    pub(crate) fn run(&self, code: u8) -> Run {
        self.run_with(code, &[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub(crate) fn run_with(&self, code: u8, args: &[&str]) -> Run {
        self.start(args).finish(code)
    }

    /// Runs it to a refusal, which must leave no run directory.
    #[track_caller]
    pub(crate) fn refused(&self, code: u8, args: &[&str]) -> Ended {
        let Started { before, process, .. } = self.start(args);
        let ended = process.finish().expect(code);
        assert_eq!(self.run_dirs(), before, "a run directory is left behind: {ended}");
        ended
    }

    /// Starts `resume` far from the runbook, which need not be there any more.
    pub(crate) fn start_resume(&self, dir: &Path, args: &[&str]) -> Running {
        let mut all = vec!["resume", dir.to_str().unwrap(), "--no-progress"];
        all.extend(args);
        let mut command = bridgebook(Path::new("/"), &all);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Running::start(command)
    }

    /// Goes on with a run to its end, and checks what it leaves as that of a finished run.
    #[track_caller]
    pub(crate) fn resume(&self, dir: &Path, code: u8, args: &[&str]) -> Run {
        let ended = self.start_resume(dir, args).finish().expect(code);
        let run = Run::at(self, dir, ended);
        run.check_finished(code);
        run
    }

    /// Looks at what a run has left that was resumed to its end.
    #[track_caller]
    pub(crate) fn resumed(&self, dir: &Path) -> Run {
        let audit = Audit::read(&dir.join("audit.jsonl"));
        let (stdout, stderr) = (String::new(), String::new());
        Run { dir: dir.to_owned(), audit, stdout, stderr, text: self.text(), _home: Arc::clone(&self.dir) }
    }

    /// Waits until the audit file of the only run has this text in it.
    pub(crate) fn wait_for_audit(&self, text: &str) {
        let until = std::time::Instant::now() + super::process::GUARD;
        while std::time::Instant::now() < until {
            let files = self.run_dirs().into_iter().map(|dir| dir.join("audit.jsonl"));
            if files.filter_map(|file| std::fs::read_to_string(file).ok()).any(|lines| lines.contains(text)) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("no audit file ever said {text:?}");
    }

    /// Every directory below `out/*/`, hidden ones too.
    pub(crate) fn run_dirs(&self) -> BTreeSet<PathBuf> {
        let below = |dir: PathBuf| {
            let entries = std::fs::read_dir(dir).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
        };
        below(self.dir().join("out")).into_iter().flat_map(below).collect()
    }
}

/// A set in YAML: rows as given, one target, `more` as further lines.
pub(crate) fn set(name: &str, items: &str, more: &str) -> String {
    format!(
        "  - name: {name}\n    rows: {{items: {items}}}\n    job:\n      call_id: \"{{{{row.call_id}}}}\"\n      \
         targets: [{{type: phone, value: \"+12025550104\"}}]\n      direction: transfer\n{more}"
    )
}

/// A run that goes on.
pub(crate) struct Started<'a> {
    book: &'a Book,
    before: BTreeSet<PathBuf>,
    pub(crate) process: Running,
}

impl Started<'_> {
    /// Waits for its end, and checks what it leaves as that of a finished run.
    #[track_caller]
    pub(crate) fn finish(self, code: u8) -> Run {
        let ended = self.process.finish().expect(code);
        let run = Run::of(self.book, &self.before, ended);
        run.check_finished(code);
        run
    }

    /// The same with whatever exit code it says: the closing record must say it, too.
    #[track_caller]
    pub(crate) fn finish_anyhow(self) -> Run {
        let ended = self.process.finish();
        let code = ended.code.and_then(|code| u8::try_from(code).ok()).unwrap_or_else(|| panic!("{ended}"));
        let run = Run::of(self.book, &self.before, ended);
        run.check_finished(code);
        run
    }

    /// SIGKILL, and what it leaves, checked as that of an unfinished run.
    pub(crate) fn kill(mut self) -> Run {
        self.process.kill();
        let ended = self.process.finish();
        assert_eq!(ended.code, None, "{ended}");
        let run = Run::of(self.book, &self.before, ended);
        run.keep(self.book);
        run
    }
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) dir: PathBuf,
    pub(crate) audit: Audit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    text: String,
    /// Keeps the files while the run is looked at.
    _home: Arc<TempDir>,
}

impl Run {
    #[track_caller]
    fn of(book: &Book, before: &BTreeSet<PathBuf>, ended: Ended) -> Self {
        let new: Vec<PathBuf> = book.run_dirs().difference(before).cloned().collect();
        let [dir] = new.as_slice() else { panic!("there must be one new run directory, not {new:?}: {ended}") };
        Self::at(book, dir, ended)
    }

    #[track_caller]
    fn at(book: &Book, dir: &Path, ended: Ended) -> Self {
        let audit = Audit::read(&dir.join("audit.jsonl"));
        let Ended { stdout, stderr, .. } = ended;
        Self { dir: dir.to_owned(), audit, stdout, stderr, text: book.text(), _home: Arc::clone(&book.dir) }
    }

    /// What holds for every run that came to its closing record.
    #[track_caller]
    fn check_finished(&self, code: u8) {
        let finished = self.audit.finished();
        assert_eq!(finished["exit_code"], code);
        let unsigned = self.audit.lines.iter().rfind(|line| line["event_type"] != "signed");
        assert_eq!(unsigned.unwrap(), finished);
        let states =
            ["succeeded", "accepted", "rejected", "not_sent", "unknown", "not_bridged", "skipped", "not_attempted"]
                .map(|state| self.audit.total(state));
        assert_eq!(self.audit.total("jobs"), states.iter().sum::<u64>(), "{finished:#}");
        let summary = self.summary();
        check_schema(summary_schema(), &summary);
        assert_eq!(summary["complete"], true);
        assert_eq!(summary["audit"]["head"], self.audit.lines.last().unwrap()["hash"]);
        let verified = self.verify(0);
        assert_eq!(verified["integrity"]["ok"], true);
        assert_eq!(verified["completeness"]["ok"], true);
        assert_eq!(verified["head"], summary["audit"]["head"]);
        assert_eq!(verified["totals"], finished["totals"]);
        self.keep_text();
    }

    /// `verify --format json`.
    #[track_caller]
    pub(crate) fn verify(&self, code: u8) -> Value {
        let ended = self.command(code, &["verify", ".", "--format", "json"]);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// A command in the run directory.
    #[track_caller]
    pub(crate) fn command(&self, code: u8, args: &[&str]) -> Ended {
        Running::start(bridgebook(&self.dir, args)).finish().expect(code)
    }

    /// `summary.json`.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_slice(&self.bytes("summary.json")).unwrap()
    }

    /// A file of the run directory.
    #[track_caller]
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let path = self.dir.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn keep(&self, book: &Book) {
        assert_eq!(self.text, book.text());
        self.keep_text();
    }

    /// Copies what another validator may look at later.
    fn keep_text(&self) {
        let Some(folder) = std::env::var_os("BRIDGEBOOK_TEST_ARTIFACTS") else { return };
        let folder = PathBuf::from(folder).join(self.dir.file_name().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("runbook.yaml"), &self.text).unwrap();
        for name in ["audit.jsonl", "summary.json"] {
            if self.dir.join(name).exists() {
                std::fs::copy(self.dir.join(name), folder.join(name)).unwrap();
            }
        }
    }
}
