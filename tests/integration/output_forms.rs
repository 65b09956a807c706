//! What `validate` finds, in each form that a program may read, and what warnings do.

use crate::support::book::{Book, set};
use crate::support::process::Ended;
use crate::support::repository;
use bridgebook::model::Code;
use serde_json::Value;
use std::collections::BTreeMap;

/// Two errors of the runbook, one of a row, one warning, and names that need escapes.
fn broken() -> Book {
    let job = "    job:\n      call_id: \"{{row.call_id}}\"\n      targets: [{type: phone, value: \"{{row.number}}\"}]\n      \
               direction: transfer\n";
    let sets = format!("  - name: one\n    rows: {{csv: \"data/50%, a:b é.csv\"}}\n{job}");
    Book::offline()
        .sets(&sets)
        .more("descripton: 100% wrong")
        .more("vars: {desk: +12025550104}")
        .file("data/50%, a:b é.csv", "number,call_id\n+12025550101,a\nnobody,b\n2025550103,c\n")
}

fn validated(book: &Book, code: u8, args: &[&str]) -> Ended {
    book.command(code, &[&["validate", "runbook.yaml"], args].concat())
}

fn json(book: &Book, code: u8, args: &[&str]) -> Value {
    let ended = validated(book, code, args);
    assert!(ended.stderr.is_empty(), "{ended}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"))
}

#[test]
fn json_has_the_documented_members_and_no_others() {
    let found = json(&broken(), 65, &["--format", "json"]);
    assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["diagnostics", "more"]);
    assert_eq!(found["more"], 0);
    let diagnostics = found["diagnostics"].as_array().unwrap();
    let codes: Vec<&str> = diagnostics.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["BB0101", "BB0104", "BB0106", "BB0601"], "{found:#}");
    let page = std::fs::read_to_string(repository("docs/diagnostics.md")).unwrap();
    for one in diagnostics {
        for (key, value) in one.as_object().unwrap() {
            assert!(page.contains(&format!("`{key}`")), "{key} is not documented");
            let as_documented = match key.as_str() {
                "line" | "column" | "end_column" => value.as_u64().is_some_and(|number| number > 0),
                "help" => value.is_null() || value.is_string(),
                "severity" => value == "error" || value == "warning",
                "related" => value.as_object().unwrap().keys().collect::<Vec<_>>() == ["file", "line", "column"],
                _ => value.is_string(),
            };
            assert!(as_documented, "{key}: {value}");
        }
        assert!(one["end_column"].as_u64() > one["column"].as_u64(), "{one}");
        assert_eq!(one.get("related").is_some(), one["file"] != "runbook.yaml", "{one}");
    }
}

