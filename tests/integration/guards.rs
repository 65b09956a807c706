//! Whom a run may call: prefixes, regions, kinds, the list of numbers that are never called, bounds.

use crate::support::book::{Book, Run};
use crate::support::repository;
use crate::support::server::{RawServer, ok};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// One set: a row for each of these numbers, its call `call-1`, `call-2`, ...
fn numbers<S: AsRef<str>>(numbers: impl IntoIterator<Item = S>) -> String {
    let rows = (1..).zip(numbers);
    let rows: Vec<Value> =
        rows.map(|(n, number)| json!({"call_id": format!("call-{n}"), "number": number.as_ref()})).collect();
    format!(
        "  - name: one\n    rows: {{items: {}}}\n    job:\n      call_id: \"{{{{row.call_id}}}}\"\n      \
         targets: [{{type: phone, value: \"{{{{row.number}}}}\"}}]\n      direction: transfer\n",
        Value::from(rows)
    )
}

/// The reason for which each job was skipped, by call.
fn skipped(run: &Run) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    run.audit.events("job_skipped").iter().map(|event| (text(&event["call_id"]), text(&event["reason"]))).collect()
}

fn guarded(server: &RawServer, list: &[&str], guards: &str) -> Book {
    Book::at(&server.url()).sets(&numbers(list)).more(&format!("guards: {guards}"))
}

