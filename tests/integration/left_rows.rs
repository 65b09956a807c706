//! `failed.csv`, `unknown.csv`, `not_attempted.csv`: rows that the same runbook takes as they are, and gives the same jobs for.

use crate::support::book::{Book, Run};
use crate::support::server::{RawServer, Request, answer, ok};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const FILES: [&str; 3] = ["failed.csv", "unknown.csv", "not_attempted.csv"];

/// An API whose job carries whatever it is given.
const PROFILE: &str = r#"version: 1
name: carrier
endpoints: {token_path: /oauth/token}
auth: {grant: client_credentials}
request:
  path: "/api/v2/cti/calls/{{job.call_id}}/bridge"
  json: {call: "{{job.call_id}}", load: "{{job.load}}", to: "{{job.to}}"}
answers: {succeeded: [2xx]}
job:
  call_id: call_id
  numbers: {fields: [/to]}
  schema:
    type: object
    required: [call_id, to]
    properties:
      call_id: {type: string, minLength: 1}
      to: {type: string}
      load: {}
"#;

/// The header and the rows of one of the files, by column.
fn table(run: &Run, name: &str) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let bytes = run.bytes(name);
    let mut reader = csv::Reader::from_reader(&*bytes);
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = texts(reader.headers().unwrap());
    let row = |record: csv::StringRecord| header.iter().cloned().zip(texts(&record)).collect();
    let rows = reader.records().map(|record| row(record.unwrap())).collect();
    (header.clone(), rows)
}

/// Set and key of the jobs of a file, in its order.
fn left(run: &Run, name: &str) -> Vec<(String, String)> {
    let rows = table(run, name).1;
    rows.into_iter().map(|row| (row["bridgebook_set"].clone(), row["bridgebook_key"].clone())).collect()
}

/// Set and key of every job that was begun.
fn begun(run: &Run) -> BTreeSet<(String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    run.audit.intents().into_iter().map(|line| (text(line, "set"), text(line, "key"))).collect()
}

/// Paths and bodies that came, sorted.
fn came(server: &RawServer, wanted: impl Fn(&Request) -> bool) -> Vec<(String, String)> {
    let bridges = server.bridges();
    let wanted = bridges.iter().filter(|request| wanted(request));
    let mut came: Vec<_> = wanted.map(|request| (request.path().to_owned(), request.body().to_owned())).collect();
    came.sort();
    came
}

/// Hands a file of a run to the next one.
fn hand_over(book: &Book, run: &Run, name: &str, to: &str) {
    let path = book.dir().join(to);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, run.bytes(name)).unwrap();
}

