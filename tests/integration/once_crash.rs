//! The register of calls when runs go on at once, and when they are killed: no call has two effects, whatever the moment.

use crate::once::effects;
use crate::support::audit::Audit;
use crate::support::process::Running;
use crate::support::server::{Gate, RawServer, answer, locked, ok};
use crate::support::yard::{GUARD, Past, Yard};
use bridgebook::event::{CallBatch, CallNote, CallRegister, Claimed};
use bridgebook::model::{JobKey, RunId, SetName, Timestamp};
use bridgebook::register::{Api, Keeper, RunOfCalls};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server whose answers take a while, by the call's name.
fn slow(most_ms: u64) -> RawServer {
    let never = Gate::default();
    RawServer::bridging(move |request| {
        let sum: u64 = request.call().bytes().map(u64::from).sum();
        never.opens_within(Duration::from_millis(sum * 7 % (most_ms + 1)));
        ok()
    })
}

/// Some of these calls in some order, some of them twice.
fn draw(calls: &[String], count: usize, rng: &mut fastrand::Rng) -> Vec<String> {
    let mut drawn = calls.to_vec();
    rng.shuffle(&mut drawn);
    drawn.truncate(count);
    let twice: Vec<String> = drawn.iter().filter(|_| rng.u8(..) < 32).cloned().collect();
    drawn.extend(twice);
    rng.shuffle(&mut drawn);
    drawn
}

fn all(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("call-{n:03}")).collect()
}

#[test]
fn two_runbooks_at_once_bridge_each_call_once() {
    let mut crossed = 0;
    for seed in 0..6 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let server = slow(6);
        let yard = Yard::at(&server.url());
        let pool = all(60);
        let (one, two) = (draw(&pool, 45, &mut rng), draw(&pool, 45, &mut rng));
        yard.book("one", &one, GUARD).book("two", &two, GUARD);
        let (first, second) = (yard.start("one", &[]), yard.start("two", &[]));
        let first = yard.past("one", &BTreeSet::new(), first.finish().expect(0));
        let second = yard.past("two", &BTreeSet::new(), second.finish().expect(0));
        let wanted: BTreeSet<&String> = one.iter().chain(&two).collect();
        let effects = effects(&server);
        assert_eq!(effects.keys().collect::<BTreeSet<_>>(), wanted, "seed {seed}");
        assert!(effects.values().all(|count| *count == 1), "seed {seed}: {effects:?}");
        for (run, other) in [(&first, &second), (&second, &first)] {
            for (call, detail) in run.left_out() {
                assert!(detail.contains(other.id()), "seed {seed}: {detail}");
                assert_eq!(other.audit.outcome_of(&call)["outcome"], "succeeded", "seed {seed}: {call}");
                crossed += usize::from(detail.starts_with("claimed"));
            }
        }
        let left_out = first.left_out().len() + second.left_out().len();
        let shared = one.iter().collect::<BTreeSet<_>>().intersection(&two.iter().collect()).count();
        assert_eq!(left_out, shared, "seed {seed}");
        let live = yard.rows();
        yard.command(0, &["guard", "rebuild", "--out", "out"]);
        assert_eq!(yard.rows(), live, "seed {seed}");
    }
    assert!(crossed > 0, "no run ever met a call of the other in flight");
}

/// Calls whose intent has no outcome in an audit file.
fn open_intents(audit: &Audit) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for line in &audit.lines {
        let call = || line["call_id"].as_str().unwrap().to_owned();
        match line["event_type"].as_str().unwrap() {
            "bridge_intent" => drop(open.insert(call())),
            "bridge_attempt" => drop(open.remove(&call())),
            _ => {}
        }
    }
    open
}

/// The same, and some calls are refused at first: their jobs wait for another attempt. Gives how often each was bridged.
fn refusing() -> (RawServer, Arc<Mutex<BTreeMap<String, usize>>>) {
    let (never, acted) = (Gate::default(), Arc::new(Mutex::new(BTreeMap::new())));
    let (counts, seen) = (Arc::clone(&acted), Mutex::new(BTreeSet::new()));
    let server = RawServer::bridging(move |request| {
        let call = request.call().to_owned();
        let sum: u64 = call.bytes().map(u64::from).sum();
        never.opens_within(Duration::from_millis(sum * 7 % 5));
        if sum.is_multiple_of(4) && locked(&seen).insert(call.clone()) {
            return answer(429, &[("retry-after", "0")], "{}");
        }
        *locked(&counts).entry(call).or_default() += 1;
        ok()
    });
    (server, acted)
}

