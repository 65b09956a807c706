//! Whatever is done to a finished audit file is found, by `verify` and by the script that knows our documentation only.

use crate::support::audit::chained;
use crate::support::book::{Book, Run, set};
use crate::support::openssl::{key, openssl, script};
use crate::support::repository;
use crate::support::server::{RawServer, Reply, answer, ok};
use bridgebook::report::{Evidence, ReportBuilder};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A run with a retry, a skipped row, an unknown and a refusal.
fn small_run(more: &str) -> (Book, Run) {
    let refused = AtomicUsize::new(0);
    let server = RawServer::bridging(move |request| match request.call() {
        "again" if refused.fetch_add(1, Ordering::SeqCst) == 0 => answer(408, &[], ""),
        "lost" => Reply::Reset,
        "gone" => answer(404, &[], ""),
        _ => ok(),
    });
    let items = r#"[{"call_id":"good"},{"call_id":"again"},{"call_id":"out"},{"call_id":"lost"},{"call_id":"gone"}]"#;
    let book = Book::at(&server.url())
        .sets(&set("waiting", items, "    when: \"{{ne row.call_id 'out'}}\"\n"))
        .more("success_criteria: [\"failed >= 0\", \"unknown >= 0\"]")
        .more(more);
    key(book.dir(), "k");
    key(book.dir(), "forger");
    let run = book.run(0);
    let kinds = [("bridge_intent", 5), ("job_skipped", 1), ("bridge_attempt", 5)];
    for (kind, count) in kinds {
        assert_eq!(run.audit.events(kind).len(), count, "{kind}");
    }
    (book, run)
}

