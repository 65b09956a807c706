//! Rows: every source gives the same jobs, hostile files end early and in little memory, places are right.

use crate::support::book::Book;
use crate::support::process::Running;
use crate::support::server::{RawServer, ok};
use serde_json::{Value, json};
use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// Three rows as CSV: one with a quoted line end, one with a quote, one plain.
const CSV: &str =
    "call_id,number,note\na,+12025550101,\"two\nlines\"\nb,+12025550102,\"a \"\"word\"\"\"\nc,+12025550103,é\n";

fn three_rows() -> Value {
    json!([
        {"call_id": "a", "number": "+12025550101", "note": "two\nlines"},
        {"call_id": "b", "number": "+12025550102", "note": "a \"word\""},
        {"call_id": "c", "number": "+12025550103", "note": "é"},
    ])
}

fn jsonl(rows: &Value) -> String {
    rows.as_array().unwrap().iter().map(|row| format!("{row}\n")).collect()
}

/// A set whose jobs carry all that a row has.
fn set_of(rows: &str, more: &str) -> String {
    format!(
        "  - name: rows\n    rows: {rows}\n    key: \"{{{{row.call_id}}}} {{{{sha256 row.note}}}}\"\n    job:\n      \
         call_id: \"{{{{row.call_id}}}}\"\n      targets: [{{type: phone, value: \"{{{{row.number}}}}\"}}]\n      \
         direction: transfer\n{more}"
    )
}

/// A set of a matrix: the desk is the second target.
fn matrix_set(rows: &str, call_id: &str) -> String {
    format!(
        "  - name: rows\n    rows: {rows}\n    job:\n      call_id: \"{call_id}\"\n      \
         targets: [{{type: phone, value: \"{{{{row.desk}}}}\"}}]\n      direction: transfer\n"
    )
}

/// Call and first number of each request, in the order of their arrival.
fn sent(server: &RawServer) -> Vec<(String, String)> {
    let number = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["targets"][0]["value"].as_str().unwrap().to_owned()
    };
    server.bridges().iter().map(|request| (request.call().to_owned(), number(request.body()))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(call, number)| ((*call).to_owned(), (*number).to_owned())).collect()
}

