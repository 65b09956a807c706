//! A real proxy: tinyproxy, of Debian. `tests/run.sh` installs it.

use super::process::Running;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The running proxy.
pub(crate) struct TinyProxy {
    port: u16,
    process: Running,
    _dir: TempDir,
}

impl TinyProxy {
    /// Starts it with further lines of its configuration.
    pub(crate) fn start(more: &str) -> Self {
        let dir = TempDir::new().unwrap();
        // It cannot take port 0 and say which one it got.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("tinyproxy.conf");
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Info\n{more}");
        std::fs::write(&config, text).unwrap();
        let mut process = Running::start(command(&config));
        while !process.stdout_line().contains("Accepting connections") {}
        Self { port, process, _dir: dir }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it, and gives its log.
    pub(crate) fn log(self) -> String {
        self.process.signal("TERM");
        self.process.finish().stdout
    }
}

fn command(config: &Path) -> Command {
    let there = Command::new("tinyproxy").arg("-v").output().is_ok();
    assert!(there, "tinyproxy is not installed: apt-get install tinyproxy, or tests/run.sh");
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(config);
    command
}