/// Sets of every source. What begins with `bad` is refused, and of the split bridges the part with the number ...0109.
fn every_source() -> Book {
    let job =
        |call: &str, more: &str| format!("    job:\n      call_id: \"{call}\"\n      direction: transfer\n{more}");
    let one = |value: &str| format!("      targets: [{{type: phone, value: \"{value}\"}}]\n");
    let target = |number: &str| json!([{"type": "phone", "value": number}, {"type": "phone", "value": "+12025550104"}]);
    let links = json!([{"source": 0, "target": 1}, {"source": 1, "target": 2}]);
    let row = |call: &str, number: &str| json!({"call_id": call, "targets": target(number), "links": links, "": "odd", "text": "12", "number": 12, "no": null, "flag": true, "empty": "", "bridgebook_set": "x"});
    // Only the good one has all columns.
    let rows = |name: &str| {
        let mut good = row(&format!("good-{name}"), "+12025550102");
        good["gone"] = json!("here");
        vec![row(&format!("bad-{name}"), "+12025550101"), good]
    };
    let whole = "      targets: \"{{row.targets}}\"\n      bridge_matrix: \"{{row.links}}\"\n";
    let of_json = |name: &str, source: &str| {
        format!(
            "  - name: {name}\n    rows: {source}\n    key: \"{{{{row.call_id}}}} {{{{index}}}} {{{{row.flag}}}} {{{{row.number}}}} {{{{default row.gone 'gone'}}}} {{{{sha256 row.empty}}}}\"\n{}",
            job("{{row.call_id}}", whole)
        )
    };
    let numbers: Vec<Value> =
        (1..=9).map(|last| json!({"type": "phone", "value": format!("+1202555010{last}")})).collect();
    let sets = [
        format!(
            "  - name: semis\n    rows: {{csv: semis.csv, delimiter: \";\", required_columns: [note]}}\n    key: \"{{{{row.call_id}}}}-{{{{index}}}}-{{{{sha256 row.note}}}}\"\n    when: \"{{{{ne row.note 'skip'}}}}\"\n{}",
            job("{{row.call_id}}", &one("{{row.number}}"))
        ),
        of_json("lines", "{jsonl: lines.jsonl}"),
        of_json("document", "{json: document.json, pointer: /calls}"),
        of_json("written", &format!("{{items: {}}}", Value::from(rows("written")))),
        format!(
            "  - name: grid\n    rows: {{csv: grid.csv, matrix: {{axes: {{note: [1, two, bad], links: [x, y]}}, exclude: [{{note: 1, links: y}}], include: [{{note: 3.5, links: z}}]}}}}\n{}",
            job("{{row.note}}-{{row.call_id}}-{{row.links}}", &one("{{row.number}}"))
        ),
        format!(
            "  - name: alone\n    rows: {{matrix: {{axes: {{call_id: [bad-alone, good-alone]}}}}}}\n{}",
            job("{{row.call_id}}", &one("+12025550104"))
        ),
        format!(
            "  - name: wide\n    legs: split\n    rows: {{csv: wide.csv}}\n{}",
            job("{{row.call_id}}", &format!("      targets: {}\n", Value::from(numbers)))
        ),
    ];
    let jsonl: String = rows("lines").iter().map(|row| format!("{row}\n")).collect();
    Book::offline()
        .sets(&sets.concat())
        .file("semis.csv", "call_id;number;note;=odd\ngood-1;+12025550101;;\nbad-2;+12025550102;\"a;b\nc\";=1\nbad-3;+12025550103;skip;\nbad-4;'+12025550104;'=x;' \n")
        .file("lines.jsonl", &jsonl)
        .file("document.json", &json!({"calls": rows("document")}).to_string())
        .file("grid.csv", "call_id,number\ngrid-1,+12025550101\ngrid-2,+12025550102\n")
        .file("wide.csv", "call_id,x\nwide-1,\nbad-wide,\nwide-2,\n")
        .limits("{concurrency: 4}")
        .more("guards: {max_jobs: 100}")
}

fn is_bad(request: &Request) -> bool {
    request.call().starts_with("bad") || request.body().contains("0109")
}

fn refusing() -> RawServer {
    RawServer::bridging(|request| if is_bad(request) { answer(404, &[], "{}") } else { ok() })
}

