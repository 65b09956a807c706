//! What `plan --payloads` writes is what a run puts on the wire, byte for byte, for a thousand runbooks made at random.

use crate::support::book::Book;
use crate::support::repository;
use crate::support::server::{RawServer, Request, answer, ok};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runbooks that are tried.
const CASES: u64 = 1000;
const SEED: u64 = 0x0062_7269_6467_6521;
/// Texts that are data, whatever they look like.
const TEXTS: [&str; 12] = [
    "plain",
    "two words",
    "quote \" and 'quote'",
    "back\\slash",
    "{{row.number}}",
    "{\"a\": [1, null]}",
    "é ü ß 漢字 🙂",
    "<b>&amp;</b>",
    "a=b&c=d%20+e",
    "yes",
    "0x1F",
    "a: b # c",
];
const NUMBERS: [&str; 5] = ["+12025550101", "+12025550102", "+442079460101", "+442079460102", "+12025550103"];

/// What a generated runbook is meant to show; every one must be met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shape {
    Csv,
    Jsonl,
    Json,
    Items,
    Matrix,
    Form,
    Split,
    When,
    Guarded,
    Repeated,
    InTurn,
    AtOnce,
}

struct Generator {
    random: Rng,
    shapes: Vec<Shape>,
    files: BTreeMap<String, String>,
}

