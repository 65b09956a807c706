//! A disk that fails in the middle of a run: nothing is sent that is not on record, what is in flight is waited for, exit code 74.

use crate::support::book::Book;
use crate::support::disk::{announced, assert_stopped, run_dir, shim};
use crate::support::server::{RawServer, locked, ok};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

const CALLS: usize = 400;

fn book(server: &RawServer) -> Book {
    Book::at(&server.url()).limits("{concurrency: 8}").many_calls(CALLS)
}

fn shimmed(book: Book, call: &str, after: &str, errno: i32) -> Book {
    book.env("LD_PRELOAD", shim()).env("SHIM_CALL", call).env("SHIM_AFTER", after).env("SHIM_ERRNO", &errno.to_string())
}

const EIO: i32 = 5;
const EROFS: i32 = 30;

#[test]
fn an_input_output_error_of_the_sync_or_of_the_write_stops_the_run() {
    let cases = [
        ("fdatasync", EIO, "Input/output error"),
        ("write", EIO, "Input/output error"),
        ("write", EROFS, "Read-only file system"),
    ];
    for (call, errno, words) in cases {
        let server = RawServer::bridging(|_| ok());
        let book = shimmed(book(&server), call, "20", errno);
        let ended = book.start(&[]).process.finish();
        let stopped = assert_stopped(&book, &server, ended, &book.dir().join("out"), words);
        assert!(stopped.sent.len() < CALLS, "{call}: it went on");
        assert_eq!(stopped.torn, None, "{call}: a torn line is left");
        // The disk works again: what was sent is not sent again, what was not is.
        let before = server.bridges().len();
        let again = book.env("SHIM_CALL", "none").start_resume(&stopped.dir, &[]).finish();
        assert_eq!(again.code, Some(11), "{again}");
        let later: Vec<_> = server.bridges().split_off(before);
        assert!(later.iter().all(|request| !stopped.sent.contains(request.call())), "{call}: a call was sent twice");
        assert!(before + later.len() <= CALLS);
    }
}

#[test]
fn a_write_that_gets_half_way_leaves_no_torn_line() {
    let server = RawServer::bridging(|_| ok());
    let book = book(&server).env("LD_PRELOAD", shim()).env("SHIM_SHORT", "20");
    let ended = book.start(&[]).process.finish();
    let stopped = assert_stopped(&book, &server, ended, &book.dir().join("out"), "No space left");
    assert_eq!(stopped.torn, None, "a torn line is left");
}

#[test]
fn a_file_that_may_not_grow_any_more_is_an_error_and_no_silent_death() {
    let server = RawServer::bridging(|_| ok());
    let book = book(&server);
    // Nobody ignores SIGXFSZ for it.
    let ended = book.start_after("ulimit -f 64").finish();
    let stopped = assert_stopped(&book, &server, ended, &book.dir().join("out"), "File too large");
    assert_eq!(stopped.torn, None);
}

/// A mounted file system; unmounted at the end.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            why => {
                let words = format!("SKIPPED: no tmpfs can be mounted here, so a full one is not tried: {why:?}\n");
                let _ = std::io::stderr().write_all(words.as_bytes());
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_file_system_that_is_full_stops_the_run() {
    let server = RawServer::bridging(|_| ok());
    let book = book(&server);
    let out = book.dir().join("out");
    let Some(_mounted) = Mounted::tmpfs(&out, "160k") else { return };
    let ended = book.start(&[]).process.finish();
    let stopped = assert_stopped(&book, &server, ended, &out, "No space left");
    assert_eq!(stopped.torn, None);
}