fn codes(book: &Book, code: u8) -> Vec<String> {
    let ended = book.command(code, &["validate", "runbook.yaml", "--format", "json"]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    found["diagnostics"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
}

/// Region, kind and number of libphonenumber's own examples.
fn examples() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(repository("tests/fixtures/numbers.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap())
        })
        .collect()
}

#[test]
fn every_country_can_be_called_and_what_is_dangerous_only_by_name() {
    let risky = |kind: &str, number: &str| match kind {
        "premium" | "emergency" | "short_code" => true,
        _ => number.starts_with("+870") || number.starts_with("+881"),
    };
    // A number that begins with 0 has not even the form of a target.
    let examples: Vec<_> = examples().into_iter().filter(|(_, _, number)| !number.starts_with('0')).collect();
    let of = |kinds: &[&str]| examples.iter().filter(|(_, kind, _)| kinds.contains(&kind.as_str())).count();
    assert!(of(&["fixed_line", "mobile", "fixed_or_mobile", "voip"]) > 500 && of(&["emergency", "short_code"]) > 500);
    let regions: BTreeSet<&str> = examples.iter().map(|(region, _, _)| region.as_str()).collect();
    assert!(regions.len() > 240, "{}", regions.len());

    let server = RawServer::bridging(|_| ok());
    let rows: String = (1..).zip(&examples).map(|(n, (_, _, number))| format!("call-{n},{number}\n")).collect();
    let items = numbers([""]);
    let (from, to) = (items.find("{items").unwrap(), items.find("\n    job").unwrap());
    let sets = items.replace(&items[from..to], "{csv: numbers.csv}");
    let book = Book::at(&server.url())
        .sets(&sets)
        .file("numbers.csv", &format!("call_id,number\n{rows}"))
        .limits("{concurrency: 32}");
    let run = book.clone_with("guards: {on_violation: skip}").run(0);
    let skipped = skipped(&run);
    let mut wrong = Vec::new();
    for (index, (region, kind, number)) in examples.iter().enumerate() {
        let reason = skipped.get(&format!("call-{}", index + 1)).map(String::as_str);
        let expected = risky(kind, number).then_some("kind_not_allowed");
        if reason != expected {
            wrong.push(format!("{region} {kind} {number}: {reason:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), examples.len(), wrong.join("\n"));
    assert_eq!(server.bridges().len(), examples.len() - skipped.len());

    let run = book.clone_with("guards: {allow: [premium, satellite, emergency, short_code]}").run(0);
    assert_eq!(run.audit.total("succeeded"), examples.len() as u64);
}

#[test]
fn dangerous_kinds_refuse_the_run_until_each_is_allowed_by_its_name() {
    let server = RawServer::bridging(|_| ok());
    for (kind, number) in [
        ("premium", "+19005550104"),
        ("premium", "+979123456789"),
        ("satellite", "+881612345678"),
        ("satellite", "+88216123456"),
        ("emergency", "911"),
        ("emergency", "+1911"),
        ("emergency", "+44999"),
        ("short_code", "411"),
        ("short_code", "+1411"),
    ] {
        let ended = guarded(&server, &[number], "{max_jobs: 9}").refused(13, &[]);
        assert!(
            ended.stderr.contains("BB0513") && ended.stderr.contains(&format!("allow: [{kind}]")),
            "{number}: {ended}"
        );
        let others =
            ["premium", "satellite", "emergency", "short_code"].map(|other| if other == kind { "" } else { other });
        let others = others.iter().filter(|other| !other.is_empty()).copied().collect::<Vec<_>>().join(", ");
        guarded(&server, &[number], &format!("{{allow: [{others}]}}")).refused(13, &[]);
        assert_eq!(
            codes(&guarded(&server, &[number], &format!("{{allow: [{kind}]}}")), 0)
                .iter()
                .filter(|c| c.starts_with("BB05"))
                .count(),
            0
        );
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_number_must_satisfy_prefix_and_region_and_an_unknown_country_satisfies_neither() {
    let server = RawServer::bridging(|_| ok());
    let list = [
        "+12025550101",  // 1: as it must be
        "+18765550102",  // 2: Jamaica also begins with +1
        "+442079460103", // 3: the region is there, the prefix is not
        "+61491570156",  // 4: neither
        "12025550105",   // 5: no plus
        "+15550100006",  // 6: no such area code, so no region
    ];
    let both = "{allow_prefixes: [\"+1\", \"+4415\"], allow_regions: [US, GB], on_violation: skip}";
    let run = guarded(&server, &list, both).run(0);
    let reasons = skipped(&run);
    let reason = |n: usize| reasons.get(&format!("call-{n}")).map(String::as_str);
    assert_eq!([1, 2, 3].map(reason), [None, Some("region_not_allowed"), Some("prefix_not_allowed")]);
    assert_eq!(
        [4, 5, 6].map(reason),
        [Some("prefix_not_allowed"), Some("prefix_not_allowed"), Some("region_not_allowed")]
    );
    assert_eq!(server.bridges().len(), 1);
    let event = run.audit.events("job_skipped")[0];
    assert_eq!(event["key"], event["call_id"], "the key is known as well");
    let results = String::from_utf8(run.bytes("results.csv")).unwrap();
    assert!(results.contains("call-2,call-2,skipped") && results.contains("region_not_allowed"), "{results}");

    let refusing = guarded(&server, &list, "{allow_prefixes: [\"+1\", \"+4415\"], allow_regions: [US, GB]}");
    assert_eq!(codes(&refusing, 13), ["BB0512", "BB0511", "BB0511", "BB0511", "BB0512"], "one message a number");
}

#[test]
fn denied_prefixes_win_over_allowed_ones_and_over_a_missing_plus() {
    let server = RawServer::bridging(|_| ok());
    let list = ["+12025550101", "+12125550102", "12125550103"];
    let guards = "{allow_prefixes: [\"+1\"], deny_prefixes: [\"+1212\"], on_violation: skip}";
    let run = guarded(&server, &list, guards).run(0);
    let expected = BTreeMap::from([("call-2", "deny_prefixes"), ("call-3", "deny_prefixes")]);
    assert_eq!(skipped(&run), expected.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect());
}

#[test]
fn only_guards_are_13_and_anything_else_is_65() {
    let server = RawServer::bridging(|_| ok());
    guarded(&server, &["+12025550101", "911"], "{allow_regions: [US]}").refused(13, &[]);
    guarded(&server, &["+12025550101", "911", "+911"], "{allow_regions: [US]}").refused(65, &[]);
    guarded(&server, &["911"], "{allow_regions: [UK]}").refused(65, &[]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn who_is_on_the_list_is_never_called_whatever_is_allowed() {
    let server = RawServer::bridging(|_| ok());
    let list = ["+12025550101", "+12025550102", "+442079460103", "911", "12025550105"];
    let file = "name,number\na,+12025550102\nb,+44 (0)20 7946 0103\nc,911\nd,1-202-555-0105\n";
    let allow =
        "{allow: [emergency], allow_prefixes: [\"+1\", \"+44\"], deny_numbers: {file: data/no.csv, column: number}}";
    let run = guarded(&server, &list, allow).file("data/no.csv", file).run(0);
    assert_eq!(skipped(&run).values().filter(|reason| *reason == "deny_numbers").count(), 4);
    assert_eq!(server.bridges().len(), 1);
    // The list is evidence like any input.
    let inputs = run.audit.lines[0]["inputs"].as_array().unwrap().clone();
    let copy = inputs.iter().find(|input| input["file"] == "data/no.csv").unwrap();
    assert_eq!(run.bytes(copy["snapshot"].as_str().unwrap()), file.as_bytes());
    assert_eq!(copy["bytes"], file.len());
}

#[test]
fn lists_are_read_in_every_shape_that_people_export() {
    let server = RawServer::bridging(|_| ok());
    for (deny, file) in [
        ("no.txt", "+12025550101\n\n# opted out in May\n+1 202 555 0102\n"),
        ("no.txt", "+12025550101\r\n+12025550102\r\n"),
        ("no.txt", "number\n12025550101\n0012025550102"),
        ("no.txt", "\u{feff}phone\n\"+1 (202) 555-0101\"\n'+12025550102\n"),
        ("no.txt", "id;number;since\n1;+12025550101;2024-01-01\n2;tel:+1-202-555-0102;2024-01-02\n"),
        ("{file: no.txt, column: Phone}", "Phone\tNote\n+12025550101\tx\n+12025550102\t\"a\nb\"\n"),
    ] {
        let list = ["+12025550101", "+12025550102", "+12025550103"];
        let run = guarded(&server, &list, &format!("{{deny_numbers: {deny}}}")).file("no.txt", file).run(0);
        assert_eq!(skipped(&run).len(), 2, "{file:?}");
        assert_eq!(run.audit.total("succeeded"), 1, "{file:?}");
    }
}

#[test]
fn a_list_that_is_missing_or_too_old_stops_everything() {
    let server = RawServer::bridging(|_| ok());
    let one = ["+12025550101"];
    let ended = guarded(&server, &one, "{deny_numbers: no.csv}").refused(66, &[]);
    assert!(ended.stderr.contains("no.csv cannot be read"), "{ended}");
    let book = guarded(&server, &one, "{deny_numbers: {file: no.csv, max_age: 31d}}").file("no.csv", "+12025550109\n");
    book.run(0);
    let age = |days: u64| {
        let file = std::fs::File::options().write(true).open(book.dir().join("no.csv")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(24 * days)).unwrap();
    };
    age(30);
    book.run(0);
    age(32);
    let ended = book.refused(66, &[]);
    assert!(ended.stderr.contains("BB0516") && ended.stderr.contains("32d ago, max_age allows 31d"), "{ended}");
    assert_eq!(server.bridges().len(), 2);
}

#[test]
fn a_long_list_is_a_few_bytes_an_entry() {
    let mut file = String::from("number\n");
    for number in 0..200_000u64 {
        file.push_str(&format!("+1202{:07}\n", number * 7 % 10_000_000));
    }
    let server = RawServer::bridging(|_| ok());
    let list = ["+12020000007", "+12020000008"];
    let run = guarded(&server, &list, "{deny_numbers: no.csv}").file("no.csv", &file).run(0);
    assert_eq!((run.audit.total("skipped"), run.audit.total("succeeded")), (1, 1));
}

#[test]
fn bounds_by_prefix_count_jobs_under_the_longest_prefix() {
    let server = RawServer::bridging(|_| ok());
    let list = ["+12025550101", "+12125550102", "+12125550103", "+12025550104", "+442079460105", "+12025550106"];
    let bounds = "max_per_prefix: {\"+1\": 2, \"+1212\": 1, \"+44\": 0}";
    let run = guarded(&server, &list, &format!("{{{bounds}, on_violation: skip}}")).run(0);
    let calls: Vec<String> = skipped(&run).into_keys().collect();
    assert_eq!(calls, ["call-3", "call-5", "call-6"]);
    assert!(skipped(&run).values().all(|reason| reason == "max_per_prefix"));
    let ended = guarded(&server, &list, &format!("{{{bounds}}}")).refused(13, &[]);
    for words in ["3 jobs with numbers under +1,", "2 jobs with numbers under +1212,", "1 jobs with numbers under +44,"]
    {
        assert!(ended.stderr.contains(words), "{ended}");
    }
}

#[test]
fn plan_and_audit_say_how_old_the_tables_are() {
    let server = RawServer::bridging(|_| ok());
    let book = guarded(&server, &["+12025550101"], "{max_jobs: 1}");
    let ended = book.command(0, &["plan", "runbook.yaml"]);
    assert!(ended.stdout.contains("libphonenumber 9."), "{ended}");
    let run = book.run(0);
    let settings = run.audit.lines[0]["settings"].as_array().unwrap().clone();
    let tables = settings.iter().find(|setting| setting["name"] == "numbers").unwrap();
    assert!(tables["value"].as_str().unwrap().starts_with("libphonenumber 9."));
    assert_eq!(tables["source"], "default");
}