/// Kills a run once so many bridge requests have come in all; gives what it has left, if it came to a directory.
fn killed(yard: &Yard, server: &RawServer, name: &str, mut running: Running, requests: usize) -> Option<Past> {
    server.wait_for_bridges(requests);
    running.kill();
    let ended = running.finish();
    let dirs = yard.runs(name);
    // It may have been killed before it had a name.
    let named = dirs.iter().any(|dir| !dir.file_name().unwrap().to_string_lossy().starts_with('.'));
    named.then(|| yard.cut_off(name, &BTreeSet::new(), ended))
}

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_no_call_to_be_bridged_twice() {
    let (mut open, mut sent_after, mut held) = (0, 0, 0);
    for moment in 1..=24 {
        let mut rng = fastrand::Rng::with_seed(moment);
        let (server, acted) = refusing();
        let yard = Yard::at(&server.url());
        let pool = all(55);
        let (one, two) = (draw(&pool[..40], 30, &mut rng), draw(&pool[..40], 30, &mut rng));
        yard.book("one", &one, GUARD).book("two", &two, GUARD).book("three", &pool, GUARD).book("four", &pool, GUARD);
        let first = yard.start("one", &[]);
        let second = yard.start("two", &[]);
        let first = killed(&yard, &server, "one", first, usize::try_from(moment).unwrap());
        let second = yard.past("two", &BTreeSet::new(), second.finish().expect(0));
        // The next one settles what the first has left, and is killed on its way. Fifteen calls are its own.
        let so_far = server.bridges().len();
        let third = yard.start("three", &[]);
        let third = killed(&yard, &server, "three", third, so_far + 1 + usize::try_from(moment % 12).unwrap());
        let fourth = yard.run(0, "four");
        let left: BTreeSet<String> =
            [&first, &third].into_iter().flatten().flat_map(|run| open_intents(&run.audit)).collect();
        let acted = locked(&acted).clone();
        assert!(acted.values().all(|count| *count == 1), "moment {moment}: {acted:?}");
        for call in &pool {
            if left.contains(call) {
                let skip = fourth.skip_of(call)["detail"].as_str().unwrap();
                assert!(skip.starts_with("unknown in run"), "moment {moment}: {call}: {skip}");
            } else {
                assert_eq!(acted.get(call), Some(&1), "moment {moment}: {call} was never bridged");
            }
        }
        open += left.len();
        sent_after += fourth.audit.total("succeeded");
        held += second.left_out().iter().filter(|(_, detail)| detail.starts_with("claimed")).count();
        let live = yard.rows();
        assert!(live.iter().all(|row| !row.contains("| claimed |")), "moment {moment}");
        yard.command(0, &["guard", "rebuild", "--out", "out"]);
        assert_eq!(yard.rows(), live, "moment {moment}");
    }
    let words = format!("48 kills: {open} open intents, {sent_after} sent after, {held} met as claimed");
    assert!(open > 48 && sent_after > 48 && held > 0, "{words}");
}

#[test]
fn a_claim_without_an_intent_is_free_when_its_run_is_dead() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::bridging(move |request| {
        if request.call() == "call-1" && !held.is_open() {
            held.wait();
        }
        ok()
    });
    let yard = Yard::at(&server.url());
    yard.book("one", &["call-1"], GUARD).book("two", &["call-1", "call-2"], GUARD);
    let mut first = yard.start("one", &[]);
    server.wait_for_bridges(1);
    first.kill();
    let killed = first.finish();
    gate.open();
    let first = yard.cut_off("one", &BTreeSet::new(), killed);
    // Killed between claim and intent of another call.
    let insert =
        "INSERT INTO calls SELECT api, 'call-2', run, set_name, 'call-2', NULL, at FROM calls WHERE call_id = 'call-1'";
    assert_eq!(yard.database().execute(insert, []).unwrap(), 1);
    let plan = yard.command(0, &["plan", "two.yaml", "--out", "out"]).stdout;
    assert!(plan.contains("2 would be skipped now"), "a plan settles nothing: {plan}");
    let second = yard.run(0, "two");
    assert_eq!(second.audit.outcome_of("call-2")["outcome"], "succeeded");
    assert!(second.skip_of("call-1")["detail"].as_str().unwrap().starts_with("unknown in run"));
    // Closing the run that was cut off, and finding out, frees the other.
    let dir = first.dir.to_str().unwrap();
    yard.command(0, &["reconcile", dir, "--close", "--decide", "1=not-bridged", "--reason", "It hung up."]);
    let third = yard.run(0, "two");
    assert_eq!(third.audit.outcome_of("call-1")["outcome"], "succeeded");
}

