//! The command line, its helpers, and what is shipped with it.

use crate::reports::recount;
use crate::support::audit::schema;
use crate::support::book::{Book, set};
use crate::support::process::{Ended, Running, bridgebook};
use crate::support::repository;
use crate::support::server::{RawServer, Request, ok};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[track_caller]
fn command(dir: &Path, code: u8, args: &[&str]) -> Ended {
    Running::start(bridgebook(dir, args)).finish().expect(code)
}

#[test]
fn help_shows_every_exit_code_with_its_meaning() {
    let dir = TempDir::new().unwrap();
    let help = command(dir.path(), 0, &["--help"]).stdout;
    for code in [0, 1, 2, 10, 11, 12, 13, 14, 65, 66, 69, 73, 74, 75, 77, 78] {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{code}  ")));
        assert!(line.is_some_and(|line| line.len() > 12), "{code} is missing: {help}");
    }
    assert_eq!(bridgebook::cli::Exit::TABLE.len(), 16, "a new code belongs into this test");
    for subcommand in
        ["init", "validate", "plan", "run", "report", "runs", "verify", "schema", "explain", "simulate", "completions"]
    {
        assert!(help.contains(&format!("\n  {subcommand} ")), "{subcommand}");
        assert!(command(dir.path(), 0, &[subcommand, "--help"]).stdout.contains("Usage:"));
    }
    let version = command(dir.path(), 0, &["--version"]).stdout;
    assert_eq!(version, concat!("bridgebook ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn schemas_are_printed_as_shipped_and_are_valid_schemas() {
    let dir = TempDir::new().unwrap();
    for name in ["runbook", "job", "payload", "audit", "summary", "trend", "comparison", "runs", "profile"] {
        let printed = command(dir.path(), 0, &["schema", name]).stdout;
        assert_eq!(printed, std::fs::read_to_string(repository(&format!("schemas/{name}.schema.json"))).unwrap());
        let document: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(document["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(jsonschema::meta::is_valid(&document), "{name}");
        drop(schema(name));
    }
}

#[test]
fn init_writes_a_project_that_validates_plans_and_runs() {
    let dir = TempDir::new().unwrap();
    let ended = command(dir.path(), 0, &["init", "project"]);
    assert!(ended.stdout.contains("project/runbook.yaml"), "{ended}");
    for args in [
        &["validate", "project/runbook.yaml"] as &[&str],
        &["plan", "project/runbook.yaml"],
        &["run", "project/runbook.yaml", "--sandbox", "--no-progress"],
    ] {
        command(dir.path(), 0, args);
    }
    let again = command(dir.path(), 73, &["init", "project"]);
    assert!(again.stderr.contains("is there already"), "{again}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    let dir = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(command(dir.path(), 0, &["completions", shell]).stdout.contains("bridgebook"), "{shell}");
    }
}

fn shipped_runbooks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository("runbooks")).unwrap().map(|entry| entry.unwrap().path());
    let books: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(!books.is_empty());
    books
}

#[test]
fn shipped_runbooks_validate_plan_and_run_and_every_figure_can_be_recounted() {
    let runbook_schema = schema("runbook");
    for path in shipped_runbooks() {
        let text = std::fs::read_to_string(&path).unwrap();
        let document: Value = serde_yaml::from_str(&text).unwrap();
        crate::support::audit::check_schema(&runbook_schema, &document);
        let file = path.to_str().unwrap();
        let dir = TempDir::new().unwrap();
        let validated = command(dir.path(), 0, &["validate", file]);
        assert!(validated.stdout.contains(": ok, "), "{validated}");
        let plan: Value =
            serde_json::from_str(&command(dir.path(), 0, &["plan", file, "--format", "json"]).stdout).unwrap();

        // The same book, from its own folder, in the sandbox: its data are beside it.
        let mut book =
            Book::offline().verbatim(&text).without_env("CXONE_CLIENT_ID").without_env("CXONE_CLIENT_SECRET");
        for entry in std::fs::read_dir(repository("runbooks/data")).unwrap() {
            let data = entry.unwrap().path();
            let name = format!("data/{}", data.file_name().unwrap().to_str().unwrap());
            book = book.file(&name, &std::fs::read_to_string(&data).unwrap());
        }
        let run = book.run_with(0, &["--sandbox"]);
        assert_eq!(run.audit.lines[0]["sandbox"], true);
        assert_eq!(plan["jobs"], run.audit.total("jobs") - run.audit.total("skipped"));
        assert_eq!(plan["skipped"], run.audit.total("skipped"));
        recount(&run);
        for input in run.audit.lines[0]["inputs"].as_array().unwrap() {
            let copy = run.bytes(input["snapshot"].as_str().unwrap());
            assert_eq!(bridgebook::journal::sha256_hex(&copy), input["sha256"].as_str().unwrap(), "{input}");
            assert_eq!(copy, std::fs::read(book.dir().join(input["file"].as_str().unwrap())).unwrap());
        }
    }
}

#[test]
fn a_dry_run_is_the_plan_and_sends_nothing() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).many_calls(3).without_env("CXONE_CLIENT_SECRET");
    for format in ["human", "json"] {
        let rest = ["--format", format, "--limit", "2", "--concurrency", "3"];
        let plan = book.command(0, &[&["plan", "runbook.yaml"] as &[&str], &rest].concat());
        let dry = book.command(0, &[&["run", "runbook.yaml", "--dry-run"] as &[&str], &rest].concat());
        assert_eq!(plan.stdout, dry.stdout);
        assert!(plan.stdout.contains("concurrency"), "{plan}");
    }
    assert_eq!(server.connections(), 0);
    assert!(!book.dir().join("runs").exists() && !book.dir().join("out").exists());
}

