//! No request leaves before its intent is on disk: asked at the server, of the file, at the moment the request came.

use crate::support::audit::chained;
use crate::support::book::Book;
use crate::support::server::{RawServer, Reply, Request, answer, locked, ok};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The audit file of the only run below `out`.
fn audit_file(out: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(out.join("itest")).ok()?;
    runs.filter_map(|entry| Some(entry.ok()?.path().join("audit.jsonl"))).find(|path| path.is_file())
}

/// Whether the file holds the intent of a request as a whole line of a whole chain, and no outcome of it yet.
fn is_announced(out: &Path, request: &Request) -> Result<(), String> {
    let path = audit_file(out).ok_or("there is no audit file")?;
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    let whole = text.rsplit_once('\n').ok_or("there is no whole line")?.0;
    let lines: Vec<&str> = whole.lines().collect();
    let about = |line: &&str| line.contains(&format!("\"request_id\":\"{}\"", request.id()));
    let place = lines.iter().rposition(about).ok_or("its intent is not on disk")?;
    if !lines[place].contains("\"event_type\":\"bridge_intent\"") {
        return Err(format!("its last word is not an intent: {}", lines[place]));
    }
    let before = &lines[place - 1];
    let digits = before.get(before.len() - 66..before.len() - 2).ok_or("the line before has no hash")?;
    chained(digits, lines[place]).map(drop).ok_or_else(|| "its hash is wrong".to_owned())
}

/// What the server found on disk when each request came.
type Checks = Arc<Mutex<Vec<(String, Result<(), String>)>>>;

/// A server that looks into the audit file before it answers, and the place where it must be told to look.
fn looking(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (RawServer, Checks, Arc<Mutex<PathBuf>>) {
    let (out, checks) = (Arc::new(Mutex::new(PathBuf::new())), Checks::default());
    let server = {
        let (out, checks) = (Arc::clone(&out), Arc::clone(&checks));
        RawServer::bridging(move |request| {
            let announced = is_announced(&locked(&out).clone(), request);
            let mut checks = locked(&checks);
            checks.push((request.id().to_owned(), announced));
            reply(checks.len())
        })
    };
    (server, checks, out)
}

#[track_caller]
fn assert_all_announced(checks: &Checks) -> usize {
    let checks = locked(checks);
    let wrong: Vec<_> = checks.iter().filter(|(_, announced)| announced.is_err()).collect();
    assert!(wrong.is_empty(), "{} of {}: {:#?}", wrong.len(), checks.len(), wrong.first());
    checks.len()
}

#[test]
fn every_request_finds_its_own_intent_on_disk_when_it_arrives() {
    // Retries must be announced anew.
    let (server, checks, out) = looking(|count| if count % 50 == 0 { answer(425, &[], "") } else { ok() });
    let book = Book::at(&server.url()).limits("{concurrency: 8}").many_calls(200);
    *locked(&out) = book.dir().join("out");
    let run = book.run(0);
    assert_eq!(assert_all_announced(&checks), 204, "each request was checked");
    assert_eq!(run.audit.intents().len(), 204);
    assert_eq!(run.audit.total("succeeded"), 200);
}

#[test]
fn nothing_is_sent_that_cannot_be_recorded() {
    let (server, checks, out) = looking(|_| ok());
    let book = Book::at(&server.url()).limits("{concurrency: 4}").many_calls(500);
    *locked(&out) = book.dir().join("out");
    // No file may grow beyond this: the audit file cannot be written any more in mid run. 25 is SIGXFSZ.
    let ended = book.start_after("trap '' 25; ulimit -f 64").finish().expect(74);
    assert!(ended.stderr.contains("the audit file cannot be written"), "{ended}");
    let sent = assert_all_announced(&checks);
    assert!(sent > 0 && sent < 500, "{sent} requests");
    let audit = audit_file(&book.dir().join("out")).unwrap();
    let text = std::fs::read_to_string(&audit).unwrap();
    let intents =
        text.lines().filter(|line| line.contains("\"event_type\":\"bridge_intent\"") && line.ends_with("\"}")).count();
    assert!(intents >= sent, "{sent} requests, {intents} intents");
    book.command(65, &["verify", audit.parent().unwrap().to_str().unwrap()]);
    let report = book.command(65, &["report", audit.parent().unwrap().to_str().unwrap()]);
    assert!(report.stdout.starts_with("INCOMPLETE"), "{report}");
    drop(server);
}

#[test]
fn the_audit_file_and_the_run_directory_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).run(0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run.dir), 0o700);
    for entry in std::fs::read_dir(&run.dir).unwrap().chain(std::fs::read_dir(run.dir.join("inputs")).unwrap()) {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}