#[test]
fn what_has_failed_is_the_same_again_from_whatever_source() {
    let (first, second) = (refusing(), RawServer::bridging(|_| ok()));
    let book = every_source();
    let run = book.clone().other_url(&first.url()).run(10);
    let failed = left(&run, "failed.csv");
    // 2 of semis, 1 each of lines, document, written; 4 combinations; alone; one part of each wide row.
    assert_eq!(failed.len(), 2 + 3 + 4 + 1 + 3, "{failed:#?}");
    assert_eq!(failed.len() as u64, run.audit.total("rejected") + run.audit.total("not_sent"));
    hand_over(&book, &run, "failed.csv", "again/failed.csv-of-before");
    let book = book.other_url(&second.url());
    let again = book.run_with(0, &["--rows", "again/failed.csv-of-before"]);
    assert_eq!(came(&second, |_| true), came(&first, is_bad), "the same requests, byte for byte");
    assert_eq!(begun(&again), failed.iter().cloned().collect());
    assert_eq!(again.audit.total("jobs"), failed.len() as u64);
    let input = again.audit.lines[0]["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|input| input["file"] == "again/failed.csv-of-before");
    assert_eq!(input.unwrap()["snapshot"], "inputs/rows-failed.csv-of-before");
    for name in FILES {
        assert_eq!(left(&again, name), [], "{name}");
    }
}

#[test]
fn what_was_left_of_what_was_left_is_the_same_still() {
    let book = every_source();
    let (first, second, third) = (refusing(), refusing(), RawServer::bridging(|_| ok()));
    let run = book.clone().other_url(&first.url()).run(10);
    hand_over(&book, &run, "failed.csv", "left.csv");
    let again = book.clone().other_url(&second.url()).run_with(10, &["--rows", "left.csv"]);
    let strip = |run: &Run| {
        let (header, mut rows) = table(run, "failed.csv");
        let of_run = [
            "bridgebook_job",
            "bridgebook_run",
            "bridgebook_request_id",
            "bridgebook_first_sent",
            "bridgebook_last_answer",
        ];
        for row in &mut rows {
            row.retain(|name, _| !of_run.contains(&name.as_str()));
        }
        (header, rows)
    };
    assert_eq!(strip(&again), strip(&run));
    hand_over(&book, &again, "failed.csv", "left.csv");
    book.other_url(&third.url()).run_with(0, &["--rows", "left.csv"]);
    assert_eq!(came(&third, |_| true), came(&first, is_bad));
}

#[test]
fn put_in_the_place_of_the_data_files_it_gives_exactly_those_jobs() {
    let (first, second) = (refusing(), RawServer::bridging(|_| ok()));
    let text = every_source().text();
    let sets: Vec<&str> = text.split("  - name: ").skip(1).map(|set| set.split("limits:").next().unwrap()).collect();
    let of_files = sets.iter().filter(|set| ["semis", "grid", "wide"].iter().any(|name| set.starts_with(name)));
    let book = every_source().sets(&of_files.map(|set| format!("  - name: {set}")).collect::<String>());
    let run = book.clone().other_url(&first.url()).run(10);
    for file in ["semis.csv", "grid.csv", "wide.csv"] {
        hand_over(&book, &run, "failed.csv", file);
    }
    // A spreadsheet that writes semicolons has had one of them.
    let text = std::fs::read_to_string(book.dir().join("grid.csv")).unwrap();
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes())
        .records()
        .for_each(|record| writer.write_record(&record.unwrap()).unwrap());
    std::fs::write(book.dir().join("grid.csv"), writer.into_inner().unwrap()).unwrap();
    let again = book.other_url(&second.url()).run(0);
    assert_eq!(came(&second, |_| true), came(&first, is_bad));
    assert_eq!(begun(&again), left(&run, "failed.csv").into_iter().collect());
}

#[test]
fn what_was_not_attempted_is_sent_as_if_it_had_been_the_first_time() {
    let (first, second, all) =
        (RawServer::bridging(|_| answer(404, &[], "{}")), RawServer::bridging(|_| ok()), RawServer::bridging(|_| ok()));
    let book = every_source().limits("{concurrency: 1}");
    let run = book.clone_with("abort_when: [\"failed >= 1\"]").other_url(&first.url()).run(12);
    let skipped_or_done: Vec<(String, String)> = came(&first, |_| true);
    assert_eq!(skipped_or_done.len(), 1);
    hand_over(&book, &run, "not_attempted.csv", "left.csv");
    let again = book.clone().other_url(&second.url()).run_with(0, &["--rows", "left.csv"]);
    book.other_url(&all.url()).run(0);
    let mut expected = came(&all, |_| true);
    expected.retain(|request| !skipped_or_done.contains(request));
    assert_eq!(came(&second, |_| true), expected);
    // Parts of a bridge go one behind the other, as before.
    let wide: Vec<&str> = again
        .audit
        .intents()
        .iter()
        .filter(|line| line["call_id"] == "wide-1")
        .map(|line| line["key"].as_str().unwrap())
        .collect();
    assert_eq!(wide, ["wide-1#1/2", "wide-1#2/2"]);
}

#[test]
fn later_rows_of_a_call_keep_their_keys() {
    let (first, second) = (refusing(), RawServer::bridging(|_| ok()));
    let set = "  - name: one\n    rows: {csv: d.csv}\n    job: {call_id: \"{{row.call}}\", targets: [{type: phone, value: \"{{row.to}}\"}], direction: transfer}\n";
    let book = Book::offline()
        .sets(set)
        .more("guards: {duplicates: allow}")
        .file("d.csv", "call,to\nc,+12025550101\nc,+12025550109\nc,+12025550109\n");
    let run = book.clone().other_url(&first.url()).run(10);
    let failed = left(&run, "failed.csv");
    assert_eq!(failed.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>(), ["c#2", "c#3"]);
    hand_over(&book, &run, "failed.csv", "d.csv");
    let again = book.other_url(&second.url()).run(0);
    assert_eq!(begun(&again), failed.into_iter().collect());
}

