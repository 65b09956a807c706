//! A process that stands still for longer than every timeout: a suspended laptop, a frozen container, SIGSTOP.

use crate::support::book::Book;
use crate::support::server::{Gate, RawServer, Request, answer, locked, ok};
use crate::support::show;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than every timeout of the runbook below. Time itself is what is tested here: it has to pass.
const STANDSTILL: Duration = Duration::from_millis(1500);

#[test]
fn no_call_is_bridged_twice_by_a_process_that_stood_still() {
    let (mut unknown, mut succeeded) = (0, 0);
    for stop_at in 1..=6 {
        let effects: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let (standing, never) = (Gate::default(), Gate::default());
        let server = {
            let (effects, standing, never) = (Arc::clone(&effects), standing.clone(), never.clone());
            let refused = AtomicBool::new(false);
            RawServer::bridging(move |request: &Request| {
                let number: u32 = request.call().trim_start_matches("call-").parse().unwrap();
                if number == 2 && !refused.swap(true, Ordering::SeqCst) {
                    return answer(429, &[("retry-after", "1")], "");
                }
                *locked(&effects).entry(request.call().to_owned()).or_default() += 1;
                if number % 3 == 1 && !standing.is_open() {
                    // It answers while nobody reads, at the latest.
                    standing.opens_within(STANDSTILL / 3);
                }
                never.opens_within(Duration::from_millis(5));
                ok()
            })
        };
        let book = Book::at(&server.url())
            .many_calls(12)
            .limits("{concurrency: 3}")
            .connection("timeouts: {connect: 1s, request: 1s, token: 1s}")
            .connection("keep_alive: 1s")
            .more("success_criteria: [\"failed >= 0\", \"unknown >= 0\"]");
        let run = book.start(&[]);
        server.wait_for_bridges(stop_at);
        run.process.signal("STOP");
        standing.open();
        never.opens_within(STANDSTILL);
        run.process.signal("CONT");
        let run = run.finish(0);
        let effects = locked(&effects).clone();
        assert!(effects.values().all(|effects| *effects <= 1), "stopped at {stop_at}: {effects:?}");
        // How many of those that were on their way arrive is the kernel's affair; what is said of each must fit.
        for number in 1..=12 {
            let call = format!("call-{number}");
            let outcome = run.audit.outcome_of(&call)["outcome"].as_str().unwrap();
            let fits = match (outcome, effects.contains_key(&call)) {
                ("unknown", _) => true,
                (outcome, had_effect) => had_effect == (outcome == "succeeded"),
            };
            assert!(fits, "stopped at {stop_at}: {call} is {outcome}: {effects:?}");
        }
        unknown += run.audit.total("unknown");
        succeeded += run.audit.total("succeeded");
    }
    show(&(("succeeded", succeeded), ("unknown", unknown)));
    assert!(succeeded > 40, "{succeeded}");
}
