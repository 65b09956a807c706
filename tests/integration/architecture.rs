//! Who imports whom: the source against the table of the house.

use crate::support::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module, and what it may import. The same table stands in the docs of `src/lib.rs`.
const TABLE: [(&str, &[&str]); 17] = [
    ("model", &[]),
    ("event", &["model"]),
    ("state", &["event", "model"]),
    ("template", &[]),
    ("schema", &["model", "template"]),
    ("phone", &["model"]),
    ("load", &["model", "schema", "template"]),
    ("profile", &["model", "schema", "template"]),
    ("expand", &["model", "phone", "profile", "template"]),
    ("plan", &["model"]),
    ("execute", &["event", "model", "profile", "state"]),
    ("journal", &["event", "model", "state"]),
    ("register", &["event", "journal", "model", "state"]),
    ("reconcile", &["event", "model", "state"]),
    ("report", &["event", "model", "state"]),
    ("simulator", &["model"]),
    (
        "cli",
        &[
            "event",
            "execute",
            "expand",
            "journal",
            "load",
            "model",
            "phone",
            "plan",
            "profile",
            "reconcile",
            "register",
            "report",
            "schema",
            "simulator",
            "state",
            "template",
        ],
    ),
];

/// Test code may look further.
fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: without comments, and without the inline test module that ends it.
fn code(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {").or_else(|| text.find("#[cfg(test)]\n#[expect")) {
        Some(tests) => &text[..tests],
        None => text,
    };
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules that `crate::` leads to, in `use` lines and inline, groups included.
fn arrows(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut fresh = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => fresh = true,
                        c if fresh && (c.is_alphabetic() || c == '_') => {
                            found.insert(word(&group[at..]));
                            fresh = false;
                        }
                        _ => {}
                    }
                }
            }
            None => drop(found.insert(word(rest))),
        }
    }
    found
}

#[test]
fn every_import_is_an_arrow_of_the_table() {
    let source = repository("src");
    let allowed: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let mut files = Vec::new();
    source_files(&source, &mut files);
    let (mut wrong, mut arrows_seen, mut modules) = (Vec::new(), 0, BTreeSet::new());
    for file in files.iter().filter(|file| !is_test_file(file)) {
        let inside = file.strip_prefix(&source).unwrap();
        let parts: Vec<String> =
            inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let module = parts[0].trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        modules.insert(module.clone());
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!("{}: module {module} is not in the table", inside.display()));
            continue;
        };
        let code = code(&std::fs::read_to_string(file).unwrap());
        for to in arrows(&code) {
            arrows_seen += 1;
            if to != module && !may.contains(&to.as_str()) {
                wrong.push(format!("{}: {module} -> {to}", inside.display()));
            }
        }
        // `super` must not lead out of the module: that would be an arrow without a name.
        let depth = parts.len() - usize::from(parts.last().is_some_and(|name| name == "mod.rs"));
        if code.contains(&"super::".repeat(depth)) {
            wrong.push(format!("{}: super leads out of {module}", inside.display()));
        }
    }
    assert!(wrong.is_empty(), "arrows that the table does not have:\n{}", wrong.join("\n"));
    assert!(arrows_seen > 100, "only {arrows_seen} imports were found: is the source read at all?");
    assert_eq!(modules, TABLE.iter().map(|(module, _)| (*module).to_owned()).collect(), "the table names every module");
}

#[test]
fn the_table_has_no_circle_and_is_the_one_in_the_documentation() {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    while known.len() < TABLE.len() {
        let next: Vec<&str> = TABLE
            .iter()
            .filter(|(module, may)| !known.contains(module) && may.iter().all(|to| known.contains(to)))
            .map(|(module, _)| *module)
            .collect();
        assert!(!next.is_empty(), "a circle among the modules beyond {known:?}");
        known.extend(next);
    }
    let text = std::fs::read_to_string(repository("src/lib.rs")).unwrap();
    let rows: BTreeMap<String, BTreeSet<String>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let names = cells[2].split(", ").filter(|name| *name != "nothing").map(str::to_owned).collect();
            (cells[0].trim_end_matches("`]").to_owned(), names)
        })
        .collect();
    assert_eq!(rows.len(), TABLE.len());
    for (module, may) in TABLE {
        let documented = &rows[module];
        if documented.contains("all") {
            assert_eq!(may.len(), TABLE.len() - 1, "{module} may import all others");
        } else {
            assert_eq!(*documented, may.iter().map(|to| (*to).to_owned()).collect(), "{module}");
        }
    }
}

#[test]
fn the_main_function_only_hands_over() {
    let text = std::fs::read_to_string(repository("src/main.rs")).unwrap();
    assert!(text.lines().count() < 60);
    assert!(!text.contains("unwrap") && text.contains("bridgebook::cli::main"));
}
