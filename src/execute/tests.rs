//! The engine beside a ledger that fails when the test says so. What it sends is counted by a real server.

use super::Opening;
use super::testing;
use super::{Engine, Lane, Policy, Transport, TransportSettings};
use crate::event::{Event, Happened, Ledger, LedgerError};
use crate::model::{
    BreakerPolicy, CredentialName, Credentials, DurationSpec, JobNumber, Limits, NumberPrivacy, OnLostCriterion,
    Planned, Problem, RetryPolicy, Secret, Share, Timeouts,
};
use crate::profile::{Profile, Urls};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Says yes to every batch, but only once the intent of job 2 has been handed over; to that one it says no.
#[derive(Default)]
struct FailsAtJobTwo {
    /// Jobs whose intents each batch holds.
    waiting: std::collections::VecDeque<Vec<JobNumber>>,
    seen: bool,
}

impl Ledger for FailsAtJobTwo {
    fn submit(&mut self, batch: Arc<[Happened]>) -> Result<(), LedgerError> {
        let intents = batch.iter().filter_map(|happened| match &happened.event {
            Event::BridgeIntent(intent) => Some(intent.job),
            _ => None,
        });
        let intents: Vec<JobNumber> = intents.collect();
        self.seen |= intents.contains(&2);
        self.waiting.push_back(intents);
        Ok(())
    }

    async fn durable(&mut self) -> Result<(), LedgerError> {
        if !self.seen {
            std::future::pending::<()>().await;
        }
        match self.waiting.pop_front() {
            Some(intents) if intents.contains(&2) => Err(LedgerError("no space left".to_owned())),
            Some(_) => Ok(()),
            None => std::future::pending().await,
        }
    }
}

/// Answers token requests; gives the first line of every request.
fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("{e}"));
    let url = format!("http://{}", listener.local_addr().unwrap_or_else(|e| panic!("{e}")));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 64 * 1024];
            let read = stream.read(&mut request).unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
            log.lock().unwrap_or_else(|e| panic!("{e}")).push(line);
            let body = r#"{"access_token":"token-1","expires_in":3600}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (url, seen)
}

fn job(number: JobNumber) -> Planned {
    Planned::Job(Box::new(testing::job(number, "set", number)))
}

/// Runs two jobs with this ledger; gives how it ended, and the requests that the server saw.
fn run_with(mut ledger: impl Ledger, concurrency: usize, rate: Option<&str>) -> (String, Vec<String>) {
    let (url, seen) = server();
    let seconds = |n| DurationSpec::from(Duration::from_secs(n));
    let timeouts = Timeouts { connect: seconds(5), request: seconds(5), token: seconds(5) };
    let urls = Urls { base_url: Some(url.clone()), token_url: Some(format!("{url}/token")), discovery: None };
    let settings = TransportSettings::new(urls, timeouts);
    let transport = Transport::new(settings).unwrap_or_else(|e| panic!("{e}"));
    let profile = Profile::built_in("cxone").unwrap_or_else(|e| panic!("{e}"));
    let credentials: Credentials = [CredentialName::ClientId, CredentialName::ClientSecret]
        .map(|name| (name, Secret::new("secret".to_owned())))
        .into_iter()
        .collect();
    let (max_attempts, second) = (1, seconds(1));
    let (min_wait, max_wait, max_retry_after) = (second, second, second);
    let (budget, unknown) = (Share::Jobs(0), crate::model::UnknownRetry::Never);
    let retry = RetryPolicy { max_attempts, min_wait, max_wait, max_retry_after, budget, token_attempts: 8, unknown };
    let policy = Policy {
        limits: Limits { concurrency, rate: rate.and_then(|rate| rate.parse().ok()), ..Limits::default() },
        retry,
        breaker: BreakerPolicy::default(),
        waves: Vec::new(),
        window: None,
        abort_when: Vec::new(),
        on_lost_criterion: OnLostCriterion::Stop,
        jobs: 2,
        request_timeout: Duration::from_secs(5),
        numbers: NumberPrivacy::Masked,
        criteria: Vec::new(),
        seed: 1,
        exit_code: |_| 0,
    };
    let started = testing::started(&[("set", 2)]);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap_or_else(|e| panic!("{e}"));
    let ended = runtime.block_on(async {
        let engine = Engine::new(&profile, &transport, &credentials, policy, &mut ledger, Vec::new())
            .unwrap_or_else(|e| panic!("{e}"));
        let lane =
            Lane { rows: [1, 2].map(|number| Ok::<_, Vec<Problem>>(job(number))).into_iter(), concurrency: None };
        // Only a run that hangs meets this guard.
        tokio::time::timeout(
            Duration::from_secs(20),
            engine.run(Opening::First(Box::new(started)), vec![lane], futures::stream::pending()),
        )
        .await
    });
    let ended = match ended {
        Ok(Ok(_)) => "completed".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "hung".to_owned(),
    };
    let seen = seen.lock().unwrap_or_else(|e| panic!("{e}")).clone();
    (ended, seen)
}

#[test]
fn a_request_whose_turn_comes_after_the_ledger_has_failed_does_not_leave() {
    // The rate puts the two intents into batches of their own.
    let (ended, seen) = run_with(FailsAtJobTwo::default(), 2, Some("1000/s"));
    assert!(ended.contains("no space left"), "{ended}");
    assert_eq!(seen, ["POST /token HTTP/1.1"], "only the token was asked for");
}

/// Takes no batch with an intent in it; what it took before is durable at once.
#[derive(Default)]
struct TakesNoIntent(usize);

impl Ledger for TakesNoIntent {
    fn submit(&mut self, batch: Arc<[Happened]>) -> Result<(), LedgerError> {
        if batch.iter().any(|happened| matches!(happened.event, Event::BridgeIntent(_))) {
            return Err(LedgerError("its writer has stopped".to_owned()));
        }
        self.0 += 1;
        Ok(())
    }

    async fn durable(&mut self) -> Result<(), LedgerError> {
        if self.0 == 0 {
            std::future::pending::<()>().await;
        }
        self.0 -= 1;
        Ok(())
    }
}

#[test]
fn a_ledger_that_takes_no_more_ends_the_run_at_once() {
    // One place: the dispatcher has said "wait until it is free" when the ledger refuses the job that took it.
    let (ended, seen) = run_with(TakesNoIntent::default(), 1, None);
    assert!(ended.contains("its writer has stopped"), "{ended}");
    assert_eq!(seen, ["POST /token HTTP/1.1"], "only the token was asked for");
}