#[test]
fn a_claim_whose_audit_file_is_gone_or_damaged_counts_as_unknown() {
    for damage in ["gone", "damaged"] {
        let gate = Gate::default();
        let held = gate.clone();
        let server = RawServer::bridging(move |request| {
            if request.call() == "call-1" {
                held.wait();
            }
            ok()
        });
        let yard = Yard::at(&server.url());
        yard.book("one", &["call-1"], GUARD).book("two", &["call-1", "call-2"], GUARD);
        let mut first = yard.start("one", &[]);
        server.wait_for_bridges(1);
        first.kill();
        let first = yard.cut_off("one", &BTreeSet::new(), first.finish());
        gate.open();
        let audit = first.dir.join("audit.jsonl");
        if damage == "gone" {
            std::fs::remove_dir_all(&first.dir).unwrap();
        } else {
            let text = std::fs::read_to_string(&audit).unwrap().replacen("\"call-1\"", "\"call-9\"", 1);
            std::fs::write(&audit, text).unwrap();
        }
        let second = yard.run(0, "two");
        assert!(second.skip_of("call-1")["detail"].as_str().unwrap().starts_with("unknown"), "{damage}");
        assert_eq!(second.audit.outcome_of("call-2")["outcome"], "succeeded", "{damage}");
    }
}

#[test]
fn a_run_that_goes_on_takes_its_own_claims_over_and_nobody_elses() {
    let (server, gate) = RawServer::holding("call-1");
    let yard = Yard::at(&server.url());
    yard.book("other", &["call-2"], GUARD).book("one", &["call-1"], GUARD);
    yard.run(0, "other");
    let mut first = yard.start("one", &[]);
    server.wait_for_bridges(2);
    first.kill();
    let first = yard.cut_off("one", &BTreeSet::new(), first.finish());
    gate.open();
    let insert =
        "INSERT INTO calls SELECT api, 'call-3', run, set_name, 'call-3', NULL, at FROM calls WHERE call_id = 'call-1'";
    yard.database().execute(insert, []).unwrap();
    let run_id = RunId::new(first.id());
    let api = Api::new("cxone", Some(&server.url()), None);
    let (store, out) = (yard.store(), yard.dir().join("out"));
    let open = || {
        let (dir, window) = (first.dir.as_path(), Duration::from_secs(86_400));
        let run = RunOfCalls { run_id: &run_id, runbook: "one", api: &api, dir, final_dir: dir, out: &out, window };
        Keeper::open(&store, run).unwrap()
    };
    let mut keeper = open();
    let states: Vec<String> =
        yard.rows().iter().map(|row| [1, 7].map(|at| row.split(" | ").nth(at).unwrap()).join(" ")).collect();
    assert_eq!(states, ["call-1 unknown", "call-2 succeeded"]);
    let claims = [1, 2, 3].map(|number| CallNote {
        at: Timestamp::now(),
        set: SetName::new("waiting"),
        key: JobKey::new(format!("call-{number}")),
        call_id: format!("call-{number}"),
    });
    keeper.submit(CallBatch { ended: Vec::new(), claims: claims.into() }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answers = runtime.block_on(std::future::poll_fn(|context| keeper.poll_answers(context))).unwrap();
    assert!(matches!(&answers[..], [Claimed::Granted, Claimed::Taken(_), Claimed::Granted]), "{answers:?}");
    // It is alive now: nobody settles what it has claimed.
    yard.book("two", &["call-1", "call-3"], GUARD);
    let second = yard.run(0, "two");
    assert!(
        second.left_out().iter().all(|(_, detail)| detail.starts_with("claimed by run")),
        "{:?}",
        second.left_out()
    );
    drop(keeper);
    let third = yard.run(0, "two");
    assert!(third.skip_of("call-1")["detail"].as_str().unwrap().starts_with("unknown in run"));
    assert_eq!(third.audit.outcome_of("call-3")["outcome"], "succeeded");
}
