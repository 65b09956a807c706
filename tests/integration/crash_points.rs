//! kill -9 at moments spread over a run, and over its resumption: no job has two effects, none is lost, none is hidden.
//!
//! A moment is a size of the audit file: it is hit wherever the machine happens to be by then, between two lines, in the middle
//! of a group, before or after the answer. What was met is counted and shown: a test that never meets an open intent proves
//! nothing.

use crate::support::book::{Book, set};
use crate::support::process::{GUARD, Running};
use crate::support::server::{Gate, RawServer, Reply, Request, answer, locked, ok};
use crate::support::show;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Calls of each set.
const CALLS: usize = 12;
/// Moments of each seed.
const MOMENTS: usize = 110;

/// What the API has done: effects and requests by call.
type Effects = Arc<Mutex<BTreeMap<String, (usize, usize)>>>;

/// An API with latencies that refuses, rejects and loses connections as the seed says.
fn api(seed: u64) -> (RawServer, Effects) {
    let effects = Effects::default();
    let never = Gate::default();
    let server = {
        let effects = Arc::clone(&effects);
        RawServer::bridging(move |request: &Request| {
            let (roll, latency) = {
                let mut effects = locked(&effects);
                let entry = effects.entry(request.call().to_owned()).or_default();
                entry.1 += 1;
                let number: u64 = request.call().bytes().map(u64::from).sum::<u64>() * 31 + entry.1 as u64;
                let mut rng = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9));
                let roll = rng.u32(0..100);
                entry.0 += usize::from(!(75..92).contains(&roll));
                (roll, Duration::from_micros(rng.u64(0..3000)))
            };
            never.opens_within(latency);
            match roll {
                0..65 => ok(),
                65..75 => answer(202, &[], ""),
                75..80 => answer(429, &[("retry-after", "0")], ""),
                80..86 => answer(503, &[("retry-after", "0")], ""),
                86..92 => answer(404, &[], ""),
                92..96 => answer(500, &[], ""),
                _ => Reply::Reset,
            }
        })
    };
    (server, effects)
}

fn book(server: &RawServer) -> Book {
    let items = |name: &str| {
        let items: Vec<_> = (0..CALLS).map(|n| serde_json::json!({"call_id": format!("{name}-{n}")})).collect();
        set(name, &serde_json::Value::from(items).to_string(), "")
    };
    Book::at(&server.url())
        .sets(&(items("a") + &items("b")))
        .limits("{concurrency: 6}")
        .more("waves: [{size: 25%}, {size: 100%}]\nsuccess_criteria: [\"failed >= 0\", \"unknown >= 0\"]")
}

/// The audit file of the only run.
fn audit_of(book: &Book) -> Option<PathBuf> {
    book.run_dirs().into_iter().map(|dir| dir.join("audit.jsonl")).find(|file| file.is_file())
}

fn size(book: &Book) -> u64 {
    audit_of(book).and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len())
}

/// Kills the process when the audit file has so many bytes; false: it ended before.
fn kill_at(mut process: Running, book: &Book, bytes: u64) -> bool {
    let until = Instant::now() + GUARD;
    while size(book) < bytes && !process.has_ended() {
        assert!(Instant::now() < until, "the audit file never grows");
    }
    process.kill();
    process.finish().code.is_none()
}

/// What was met.
#[derive(Default, Debug)]
struct Met {
    kills: usize,
    kills_of_resumed: usize,
    before_the_first_record: usize,
    torn: usize,
    torn_by_hand: usize,
    open_intents: usize,
    with_open_intents: usize,
    resumed: usize,
}

/// Looks at what a kill has left, and leaves a torn line where `tears` says so.
fn look(file: &Path, tears: bool, met: &mut Met) -> bool {
    let bytes = std::fs::read(file).unwrap();
    met.torn += usize::from(!bytes.is_empty() && bytes.last() != Some(&b'\n'));
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&bytes[..whole]).unwrap();
    let count = |kind: &str| text.matches(&format!("\"event_type\":\"{kind}\"")).count();
    let open = count("bridge_intent") - count("bridge_attempt");
    met.open_intents += open;
    met.with_open_intents += usize::from(open > 0);
    if tears && whole == bytes.len() && whole > 0 {
        met.torn_by_hand += 1;
        std::fs::write(file, [bytes.as_slice(), br#"{"v":1,"seq":9,"timest"#].concat()).unwrap();
    }
    whole > 0
}

fn one_moment(seed: u64, moment: usize, bytes: u64, met: &mut Met) {
    let (server, effects) = api(seed);
    let book = book(&server);
    let mut rng = fastrand::Rng::with_seed(seed * 1000 + moment as u64);
    let killed = kill_at(book.start(&[]).process, &book, bytes);
    met.kills += usize::from(killed);
    let Some(file) = audit_of(&book) else {
        met.before_the_first_record += 1;
        assert_eq!(server.bridges().len(), 0);
        return;
    };
    if !look(&file, rng.u32(0..4) == 0, met) {
        met.before_the_first_record += 1;
        assert_eq!(server.bridges().len(), 0);
        let refused = book.start_resume(file.parent().unwrap(), &[]).finish().expect(65);
        assert!(refused.stderr.contains("has sent nothing"), "{refused}");
        return;
    }
    let dir = file.parent().unwrap().to_owned();
    // Some are killed again, and some once more.
    while rng.u32(0..3) == 0 {
        let grows = rng.u64(0..6_000);
        let killed = kill_at(book.start_resume(&dir, &[]), &book, size(&book) + grows);
        met.kills_of_resumed += usize::from(killed);
        look(&file, rng.u32(0..4) == 0, met);
    }
    met.resumed += 1;
    let run = book.resume(&dir, 0, &[]);
    let audit = &run.audit;
    assert_eq!((audit.total("jobs"), audit.total("not_attempted")), (2 * CALLS as u64, 0));
    let mut states = BTreeMap::new();
    for attempt in audit.attempts().into_iter().filter(|attempt| attempt["final"] == true) {
        let before = states.insert(attempt["call_id"].as_str().unwrap(), attempt["outcome"].as_str().unwrap());
        assert_eq!(before, None, "{attempt:#}");
    }
    assert_eq!(states.len(), 2 * CALLS, "a job is lost");
    for (call, (effects, requests)) in locked(&effects).iter() {
        assert!(*effects <= 1, "{call} has {effects} effects by {requests} requests: {}", run.dir.display());
        let state = states[call.as_str()];
        if *effects == 1 {
            assert!(matches!(state, "succeeded" | "accepted" | "unknown"), "{call} has an effect and is {state}");
        }
    }
}

fn all_moments(seed: u64) {
    let mut met = Met::default();
    let full = {
        let (server, _) = api(seed);
        let book = book(&server);
        book.run(0);
        size(&book)
    };
    for moment in 0..MOMENTS {
        let bytes = full * moment as u64 / MOMENTS as u64;
        one_moment(seed + moment as u64, moment, bytes, &mut met);
    }
    show(&(seed, &met));
    assert!(met.kills > MOMENTS * 9 / 10, "{met:?}");
    assert!(met.kills_of_resumed > 10, "{met:?}");
    assert!(met.with_open_intents > MOMENTS / 3, "{met:?}");
    assert!(met.torn + met.torn_by_hand > 10, "{met:?}");
    assert!(met.resumed > MOMENTS / 2, "{met:?}");
}

#[test]
fn no_job_has_two_effects_and_none_is_lost_wherever_the_process_is_killed() {
    all_moments(100);
}

#[test]
fn the_same_with_other_answers() {
    all_moments(7000);
}
