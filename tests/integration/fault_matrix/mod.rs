//! Every way in which a request can fail, on real sockets: what the run makes of it, and what it cost.
//!
//! The table of `docs/faults.md`, and the short one of the README, are made from this test. `BLESS=1 cargo test --test
//! integration -- fault_matrix` writes them; then read the difference.

mod answers;
mod connect;
mod http2;
mod proxies;
mod requests;
mod statuses;
mod tls;

use crate::support::book::{Book, Run};
use crate::support::peer::{Peer, Wire};
use crate::support::repository;
use crate::support::server::{RawServer, locked, ok};
use crate::support::tls::{Authority, Tls, Validity};
use rustls::ServerConfig;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Cases that run at the same time: most of them wait.
const AT_ONCE: usize = 4;

/// What several cases share.
struct Bench {
    tokens: RawServer,
    authority: Authority,
}

impl Bench {
    /// A runbook with one call, against this API; tokens come from elsewhere.
    fn book(&self, url: &str) -> Book {
        Book::at(url).token_at(&self.tokens.url())
    }

    /// The same, with trust in our authority.
    fn trusting(&self, url: &str, tls: &str) -> Book {
        self.book(url).file("ca.pem", &self.authority.pem()).connection(&format!("tls: {{ca: ca.pem{tls}}}"))
    }

    /// A good server's TLS.
    fn tls(&self) -> Tls {
        Tls::with(self.authority.server("127.0.0.1", Validity::Now))
    }

    /// What this server makes of one call, in plain text.
    fn plain(&self, exit: u8, script: impl Fn(Wire) + Send + Sync + 'static) -> Seen {
        self.plain_with(exit, "timeouts: {connect: 5s, request: 30s}", script)
    }

    fn plain_with(&self, exit: u8, connection: &str, script: impl Fn(Wire) + Send + Sync + 'static) -> Seen {
        let peer = Peer::plain(script);
        let run = self.book(&peer.url()).connection(connection).run(exit);
        Seen { run, effects: peer.effects() }
    }

    /// The same over TLS.
    fn secure(
        &self,
        exit: u8,
        config: Arc<ServerConfig>,
        connection: &str,
        script: impl Fn(Wire) + Send + Sync + 'static,
    ) -> Seen {
        let peer = Peer::tls(config, script);
        let run = self.trusting(&peer.url(), "").connection(connection).run(exit);
        Seen { run, effects: peer.effects() }
    }
}

/// What was seen of one case.
struct Seen {
    run: Run,
    effects: usize,
}

/// What must be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Expected {
    exit: u8,
    outcome: &'static str,
    evidence: &'static str,
    attempts: usize,
    /// Whole requests that came to a server which did not refuse them itself as not processed.
    effects: usize,
    /// Words of the message, or of the warning.
    says: &'static str,
}

/// Never sent: three attempts, no effect.
fn not_sent(evidence: &'static str, says: &'static str) -> Expected {
    Expected { exit: 69, outcome: "not_sent", evidence, attempts: 3, effects: 0, says }
}

/// Never sent, and no use in trying again.
fn hopeless(exit: u8, evidence: &'static str, says: &'static str) -> Expected {
    Expected { exit, outcome: "not_sent", evidence, attempts: 1, effects: 0, says }
}

/// One attempt, and nobody knows.
fn unknown(evidence: &'static str, effects: usize, says: &'static str) -> Expected {
    Expected { exit: 11, outcome: "unknown", evidence, attempts: 1, effects, says }
}

/// One attempt that did it.
fn succeeded(says: &'static str) -> Expected {
    Expected { exit: 0, outcome: "succeeded", evidence: "answer", attempts: 1, effects: 1, says }
}

/// One attempt that was refused for good.
fn rejected(says: &'static str) -> Expected {
    Expected { exit: 10, outcome: "rejected", evidence: "answer", attempts: 1, effects: 0, says }
}

type Play = Box<dyn Fn(&Bench, u8) -> Seen + Send + Sync>;