/// The diagnostics of `validate`.
fn diagnostics(book: &Book, code: u8) -> Vec<Value> {
    let ended = book.command(code, &["validate", "runbook.yaml", "--format", "json"]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    found["diagnostics"].as_array().unwrap().clone()
}

/// Code, file, line and column.
fn place(found: &Value) -> (&str, &str, u64, u64) {
    let text = |key: &str| found[key].as_str().unwrap();
    (text("code"), text("file"), found["line"].as_u64().unwrap(), found["column"].as_u64().unwrap())
}

#[test]
fn the_same_rows_give_the_same_jobs_whatever_they_are_read_from() {
    let rows = three_rows();
    let sources: Vec<(String, String)> = vec![
        ("{csv: d}".into(), CSV.into()),
        ("{csv: d}".into(), format!("\u{feff}\r\n{}\r\n\r\n", CSV.replace('\n', "\r\n").replace("two\r\n", "two\n"))),
        ("{csv: d}".into(), CSV.replace('\n', "\r").replace("two\r", "two\n")),
        ("{csv: d}".into(), CSV.replace("call_id,number,note", " call_id ,\"number\",note\t")),
        ("{csv: d, delimiter: \";\"}".into(), CSV.replace(',', ";")),
        ("{csv: d, delimiter: \"\\t\"}".into(), CSV.replace(',', "\t")),
        ("{csv: d, delimiter: \"|\", required_columns: [note]}".into(), CSV.replace(',', "|")),
        ("{jsonl: d}".into(), jsonl(&rows)),
        ("{jsonl: d}".into(), format!("\u{feff}\n{}", jsonl(&rows).replace('\n', "\r\n\r\n"))),
        ("{json: d}".into(), rows.to_string()),
        ("{json: d, pointer: /0/a~1b/c~0}".into(), {
            let document =
                json!([{"x": [{"y": "]}\\\""}, -1.5e3, null], "a/b": {"c": [], "c~": rows, "z": "q"}}, false]);
            serde_json::to_string_pretty(&document).unwrap()
        }),
        (format!("{{items: {rows}}}"), String::new()),
    ];
    let expected = pairs(&[("a", "+12025550101"), ("b", "+12025550102"), ("c", "+12025550103")]);
    let mut keys = Vec::new();
    for (source, text) in sources {
        let server = RawServer::bridging(|_| ok());
        let run = Book::at(&server.url()).sets(&set_of(&source, "")).file("d", &text).run(0);
        assert_eq!(sent(&server), expected, "{source}");
        let of_run: Vec<String> = run.audit.intents().iter().map(|line| line["key"].to_string()).collect();
        keys.push(of_run);
    }
    // The keys hold a digest of the note: quoted line ends and quotes are the same everywhere.
    assert!(keys.iter().all(|of_run| *of_run == keys[0]), "{keys:#?}");
}

#[test]
fn standard_input_is_kept_with_the_run_and_read_from_there() {
    let rows = three_rows();
    for (format, text) in [("csv", CSV.to_owned()), ("jsonl", jsonl(&rows)), ("json", rows.to_string())] {
        let server = RawServer::bridging(|_| ok());
        let run =
            Book::at(&server.url()).sets(&set_of(&format!("{{stdin: {format}}}"), "")).run_fed(0, text.as_bytes());
        assert_eq!(sent(&server).len(), 3);
        let name = format!("inputs/stdin.{format}");
        assert_eq!(run.bytes(&name), text.as_bytes());
        let inputs = run.audit.lines[0]["inputs"].as_array().unwrap();
        let input = inputs.iter().find(|input| input["snapshot"] == name.as_str()).unwrap();
        assert_eq!((&input["file"], &input["bytes"]), (&"<stdin>".into(), &text.len().into()));
        let digest: String =
            <sha2::Sha256 as sha2::Digest>::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(input["sha256"], digest);
    }
}

#[test]
fn a_check_of_standard_input_leaves_nothing_behind_and_several_runbooks_share_it() {
    let book = Book::offline().sets(&set_of("{stdin: csv}", "")).file("tmp/keep", "");
    let tmp = book.dir().join("tmp");
    let book = book.env("TMPDIR", tmp.to_str().unwrap());
    let bad = CSV.replace("+12025550103", "none");
    let ended = book.command_fed(65, &["validate", "runbook.yaml", "runbook.yaml"], bad.as_bytes());
    assert_eq!(ended.stderr.matches("--> <stdin>:5:3").count(), 2, "{ended}");
    let ended = book.command_fed(0, &["plan", "runbook.yaml"], CSV.as_bytes());
    assert!(ended.stdout.contains("jobs      3"), "{ended}");
    let left: Vec<_> = std::fs::read_dir(tmp).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["keep"]);
    // A set that is not run does not ask for it.
    let two = set_of("{stdin: csv}", "") + &crate::support::book::set("other", r#"[{"call_id": "x"}]"#, "");
    let book = Book::offline().sets(&two);
    let ended = book.command_fed(0, &["validate", "runbook.yaml", "--only", "other"], b"\xff not read");
    assert!(ended.stdout.contains("ok, 1 job"), "{ended}");
}

#[test]
fn a_terminal_is_no_source_of_rows() {
    let book = Book::offline().sets(&set_of("{stdin: jsonl}", ""));
    for command in [&["validate", "runbook.yaml"] as &[&str], &["plan", "runbook.yaml"], &["run", "runbook.yaml"]] {
        let terminal = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
        let ended = Running::start_on(book.prepared(command), Stdio::from(terminal)).finish().expect(66);
        assert!(ended.stderr.contains("BB0410") && ended.stderr.contains("< rows.jsonl"), "{ended}");
    }
}

#[test]
fn a_file_beyond_max_age_is_stale_and_its_copy_stays_as_old_as_it_is() {
    let server = RawServer::bridging(|_| ok());
    let book = Book::at(&server.url()).sets(&set_of("{csv: d.csv, max_age: 2h}", "")).file("d.csv", CSV);
    let set_age = |minutes: u64| {
        let at = SystemTime::now() - Duration::from_secs(minutes * 60);
        File::options().write(true).open(book.dir().join("d.csv")).unwrap().set_modified(at).unwrap();
        at
    };
    set_age(125);
    let found = diagnostics(&book, 66);
    assert_eq!(place(&found[0]).0, "BB0406");
    assert!(found[0]["message"].as_str().unwrap().starts_with("d.csv was written 2h5m"), "{found:#?}");
    book.refused(66, &[]);
    assert_eq!(server.connections(), 0);
    let at = set_age(115);
    let run = book.run(0);
    let copy = std::fs::metadata(run.dir.join("inputs/1-d.csv")).unwrap().modified().unwrap();
    assert_eq!(copy, at);
    // A clock that is behind is no old file.
    File::options()
        .write(true)
        .open(book.dir().join("d.csv"))
        .unwrap()
        .set_modified(SystemTime::now() + Duration::from_secs(9999))
        .unwrap();
    book.run(0);
}

#[test]
fn a_matrix_alone_is_the_product_in_the_order_of_its_axes() {
    let server = RawServer::bridging(|_| ok());
    let rows = "{matrix: {axes: {site: [x, y], desk: [\"+12025550104\", \"+12025550105\", \"+12025550106\"]}, \
                exclude: [{site: x, desk: \"+12025550105\"}, {desk: \"+12025550106\"}], \
                include: [{desk: \"+12025550107\", site: z}]}}";
    Book::at(&server.url()).sets(&matrix_set(rows, "{{row.site}}-{{index}}")).run(0);
    let expected = [("x-1", "+12025550104"), ("y-2", "+12025550104"), ("y-3", "+12025550105"), ("z-4", "+12025550107")];
    assert_eq!(sent(&server), pairs(&expected));
}

#[test]
fn a_matrix_on_rows_takes_each_row_once_for_each_combination() {
    let rows = "call_id\na\nb\n";
    let matrix = "matrix: {axes: {desk: [\"+12025550104\", \"+12025550105\"]}}";
    let expected = [("a-1", "+12025550104"), ("a-2", "+12025550105"), ("b-3", "+12025550104"), ("b-4", "+12025550105")];
    for (source, text) in [
        ("csv: d", rows),
        ("jsonl: d", "{\"call_id\": \"a\"}\n{\"call_id\": \"b\"}\n"),
        ("items: [{call_id: a}, {call_id: b}]", ""),
    ] {
        let server = RawServer::bridging(|_| ok());
        let book = Book::at(&server.url())
            .file("d", text)
            .sets(&matrix_set(&format!("{{{source}, {matrix}}}"), "{{row.call_id}}-{{index}}"));
        let run = book.run(0);
        assert_eq!(sent(&server), pairs(&expected), "{source}");
        assert_eq!(run.audit.total("jobs"), 4);
        // `limit` counts jobs, not rows of the file.
        let server = RawServer::bridging(|_| ok());
        let book = Book::at(&server.url())
            .file("d", text)
            .sets(&matrix_set(&format!("{{{source}, {matrix}}}"), "{{row.call_id}}-{{index}}"));
        book.run_with(0, &["--limit", "3"]);
        assert_eq!(sent(&server), pairs(&expected[..3]), "{source}");
    }
}

#[test]
fn the_call_that_a_matrix_makes_twice_is_named_with_the_place_of_its_row() {
    let rows = "{csv: d.csv, matrix: {axes: {desk: [\"+12025550104\", \"+12025550105\"]}}}";
    let book = Book::offline().file("d.csv", "n,call_id\n1,a\n").sets(&matrix_set(rows, "{{row.call_id}}"));
    let found = diagnostics(&book, 65);
    assert_eq!(found.len(), 1);
    assert_eq!(place(&found[0]), ("BB0503", "d.csv", 2, 3));
    assert!(found[0]["message"].as_str().unwrap().ends_with("first: d.csv:2"), "{found:#?}");
}

#[test]
fn an_axis_that_only_some_rows_have_as_a_column_is_refused_where_it_stands() {
    let rows = "{jsonl: d.jsonl, matrix: {axes: {desk: [\"+12025550104\"]}}}";
    let text = "{\"call_id\": \"a\"}\n{\"call_id\": \"b\", \"desk\": \"+12025550105\"}\n";
    let book = Book::offline().file("d.jsonl", text).sets(&matrix_set(rows, "{{row.call_id}}"));
    assert_eq!(place(&diagnostics(&book, 65)[0]), ("BB0413", "d.jsonl", 2, 1));
}

#[test]
fn numbers_in_a_header_are_masked_like_those_of_rows() {
    let book = Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", "a,+12025550101\nb,+12025550102\n");
    let ended = book.command(65, &["validate", "runbook.yaml"]);
    assert!(ended.stderr.contains("d.csv:1:3") && !ended.stderr.contains("+12025550101"), "{ended}");
}

#[test]
fn a_line_beyond_the_limit_is_one_error_and_the_next_line_is_read() {
    let long = "x".repeat(3 * 1024 * 1024);
    let good = |id: &str| json!({"call_id": id, "number": "+12025550101", "note": ""}).to_string();
    let text = format!(
        "{}\n{{\"note\": \"{long}\"}}\n{}\n{{\"call_id\": \"c\", \"number\": \"none\", \"note\": \"\"}}\n",
        good("a"),
        good("b")
    );
    let book = Book::offline().sets(&set_of("{jsonl: d.jsonl}", "")).file("d.jsonl", &text);
    let found = diagnostics(&book, 65);
    let places: Vec<_> = found.iter().map(place).collect();
    assert_eq!(places, [("BB0407", "d.jsonl", 2, 1), ("BB0106", "d.jsonl", 4, 28)]);

    let text = format!("call_id,number,note\na,+12025550101,\nb,+12025550102,{long}\nc,none,\n");
    let book = Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", &text);
    let found = diagnostics(&book, 65);
    let places: Vec<_> = found.iter().map(place).collect();
    assert_eq!(places, [("BB0407", "d.csv", 3, 1), ("BB0106", "d.csv", 4, 3)]);
}

#[test]
fn a_hundred_megabytes_on_one_line_end_in_an_error_within_little_memory() {
    const MEGABYTES: usize = 100;
    // Address space, so more than what is resident.
    const LIMIT: &str = "ulimit -v 204800";
    let long = "x".repeat(MEGABYTES * 1024 * 1024);
    let cases = [
        ("{csv: d}", format!("call_id,number,note\n{long}"), "BB0407"),
        ("{csv: d}", format!("call_id,number,note\na,\"{}", "b,c\n".repeat(MEGABYTES * 256 * 1024)), "BB0408"),
        ("{csv: d}", long.clone(), "BB0407"),
        ("{csv: d}", "a,".repeat(MEGABYTES * 512 * 1024), "BB0407"),
        ("{jsonl: d}", format!("{{\"a\": \"{long}\"}}"), "BB0407"),
        ("{json: d}", format!("[{{\"a\": \"{long}\"}}]"), "BB0407"),
        ("{json: d}", "[".repeat(MEGABYTES * 1024 * 1024), "BB0402"),
        ("{json: d, pointer: /calls}", format!("{{\"a\": \"{long}\"}}"), "BB0404"),
    ];
    for (source, text, code) in cases {
        let book = Book::offline().sets(&set_of(source, "")).file("d", &text);
        drop(text);
        let ended = book.start_args_after(LIMIT, "validate runbook.yaml").finish().expect(65);
        assert!(ended.stderr.contains(code), "{source}: {ended}");
        assert!(ended.stderr.len() < 8 * 1024, "{source}: {} bytes on stderr", ended.stderr.len());
    }
}

#[test]
fn a_header_of_too_many_columns_is_refused() {
    let header: Vec<String> = (0..=4096).map(|column| format!("c{column}")).collect();
    let book = Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", &(header.join(",") + "\n"));
    assert_eq!(place(&diagnostics(&book, 65)[0]), ("BB0407", "d.csv", 1, 1));
    let ragged = format!("call_id,number,note\n{}\n", ",".repeat(9000));
    let book = Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", &ragged);
    let found = diagnostics(&book, 65);
    assert_eq!(place(&found[0]), ("BB0402", "d.csv", 2, 4));
    assert!(found[0]["message"].as_str().unwrap().contains("more than 4096 cells"), "{found:#?}");
}

#[test]
fn a_json_document_larger_than_the_memory_at_hand_streams() {
    let note = "n".repeat(12 * 1024);
    let mut text = String::from("{\"calls\": [\n");
    for row in 0..10_000 {
        let number = if row == 9_990 { "none" } else { "+12025550101" };
        text.push_str(&format!(
            "  {{\"call_id\": \"call-{row}\", \"note\": \"{note}\",\n   \"number\": \"{number}\"}},\n"
        ));
    }
    text.truncate(text.len() - 2);
    text.push_str("\n]}\n");
    assert!(text.len() > 115 * 1024 * 1024);
    let book = Book::offline().sets(&set_of("{json: d.json, pointer: /calls}", "")).file("d.json", &text);
    drop(text);
    let ended = book.start_args_after("ulimit -v 204800", "validate runbook.yaml").finish().expect(65);
    // Two lines a row, behind the first.
    assert!(ended.stderr.contains(&format!("d.json:{}:14", 2 + 2 * 9_990 + 1)), "{ended}");
    assert!(ended.stderr.contains("1 error\n"), "{ended}");
}

#[test]
fn the_first_bad_row_near_the_end_is_named_by_line_and_column() {
    let mut text = String::from("\u{feff}call_id,number,note\r\n");
    for row in 0..20_000 {
        let number = if row == 19_990 { "5x5" } else { "+12025550101" };
        text.push_str(&format!("call-{row},{number},\"first é\r\nsecond\"\r\n"));
    }
    let book = Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", &text);
    let found = diagnostics(&book, 65);
    assert_eq!(found.len(), 1);
    assert_eq!(place(&found[0]), ("BB0106", "d.csv", 2 + 2 * 19_990, 12));
    assert_eq!(found[0]["end_column"], 15);
}

#[test]
fn rows_that_two_threads_check_are_told_as_if_by_one() {
    // Turns have 256 rows: the first and the last of some, and others within.
    let numbers = [0, 255, 256, 300, 511, 512, 767, 768, 900, 1023, 1024, 1999];
    let (short, again) = ([400, 600, 1300], [(513, 301), (770, 514), (1500, 3)]);
    let text = |bad: bool| {
        let row = |row: u64| {
            let first = again.iter().find(|(at, _)| *at == row).map_or(row, |(_, first)| *first);
            let number = if bad && numbers.contains(&row) { "5x5" } else { "+12025550101" };
            let note =
                if bad && short.contains(&row) { "" } else { [",no", ",yes"][usize::from(row.is_multiple_of(3))] };
            format!("call-{first},{number}{note}\n")
        };
        format!("call_id,number,note\n{}", (0..2000).map(row).collect::<String>())
    };
    let found = diagnostics(&Book::offline().sets(&set_of("{csv: d.csv}", "")).file("d.csv", &text(true)), 65);
    let mut lines: Vec<u64> = found.iter().map(|found| place(found).2).collect();
    lines.sort_unstable();
    let mut expected: Vec<u64> = numbers.into_iter().chain(short).chain(again.map(|(row, _)| row)).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected.iter().map(|row| row + 2).collect::<Vec<_>>(), "{found:#?}");

    let server = RawServer::bridging(|_| ok());
    let set = set_of("{csv: d.csv}", "    when: \"{{eq row.note 'no'}}\"\n");
    let book = Book::at(&server.url()).sets(&set).more("guards: {duplicates: skip}\n").file("d.csv", &text(false));
    let run = book.run(0);
    let skipped = (0..2000_u64).filter(|row| row.is_multiple_of(3)).count()
        + again.iter().filter(|(row, _)| !row.is_multiple_of(3)).count();
    assert_eq!(run.audit.event("run_started")["jobs"], 2000);
    assert_eq!(run.audit.events("job_skipped").len(), skipped);
    for intent in run.audit.intents() {
        let call = format!("call-{}", intent["job"].as_u64().unwrap() - 1);
        assert_eq!(intent["call_id"], call.as_str());
    }
    assert_eq!(run.audit.intents().len(), 2000 - skipped);
}

#[test]
fn what_cannot_be_read_as_a_file_says_so_at_once() {
    let book = Book::offline().sets(&set_of("{csv: pipe}", ""));
    let made = std::process::Command::new("mkfifo").arg(book.dir().join("pipe")).status().unwrap();
    assert!(made.success());
    let ended = book.command(66, &["validate", "runbook.yaml"]);
    assert!(ended.stderr.contains("not a regular file") && ended.stderr.contains("stdin: csv"), "{ended}");
}
