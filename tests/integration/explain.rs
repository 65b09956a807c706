//! `bridgebook explain` and the pages behind it: complete, and true in every example.

use crate::support::process::{Ended, Running, bridgebook};
use crate::support::repository;
use bridgebook::model::Code;
use bridgebook::template::{Engine, HELPERS, Scope};
use handlebars::Context;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

fn page(name: &str) -> String {
    std::fs::read_to_string(repository("docs").join(name)).unwrap()
}

#[track_caller]
fn explain(code: u8, args: &[&str]) -> Ended {
    let dir = TempDir::new().unwrap();
    Running::start(bridgebook(dir.path(), &[&["explain"], args].concat())).finish().expect(code)
}

/// Code, title and text of every section.
fn sections(page: &str) -> Vec<(String, String, String)> {
    let section = |text: &str| {
        let (heading, text) = text.split_once('\n').unwrap();
        let (code, title) = heading.split_once(' ').unwrap();
        (code.to_owned(), title.to_owned(), text.to_owned())
    };
    page.split("\n## ").skip(1).map(section).collect()
}

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let page = page("diagnostics.md");
    let documented: Vec<String> = sections(&page).into_iter().map(|(code, ..)| code).collect();
    let mut codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    codes.sort();
    assert_eq!(documented, codes, "in numeric order, each once");
    let listed = explain(0, &[]).stdout;
    for (code, title, text) in sections(&page) {
        assert!(listed.contains(&format!("  {code}    {title}")), "{code}: {listed}");
        let words = text.split("\n\n").find(|part| !part.trim().is_empty() && !part.starts_with("```"));
        assert!(words.is_some_and(|words| words.len() > 60), "{code} says nothing");
        assert!(title.len() > 5 && !title.starts_with(' '), "{code}: {title}");
    }
}

#[test]
fn a_code_is_explained_however_it_is_typed() {
    let shown = explain(0, &["BB0101"]).stdout;
    assert!(shown.starts_with("error[BB0101]: A key that is not known\n"), "{shown}");
    assert!(shown.contains("wrong:\n    limits: {concurency: 4}\n"), "{shown}");
    assert!(shown.contains("right:\n    limits: {concurrency: 4}\n"), "{shown}");
    assert!(!shown.contains("```") && !shown.contains("BB0102"), "{shown}");
    for same in ["101", "0101", "bb0101", "bb101", "error[BB0101]:"] {
        assert_eq!(explain(0, &[same]).stdout, shown, "{same}");
    }
    assert!(explain(0, &["BB0601"]).stdout.starts_with("warning[BB0601]: "));
    for (unknown, help) in [("BB9999", "lists the codes"), ("tempaltes", "try `templates`"), ("", "lists the codes")] {
        let ended = explain(2, &[unknown]);
        assert!(ended.stderr.contains("nothing to explain") && ended.stderr.contains(help), "{ended}");
        assert!(ended.stdout.is_empty(), "{ended}");
    }
}

/// Keys below `job:`, and keys of a set; everything else stands at the top.
const OF_JOB: [&str; 6] = ["call_id", "targets", "direction", "bridge_matrix", "dtmf", "not_after"];
const OF_SET: [&str; 6] = ["rows", "when", "key", "job", "allow_empty", "legs"];

