//! The yardstick of `durability.py`: what the same HTTP client does without an engine around it. One current-thread
//! runtime, so many requests in flight, a distinct body for each, every answer read. No runbook, no checks, no time
//! limits, no record.
//!
//!   `bare_loop BASE_URL JOBS IN_FLIGHT`

use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Client;
use std::error::Error;
use std::time::SystemTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(base), Some(jobs), Some(in_flight)) = (arguments.next(), arguments.next(), arguments.next()) else {
        // `cargo bench` calls every benchmark without arguments.
        return Ok(());
    };
    let (jobs, in_flight) = (jobs.parse()?, in_flight.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&base, jobs, in_flight))
}

async fn run(base: &str, jobs: u64, in_flight: usize) -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .http1_only()
        .no_proxy()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(concat!("bridgebook/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let salt = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_nanos())?;
    stream::iter(1..=jobs)
        .map(|job| send(&client, base, job, salt))
        .buffer_unordered(in_flight)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

/// The request that the profile `cxone` makes of a row: the same headers, the same length.
async fn send(client: &Client, base: &str, job: u64, salt: u64) -> Result<(), Box<dyn Error>> {
    let call = format!("call-{job:07}");
    let last = job % 100;
    let body = format!(
        "{{\"callId\":\"{call}\",\"targets\":[{{\"type\":\"phone\",\"value\":\"+120255501{last:02}\"}}],\"direction\":\"transfer\",\"bridgeMatrix\":[{{\"source\":0,\"target\":1}}],\"dtmf\":\"RFC2833\"}}"
    );
    let response = client
        .post(format!("{base}/api/v2/cti/calls/{call}/bridge"))
        .header("authorization", "Bearer 0123456789abcdef0123456789abcdef")
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("x-cxone-request-id", format!("bridge-{call}-{salt:016x}{job:016x}"))
        .body(body)
        .send()
        .await?;
    response.error_for_status_ref()?;
    response.bytes().await?;
    Ok(())
}
