//! One runbook from several files: includes, defaults of sets, files of variables.

use crate::support::book::Book;
use crate::support::server::{RawServer, ok};
use serde_json::{Value, json};

const SETS: &str = "sets:\n  - name: one\n    rows: {items: [{call_id: \"call-1\"}]}\n    job:\n      call_id: \"{{row.call_id}}\"\n      \
    targets: [{type: phone, value: \"{{vars.desk}}\"}]\n";

fn setting(audit_start: &Value, name: &str) -> (Value, Value) {
    let settings = audit_start["settings"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["name"] == name).unwrap();
    (found["value"].clone(), found["source"].clone())
}

#[test]
fn a_runbook_runs_from_its_includes_and_the_nearest_value_wins() {
    let server = RawServer::bridging(|_| ok());
    let connection = format!(
        "connection:\n  base_url: \"{}\"\n  auth: {{client_id: {{env: CXONE_CLIENT_ID}}, client_secret: {{file: secret}}}}\n",
        server.url()
    );
    let text = format!(
        "version: 1\nname: itest\ninclude: [shared/a.yaml, shared/b.yaml]\nlimits: {{concurrency: 3}}\n\
         defaults: {{job: {{direction: consult, dtmf: INFO}}}}\nvars: {{desk: \"+12025550104\"}}\n{SETS}      dtmf: PULSE\n"
    );
    let book = Book::offline()
        .verbatim(&text)
        .file(
            "shared/a.yaml",
            "include: [deep/connection.yaml]\nlimits: {concurrency: 1, rate: 50/s, drain_timeout: 9s}\n",
        )
        .file("shared/b.yaml", "limits: {concurrency: 2, rate: 60/s}\n")
        .file("shared/deep/connection.yaml", &connection)
        .file("shared/deep/secret", "itest-secret-P7wLx2\n");
    let secret = book.dir().join("shared/deep/secret");
    std::fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let run = book.run(0);
    let started = &run.audit.lines[0];
    assert_eq!(setting(started, "concurrency"), (json!("3"), json!("runbook")));
    assert_eq!(setting(started, "rate"), (json!("60/s"), json!("runbook")));
    assert_eq!(setting(started, "drain_timeout"), (json!("9s"), json!("runbook")));
    assert_eq!(setting(started, "retry.max_attempts"), (json!("4"), json!("default")));
    let body = server.bridges()[0].json();
    assert_eq!((&body["direction"], &body["dtmf"]), (&json!("consult"), &json!("PULSE")), "a set beats the defaults");
    // Every text is in the snapshot, the runbook first.
    let files: Vec<_> =
        started["inputs"].as_array().unwrap().iter().map(|input| input["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["runbook.yaml", "shared/b.yaml", "shared/a.yaml", "shared/deep/connection.yaml"]);
    for input in started["inputs"].as_array().unwrap() {
        let copy = run.bytes(input["snapshot"].as_str().unwrap());
        assert_eq!(copy, std::fs::read(book.dir().join(input["file"].as_str().unwrap())).unwrap());
    }
}

#[test]
fn a_file_of_variables_beats_the_runbook_and_set_beats_the_file() {
    let server = RawServer::bridging(|_| ok());
    let sets = "  - name: one\n    rows: {items: [{call_id: \"call-1\"}]}\n    job:\n      call_id: \"{{row.call_id}}\"\n      \
        targets: [{type: phone, value: \"{{vars.desk}}\"}]\n      direction: \"{{vars.direction}}\"\n      bridge_matrix: \"{{vars.links}}\"\n";
    let book = Book::at(&server.url())
        .sets(sets)
        .more("vars: {desk: \"+12025550101\", direction: inbound, links: []}")
        .file("first.yaml", "desk: \"+12025550102\"\nlinks: [{source: 0, target: 1}]\n")
        .file("second.json", "{\"desk\": \"+12025550103\", \"direction\": \"consult\"}");
    let args = ["--vars", "first.yaml", "--vars", "second.json", "--set", "direction=transfer"];
    let run = book.run_with(0, &args);
    let body = server.bridges()[0].json();
    assert_eq!(body["targets"][0]["value"], "+12025550103");
    assert_eq!(body["direction"], "transfer");
    assert_eq!(body["bridgeMatrix"], json!([{"source": 0, "target": 1}]));
    let files: Vec<_> =
        run.audit.lines[0]["inputs"].as_array().unwrap().iter().map(|input| input["file"].clone()).collect();
    assert_eq!(files, ["runbook.yaml", "second.json", "first.yaml", "command line and environment"]);
}

#[test]
fn slips_in_a_file_of_variables_are_shown_there() {
    let book = Book::offline()
        .more("vars: {desk: \"+12025550101\"}")
        .file("misspelt.yaml", "# ours\ndeks: \"+12025550102\"\n")
        .file("unquoted.yaml", "desk: +12025550102\n")
        .file("list.yaml", "- desk\n")
        .file("broken.yaml", "desk: [\n");
    let found = |code, vars: &str| {
        let ended = book.command(code, &["validate", "runbook.yaml", "--vars", vars, "--format", "json"]);
        let json: Value = serde_json::from_str(&ended.stdout).unwrap();
        let all = json["diagnostics"].as_array().unwrap().clone();
        assert_eq!(all.len(), 1, "{json:#}");
        (all[0]["code"].clone(), all[0]["file"].clone(), all[0]["line"].clone(), all[0]["help"].clone())
    };
    assert_eq!(found(65, "misspelt.yaml"), (json!("BB0022"), json!("misspelt.yaml"), json!(2), json!("write `desk`")));
    let quoted = json!("put it in quotes");
    assert_eq!(found(65, "unquoted.yaml"), (json!("BB0104"), json!("unquoted.yaml"), json!(1), quoted));
    assert_eq!(found(65, "list.yaml").0, "BB0103");
    assert_eq!(found(65, "broken.yaml").0, "BB0002");
    let ended = book.command(66, &["plan", "runbook.yaml", "--vars", "nowhere.yaml"]);
    assert!(ended.stderr.contains("nowhere.yaml cannot be read"), "{ended}");
}

#[test]
fn one_file_on_two_ways_is_no_circle() {
    let book = Book::offline()
        .verbatim(&format!(
            "version: 1\nname: itest\ninclude: [a.yaml, b.yaml]\nvars: {{desk: \"+12025550104\"}}\n{SETS}      direction: transfer\n"
        ))
        .file("a.yaml", "include: [c.yaml]\n")
        .file("b.yaml", "include: [c.yaml]\nlimits: {concurrency: 2}\n")
        .file("c.yaml", "connection: {region: mynicecx, auth: {client_id: {env: A}, client_secret: {env: B}}}\n");
    book.command(0, &["validate", "runbook.yaml"]);
    let plan: Value =
        serde_json::from_str(&book.command(0, &["plan", "runbook.yaml", "--format", "json"]).stdout).unwrap();
    assert_eq!(plan["base_url"], "https://api.mynicecx");
}
