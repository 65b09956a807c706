//! Limits of run, set, prefix and call, measured at the server over a hundred random runs with refusals, fresh tokens and
//! lost connections: never exceeded, and reached often enough to mean something.

use crate::support::book::{Book, set};
use crate::support::server::{RawServer, Reply, Request, answer, locked, ok};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const SEEDS: u64 = 100;

/// The numbers that jobs go to, by the prefix that counts for each.
const NUMBERS: [(&str, &str); 3] = [("+1", "+12025550104"), ("+44", "+442079460123"), ("+4420", "+442079460199")];

/// Requests at the server by group: now, and at most.
#[derive(Default)]
struct Load {
    groups: HashMap<String, (usize, usize)>,
}

impl Load {
    fn enter(&mut self, group: &str) {
        let (now, most) = self.groups.entry(group.to_owned()).or_default();
        *now += 1;
        *most = (*most).max(*now);
    }

    fn leave(&mut self, group: &str) {
        self.groups.entry(group.to_owned()).or_default().0 -= 1;
    }
}

/// What a request counts for: the run, its set, its call, and each prefix of its targets. The prefix of a number is the
/// longest that has a limit.
fn groups(request: &Request, prefixes: &HashMap<&str, usize>) -> Vec<String> {
    let call = request.call().to_owned();
    let set = call.split('-').next().unwrap_or_default().to_owned();
    let body = request.json();
    let numbers: Vec<&str> =
        body["targets"].as_array().unwrap().iter().filter_map(|target| target["value"].as_str()).collect();
    let longest = |number: &&str| {
        prefixes.keys().filter(|prefix| number.starts_with(**prefix)).max_by_key(|prefix| prefix.len()).copied()
    };
    let mut found: Vec<String> = numbers.iter().filter_map(longest).map(|prefix| format!("prefix {prefix}")).collect();
    found.sort_unstable();
    found.dedup();
    found.extend(["run".to_owned(), format!("set {set}"), format!("call {call}")]);
    found
}

fn rows(rng: &mut fastrand::Rng, set: &str) -> Value {
    let calls = rng.u32(3..12);
    (0..rng.u32(5..25))
        .map(|_| {
            let number = NUMBERS[rng.usize(..NUMBERS.len())].1;
            json!({"call_id": format!("{set}-{}", rng.u32(..calls)), "to": number})
        })
        .collect()
}

#[test]
fn no_limit_is_exceeded_in_a_hundred_random_runs() {
    let mut reached: HashMap<&str, u32> = HashMap::new();
    let mut kinds: HashMap<u16, u32> = HashMap::new();
    for seed in 0..SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let concurrency = rng.usize(2..9);
        let own: HashMap<&str, usize> = [("a", rng.usize(1..5)), ("b", rng.usize(1..9))].into_iter().collect();
        let all: HashMap<&str, usize> = NUMBERS.map(|(prefix, _)| (prefix, rng.usize(1..4))).into_iter().collect();
        let prefixes: HashMap<&str, usize> = all.into_iter().filter(|_| rng.u8(0..4) > 0).collect();
        let load = Arc::new(Mutex::new(Load::default()));
        let server = {
            let (load, prefixes) = (Arc::clone(&load), prefixes.clone());
            let dice = Mutex::new(fastrand::Rng::with_seed(seed + 1000));
            RawServer::bridging(move |request: &Request| {
                let groups = groups(request, &prefixes);
                {
                    let mut load = locked(&load);
                    for group in &groups {
                        load.enter(group);
                    }
                }
                let (spin, luck) = {
                    let mut dice = locked(&dice);
                    (dice.u32(..2000), dice.u8(..20))
                };
                // Others get their turn: requests overlap as far as the client lets them.
                (0..spin).for_each(|_| std::thread::yield_now());
                let mut load = locked(&load);
                for group in &groups {
                    load.leave(group);
                }
                drop(load);
                match luck {
                    0 => answer(429, &[], ""),
                    1 => answer(429, &[("retry-after", "0")], ""),
                    2 => answer(408, &[], ""),
                    3 => answer(503, &[("retry-after", "0")], ""),
                    4 => answer(401, &[], ""),
                    5 => answer(404, &[], ""),
                    6 => answer(500, &[], ""),
                    7 => Reply::Reset,
                    _ => ok(),
                }
            })
        };
        let more = |set: &str| format!("    limits: {{concurrency: {}}}\n", own[set]);
        let sets: String = ["a", "b"]
            .map(|name| {
                let rows = rows(&mut rng, name).to_string();
                set(name, &rows, &more(name)).replace("value: \"+12025550104\"", "value: \"{{row.to}}\"")
            })
            .concat();
        let per_prefix = if prefixes.is_empty() {
            String::new()
        } else {
            let limits: Vec<String> = prefixes.iter().map(|(prefix, limit)| format!("\"{prefix}\": {limit}")).collect();
            format!(", per_prefix: {{{}}}", limits.join(", "))
        };
        // One that follows the answers takes its time.
        let pace = if seed % 33 == 5 { ", adaptive: true, rate: 1000/s, burst: 8" } else { "" };
        let book = Book::at(&server.url())
            .sets(&sets)
            .limits(&format!("{{concurrency: {concurrency}{per_prefix}{pace}}}"))
            .retry("{max_attempts: 3, min_wait: 1ms, max_wait: 3ms, budget: 1000}")
            .more("guards: {duplicates: allow}");
        // A second 401 for one job ends the run: that is another test's business.
        let run = book.start(&[]).finish_anyhow();
        for attempt in run.audit.attempts() {
            *kinds.entry(u16::try_from(attempt["status_code"].as_u64().unwrap_or(0)).unwrap()).or_default() += 1;
        }
        let load = locked(&load);
        for (group, (now, most)) in &load.groups {
            let (kind, name) = group.split_once(' ').unwrap_or((group, ""));
            let limit = match kind {
                "run" => concurrency,
                "set" => own[name],
                "prefix" => prefixes[name],
                _ => 1,
            };
            assert_eq!(*now, 0, "seed {seed}: {group}");
            assert!(*most <= limit, "seed {seed}: {group} had {most} at once, and may have {limit}");
            if *most == limit && limit > 1 {
                let kind = ["run", "set", "prefix"].into_iter().find(|known| *known == kind);
                if let Some(kind) = kind {
                    *reached.entry(kind).or_default() += 1;
                }
            }
        }
    }
    for kind in ["run", "set", "prefix"] {
        assert!(reached.get(kind).is_some_and(|times| *times >= 20), "{kind}: {reached:?}");
    }
    for status in [200, 401, 404, 408, 429, 500, 503, 0] {
        assert!(kinds.get(&status).is_some_and(|times| *times >= 10), "{status}: {kinds:?}");
    }
}