#[test]
fn a_run_directory_that_is_removed_stops_the_run() {
    let out = Arc::new(Mutex::new(PathBuf::new()));
    let kept: Arc<Mutex<Option<File>>> = Arc::default();
    let server = {
        let (out, kept) = (Arc::clone(&out), Arc::clone(&kept));
        RawServer::bridging(move |_| {
            let mut kept = locked(&kept);
            if kept.is_none() {
                // The handle keeps what was written; the name is gone.
                let dir = run_dir(&locked(&out));
                *kept = Some(File::open(dir.join("audit.jsonl")).unwrap());
                std::fs::remove_dir_all(dir).unwrap();
            }
            ok()
        })
    };
    let book = book(&server);
    *locked(&out) = book.dir().join("out");
    let ended = book.start(&[]).process.finish().expect(74);
    assert!(ended.stderr.contains("it was removed while the run wrote to it"), "{ended}");
    let mut bytes = Vec::new();
    locked(&kept).as_mut().unwrap().read_to_end(&mut bytes).unwrap();
    let (announced, _) = announced(&bytes);
    let sent = server.bridges();
    assert!(
        sent.iter().all(|request| announced.contains(request.id())),
        "{} sent, {} announced",
        sent.len(),
        announced.len()
    );
    assert!(sent.len() < CALLS / 4, "{} requests left after the directory was gone", sent.len());
}

/// Calls on the audit file by name.
fn calls(book: &Book) -> (usize, usize) {
    let log = std::fs::read_to_string(book.dir().join("calls.log")).unwrap();
    let count = |name: &str| log.lines().filter(|line| *line == name).count();
    (count("write"), count("fdatasync"))
}

#[test]
fn the_process_mode_syncs_once_at_the_end_and_the_disk_mode_with_each_group() {
    for (mode, yaml) in [("disk", ""), ("process", "audit: {durability: process}")] {
        let server = RawServer::bridging(|_| ok());
        let book = Book::at(&server.url()).many_calls(20).more(yaml).env("LD_PRELOAD", shim());
        let log = book.dir().join("calls.log").to_str().unwrap().to_owned();
        let book = book.env("SHIM_LOG", &log);
        book.run(0);
        let (writes, syncs) = calls(&book);
        assert!(writes >= 20, "{writes}");
        assert_eq!(syncs, if mode == "disk" { writes } else { 1 }, "{mode}");
    }
}

#[test]
fn what_the_process_mode_has_written_is_there_after_a_kill() {
    let server = RawServer::bridging(|_| ok());
    let book = book(&server).more("audit: {durability: process}");
    let started = book.start(&[]);
    server.wait_for_bridges(20);
    let run = started.kill();
    let announced: Vec<_> = run.audit.intents().iter().map(|intent| intent["request_id"].clone()).collect();
    assert!(server.bridges().iter().all(|request| announced.iter().any(|id| id == request.id())));
}

#[test]
fn nothing_that_stands_in_the_place_of_the_audit_file_is_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url());
    let started = book.start_after("umask 000").finish().expect(0);
    drop(started);
    let dir = run_dir(&book.dir().join("out"));
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("audit.jsonl"))), (0o700, 0o600));
    assert_eq!(mode(dir.parent().unwrap()), 0o700);
}

#[test]
fn a_run_that_is_alive_is_named_by_verify_and_report() {
    use crate::support::server::{Gate, Reply};
    let gate = Gate::default();
    let server = {
        let gate = gate.clone();
        RawServer::bridging(move |_| Reply::SendAndHang(Vec::new(), gate.clone()))
    };
    let book = Book::at(&server.url());
    let started = book.start(&[]);
    server.wait_for_bridges(1);
    let dir = run_dir(&book.dir().join("out"));
    let run_id = dir.file_name().unwrap().to_str().unwrap().to_owned();
    let verified = book.command(65, &["verify", dir.to_str().unwrap()]);
    let words = format!("the run is still going on: run {run_id}, process ");
    assert!(verified.stdout.contains(&words), "{verified}");
    let json = book.command(65, &["verify", dir.to_str().unwrap(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["completeness"]["alive"]["run_id"], run_id.as_str());
    let report = book.command(65, &["report", dir.to_str().unwrap()]);
    assert!(report.stdout.contains(&words), "{report}");
    let run = started.kill();
    gate.open();
    assert!(!run.command(65, &["verify", "."]).stdout.contains("still going on"));
}
