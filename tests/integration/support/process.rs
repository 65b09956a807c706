//! The real binary as a child: its lines as events, its end with a guard, its failure with everything that it said.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No wait of any test is longer. Reaching it is a failure, never a pass.
pub(crate) const GUARD: Duration = Duration::from_secs(120);

/// The binary under test, in an environment of its own.
pub(crate) fn bridgebook(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgebook"));
    command.args(args).current_dir(dir).env_clear();
    command
}

/// A pipe that a thread reads line by line.
struct Pipe {
    lines: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Pipe {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            loop {
                let mut line = Vec::new();
                match pipe.read_until(b'\n', &mut line) {
                    Ok(1..) if send.send(line).is_ok() => {}
                    _ => break,
                }
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// The next line, `None` at the end of the stream; the error is the guard.
    fn next(&mut self, until: Instant) -> Result<Option<String>, RecvTimeoutError> {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.seen.extend_from_slice(&line);
                Ok(Some(String::from_utf8_lossy(&line).into_owned()))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(guard) => Err(guard),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

/// A process that runs.
pub(crate) struct Running {
    child: Child,
    what: String,
    out: Pipe,
    err: Pipe,
    ended: bool,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None`: a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    what: String,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_on(command, Stdio::null())
    }

    /// With these bytes on standard input.
    pub(crate) fn start_fed(command: Command, bytes: &[u8]) -> Self {
        let mut running = Self::start_on(command, Stdio::piped());
        let (mut pipe, bytes) = (running.child.stdin.take().unwrap(), bytes.to_vec());
        // It may end without reading all of it.
        std::thread::spawn(move || pipe.write_all(&bytes));
        running
    }

    /// With this standard input.
    pub(crate) fn start_on(mut command: Command, stdin: Stdio) -> Self {
        let what = format!("{command:?}");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, what, out: Pipe::read(out), err: Pipe::read(err), ended: false }
    }

    /// Waits for a line of stderr with this text.
    pub(crate) fn wait_for_stderr(&mut self, text: &str) -> String {
        let until = Instant::now() + GUARD;
        loop {
            match self.err.next(until) {
                Ok(Some(line)) if line.contains(text) => return line,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => self.fail(&format!("stderr never said {text:?}")),
            }
        }
    }

    /// The next line of stdout.
    pub(crate) fn stdout_line(&mut self) -> String {
        match self.out.next(Instant::now() + GUARD) {
            Ok(Some(line)) => line,
            Ok(None) | Err(_) => self.fail("no line on stdout"),
        }
    }

    /// Sends a signal by name: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name} failed");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Ended {
        let until = Instant::now() + GUARD;
        while let Some(open) = self.out.next(until).transpose().or_else(|| self.err.next(until).transpose()) {
            if open.is_err() {
                self.fail("it does not end");
            }
        }
        let status = self.child.wait().unwrap();
        self.ended = true;
        Ended {
            code: status.code(),
            stdout: self.out.text(),
            stderr: self.err.text(),
            what: std::mem::take(&mut self.what),
        }
    }

    fn fail(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        let until = Instant::now() + Duration::from_secs(5);
        while matches!(self.out.next(until), Ok(Some(_))) || matches!(self.err.next(until), Ok(Some(_))) {}
        panic!("{why}: {}\nstdout:\n{}\nstderr:\n{}", self.what, self.out.text(), self.err.text());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Demands an exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: u8) -> Self {
        assert!(self.code == Some(i32::from(code)), "expected exit code {code}: {self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        let _ = write!(text, "{}\nexit code: {:?}\n", self.what, self.code);
        let _ = write!(text, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        f.write_str(&text)
    }
}
