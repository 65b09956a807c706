//! Tokens under load and over time: one request for many workers, renewal ahead of need, what a 401 and a 403 say.

use crate::support::book::Book;
use crate::support::server::{Gate, RawServer, Reply, answer, locked, ok, token, token_body};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

const WORKERS: usize = 64;

fn numbered(number: usize, seconds: u64) -> Reply {
    token_body(&json!({"access_token": format!("token-{number}"), "expires_in": seconds}).to_string())
}

/// Hands out `token-1`, `token-2`, ... with these lives, and an hour after the last.
fn counting(lives: impl IntoIterator<Item = u64>) -> impl Fn() -> Reply {
    let state = Mutex::new((0, lives.into_iter().collect::<VecDeque<_>>()));
    move || {
        let mut state = locked(&state);
        state.0 += 1;
        let life = state.1.pop_front().unwrap_or(3600);
        numbered(state.0, life)
    }
}

#[test]
fn sixty_four_workers_whose_token_is_refused_ask_for_one_new_token() {
    let (refused, next) = (Barrier::new(WORKERS), counting([]));
    let server = RawServer::start(move |request| {
        if request.is_token() {
            return next();
        }
        if request.header("authorization") == "Bearer token-1" {
            refused.wait();
            return answer(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)], "");
        }
        ok()
    });
    let run = Book::at(&server.url()).limits("{concurrency: 64}").many_calls(WORKERS).run(0);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 2 * WORKERS));
    assert_eq!(run.audit.total("succeeded"), WORKERS as u64);
}

#[test]
fn sixty_four_workers_whose_token_has_grown_stale_ask_for_one_new_token() {
    // All are told to wait for longer than their token lives.
    let (together, next) = (Barrier::new(WORKERS), counting([4]));
    let server = RawServer::start(move |request| {
        if request.is_token() {
            return next();
        }
        if request.header("authorization") == "Bearer token-1" {
            together.wait();
            return answer(429, &[("retry-after", "4")], "");
        }
        ok()
    });
    let run = Book::at(&server.url()).limits("{concurrency: 64}").many_calls(WORKERS).run(0);
    assert_eq!((server.token_requests(), server.bridges().len()), (2, 2 * WORKERS));
    assert_eq!(run.audit.total("succeeded"), WORKERS as u64);
}

#[test]
fn tokens_of_two_seconds_carry_a_run_without_a_refused_request() {
    let issued: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let known = Arc::clone(&issued);
    let server = RawServer::start(move |request| {
        let mut issued = locked(&known);
        if request.is_token() {
            issued.push(Instant::now());
            return numbered(issued.len(), 2);
        }
        let number: usize = request.header("authorization").strip_prefix("Bearer token-").unwrap().parse().unwrap();
        // A second more than it lives: this machine may be busy.
        let alive = issued[number - 1].elapsed() < Duration::from_secs(3);
        if alive { ok() } else { answer(401, &[], "") }
    });
    let run = Book::at(&server.url()).limits("{concurrency: 4, rate: 10/s}").many_calls(60).run(0);
    assert_eq!((run.audit.total("succeeded"), run.audit.attempts().len()), (60, 60));
    // Six seconds are more than three lives; a renewal at each use would be 60.
    let tokens = server.token_requests();
    assert!((4..30).contains(&tokens), "{tokens}");
    let issued = locked(&issued);
    let ahead = issued.windows(2).filter(|pair| pair[1] - pair[0] < Duration::from_millis(1600)).count();
    assert!(ahead > 0, "every token was left to grow stale");
}

/// A run over the life of its first token, whose renewals get these answers and then a token.
fn renewing(replies: impl IntoIterator<Item = Reply>) -> (RawServer, crate::support::book::Run) {
    let replies: Mutex<VecDeque<Reply>> =
        Mutex::new([numbered(1, 5)].into_iter().chain(replies).collect::<VecDeque<_>>());
    let server =
        RawServer::start(
            move |request| {
                if request.is_token() { locked(&replies).pop_front().unwrap_or_else(token) } else { ok() }
            },
        );
    let run = Book::at(&server.url()).limits("{concurrency: 2, rate: 10/s}").many_calls(48).run(0);
    (server, run)
}

#[test]
fn a_renewal_ahead_of_need_that_fails_stops_nothing() {
    let (server, run) = renewing(vec![answer(503, &[], ""); 3]);
    let failed = run.audit.events("token_failed");
    assert!(failed.len() == 3 && failed[0]["early"] == true, "{failed:#?}");
    assert_eq!((run.audit.total("succeeded"), server.bridges().len()), (48, 48));
}

