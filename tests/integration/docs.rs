//! The README is true: its exit codes, its runbook, its commands, its links.

use crate::support::process::{Running, bridgebook};
use crate::support::repository;
use serde_json::Value;
use std::fmt::Write;
use tempfile::TempDir;

fn readme() -> String {
    std::fs::read_to_string(repository("README.md")).unwrap()
}

#[test]
fn the_readme_has_the_table_of_exit_codes() {
    let table = bridgebook::cli::Exit::TABLE.iter().fold(String::new(), |mut text, (code, meaning)| {
        writeln!(text, "| {code} | {meaning} |").unwrap();
        text
    });
    assert!(readme().contains(&table), "README.md should have\n{table}");
}

#[test]
fn the_runbook_in_the_readme_lacks_nothing_but_its_data() {
    let readme = readme();
    let book = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("book.yaml"), book).unwrap();
    let refused = Running::start(bridgebook(dir.path(), &["validate", "book.yaml", "--format", "json"])).finish();
    let found: Value = serde_json::from_str(&refused.expect(66).stdout).unwrap();
    let codes: Vec<_> = found["diagnostics"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, ["BB0401"], "{found}");

    std::fs::create_dir(dir.path().join("data")).unwrap();
    let rows = "call_id,callback_number,status\ncall-1,+12025550101,waiting\n";
    std::fs::write(dir.path().join("data/waiting-billing.csv"), rows).unwrap();
    Running::start(bridgebook(dir.path(), &["validate", "book.yaml"])).finish().expect(0);
}

#[test]
fn the_commands_and_files_that_the_readme_names_exist() {
    let readme = readme();
    let dir = TempDir::new().unwrap();
    let help = Running::start(bridgebook(dir.path(), &["--help"])).finish().expect(0).stdout;
    let commands = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter(|line| line.ends_with("| no |") || line.ends_with("| yes |"));
    let mut seen = 0;
    for command in commands.filter_map(|line| line.split([' ', '`']).next()) {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is in the README and not in --help");
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
        assert!(repository(link).exists(), "{link}");
    }
}
