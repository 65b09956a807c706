//! Words of a hostile server and of hostile data: shown as text in every report, doing nothing in any, and bounded.
//!
//! The reports are left for `tests/consumers.py`, which gives them to a renderer of GitHub's Markdown, an XML reader and promtool.

use crate::support::book::{Book, Run, set};
use crate::support::server::{RawServer, Reply, Request};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// What the server says: JSON bodies as bytes, since some of them are no text.
fn bodies() -> Vec<Vec<u8>> {
    let said = |text: &str| json!({ "message": text }).to_string().into_bytes();
    let huge = "<b>@octocat</b> ".repeat(1 << 16);
    vec![
        said("<script>alert(1)</script>]]><!-- --> &amp; &lt;img src=x onerror=alert(1)&gt;"),
        said("=cmd|' /C calc'!A0"),
        said("\u{1b}[31mred\u{1b}]0;title\u{7}\r\nSet-Cookie: x"),
        said("\u{202e}gnp.exe\u{2066} \u{200b}\u{feff}"),
        said("nul \0 and \u{fffe}\u{ffff}\u{1fffe} and \u{85}"),
        br#"{"message": "lone \ud800 surrogate"}"#.to_vec(),
        b"{\"message\": \"not \xff\xfe utf-8 \xc3\x28\"}".to_vec(),
        said(
            "[x](javascript:alert(1)) ![i](http://evil.example.com/x.png) @octocat #1 GH-1 https://evil.example.com a@b.example.com",
        ),
        said("a | b \\| c \\\\| d ` e `` f ~~g~~ **h** _i_ <details> 0123456789abcdef0123456789abcdef01234567"),
        said("\"} 1\nbridgebook_run_passed{runbook=\"x\"} 1\n# HELP evil evil\\"),
        said(&huge),
        vec![b'<'; 1 << 20],
    ]
}

fn reply(status: u16, body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 {status} <script>\r\ncontent-type: application/json\r\nx-cxone-correlation-id: \"><i>c\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Reply::Send([head.as_bytes(), body].concat())
}

/// A run in which every job ends badly, one half `rejected`, the other `unknown`, with names that are hostile themselves.
fn hostile_run() -> Run {
    let bodies = bodies();
    let call = |number: usize| format!("h{number:02}-<b>\"'&|`@octocat`=javascript:#1\\|");
    let rows: Vec<Value> = (0..bodies.len() * 2).map(|number| json!({ "call_id": call(number) })).collect();
    let script = move |request: &Request| {
        let number: usize = request.call()[1..3].parse().unwrap();
        reply(if number.is_multiple_of(2) { 404 } else { 500 }, &bodies[number / 2])
    };
    let server = RawServer::bridging(script);
    let hostile = "'</style><script>alert(1)</script> ``` ]]> | @octocat'";
    let more = format!(
        "description: {hostile}\nowner: {hostile}\nlabels: {{evil: {hostile}}}\n\
         success_criteria: [\"unknown <= 100\", \"failed <= 100\"]"
    );
    Book::at(&server.url()).sets(&set("one", &Value::from(rows).to_string(), "")).more(&more).run(0)
}

#[test]
fn hostile_words_of_server_and_data_do_nothing_in_any_report() {
    let run = hostile_run();
    let names =
        ["summary.json", "summary.csv", "results.csv", "report.html", "junit.xml", "summary.md", "metrics.prom"];
    let files = names.map(|name| (name, String::from_utf8(run.bytes(name)).unwrap()));
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}');
    let printed = [("stdout", run.stdout.clone()), ("stderr", run.stderr.clone())];
    for (name, text) in files.iter().chain(&printed) {
        let bad =
            |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || bidi(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(name == &"summary.json" || !text.contains(bad), "{name}: {:?}", text.find(bad));
        assert!(text.len() < 400_000, "{name} has {} bytes", text.len());
    }
    let [(_, json), _, (_, rows), (_, page), (_, junit), (_, markdown), (_, metrics)] = &files;
    let summary: Value = serde_json::from_str(json).unwrap();
    assert_eq!((&summary["complete"], &summary["total"]["jobs"]), (&true.into(), &24.into()));
    assert!(!page.contains("<script") && !page.contains("h00-<b>") && page.contains("&lt;script&gt;alert(1)"));
    assert!(rows.contains("'=cmd|'") && !rows.contains(",=cmd") && !rows.contains("\"=cmd"), "{rows}");
    assert!(markdown.chars().count() < 65_000);
    for line in metrics.lines() {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        assert!(name == "#" || name.starts_with("bridgebook_run_"), "{line}");
        assert!(name == "#" || rest.starts_with("runbook=\"itest\""), "{line}");
    }
    let text = expat(&run);
    for word in
        ["<script>alert(1)</script>]]>", "=cmd|' /C calc'!A0", "red", "gnp.exe", "nul", "javascript:alert(1)", "e `` f"]
    {
        assert!(text.contains(word), "{word} is not to be read in junit.xml: {junit}");
    }
    keep(&run);
}

/// Attributes and texts of junit.xml, as Python's expat reads them.
fn expat(run: &Run) -> String {
    let program = "import sys, xml.parsers.expat as e\n\
                   p = e.ParserCreate()\n\
                   p.StartElementHandler = lambda _, a: print(*a.values())\n\
                   p.CharacterDataHandler = print\n\
                   p.Parse(open('junit.xml', 'rb').read(), True)";
    let output = Command::new("python3").args(["-X", "utf8", "-c", program]).current_dir(&run.dir).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn keep(run: &Run) {
    let Some(folder) = std::env::var_os("BRIDGEBOOK_TEST_ARTIFACTS") else { return };
    let folder = PathBuf::from(folder).join("hostile");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["junit.xml", "summary.md", "metrics.prom"] {
        std::fs::copy(run.dir.join(name), folder.join(name)).unwrap();
    }
}