impl Generator {
    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.usize(..list.len())]
    }

    /// True once in so many times; a shape that is met is on record.
    fn meets(&mut self, shape: Shape, times: u32) -> bool {
        let met = self.random.u32(..times) == 0;
        if met {
            self.shapes.push(shape);
        }
        met
    }

    fn rows(&mut self, set: usize, repeated: bool) -> Vec<Map<String, Value>> {
        let count = self.random.usize(1..=4);
        let call = |row: usize| {
            let call = if repeated { 0 } else { row };
            format!("{set}-{call}/{}", TEXTS[(set + call) % TEXTS.len()])
        };
        (0..count)
            .map(|row| {
                let mut columns = Map::new();
                columns.insert("call_id".into(), call(row).into());
                columns.insert("number".into(), self.one_of(&NUMBERS).into());
                columns.insert("note".into(), self.one_of(&TEXTS).into());
                columns.insert("status".into(), self.one_of(&["waiting", "waiting", "gone"]).into());
                columns.insert("flag".into(), self.one_of(&["x", ""]).into());
                columns
            })
            .collect()
    }

    /// `rows:` of a set, and whether a row holds a list of targets.
    fn source(&mut self, set: usize, repeated: bool) -> (Value, bool) {
        let mut rows = self.rows(set, repeated);
        let format = self.one_of(&[Shape::Csv, Shape::Jsonl, Shape::Json, Shape::Items]);
        self.shapes.push(format);
        if format != Shape::Csv {
            for row in &mut rows {
                let targets =
                    (0..self.random.usize(1..=3)).map(|_| json!({"type": "phone", "value": self.one_of(&NUMBERS)}));
                row.insert("targets".into(), targets.collect());
            }
        }
        let lines = || rows.iter().map(|row| Value::Object(row.clone()).to_string());
        let (key, text) = match format {
            Shape::Jsonl => ("jsonl", lines().collect::<Vec<_>>().join("\n")),
            Shape::Json => ("json", json!({"data": {"calls": rows}}).to_string()),
            Shape::Csv => ("csv", String::new()),
            _ => ("items", String::new()),
        };
        let file = format!("data/{set}.{key}");
        let mut source = json!({key: file});
        match format {
            Shape::Items => source = json!({"items": rows}),
            Shape::Json => source["pointer"] = "/data/calls".into(),
            Shape::Csv => {
                let delimiter = self.one_of(b",;\t|");
                source["delimiter"] = char::from(delimiter).to_string().into();
                let ends = self.one_of(&[csv::Terminator::CRLF, csv::Terminator::Any(b'\n')]);
                let mut writer =
                    csv::WriterBuilder::new().delimiter(delimiter).terminator(ends).from_writer(Vec::new());
                writer.write_record(rows[0].keys()).unwrap();
                for row in &rows {
                    writer.write_record(row.values().map(|cell| cell.as_str().unwrap())).unwrap();
                }
                let mark = self.one_of(&["", "\u{feff}"]);
                let text = mark.to_owned() + &String::from_utf8(writer.into_inner().unwrap()).unwrap();
                self.files.insert(file.clone(), text);
            }
            _ => {}
        }
        if matches!(format, Shape::Jsonl | Shape::Json) {
            self.files.insert(file, text);
        }
        (source, format != Shape::Csv)
    }

    fn targets(&mut self, has_list: bool) -> Value {
        if has_list && self.random.bool() {
            return "{{row.targets}}".into();
        }
        let count = if self.meets(Shape::Split, 6) { self.random.usize(8..=16) } else { self.random.usize(1..=4) };
        let values = ["{{row.number}}", "{{vars.desk}}", "+12025550109", "{{e164 vars.spoken}}"];
        (0..count).map(|_| json!({"type": "phone", "value": self.one_of(&values)})).collect()
    }

    fn cxone_job(&mut self, has_list: bool) -> Value {
        let targets = self.targets(has_list);
        let mut job = json!({
            "call_id": self.one_of(&["{{row.call_id}}", "{{set.name}}:{{row.call_id}}", "{{run.runbook}} {{lower row.call_id}}"]),
            "direction": self.one_of(&["transfer", "consult", "{{#if row.flag}}inbound{{else}}outbound{{/if}}", "{{vars.direction}}"]),
        });
        if let Some(count) = targets.as_array().map(Vec::len).filter(|count| *count <= 7) {
            let links = (1..=count).filter(|_| self.random.bool()).map(|target| json!({"source": 0, "target": target}));
            job["bridge_matrix"] = links.collect();
        }
        if self.random.bool() {
            job["dtmf"] = self.one_of(&["RFC2833", "INFO", "{{upper vars.dtmf}}"]).into();
        }
        job["targets"] = targets;
        job
    }

    fn form_job(&mut self) -> Value {
        let mut job = json!({
            "call_id": "{{row.call_id}}",
            "to": self.one_of(&["{{row.number}}", "{{vars.desk}}", "+12025550109"]),
        });
        if self.random.bool() {
            job["caller_name"] = self.one_of(&["{{row.note}}", "A & B = {{index}}", "{{trim row.flag}}-"]).into();
        }
        job
    }

    fn set(&mut self, index: usize, form: bool, repeated: bool) -> Value {
        let (mut rows, has_list) = self.source(index, repeated);
        let mut job = if form { self.form_job() } else { self.cxone_job(has_list) };
        if self.meets(Shape::Matrix, 5) {
            rows["matrix"] = json!({"axes": {"side": ["north", "south"], "turn": ["1", "2"]}, "exclude": [{"side": "south", "turn": "2"}]});
            job["call_id"] = format!("{} {{{{row.side}}}}{{{{row.turn}}}}", job["call_id"].as_str().unwrap()).into();
        }
        let mut set = json!({"name": format!("set-{index}"), "rows": rows, "job": job, "allow_empty": true});
        if !form {
            set["legs"] = "split".into();
        }
        if self.meets(Shape::When, 3) {
            set["when"] = self.one_of(&["{{eq row.status 'waiting'}}", "{{not (eq row.flag '')}}"]).into();
        }
        set
    }

    /// A whole runbook; its connection is the caller's.
    fn runbook(&mut self, connection: &Value, form: bool) -> Value {
        let repeated = self.meets(Shape::Repeated, 4);
        let sets: Vec<Value> = (0..self.random.usize(1..=3)).map(|index| self.set(index, form, repeated)).collect();
        let in_turn = self.random.bool();
        self.shapes.push(if in_turn { Shape::InTurn } else { Shape::AtOnce });
        let mut guards = json!({"duplicates": if repeated { self.one_of(&["allow", "skip"]) } else { "refuse" }});
        if self.meets(Shape::Guarded, 4) {
            guards["deny_prefixes"] = json!(["+4420"]);
            guards["on_violation"] = "skip".into();
        }
        json!({
            "version": 1,
            "name": "generated",
            "connection": connection,
            "vars": {"desk": "+12025550104", "spoken": "+1 (202) 555-0105", "direction": "transfer", "dtmf": "info"},
            "sets": sets,
            "guards": guards,
            "limits": {"concurrency": if in_turn { 1 } else { 4 }},
            "success_criteria": ["failed == 0", "unknown == 0"],
            "privacy": {"numbers": "full"},
        })
    }
}