/// Pieces that cells are made of.
const PIECES: [&str; 24] = [
    "=",
    "+",
    "-",
    "@",
    "'",
    "\"",
    ",",
    ";",
    " ",
    "\t",
    "\n",
    "\r\n",
    "é",
    "\u{202e}",
    "\u{1b}[31m",
    "＝",
    "0",
    "12",
    "1e5",
    "null",
    "true",
    "a",
    "\\",
    "{}",
];

fn hostile(random: &mut fastrand::Rng) -> String {
    (0..random.usize(..5)).map(|_| PIECES[random.usize(..PIECES.len())]).collect()
}

#[test]
fn random_cells_and_values_come_back_as_they_were() {
    let mut random = fastrand::Rng::with_seed(20_261_126);
    let mut file = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    file.write_record(["call_id", "a", "b"]).unwrap();
    for number in 0..300 {
        file.write_record([format!("table-{number}"), hostile(&mut random), hostile(&mut random)]).unwrap();
    }
    let mut lines = String::new();
    for number in 0..300 {
        let text = hostile(&mut random);
        let value = match random.usize(..9) {
            0 => json!(null),
            1 => json!(random.bool()),
            2 => json!(random.i64(..)),
            3 => json!(random.f64()),
            4 => json!([text, {"": 1.5}]),
            5 => json!({text: [], "x": {"y": "z"}}),
            _ => json!(text),
        };
        let mut row = json!({"call_id": format!("line-{number}"), "a": value});
        if random.bool() {
            row["b"] = json!(hostile(&mut random));
            row["12025550101"] = json!(hostile(&mut random));
        }
        lines += &format!("{row}\n");
    }
    let set = |name: &str, rows: &str, load: &str| {
        format!(
            "  - name: {name}\n    rows: {rows}\n    key: \"{{{{row.call_id}}}} {{{{index}}}}\"\n    job: {{call_id: \"{{{{row.call_id}}}}\", to: \"+12025550104\", load: {load}}}\n"
        )
    };
    let sets = set("table", "{csv: table.csv}", r#"["{{row.a}}", "{{row.b}}"]"#)
        + &set(
            "lines",
            "{jsonl: lines.jsonl}",
            r#"["{{row.a}}", "{{default row.b 'none'}}", "{{default row.[12025550101] 'none'}}"]"#,
        );
    let (first, second) = (RawServer::bridging(|_| answer(404, &[], "{}")), RawServer::bridging(|_| ok()));
    let book = |url: &str| {
        format!(
            "version: 1\nname: itest\nconnection: {{profile: ./carrier.yaml, base_url: \"{url}\", auth: {{client_id: {{env: CXONE_CLIENT_ID}}, client_secret: {{env: CXONE_CLIENT_SECRET}}}}}}\nprivacy: {{numbers: full}}\nbreaker: {{failures: 0}}\non_lost_criterion: continue\nsets:\n{sets}"
        )
    };
    let one = Book::offline().verbatim(&book(&first.url())).file("carrier.yaml", PROFILE).file("lines.jsonl", &lines);
    std::fs::write(one.dir().join("table.csv"), file.into_inner().unwrap()).unwrap();
    let run = one.run(10);
    assert_eq!(run.audit.total("rejected"), 600);
    hand_over(&one, &run, "failed.csv", "failed.csv");
    let next = one.clone().verbatim(&book(&second.url()));
    let again = next.run_with(0, &["--rows", "failed.csv"]);
    let (before, after) = (came(&first, |_| true), came(&second, |_| true));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!((before.len(), begun(&again)), (after.len(), begun(&run)));
    let payloads = |args: &[&str], name: &str| {
        next.command(0, &[&["plan", "runbook.yaml", "--payloads", name], args].concat());
        std::fs::read(next.dir().join(name)).unwrap()
    };
    assert!(payloads(&[], "a.jsonl") == payloads(&["--rows", "failed.csv"], "b.jsonl"));
    // No cell of any column starts a formula, whatever the input holds.
    for row in table(&run, "failed.csv").1 {
        for (name, cell) in row {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＝']), "{name}: {cell:?}");
        }
    }
}
