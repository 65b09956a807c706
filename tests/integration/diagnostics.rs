//! Mistakes: all of them in one pass, each with its place, for people and for programs.

use crate::support::book::Book;
use crate::support::server::{RawServer, ok};
use serde_json::Value;

/// What must be found: code, text whose first character is the place, and a word of the remedy.
const MISTAKES: [(&str, &str, &str); 5] = [
    ("BB0101", "descripton", "write `description`"),
    ("BB0108", "hunter2hunter2", "{env: NAME}"),
    ("BB0202", "\"{{row.callid}}\"", "write `row.call_id`"),
    ("BB0104", "+12025550104", "put it in quotes"),
    ("BB0502", "3}", "write a leg from 0 to 1"),
];

fn five_mistakes(url: &str) -> String {
    format!(
        "version: 1\nname: itest\ndescripton: a slip\nconnection:\n  base_url: \"{url}\"\n  auth:\n    client_id: {{env: CXONE_CLIENT_ID}}\n    \
         client_secret: hunter2hunter2\nsets:\n  - name: one\n    rows: {{items: [{{call_id: \"a\"}}]}}\n    job:\n      \
         call_id: \"{{{{row.callid}}}}\"\n      targets: [{{type: phone, value: +12025550104}}]\n      direction: transfer\n      \
         bridge_matrix: [{{source: 0, target: 3}}]\n"
    )
}

/// Line and column of a text, from 1, counted here.
fn place(text: &str, needle: &str) -> (u64, u64) {
    let at = text.find(needle).unwrap();
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    (text[..at].matches('\n').count() as u64 + 1, text[line_start..at].chars().count() as u64 + 1)
}

#[test]
fn five_mistakes_are_five_diagnostics_in_one_pass() {
    let server = RawServer::bridging(|_| ok());
    let text = five_mistakes(&server.url());
    let book = Book::at(&server.url()).verbatim(&text);

    let json: Value =
        serde_json::from_str(&book.command(65, &["validate", "runbook.yaml", "--format", "json"]).stdout).unwrap();
    let found = json["diagnostics"].as_array().unwrap();
    assert_eq!(found.len(), MISTAKES.len(), "{found:#?}");
    let human = book.command(65, &["validate", "runbook.yaml"]);
    assert!(human.stderr.contains("5 errors"), "{human}");
    let blocks: Vec<&str> = human.stderr.split("\n\n").collect();
    for ((diagnostic, block), (code, needle, help)) in found.iter().zip(blocks).zip(MISTAKES) {
        let (line, column) = place(&text, needle);
        assert_eq!(diagnostic["code"], code);
        assert_eq!((&diagnostic["line"], &diagnostic["column"]), (&line.into(), &column.into()), "{code}");
        assert_eq!((&diagnostic["file"], &diagnostic["severity"]), (&"runbook.yaml".into(), &"error".into()));
        assert!(diagnostic["help"].as_str().unwrap().contains(help), "{diagnostic:#}");
        let message = diagnostic["message"].as_str().unwrap();
        assert!(block.contains(&format!("error[{code}]: {message}")), "{block}");
        assert!(block.contains(&format!("--> runbook.yaml:{line}:{column}")), "{block}");
        assert!(block.contains(diagnostic["help"].as_str().unwrap()), "{block}");
        // The caret stands under the first character of the offending text.
        let lines: Vec<&str> = block.lines().collect();
        let caret = lines.iter().position(|line| line.contains('^')).unwrap();
        let (_, source) = lines[caret - 1].split_once("| ").unwrap();
        let (_, marks) = lines[caret].split_once("| ").unwrap();
        assert_eq!(marks.find('^').unwrap() as u64 + 1, column, "{block}");
        assert!(source.len() >= marks.trim_end().len(), "{block}");
    }

    let refused = book.refused(65, &[]);
    assert_eq!(refused.stderr, human.stderr, "run says what validate says");
    assert_eq!(book.command(65, &["plan", "runbook.yaml"]).stderr, human.stderr);
    assert!(!book.dir().join("out").exists());
    assert_eq!(server.connections(), 0);
    assert!(!human.stderr.contains("hunter2"), "a literal secret is not repeated: {human}");
}

const CELLS: &str = "  - name: rows\n    rows: {csv: data/calls.csv}\n    when: \"{{eq row.status 'waiting'}}\"\n    job:\n      \
    call_id: \"{{row.call_id}}\"\n      targets: [{type: phone, value: \"{{row.number}}\"}]\n      direction: transfer\n";

#[test]
fn a_bad_cell_names_the_data_file_its_line_and_its_column() {
    let server = RawServer::bridging(|_| ok());
    let data = "call_id,note,number,status\na,\"two\nlines, é\",+12025550101,waiting\nb,é,\"0049\",waiting\nc,,+12025550103,waiting\n";
    let book = Book::at(&server.url()).sets(CELLS).file("data/calls.csv", data);
    let ended = book.refused(65, &[]);
    assert!(ended.stderr.contains("--> data/calls.csv:4:5"), "{ended}");
    assert!(ended.stderr.contains("::: runbook.yaml:"), "{ended}");
    let json: Value =
        serde_json::from_str(&book.command(65, &["validate", "runbook.yaml", "--format", "json"]).stdout).unwrap();
    let [found] = json["diagnostics"].as_array().unwrap().as_slice() else { panic!("{json:#}") };
    assert_eq!((&found["file"], &found["line"], &found["column"]), (&"data/calls.csv".into(), &4.into(), &5.into()));
    assert_eq!(found["end_column"], 11);
    let (line, column) = place(&book.text(), "\"{{row.number}}\"");
    assert_eq!((&found["related"]["line"], &found["related"]["column"]), (&line.into(), &column.into()));
    assert_eq!(server.connections(), 0);
}

#[test]
fn bad_cells_of_rows_that_are_left_out_do_not_matter() {
    let server = RawServer::bridging(|_| ok());
    let data = "call_id,number,status\na,+12025550101,waiting\nb,nonsense,ended\n";
    let run = Book::at(&server.url()).sets(CELLS).file("data/calls.csv", data).run(0);
    assert_eq!((run.audit.total("succeeded"), run.audit.total("skipped")), (1, 1));
}

#[test]
fn a_ragged_record_a_bad_byte_and_a_twin_column_are_named() {
    for (data, place) in [
        ("call_id,number,status\na,+12025550101,waiting\nb,+12025550102\n", "data/calls.csv:3:"),
        ("call_id,number,number\na,+12025550101,waiting\n", "data/calls.csv:1:16"),
    ] {
        let ended = Book::offline().sets(CELLS).file("data/calls.csv", data).refused(65, &[]);
        assert!(ended.stderr.contains("BB0402") && ended.stderr.contains(place), "{ended}");
    }
}

#[test]
fn text_that_is_no_runbook_is_refused_with_a_place() {
    for (text, code) in [
        ("", "BB0002"),
        ("version: 1\nname: [\n", "BB0002"),
        ("version: 1\nversion: 1\n", "BB0003"),
        ("version: 1\n---\nversion: 1\n", "BB0004"),
        ("- 1\n", "BB0103"),
        ("name: !custom x\n", "BB0004"),
    ] {
        let ended = Book::offline().verbatim(text).refused(65, &[]);
        assert!(ended.stderr.contains(code) && ended.stderr.contains("--> runbook.yaml:"), "{text:?}: {ended}");
    }
}
