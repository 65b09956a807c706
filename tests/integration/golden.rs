//! Golden files of everything that can be wrong: `tests/fixtures/invalid/NAME.yaml` and, beside it, `NAME.err` with the
//! exact diagnostics that `validate` gives, the text that each one underlines, and the exit code.
//!
//! `BLESS=1 cargo test --test integration golden` writes the `.err` files anew; then read the difference.

use crate::support::process::{Running, bridgebook};
use crate::support::repository;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One slip may have two faces, never three.
const MOST: usize = 2;

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "yaml")).collect();
    cases.sort();
    cases
}

/// The text that a diagnostic underlines, cut out of the file by its line and columns.
fn underlined(folder: &Path, file: &str, line: u64, from: u64, to: u64) -> String {
    let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = text.split('\n').nth(usize::try_from(line - 1).unwrap()).unwrap_or_default().trim_end_matches('\r');
    let (from, to) = (usize::try_from(from - 1).unwrap(), usize::try_from(to - 1).unwrap());
    assert!(to > from, "an empty span");
    assert!(from <= line.chars().count(), "{file}: column {} of {line:?}", from + 1);
    line.chars().skip(from).take(to - from).collect()
}

fn found(folder: &Path, name: &str) -> (String, usize) {
    let ended = Running::start(bridgebook(folder, &["validate", name, "--format", "json"])).finish();
    let json: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {ended}"));
    let diagnostics = json["diagnostics"].as_array().unwrap();
    let mut text = String::new();
    for found in diagnostics {
        let (file, line) = (found["file"].as_str().unwrap(), found["line"].as_u64().unwrap());
        let (from, to) = (found["column"].as_u64().unwrap(), found["end_column"].as_u64().unwrap());
        assert!(line > 0 && from > 0, "{name}: {found:#}");
        let code = found["code"].as_str().unwrap();
        let shown = underlined(folder, file, line, from, to);
        writeln!(text, "{}[{code}] {file}:{line}:{from}-{to} `{shown}`", found["severity"].as_str().unwrap()).unwrap();
        writeln!(text, "  {}", found["message"].as_str().unwrap()).unwrap();
        if let Some(help) = found["help"].as_str() {
            writeln!(text, "  help: {help}").unwrap();
        }
        if let Some(related) = found["related"].as_object() {
            writeln!(text, "  in {}:{}:{}", related["file"].as_str().unwrap(), related["line"], related["column"])
                .unwrap();
        }
    }
    if json["more"] != 0 {
        writeln!(text, "and {} more", json["more"]).unwrap();
    }
    writeln!(text, "exit {}", ended.code.unwrap()).unwrap();
    (text, diagnostics.len())
}

#[test]
fn every_slip_has_its_exact_diagnostics() {
    let folder = repository("tests/fixtures/invalid");
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases(&folder) {
        let name = case.file_name().unwrap().to_str().unwrap();
        let (text, count) = found(&folder, name);
        // A case that is about many rows says so in its name.
        if !(1..=MOST).contains(&count) && !name.starts_with("many-") {
            wrong.push(format!("{name}: {count} diagnostics for one slip\n{text}"));
        }
        let expected = case.with_extension("err");
        if bless {
            std::fs::write(&expected, &text).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != text {
            let was = std::fs::read_to_string(&expected).unwrap_or_else(|_| "(no file)\n".to_owned());
            wrong.push(format!("{name}: expected\n{was}found\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{} of the golden files differ:\n{}", wrong.len(), wrong.join("\n"));
}
