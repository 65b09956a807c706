//! A signed audit file: by the key of the runbook, checked by us and by openssl, at the end of a run and behind it.

use crate::support::book::{Book, Run};
use crate::support::openssl::{key, openssl, script};
use crate::support::server::{RawServer, Reply, ok};
use sha2::{Digest, Sha256};

const SIGNED: &str = "audit: {signing_key: {file: k.pem}}";

fn signed_run(server: &RawServer) -> (Book, Run) {
    let book = Book::at(&server.url()).many_calls(3).more(SIGNED);
    key(book.dir(), "k");
    key(book.dir(), "other");
    let run = book.run(0);
    (book, run)
}

fn fingerprint(book: &Book, name: &str) -> String {
    let der = openssl(book.dir(), &format!("pkey -pubin -in {name}.pub -outform DER"));
    Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_last_line_is_a_signature_that_we_and_openssl_accept_by_that_key_only() {
    let server = RawServer::bridging(|_| ok());
    let (book, run) = signed_run(&server);
    let last = run.audit.lines.last().unwrap();
    assert_eq!((&last["event_type"], &last["algorithm"]), (&"signed".into(), &"Ed25519".into()));
    let pem = std::fs::read_to_string(book.dir().join("k.pub")).unwrap();
    assert!(pem.contains(last["public_key"].as_str().unwrap()), "{pem}");
    let print = fingerprint(&book, "k");
    assert_eq!(run.summary()["audit"]["signed_by"], print.as_str());
    assert!(run.stdout.contains(&print) && run.stdout.contains(last["hash"].as_str().unwrap()), "{}", run.stdout);
    assert!(String::from_utf8(run.bytes("report.html")).unwrap().contains(&print));
    let files = ["summary.json", "summary.csv", "results.csv", "report.html"];
    let live = files.map(|name| run.bytes(name));
    run.command(0, &["report", "."]);
    assert!(live == files.map(|name| run.bytes(name)), "the reports made again differ");

    let unchecked = run.command(0, &["verify", "."]);
    let words = format!("signed by {print} (not checked against a key of yours)");
    assert!(unchecked.stdout.contains(&words), "{unchecked}");
    let good = run.command(0, &["verify", ".", "--public-key", "../../../k.pub"]);
    assert!(good.stdout.contains("ok: signed by your key"), "{good}");
    let bad = run.command(65, &["verify", ".", "--public-key", "../../../other.pub"]);
    assert!(bad.stdout.contains("NOT SIGNED by your key: it is by another key"), "{bad}");
    assert!(script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
    assert!(!script(&run.dir, &[".", "--public-key", "../../../other.pub"]).0);
    let head = last["hash"].as_str().unwrap();
    assert!(script(&run.dir, &[".", "--head", head]).0);
    assert!(!script(&run.dir, &[".", "--head", &"0".repeat(64)]).0);
}

#[test]
fn without_a_signature_none_is_good_enough_where_one_is_asked_for() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url());
    key(book.dir(), "k");
    let run = book.run(0);
    let ended = run.command(65, &["verify", ".", "--public-key", "../../../k.pub"]);
    assert!(ended.stdout.contains("its last line is no good signature"), "{ended}");
    assert!(run.summary()["audit"].get("signed_by").is_none());
    assert!(!script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
    assert!(script(&run.dir, &["."]).0);
}

#[test]
fn a_key_that_cannot_be_used_is_refused_before_anything_is_made_or_sent() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).more(SIGNED);
    let refused = |words: &str| {
        let ended = book.refused(78, &[]);
        assert!(ended.stderr.contains("audit.signing_key") && ended.stderr.contains(words), "{words}: {ended}");
        assert!(!ended.stderr.contains("PRIVATE KEY-----\n"), "{ended}");
        assert!(!book.dir().join("out").exists(), "something was made");
    };
    refused("No such file");
    key(book.dir(), "k");
    std::fs::rename(book.dir().join("k.pem"), book.dir().join("good.pem")).unwrap();
    let restricted = |name: &str| drop(openssl(book.dir(), &format!("pkey -in good.pem {name}")));
    restricted("-out k.pem -aes256 -passout pass:x");
    chmod(&book, 0o600);
    refused("encrypted");
    restricted("-out k.pem -pubout");
    chmod(&book, 0o600);
    refused("no private key");
    openssl(book.dir(), "genpkey -algorithm X25519 -out k.pem");
    chmod(&book, 0o600);
    refused("no Ed25519 key");
    restricted("-out k.pem");
    chmod(&book, 0o644);
    refused("can be read by others");
    assert!(server.requests().is_empty());
}

fn chmod(book: &Book, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(book.dir().join("k.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_found_out_after_the_run_is_signed_anew_or_stands_unsigned_behind_the_signature() {
    let server = RawServer::bridging(|_| Reply::Reset);
    let book = Book::at(&server.url()).many_calls(2).more(SIGNED);
    key(book.dir(), "k");
    let run = book.run(11);
    let decide = |job: &str, more: &[&str], code: u8| {
        let args = [&["reconcile", ".", "--decide", job, "--reason", "looked up"], more].concat();
        run.command(code, &args);
    };
    let asked = |code: u8| run.command(code, &["verify", ".", "--public-key", "../../../k.pub"]);
    asked(0);
    decide("1=bridged", &[], 11);
    asked(65);
    run.verify(0);
    decide("2=not-bridged", &["--signing-key", "../../../k.pem"], 0);
    asked(0);
    assert!(script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
}

#[test]
fn a_rehearsal_needs_no_key_and_is_not_signed() {
    let book = Book::offline().more(SIGNED);
    let run = book.run_with(0, &["--sandbox"]);
    assert!(run.audit.events("signed").is_empty());
}
