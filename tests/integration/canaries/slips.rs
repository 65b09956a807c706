//! What may be wrong with a runbook and its files: each slip shows a canary to whoever repeats what he reads.

use crate::support::canary::{name, number, secret};

/// The file, what was there, what stands there now, and the diagnostic that it gives.
type Slip = (&'static str, String, String, &'static str);

/// In data files, included files and profiles.
pub(super) fn in_files() -> Vec<Slip> {
    let (n, person) = (number(32), name("Sentcsv"));
    vec![
        ("rows.csv", format!("ok,{n},"), format!("ok,{n}x{person},"), "BB0106"),
        ("rows.csv", format!("ok,{n},"), format!("ok,{person},"), "BB0106"),
        ("rows.csv", format!("ok,{n},{person},"), format!("ok,{n},{},", format!("{person} ").repeat(9)), "BB0107"),
        ("rows.csv", "\nrejected,".into(), "\nok,".into(), "BB0503"),
        ("rows.csv", "x\nredirected".into(), format!("x,{person},{n}\nredirected"), "BB0402"),
        ("rows.csv", "x\nredirected".into(), format!("\"{person} {n}\nredirected"), "BB0408"),
        ("rows.csv", "call_id,number,sent,kept\n".into(), String::new(), "BB0402"),
        ("rows.csv", "call_id,number,sent,kept\n".into(), format!("call_id,{person},sent,kept\n"), "BB0202"),
        ("rows.csv", format!("ok,{n},"), format!("{n},{n},"), "BB0506"),
        ("rows.csv", format!("ok,{n},"), format!("(202) 555-0132,{n},"), "BB0506"),
        ("rows.csv", format!("ok,{n},"), "ok,+12,".into(), "BB0106"),
        ("rows.csv", format!("ok,{n},"), format!("ok,{n}9,"), "BB0515"),
        ("rows.jsonl", "\"sent\"".into(), format!("\"number\": \"{person} {n}\", \"sent\""), "BB0402"),
        ("rows.jsonl", "}\n".into(), format!("\n{person} {n}\n"), "BB0402"),
        ("rows.jsonl", "\"sent\"".into(), format!("\"{person} {n}\""), "BB0203"),
        ("rows.json", "]".into(), format!(", \"{person} {n}\"]"), "BB0402"),
        ("rows.json", "]".into(), format!(", {person} {n}]"), "BB0402"),
        ("rows.json", "[".into(), format!("{{\"{person} {n}\": ["), "BB0404"),
        ("never.csv", "number,name\n".into(), format!("{person},{n}x\n"), "BB0517"),
        ("never.csv", "number,name\n".into(), format!("number,name\n{person},{n}\n"), "BB0517"),
        ("never.csv", "number,name\n".into(), format!("number,name\n2025550136,{person}\n"), "BB0604"),
        ("part.yaml", "guards: {".into(), format!("vars: {{desk: [{person}, {n}]}}\nguards: {{max_job: 1, "), "BB0101"),
        ("part.yaml", "guards: {".into(), "guards: {deny_prefixes: [\"+1202555\"], ".into(), "BB0510"),
        ("part.yaml", "guards: {".into(), format!("guards: {{deny_prefixes: [\"{n}\"], "), "BB0510"),
        ("part.yaml", "guards: {".into(), "guards: {allow_prefixes: [\"+44\"], ".into(), "BB0511"),
        ("part.yaml", "guards: {".into(), "guards: {allow_regions: [GB], ".into(), "BB0512"),
        ("part.yaml", "guards: {".into(), "guards: {max_per_prefix: {\"+1\": 2}, ".into(), "BB0514"),
        ("part.yaml", "guards: {".into(), format!("guards: {{max_per_prefix: {{\"{n}\": 1}}, "), "BB0514"),
        ("aviary.yaml", "enum: [transfer, conference]".into(), "const: other".into(), "BB0105"),
        ("aviary.yaml", "version: 1".into(), "version: 2".into(), "BB0105"),
    ]
}