#[test]
fn a_renewal_ahead_of_need_that_is_refused_is_asked_for_once_more_when_it_is_needed() {
    let (server, run) = renewing([answer(401, &[], r#"{"error":"invalid_client"}"#)]);
    let failed = run.audit.event("token_failed");
    assert_eq!((&failed["early"], &failed["error_message"]), (&true.into(), &"invalid_client".into()));
    assert_eq!((server.token_requests(), run.audit.total("succeeded")), (3, 48));
}

#[test]
fn a_signal_is_answered_in_the_middle_of_a_token_request() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = RawServer::start(move |_| {
        held.wait();
        token()
    });
    let book = Book::at(&server.url()).connection("timeouts: {token: 10m}").many_calls(2);
    let mut started = book.start(&[]);
    server.wait_for_requests(1);
    started.process.signal("INT");
    started.process.wait_for_stderr("stopping");
    let run = started.finish(14);
    gate.open();
    assert_eq!((run.audit.total("not_attempted"), server.requests().len()), (2, 1));
}

#[test]
fn a_signal_is_answered_in_the_middle_of_a_back_off_for_a_token() {
    let server = RawServer::start(|_| answer(503, &[], ""));
    let book = Book::at(&server.url()).retry("{min_wait: 10m, max_wait: 10m}").many_calls(2);
    let mut started = book.start(&[]);
    started.process.wait_for_stderr("no token");
    started.process.signal("TERM");
    let run = started.finish(14);
    assert_eq!((run.audit.total("not_attempted"), server.requests().len()), (2, 1));
}

#[test]
fn a_401_that_speaks_against_the_request_is_no_reason_for_a_fresh_token() {
    for (code, words) in [("invalid_request", "check `auth`"), ("insufficient_scope", "lacks a scope")] {
        let challenge = format!("Bearer realm=\"calls\", error=\"{code}\"");
        let server = RawServer::answering([answer(401, &[("www-authenticate", &challenge)], "")]);
        let run = Book::at(&server.url()).run(10);
        assert_eq!((server.token_requests(), server.bridges().len()), (1, 1), "{code}");
        let attempt = run.audit.outcome_of("call-1");
        assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&"rejected".into(), &"answer".into()));
        assert!(attempt["error_message"].as_str().unwrap().contains(words), "{attempt:#}");
    }
}

#[test]
fn a_401_with_invalid_token_or_with_a_vendor_s_own_code_is_worth_a_fresh_token() {
    for challenge in ["Bearer", r#"Bearer error="invalid_token""#, r#"Bearer error="expired""#, "Bearer error=\""] {
        let server = RawServer::answering([answer(401, &[("www-authenticate", challenge)], "")]);
        let run = Book::at(&server.url()).run(0);
        assert_eq!((server.token_requests(), server.bridges().len()), (2, 2), "{challenge}");
        assert_eq!(run.audit.total("succeeded"), 1);
    }
}

#[test]
fn a_403_for_a_scope_names_the_scope_and_the_remedy() {
    let challenge = r#"Bearer error="insufficient_scope", scope="cti:bridge:write""#;
    let server = RawServer::answering([answer(403, &[("www-authenticate", challenge)], r#"{"message":"forbidden"}"#)]);
    let run = Book::at(&server.url()).run(10);
    assert_eq!((server.token_requests(), server.bridges().len()), (1, 1));
    let message = run.audit.outcome_of("call-1")["error_message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("forbidden; the token lacks the scope cti:bridge:write: grant it"), "{message}");
}

/// A profile of one's own that asks for a token and says nothing of its life.
fn own_profile(client: &str) -> String {
    format!(
        "version: 1\nname: own\nendpoints: {{token_path: /oauth/token}}\n\
         auth: {{grant: client_credentials, client: {client}}}\n\
         request: {{path: \"/calls/{{{{job.call_id}}}}/bridge\"}}\nanswers: {{succeeded: [2xx], token_refused: [401]}}\n\
         job:\n  call_id: call_id\n  schema: {{type: object, required: [call_id], properties: {{call_id: {{type: string}}}}}}\n"
    )
}

fn own_book(url: &str, client: &str) -> Book {
    let yaml = format!(
        "version: 1\nname: itest\nconnection:\n  profile: ./own.yaml\n  base_url: \"{url}\"\n  auth:\n    client_id: {{env: ID}}\n    \
         client_secret: {{env: SECRET}}\nsets:\n  - name: s\n    rows: {{items: [{{call_id: call-1}}]}}\n    job: {{call_id: \"{{{{row.call_id}}}}\"}}\n"
    );
    Book::offline().file("own.yaml", &own_profile(client)).verbatim(&yaml).env("ID", "id").env("SECRET", "secret")
}

#[test]
fn a_token_that_says_its_own_life_is_believed_where_nobody_else_says_it() {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"iat":1700000000,"exp":1700000900}"#);
    for (text, seconds, from) in [(format!("e30.{claims}.c2ln"), 900, "token"), ("opaque".to_owned(), 600, "assumed")] {
        let body = json!({"access_token": text}).to_string();
        let server = RawServer::start(move |request| if request.is_token() { token_body(&body) } else { ok() });
        let run = own_book(&server.url(), "body").run(0);
        let fetched = run.audit.event("token_fetched");
        assert_eq!((&fetched["lifetime_s"], &fetched["lifetime_from"]), (&seconds.into(), &from.into()));
    }
}

#[test]
fn credentials_with_odd_characters_are_encoded_as_the_standard_has_it() {
    let (id, secret) = ("a+b/c=d:e%f&g h é", "+/=:%& ü\"");
    let (form_id, form_secret) = ("a%2Bb%2Fc%3Dd%3Ae%25f%26g+h+%C3%A9", "%2B%2F%3D%3A%25%26+%C3%BC%22");
    for client in ["body", "basic"] {
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let server = RawServer::start(move |request| {
            if !request.is_token() {
                return ok();
            }
            count.fetch_add(1, Ordering::SeqCst);
            let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{form_id}:{form_secret}")));
            let form = format!("grant_type=client_credentials&client_id={form_id}&client_secret={form_secret}");
            let right = match request.header("authorization") {
                "" => request.body() == form,
                header => header == basic && request.body() == "grant_type=client_credentials",
            };
            if right { token() } else { answer(401, &[], r#"{"error":"invalid_client"}"#) }
        });
        own_book(&server.url(), client).env("ID", id).env("SECRET", secret).run(0);
        assert_eq!(seen.load(Ordering::SeqCst), 1, "{client}");
    }
}
