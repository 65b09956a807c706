//! Disks that fail: a shim between the binary and the C library, and what must hold after a run that met one.

use super::audit::chained;
use super::book::Book;
use super::process::{Ended, Running};
use super::server::RawServer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Makes a system call on the audit file fail from its Nth time on, and appends each call's name to a file.
const SHIM: &str = r#"#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>
static int is_audit(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 && (path[length] = 0, strstr(path, "/audit.jsonl") != NULL);
}
static int fails(const char *name, int fd) {
    static int calls;
    if (!is_audit(fd)) return 0;
    const char *log = getenv("SHIM_LOG"), *call = getenv("SHIM_CALL"), *after = getenv("SHIM_AFTER"), *code = getenv("SHIM_ERRNO");
    if (log) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (out >= 0) {
            dprintf(out, "%s\n", name);
            close(out);
        }
    }
    if (!call || strcmp(call, name) || ++calls <= atoi(after)) return 0;
    errno = atoi(code);
    return 1;
}
ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (fails("write", fd)) return -1;
    if (getenv("SHIM_SHORT") && is_audit(fd) && count > 100) {
        // A disk that takes half of it, and then nothing.
        static int writes;
        if (++writes > atoi(getenv("SHIM_SHORT"))) {
            if (writes > atoi(getenv("SHIM_SHORT")) + 1) { errno = ENOSPC; return -1; }
            return next(fd, bytes, count / 2);
        }
    }
    return next(fd, bytes, count);
}
int fdatasync(int fd) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails("fdatasync", fd) ? -1 : next(fd);
}
"#;

/// The shim, compiled once.
pub(crate) fn shim() -> &'static str {
    static BUILT: OnceLock<(TempDir, String)> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("shim.c"), SHIM).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]).current_dir(dir.path());
        assert!(compiler.status().unwrap().success(), "the shim cannot be compiled");
        let path = dir.path().join("shim.so").to_str().unwrap().to_owned();
        (dir, path)
    });
    &built.1
}

/// A run that has stopped because its audit file could not be written.
pub(crate) struct Stopped {
    pub(crate) dir: PathBuf,
    /// Calls that have reached the server.
    pub(crate) sent: BTreeSet<String>,
    /// What `verify` says of the file's lines: the number of its torn last line.
    pub(crate) torn: Option<u64>,
}

/// The only run directory below `out`.
pub(crate) fn run_dir(out: &Path) -> PathBuf {
    let runs: Vec<PathBuf> = std::fs::read_dir(out.join("itest")).unwrap().map(|entry| entry.unwrap().path()).collect();
    runs.into_iter().find(|path| path.join("audit.jsonl").is_file()).unwrap()
}

/// Request ids of the intents in these bytes that stand in whole lines of a whole chain, and whether anything stands behind them.
pub(crate) fn announced(bytes: &[u8]) -> (BTreeSet<String>, bool) {
    let text = std::str::from_utf8(bytes).unwrap();
    let (mut head, mut ids) = ("0".repeat(64), BTreeSet::new());
    for line in text.split_inclusive('\n') {
        let Some(whole) = line.strip_suffix('\n') else { return (ids, true) };
        head = chained(&head, whole).unwrap();
        let record: Value = serde_json::from_str(whole).unwrap();
        if record["event_type"] == "bridge_intent" {
            ids.insert(record["request_id"].as_str().unwrap().to_owned());
        }
    }
    (ids, false)
}

/// What must hold: exit code 74, words that say what and what to do, and no request that no whole line has announced.
#[track_caller]
pub(crate) fn assert_stopped(book: &Book, server: &RawServer, ended: Ended, out: &Path, why: &str) -> Stopped {
    let ended = ended.expect(74);
    let dir = run_dir(out);
    let words = ["the audit file cannot be written", why, "bridgebook resume"];
    for words in words {
        assert!(ended.stderr.contains(words), "{words}: {ended}");
    }
    let (announced, torn) = announced(&std::fs::read(dir.join("audit.jsonl")).unwrap());
    let requests = server.bridges();
    assert!(!requests.is_empty(), "it has stopped before it began: {ended}");
    let mut seen = BTreeSet::new();
    for request in &requests {
        assert!(announced.contains(request.id()), "{} was sent and is not on record", request.id());
        assert!(seen.insert(request.id().to_owned()), "{} was sent twice", request.id());
    }
    let verified = book.command(65, &["verify", dir.to_str().unwrap(), "--format", "json"]);
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    let line = verified["integrity"]["damage"]["line"].as_u64();
    assert_eq!(line.is_some(), torn, "nothing but a torn line may be wrong: {verified:#}");
    // The printed report needs no space; its files do.
    let report = Running::start(book.prepared(&["report", dir.to_str().unwrap()])).finish();
    assert!(report.stdout.starts_with("INCOMPLETE") && matches!(report.code, Some(65 | 73)), "{report}");
    Stopped { dir, sent: requests.iter().map(|request| request.call().to_owned()).collect(), torn: line }
}