#[test]
fn sarif_is_valid_by_its_own_schema_and_says_what_json_says() {
    let text = std::fs::read_to_string(repository("tests/fixtures/sarif/sarif-2.1.0.schema.json")).unwrap();
    // The published pattern for a language has a bracket too many and is no regular expression; we give no language.
    let text = text.replace(r"^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let schema = jsonschema::draft7::new(&schema).unwrap();
    let check = |document: &Value| {
        let wrong: Vec<String> = schema.iter_errors(document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
    };
    let book = broken();
    let (log, plain) = (json(&book, 65, &["--format", "sarif"]), json(&book, 65, &["--format", "json"]));
    check(&log);
    let run = &log["runs"][0];
    assert_eq!((&run["columnKind"], &run["invocations"][0]["exitCode"]), (&"unicodeCodePoints".into(), &65.into()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let (results, found) = (run["results"].as_array().unwrap(), plain["diagnostics"].as_array().unwrap());
    assert_eq!(results.len(), found.len());
    for (result, found) in results.iter().zip(found) {
        assert_eq!((&result["ruleId"], &result["level"]), (&found["code"], &found["severity"]));
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], found["code"]);
        assert!(rule["shortDescription"]["text"].as_str().unwrap().len() > 5, "{rule:#}");
        assert!(rule["fullDescription"]["text"].as_str().unwrap().len() > 60, "{rule:#}");
        let text = result["message"]["text"].as_str().unwrap();
        assert!(text.starts_with(found["message"].as_str().unwrap()), "{text}");
        let place = &result["locations"][0]["physicalLocation"];
        for (sarif, json) in [("startLine", "line"), ("startColumn", "column"), ("endColumn", "end_column")] {
            assert_eq!(place["region"][sarif], found[json]);
        }
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        if found["file"] == "runbook.yaml" {
            assert_eq!(uri, "runbook.yaml");
        } else {
            assert_eq!(uri, "data/50%25%2C%20a%3Ab%20%C3%A9.csv");
            let related = &result["relatedLocations"][0]["physicalLocation"];
            assert_eq!(related["artifactLocation"]["uri"], "runbook.yaml");
            assert_eq!(related["region"]["startLine"], found["related"]["line"]);
        }
    }
    // Nothing found, and nothing looked at.
    let sound = json(&Book::offline(), 0, &["--format", "sarif"]);
    check(&sound);
    assert_eq!(sound["runs"][0]["results"], Value::Array(Vec::new()));
    let failed = Book::offline().command(2, &["validate", "runbook.yaml", "--only", "nowhere", "--format", "sarif"]);
    let failed: Value = serde_json::from_str(&failed.stdout).unwrap();
    check(&failed);
    assert_eq!(failed["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

/// A workflow command as GitHub's toolkit reads it: kind, properties, message.
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let decode = |text: &str| {
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (kind, properties) = head.split_once(' ').unwrap_or((head, ""));
    let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
    (kind.to_owned(), pairs.map(|(key, value)| (key.to_owned(), decode(value))).collect(), decode(message))
}

#[test]
fn annotations_are_read_back_as_what_json_says() {
    let book = broken();
    let ended = validated(&book, 65, &["--format", "github"]);
    assert!(ended.stderr.is_empty(), "{ended}");
    let plain = json(&book, 65, &["--format", "json"]);
    let found = plain["diagnostics"].as_array().unwrap();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), found.len(), "{ended}");
    for (line, found) in lines.iter().zip(found) {
        let (kind, properties, message) = command(line);
        assert_eq!(kind, found["severity"].as_str().unwrap());
        let members =
            [("file", "file"), ("line", "line"), ("col", "column"), ("endColumn", "end_column"), ("title", "code")];
        assert_eq!(properties.len(), members.len(), "{line}");
        for (property, member) in members {
            let value = &found[member];
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(properties[property], value, "{line}");
        }
        assert!(message.starts_with(found["message"].as_str().unwrap()), "{line}");
        if found["file"] != "runbook.yaml" {
            assert!(
                message
                    .ends_with(&format!("in runbook.yaml:{}:{}", found["related"]["line"], found["related"]["column"]))
            );
        }
    }
    let sound = validated(&Book::offline(), 0, &["--format", "github"]);
    assert!(sound.stdout.is_empty() && sound.stderr.is_empty(), "{sound}");
    let failed = Book::offline().command(2, &["validate", "runbook.yaml", "--only", "nowhere", "--format", "github"]);
    assert!(failed.stdout.starts_with("::error::--only nowhere: "), "{failed}");
}

#[test]
fn warnings_refuse_where_they_are_denied() {
    let book = Book::offline().sets(&set("one", r#"[{"call_id": "a"}]"#, "").replace("+12025550104", "2025550104"));
    for args in [&["validate", "runbook.yaml"] as &[&str], &["plan", "runbook.yaml"]] {
        let warned = book.command(0, args);
        assert!(warned.stderr.ends_with("\n1 warning\n"), "{warned}");
        let denied = book.command(65, &[args, &["--deny-warnings"]].concat());
        assert!(denied.stderr.contains("warning[BB0601]") && denied.stdout.is_empty(), "{denied}");
        assert!(denied.stderr.ends_with("\n1 warning: refused, since warnings are denied\n"), "{denied}");
        let program = book.command(65, &[args, &["--deny-warnings", "--format", "json"]].concat());
        let found: Value = serde_json::from_str(&program.stdout).unwrap();
        assert_eq!(found["diagnostics"][0]["severity"], "warning", "{found:#}");
    }
    let denied = book.refused(65, &["--deny-warnings"]);
    assert!(denied.stderr.contains("warnings are denied"), "{denied}");
    assert!(validated(&Book::offline(), 0, &["--deny-warnings"]).stdout.contains(": ok, "));
}

#[test]
fn a_runbook_that_cannot_be_read_is_a_diagnostic_in_every_command_and_form() {
    let book = Book::offline().file("latin.yaml", "").file("sub/x", "");
    std::fs::write(book.dir().join("latin.yaml"), b"version: 1\nname: caf\xe9\n").unwrap();
    for (name, exit, line) in [("missing.yaml", 66, 1), ("sub", 65, 1), ("latin.yaml", 65, 2)] {
        for command in ["validate", "plan", "run"] {
            let human = book.command(exit, &[command, name]);
            let text = human.stderr.as_str();
            assert!(text.starts_with("error[BB0001]: ") && text.contains(&format!("--> {name}")), "{human}");
            let program = book.command(exit, &[command, name, "--format", "json"]);
            let found: Value = serde_json::from_str(&program.stdout).unwrap();
            assert_eq!(found["diagnostics"][0]["code"], Code::Unreadable.to_string(), "{program}");
            assert_eq!(found["diagnostics"][0]["line"], line, "{program}");
        }
    }
}