/// Plans and runs the runbook of one seed; gives what it has shown, and how many bodies were compared.
fn plan_and_run(case: u64) -> (Vec<Shape>, u64) {
    let mut random = Rng::with_seed(SEED ^ case);
    let form = random.u32(..4) == 0;
    let server = RawServer::bridging(move |_| if form { answer(200, &[], "+OK") } else { ok() });
    let mut generator = Generator { random, shapes: Vec::new(), files: BTreeMap::new() };
    let connection = if form {
        generator.shapes.push(Shape::Form);
        json!({"profile": "./form.yaml", "base_url": server.url(), "auth": {"username": {"env": "USER_NAME"}, "password": {"env": "USER_WORD"}}})
    } else {
        json!({"base_url": server.url(), "auth": {"client_id": {"env": "CXONE_CLIENT_ID"}, "client_secret": {"env": "CXONE_CLIENT_SECRET"}}})
    };
    let runbook = generator.runbook(&connection, form);
    let Generator { mut random, shapes, files } = generator;
    let text = if random.bool() { serde_yaml::to_string(&runbook).unwrap() } else { format!("{runbook:#}") };
    let book = Book::offline().verbatim(&text).env("USER_NAME", "someone").env("USER_WORD", "word-3Jq9");
    let book = files.iter().fold(book, |book, (name, text)| book.file(name, text));
    // A key that holds the run's id differs between a plan and a run, as it must.
    let profile = std::fs::read_to_string(repository("examples/form-api/switchboard.yaml")).unwrap();
    let book = book.file("form.yaml", &profile.replace("  idempotency_key:", "  # idempotency_key:"));

    let planned = book.command(0, &["plan", "runbook.yaml", "--payloads", "payloads.jsonl"]);
    let mut expected: Vec<String> =
        std::fs::read_to_string(book.dir().join("payloads.jsonl")).unwrap().lines().map(str::to_owned).collect();
    let ended = book.command(0, &["run", "runbook.yaml", "--out", "out", "--no-progress"]);
    let mut sent: Vec<String> = server.bridges().iter().map(Request::body).map(str::to_owned).collect();
    if shapes.contains(&Shape::AtOnce) {
        expected.sort();
        sent.sort();
    }
    assert!(expected == sent, "case {case}\n{text}\nplanned {expected:#?}\nsent {sent:#?}\n{planned}\n{ended}");
    (shapes, sent.len() as u64)
}

#[test]
fn payloads_of_a_plan_are_the_bodies_of_its_run_for_a_thousand_runbooks() {
    let next = AtomicU64::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut met: BTreeMap<Shape, u64> = BTreeMap::new();
        let mut bodies = 0;
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= CASES {
                return (met, bodies);
            }
            let (shapes, compared) = plan_and_run(case);
            bodies += compared;
            for shape in shapes {
                *met.entry(shape).or_default() += 1;
            }
        }
    };
    let (met, bodies) = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.fold((BTreeMap::new(), 0), |(mut all, sum), (met, bodies)| {
            for (shape, count) in met {
                *all.entry(shape).or_insert(0) += count;
            }
            (all, sum + bodies)
        })
    });
    assert_eq!(met.len(), 12, "{met:?}");
    assert!(met.values().all(|count| *count > 50) && bodies > 3 * CASES, "{met:?}, {bodies} bodies");
}