/// A sound runbook in which the keys of an example stand in place of its own.
fn spliced(example: &str) -> String {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    for line in example.lines() {
        match line.split_once(':').map(|(key, _)| key).filter(|_| !line.starts_with([' ', '#'])) {
            Some(key) => blocks.push((key, format!("{line}\n"))),
            None => blocks.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    let whole = |default: &[(&str, &str)], mine: &dyn Fn(&str) -> bool, indent: &str| {
        let missing = default.iter().filter(|(key, _)| !blocks.iter().any(|(own, _)| own == key));
        let lines = missing.map(|(_, text)| format!("{text}\n")).collect::<String>()
            + &blocks.iter().filter(|(key, _)| mine(key)).map(|(_, text)| text.as_str()).collect::<String>();
        lines.lines().map(|line| format!("{indent}{line}\n")).collect::<String>()
    };
    let job = [
        ("call_id", "call_id: \"{{row.call_id}}\""),
        ("targets", "targets: [{type: phone, value: \"+12025550104\"}]"),
        ("direction", "direction: transfer"),
    ];
    let job = whole(&job, &|key| OF_JOB.contains(&key), "  ");
    let job = format!("job:\n{job}");
    let set = [("name", "name: one"), ("rows", "rows: {csv: data/calls.csv}"), ("job", job.trim_end())];
    let set = whole(&set, &|key| OF_SET.contains(&key), "    ");
    let sets = format!("sets:\n  -\n{set}");
    let top = [
        ("version", "version: 1"),
        ("name", "name: case"),
        (
            "connection",
            "connection:\n  base_url: \"https://api.example.com\"\n  auth: {client_id: {env: CXONE_CLIENT_ID}, client_secret: {env: CXONE_CLIENT_SECRET}}",
        ),
        ("sets", sets.trim_end()),
    ];
    whole(&top, &|key| !OF_JOB.contains(&key) && !OF_SET.contains(&key), "")
}

/// A sound profile in which the keys of an example stand in place of its own.
fn spliced_profile(example: &str) -> String {
    let sound = [
        ("version", "version: 1"),
        ("name", "name: my-api"),
        ("endpoints", "endpoints: {base_url: \"https://api.example.com\"}"),
        ("auth", "auth: {grant: bearer}"),
        ("request", "request: {path: \"/calls/{{job.call_id}}/bridge\"}"),
        ("answers", "answers: {succeeded: [2xx]}"),
        (
            "job",
            "job: {call_id: call_id, schema: {type: object, required: [call_id], properties: {call_id: {type: string}, to: {type: string}}}}",
        ),
    ];
    let has = |key: &str| example.lines().any(|line| line.starts_with(&format!("{key}:")));
    let kept = sound.iter().filter(|(key, _)| !has(key)).map(|(_, line)| format!("{line}\n"));
    kept.collect::<String>() + example
}

/// What a runbook says to use the sound profile.
const WITH_PROFILE: &str =
    "connection:\n  profile: ./profile.yaml\n  auth: {token: {env: MY_TOKEN}}\ncall_id: \"{{row.call_id}}\"\n";

/// The codes that `validate` finds in an example.
fn codes(dir: &Path, kind: &str, example: &str) -> (BTreeSet<String>, String) {
    let (book, data) = if kind == "csv" { ("", example) } else { (example, "call_id\ncall-0001\n") };
    let mut book = spliced(if kind == "profile" { WITH_PROFILE } else { book });
    if book.contains("./profile.yaml") {
        // Its jobs have other fields than those of the shipped profile.
        book = book
            .lines()
            .filter(|line| !line.contains("targets:") && !line.contains("direction:"))
            .map(|line| format!("{line}\n"))
            .collect();
        let profile = spliced_profile(if kind == "profile" { example } else { "" });
        std::fs::write(dir.join("profile.yaml"), profile).unwrap();
    }
    std::fs::create_dir_all(dir.join("data")).unwrap();
    std::fs::write(dir.join("data/calls.csv"), data).unwrap();
    std::fs::write(dir.join("runbook.yaml"), &book).unwrap();
    let ended = Running::start(bridgebook(dir, &["validate", "runbook.yaml", "--format", "json"])).finish();
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    let codes = found["diagnostics"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned());
    (codes.collect(), format!("{book}\n{data}\n{found:#}"))
}

#[test]
fn the_examples_of_every_code_show_the_slip_and_the_remedy() {
    let dir = TempDir::new().unwrap();
    let mut shown = BTreeSet::new();
    for (code, _, text) in sections(&page("diagnostics.md")) {
        for fence in text.split("\n```").skip(1).step_by(2) {
            let (info, example) = fence.split_once('\n').unwrap();
            match info.split_once(' ') {
                Some((kind, "wrong")) => {
                    let (found, all) = codes(dir.path(), kind, example);
                    assert_eq!(found, BTreeSet::from([code.clone()]), "{code}: {all}");
                    shown.insert(code.clone());
                }
                Some((kind, "right")) => {
                    let (found, all) = codes(dir.path(), kind, example);
                    assert!(found.is_empty(), "{code}: {all}");
                }
                _ => {}
            }
        }
    }
    assert!(shown.len() > 40, "{shown:?}");
}

#[test]
fn the_reference_of_templates_has_every_helper_and_every_example_is_true() {
    let page = page("templates.md");
    let printed = explain(0, &["templates"]).stdout;
    for helper in HELPERS.iter().map(|helper| helper.name) {
        assert!(page.contains(&format!("- `{helper}`")), "{helper} is not in the reference");
        assert!(printed.contains(&format!("- `{helper}`")), "{helper} is not printed");
    }
    let values = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let values: Value = serde_json::from_str(values).unwrap();
    let roots = values.as_object().unwrap().keys();
    let scope = roots.fold(Scope::default(), |scope, root| scope.open(root));
    let context = Context::wraps(&values).unwrap();
    let mut engine = Engine::default();
    let mut rendered = 0;
    for line in page.lines().filter(|line| line.contains("` -> `")) {
        let (before, after) = line.split_once("` -> `").unwrap();
        let text = before.rsplit('`').next().unwrap();
        let template = engine.compile(text, &scope).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let value = engine.render(&template, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(shown, after.trim_end_matches('`'), "{text}");
        rendered += 1;
    }
    assert!(rendered >= HELPERS.len(), "{rendered} examples for {} helpers", HELPERS.len());
}