#[test]
fn planned_payloads_are_the_bodies_that_a_run_sends() {
    let rows = json!([
        {"call_id": "a/1", "n": "+442079460101", "note": "x"},
        {"call_id": "é \"quoted\"", "n": "+442079460102", "note": "y"},
        {"call_id": "left out", "n": "+442079460103", "note": "no"},
        {"call_id": "back\\slash {{row.n}}", "n": "+12025550103", "note": "z"},
    ]);
    let sets = set("one", &rows.to_string(), "    when: \"{{ne row.note 'no'}}\"\n")
        .replace("+12025550104", "{{row.n}}")
        .replace(
            "direction: transfer",
            "direction: consult\n      bridge_matrix: [{source: 0, target: 1}]\n      dtmf: INFO",
        );
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).sets(&sets);
    book.command(0, &["plan", "runbook.yaml", "--payloads", "payloads.jsonl"]);
    let planned = std::fs::read_to_string(book.dir().join("payloads.jsonl")).unwrap();
    book.run(0);
    let sent: String = server.bridges().iter().map(|request| format!("{}\n", request.body())).collect();
    assert_eq!(planned, sent);
    assert_eq!(sent.lines().count(), 3);
    let payload_schema = schema("payload");
    for line in sent.lines() {
        crate::support::audit::check_schema(&payload_schema, &serde_json::from_str(line).unwrap());
    }
    // What stands in a cell is data, whatever it looks like.
    assert!(sent.contains(r#""callId":"back\\slash {{row.n}}""#), "{sent}");
}

#[test]
fn variables_of_the_command_line_reach_the_wire() {
    let server = RawServer::bridging(|_| ok());
    let sets = set("one", r#"[{"call_id": "a"}]"#, "").replace("+12025550104", "{{vars.desk}}");
    let book = Book::at(&server.url()).sets(&sets).more("vars: {desk: \"+12025550104\"}");
    book.run_with(0, &["--set", "desk=+12025550199"]);
    let bodies: Vec<String> = server.bridges().iter().map(|request: &Request| request.body().to_owned()).collect();
    assert!(bodies[0].contains("+12025550199"), "{bodies:?}");
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url());
    let text = book.text().replace("{env: CXONE_CLIENT_SECRET}", "{file: secret.txt}");
    let book = book.verbatim(&text).file("secret.txt", "from-the-file\n");
    let path = book.dir().join("secret.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = book.refused(78, &[]);
    assert!(ended.stderr.contains("chmod 600"), "{ended}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    book.run(0);
    assert!(server.requests()[0].body().contains("client_secret=from-the-file&"));
}

#[test]
fn results_go_to_stdout_and_everything_else_to_stderr() {
    let server = RawServer::bridging(|_| ok());
    let run = Book::at(&server.url()).run_with(0, &["--format", "json"]);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed, run.summary());
    let run = Book::at(&server.url()).run_with(0, &["-vv", "--log-format", "json", "--color", "always"]);
    assert!(run.stdout.starts_with("PASSED"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'));
}