/// One way to fail.
struct Case {
    what: String,
    expected: Expected,
    play: Play,
    /// Stands in the README's short table too.
    known: bool,
}

fn case(
    what: impl Into<String>,
    expected: Expected,
    play: impl Fn(&Bench, u8) -> Seen + Send + Sync + 'static,
) -> Case {
    Case { what: what.into(), expected, play: Box::new(play), known: false }
}

impl Case {
    fn known(self) -> Self {
        Self { known: true, ..self }
    }
}

fn parts() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("Before there is a connection", connect::cases()),
        ("In the TLS handshake", tls::cases()),
        ("While the request is sent", requests::cases()),
        ("While the answer comes", answers::cases()),
        ("By the answer's status", statuses::cases()),
        ("Over HTTP/2", http2::cases()),
        ("Through a proxy", proxies::cases()),
    ]
}

/// Compares one case; what differs, in words.
fn check(bench: &Bench, case: &Case) -> Result<(), String> {
    let Expected { exit, outcome, evidence, attempts, effects, says } = case.expected;
    let Seen { run, effects: acted } = (case.play)(bench, exit);
    let all = run.audit.attempts();
    let Some(last) = all.last() else { return Err("no attempt at all".to_owned()) };
    let text = |key: &str| last.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seen = (text("outcome"), text("evidence"), all.len(), acted);
    let words = text("error_message") + &text("warning");
    let wanted = (outcome.to_owned(), evidence.to_owned(), attempts, effects);
    if seen != wanted || !words.contains(says) {
        return Err(format!("expected {wanted:?} saying {says:?}, found {seen:?} saying {words:?}"));
    }
    // The promise itself, whatever this case expects of the rest.
    assert!(acted <= 1, "{}: {acted} effects", case.what);
    let failed = matches!(outcome, "not_sent" | "rejected");
    assert!(acted == 0 || !failed, "{}: an effect of what is {outcome}", case.what);
    assert_eq!(last["final"], true);
    Ok(())
}

#[test]
fn every_fault_has_its_class_and_none_has_two_effects() {
    let bench = Bench { tokens: RawServer::bridging(|_| ok()), authority: Authority::new() };
    let parts = parts();
    let cases: Vec<&Case> = parts.iter().flat_map(|(_, cases)| cases).collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&bench, case)));
                    let failed = checked.unwrap_or_else(|_| Err("it panicked; see above".to_owned())).err();
                    if let Some(reason) = failed {
                        locked(&wrong).push(format!("{}: {reason}", case.what));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

const HEAD: &str = "| what happens | outcome | evidence | attempts | effects |\n|---|---|---|---|---|\n";

fn line(case: &Case) -> String {
    let Expected { outcome, evidence, attempts, effects, .. } = case.expected;
    format!("| {} | `{outcome}` | `{evidence}` | {attempts} | {effects} |\n", case.what)
}

fn long_table() -> String {
    let mut text = String::new();
    for (part, cases) in parts() {
        write!(text, "\n## {part}\n\n{HEAD}").unwrap();
        text.extend(cases.iter().map(line));
    }
    text
}

fn short_table() -> String {
    let known = parts().into_iter().flat_map(|(_, cases)| cases).filter(|case| case.known);
    HEAD.to_owned() + &known.map(|case| line(&case)).collect::<String>()
}

#[test]
fn the_tables_of_faults_in_the_documentation_are_those_of_this_test() {
    for (file, table) in [("docs/faults.md", long_table()), ("README.md", short_table())] {
        let text = std::fs::read_to_string(repository(file)).unwrap();
        let (begin, end) = ("<!-- faults: made by tests/integration/fault_matrix -->\n", "<!-- faults: end -->");
        let (before, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{file} has no {begin}"));
        let (written, after) = rest.split_once(end).unwrap_or_else(|| panic!("{file} has no {end}"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(repository(file), [before, begin, &table, end, after].concat()).unwrap();
        } else {
            assert_eq!(written, table, "{file} differs: BLESS=1 writes it");
        }
    }
}
