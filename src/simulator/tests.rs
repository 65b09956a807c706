//! The simulator over real sockets, mostly through the HTTP client that the engine uses.
//!
//! Each test has a server of its own on a free port. Nothing sleeps: what has to be waited for is polled, with a
//! bound that only a failure reaches.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bridging;
mod faults;
mod tokens;
mod wire;

use std::{io, time::Duration};

use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::{JoinHandle, yield_now},
    time::{Instant, timeout},
};

use super::{Ledger, LedgerEntry, Script, Simulator, Stats};

const SCOPES: &str = "cti:calls:read cti:calls:write cti:bridge:write";
const FORM: &str = "application/x-www-form-urlencoded";

/// Only a failing test waits this long.
const BOUND: Duration = Duration::from_secs(20);

/// A running simulator and a client for it.
struct Lab {
    base: String,
    ledger: Ledger,
    client: Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Lab {
    async fn with(script: &str) -> Self {
        let simulator = Simulator::bind(Script::parse(script).unwrap(), 0).await.unwrap();
        assert!(simulator.address().ip().is_loopback());
        let (stop, stopped) = oneshot::channel();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            base: format!("http://{}", simulator.address()),
            ledger: simulator.ledger(),
            client: Client::builder().no_proxy().build().unwrap(),
            stop,
            server: tokio::spawn(simulator.serve(async {
                let _ = stopped.await;
            })),
        }
    }

    async fn post(&self, path: &str, bearer: &str, content_type: &str, body: String) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(bearer);
        let request = request.header(header::CONTENT_TYPE, content_type);
        request.header("X-CXone-Request-ID", "bridge-1").body(body).send().await.unwrap()
    }

    async fn ask_token(&self, form: &str) -> Response {
        self.post("/oauth/token", "none", FORM, form.to_owned()).await
    }

    async fn token(&self) -> String {
        let answer = self.ask_token(&token_form("sandbox-secret", SCOPES)).await;
        assert_eq!(answer.status(), 200);
        body(answer).await["access_token"].as_str().unwrap().to_owned()
    }

    async fn bridge(&self, token: &str, call: &str) -> Response {
        self.post(&path(call), token, "application/json", payload(call)).await
    }

    /// Sends a bridge request over a socket of its own, for what an HTTP client hides.
    async fn raw_bridge(&self, token: &str, call: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.base.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(raw_request(token, call).as_bytes()).await.unwrap();
        stream
    }

    async fn effect_of(&self, call: &str) {
        let effect = async {
            while self.ledger.effects_of(call) == 0 {
                yield_now().await;
            }
        };
        timeout(BOUND, effect).await.unwrap();
    }

    fn last_entry(&self) -> LedgerEntry {
        self.ledger.entries().pop().unwrap()
    }
}

fn token_form(secret: &str, scope: &str) -> String {
    let scope = scope.replace(' ', "+");
    format!("grant_type=client_credentials&client_id=sandbox&client_secret={secret}&scope={scope}")
}

fn path(call: &str) -> String {
    format!("/api/v2/cti/calls/{call}/bridge")
}

fn payload(call: &str) -> String {
    json!({
        "callId": call,
        "targets": [{"type": "phone", "value": "+12025550101"}],
        "direction": "transfer",
        "bridgeMatrix": [{"source": 0, "target": 1}],
        "dtmf": "RFC2833",
    })
    .to_string()
}

fn raw_request(token: &str, call: &str) -> String {
    let (path, body) = (path(call), payload(call));
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

async fn body(answer: Response) -> Value {
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}
