//! The promise: for each job at most one request that can have had an effect. Judged by the ledger of a server that
//! would gladly bridge a call twice.

use crate::support::book::Book;
use crate::support::simulator::Simulator;
use std::collections::HashMap;

const SCRIPT: &str = "
seed: 20418
calls: {rebridge: true}
faults:
  - {share: 12%, requests: first 1, answer: {status: 408}}
  - {share: 8%, requests: first 2, answer: {status: 429}}
  - {share: 6%, reset: after_effect}
  - {share: 6%, reset: before_effect}
  - {share: 6%, answer: {status: 500}, effect: true}
  - {share: 6%, answer: {status: 504}}
  - {share: 6%, answer: {status: 202}, effect: true}
  - {share: 6%, answer: {status: 404}}
  - {share: 4%, requests: first 9, answer: {status: 425}}
";

#[test]
fn whatever_the_server_does_no_call_is_bridged_twice_and_no_state_is_a_lie() {
    let simulator = Simulator::start(SCRIPT);
    let (id, secret) = simulator.credentials();
    let run = Book::at(simulator.url())
        .env("CXONE_CLIENT_ID", id)
        .env("CXONE_CLIENT_SECRET", secret)
        .limits("{concurrency: 16}")
        .many_calls(300)
        .run(11);
    let (mut effects, mut requests): (HashMap<String, u64>, HashMap<String, u64>) = (HashMap::new(), HashMap::new());
    for entry in simulator.ledger() {
        let call = entry["call_id"].as_str().unwrap().to_owned();
        *requests.entry(call.clone()).or_default() += 1;
        *effects.entry(call).or_default() += u64::from(entry["effect"] == true);
    }
    assert_eq!(requests.len(), 300, "every call was asked for");
    assert_eq!(
        requests.values().sum::<u64>(),
        run.audit.intents().len() as u64,
        "an intent for each request, and no other"
    );
    let finals: Vec<_> = run.audit.attempts().into_iter().filter(|attempt| attempt["final"] == true).collect();
    assert_eq!(finals.len(), 300);
    for attempt in finals {
        let call = attempt["call_id"].as_str().unwrap();
        let effect = effects[call];
        let truthful = match attempt["outcome"].as_str().unwrap() {
            "succeeded" | "accepted" => effect == 1,
            "rejected" | "not_sent" => effect == 0,
            "unknown" => effect <= 1 && requests[call] == attempt["attempt"].as_u64().unwrap(),
            other => panic!("{other}"),
        };
        assert!(truthful, "{call} was bridged {effect} times: {attempt:#}");
    }
    for outcome in ["succeeded", "accepted", "rejected", "unknown"] {
        assert!(run.audit.total(outcome) > 0, "the script brings about {outcome}");
    }
}