/// In the runbook itself.
pub(super) fn in_the_runbook() -> Vec<Slip> {
    let person = name("Sentcsv");
    let n = number(32);
    vec![
        ("book", "direction: transfer".into(), "direction: \"{{row.sent}}\"".into(), "BB0105"),
        ("book", "direction: transfer".into(), "direction: \"{{env.DESK}}\"".into(), "BB0105"),
        ("book", "direction: transfer".into(), "direction: \"{{vars.desk}}\"".into(), "BB0105"),
        ("book", "direction: transfer".into(), "at: \"{{row.sent}}\"\n".into(), ""),
        ("book", "direction: transfer".into(), "direction: \"{{lookup vars row.sent}}\"".into(), ""),
        ("book", "direction: transfer".into(), "direction: \"{{#each row.sent}}{{this}}{{/each}}\"".into(), ""),
        ("book", "direction: transfer".into(), "direction: \"{{gt row.sent 3}}\"".into(), ""),
        ("book", "direction: transfer".into(), "not_after: \"{{row.sent}}\"".into(), "BB0519"),
        ("book", "direction: transfer".into(), "not_after: \"{{row.number}}\"".into(), "BB0519"),
        ("book", "    job: {".into(), "    when: \"{{row.sent}}\"\n    job: {".into(), "BB0504"),
        ("book", "    job: {".into(), "    key: \"{{row.number}}\"\n    job: {".into(), "BB0506"),
        ("book", "    job: {".into(), "    wehn: \"{{row.sent}}\"\n    job: {".into(), "BB0101"),
        ("book", format!("number: \"{}\"", number(30)), format!("number: {}", number(30)), ""),
        ("book", format!("number: \"{}\"", number(35)), format!("number: {}", number(35)), ""),
        (
            "book",
            format!("\"number\":\"{}\"", number(35)),
            format!("\"number\":\"{}x {person}\"", number(35)),
            "BB0106",
        ),
        (
            "book",
            format!("\"number\":\"{}\"", number(35)),
            format!("\"number\":\"{}\", \"call_id\": \"{person}\"", number(35)),
            "BB0003",
        ),
        ("book", "vars: {".into(), format!("vars: {{desk: \"{person}\", "), "BB0003"),
        ("book", "vars: {".into(), format!("vars: {{ {n}: [\"{person}\" "), "BB0002"),
        ("book", "client_secret: {env: SECRET}".into(), format!("client_secret: {:?}", secret("literal")), "BB0108"),
        (
            "book",
            "env: [DESK]".into(),
            format!("env: [DESK]\nprivacy: {{numbers: keyed, key: {:?}}}", secret("literal")),
            "BB0108",
        ),
        (
            "book",
            "env: [DESK]".into(),
            format!("env: [DESK]\nprivacy: {{numbers: keyed, kee: {:?}}}", secret("literal")),
            "BB0101",
        ),
        (
            "book",
            "client_secret: {env: SECRET}".into(),
            format!("client_secret: {{env: SECRET}}\n  proxy: \"http://u:{}@h:1\"", "c4n4ry"),
            "",
        ),
        (
            "book",
            "client_secret: {env: SECRET}".into(),
            format!(
                "client_secret: {{env: SECRET}}\n  proxy: {{url: \"http://h:1\", username: {{env: ID}}, password: {:?}}}",
                secret("literal")
            ),
            "BB0108",
        ),
        (
            "book",
            "client_secret: {env: SECRET}".into(),
            format!(
                "client_secret: {{env: SECRET}}\n  tls: {{client_cert: x.pem, client_key: {:?}}}",
                secret("literal")
            ),
            "BB0306",
        ),
        (
            "book",
            "base_url: \"http:".into(),
            format!("base_url: \"http://x:{}@h/?token={}\" #", "c4n4ry", "c4n4ry"),
            "BB0106",
        ),
    ]
}