/// Whether the library's `verify` finds something.
fn found(folder: &Path, bytes: &[u8]) -> bool {
    let path = folder.join("changed.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let checked = bridgebook::journal::verify(&path, |_| {}).unwrap();
    checked.damage.is_some() || checked.incomplete.is_some()
}

#[test]
fn every_byte_every_line_and_every_cut_is_found_by_verify() {
    let (_book, run) = small_run("");
    let bytes = run.bytes("audit.jsonl");
    let folder = TempDir::new().unwrap();
    assert!(!found(folder.path(), &bytes));
    let mut cases = 0;
    let mut check = |what: &str, bytes: &[u8]| {
        cases += 1;
        assert!(found(folder.path(), bytes), "{what} is not found");
    };
    for place in 0..bytes.len() {
        let flips: &[u8] = if place % 16 == 0 { &[1, 2, 4, 8, 16, 32, 64, 128] } else { &[1] };
        for flip in flips {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            check(&format!("byte {place} ^ {flip}"), &changed);
        }
        check(&format!("the cut at byte {place}"), &bytes[..place]);
    }
    assert!(cases > 10_000, "{cases} cases");
}

#[test]
fn every_mutation_is_found_by_the_script() {
    let ((_one, run), (_two, other)) = (small_run(""), small_run(""));
    let script = repository("examples/verify_audit.py");
    let mutations = repository("tests/mutated_audits.py");
    let output = Command::new("python3").arg(mutations).arg(script).args([&run.dir, &other.dir]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let cases: u64 = said.split_whitespace().next().unwrap().parse().unwrap();
    assert!(cases > 10_000, "{said}");
}

#[test]
fn the_file_of_another_run_or_a_changed_copy_does_not_fit_the_directory() {
    let ((_one, run), (_two, other)) = (small_run(""), small_run(""));
    let own = run.bytes("audit.jsonl");
    std::fs::write(run.dir.join("audit.jsonl"), other.bytes("audit.jsonl")).unwrap();
    let ended = run.command(65, &["verify", "."]);
    assert!(ended.stdout.contains("DOES NOT FIT: the file is that of run"), "{ended}");
    assert!(!script(&run.dir, &["."]).0);
    // By itself it is sound.
    run.command(0, &["verify", "audit.jsonl"]);
    std::fs::write(run.dir.join("audit.jsonl"), own).unwrap();
    run.command(0, &["verify", "."]);
    assert!(script(&run.dir, &["."]).0);
    for name in ["inputs/runbook.yaml", "inputs/profile.yaml"] {
        let copy = run.bytes(name);
        std::fs::write(run.dir.join(name), [&copy[..], b"#"].concat()).unwrap();
        let ended = run.command(65, &["verify", "."]);
        assert!(ended.stdout.contains(&format!("{name} is not the copy")), "{ended}");
        assert!(!script(&run.dir, &["."]).0, "{name}");
        std::fs::remove_file(run.dir.join(name)).unwrap();
        run.command(65, &["verify", "."]);
        assert!(!script(&run.dir, &["."]).0, "{name}");
        std::fs::write(run.dir.join(name), copy).unwrap();
    }
}

/// Makes the chain anew over changed lines: what somebody does who knows the format and has no key.
pub(crate) fn chained_anew(lines: &[String]) -> String {
    let (mut head, mut text) = ("0".repeat(64), String::new());
    for line in lines {
        let mut record: Value = serde_json::from_str(line).unwrap();
        if record.get("head").is_some() {
            record["head"] = json!(head);
        }
        record.as_object_mut().unwrap().remove("hash");
        let mut body = record.to_string();
        body.pop();
        head = digest(&head, &body);
        let line = format!("{body},\"hash\":\"{head}\"}}");
        assert_eq!(chained_head(&line), head);
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn digest(before: &str, body: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::new().chain_update(before).chain_update(body).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn chained_head(line: &str) -> &str {
    &line[line.len() - 66..line.len() - 2]
}

#[test]
fn a_chain_that_was_made_anew_is_found_by_the_signature_and_by_the_head() {
    let (book, run) = small_run("audit: {signing_key: {file: k.pem}}");
    let text = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    let head = chained_head(text.lines().last().unwrap()).to_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = lines.iter().position(|line| line.contains("\"latency_ms\"") && line.contains("\"good\"")).unwrap();
    lines[place] = lines[place].replace("\"call_id\":\"good\"", "\"call_id\":\"other\"");
    let put = |text: &str| std::fs::write(run.dir.join("audit.jsonl"), text).unwrap();
    let by_key = ["verify", ".", "--public-key", "../../../k.pub"];

    // With the old signature: it is not of this head.
    put(&chained_anew(&lines));
    let ended = run.command(65, &["verify", "."]);
    assert!(ended.stdout.contains("the signature is wrong"), "{ended}");
    assert!(!script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
    // Without a signature: all is well by itself, and neither key nor head fits.
    put(&chained_anew(&lines[..lines.len() - 1]));
    run.command(0, &["verify", "."]);
    run.command(65, &by_key);
    assert!(script(&run.dir, &["."]).0);
    assert!(!script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
    assert!(!script(&run.dir, &[".", "--head", &head]).0);
    // Signed by another key.
    let forged = chained_anew(&lines[..lines.len() - 1]);
    lines.push(resigned(&book, chained_head(forged.lines().last().unwrap()), &lines[lines.len() - 1]));
    lines.remove(lines.len() - 2);
    put(&chained_anew(&lines));
    let ended = run.command(0, &["verify", "."]);
    assert!(ended.stdout.contains("not checked against a key of yours"), "{ended}");
    let ended = run.command(65, &by_key);
    assert!(ended.stdout.contains("by another key"), "{ended}");
    assert!(!script(&run.dir, &[".", "--public-key", "../../../k.pub"]).0);
    put(&text);
    run.command(0, &by_key);
}

/// The `signed` line by the forger's key.
fn resigned(book: &Book, head: &str, line: &str) -> String {
    std::fs::write(book.dir().join("message"), format!("bridgebook audit head v1\n{head}")).unwrap();
    openssl(book.dir(), "pkeyutl -sign -inkey forger.pem -rawin -in message -out signature");
    let base64 = openssl(book.dir(), "base64 -A -in signature");
    let public = std::fs::read_to_string(book.dir().join("forger.pub")).unwrap();
    let mut record: Value = serde_json::from_str(line).unwrap();
    record["public_key"] = json!(public.lines().nth(1).unwrap());
    record["signature"] = json!(String::from_utf8(base64).unwrap());
    record.to_string()
}

/// Every place of a value in a document.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().take(3).enumerate().for_each(|(at, value)| leaves(value, &format!("{pointer}/{at}"), found));
        }
        _ => {}
    }
    found.push(pointer.to_owned());
}

#[test]
fn no_value_in_a_chain_that_holds_makes_anything_panic() {
    let (_book, run) = small_run("");
    let text = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.jsonl");
    let odd = [
        json!(0),
        json!(u64::MAX),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("9999-12-31T23:59:59Z"),
        json!(null),
        json!([]),
    ];
    let (mut cases, mut taken) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        let mut places = Vec::new();
        leaves(&record, "", &mut places);
        for pointer in places.iter().filter(|pointer| !pointer.is_empty() && *pointer != "/hash") {
            for value in &odd {
                let mut changed = record.clone();
                *changed.pointer_mut(pointer).unwrap() = value.clone();
                let mut forged = lines.clone();
                forged[at] = changed.to_string();
                std::fs::write(&path, chained_anew(&forged)).unwrap();
                let mut builder = ReportBuilder::default();
                let mut sound = true;
                let checked =
                    bridgebook::journal::verify(&path, |record| sound = sound && builder.apply(record).is_ok())
                        .unwrap();
                let evidence = Evidence {
                    head: checked.head.to_string(),
                    lines: checked.lines,
                    signed_by: None,
                    alive: None,
                    unread: true,
                    damage: None,
                };
                // Reports are slow to make; every tenth will do.
                if cases % 10 == 0 {
                    for file in builder.finish(evidence).files() {
                        file.write_to(&mut std::io::sink()).unwrap();
                    }
                }
                cases += 1;
                taken += u32::from(checked.damage.is_none());
            }
        }
    }
    assert!(cases > 2000 && taken > 200, "{cases} cases, {taken} readable");
    assert!(chained(&"0".repeat(64), &lines[0]).is_some());
}
