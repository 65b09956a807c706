//! A bare TCP server: a script says what happens to each request, every byte that came is kept.
//!
//! A thread a connection, so a script may simply block: that is a server that hangs.

use super::process::GUARD;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The token that the server hands out unless a script says otherwise.
pub(crate) const TOKEN: &str = "itest-token-Zk3vQ9";

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Every byte.
    pub(crate) raw: Vec<u8>,
}

impl Request {
    /// Everything as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.raw).unwrap()
    }

    fn head(&self) -> &str {
        self.text().split_once("\r\n\r\n").unwrap().0
    }

    /// The body.
    pub(crate) fn body(&self) -> &str {
        self.text().split_once("\r\n\r\n").unwrap().1
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.body()).unwrap()
    }

    /// The request target.
    pub(crate) fn path(&self) -> &str {
        self.head().split(' ').nth(1).unwrap()
    }

    /// A header; names are compared as they must be on the wire: in lower case.
    pub(crate) fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.head().lines().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
    }

    /// The request id header.
    pub(crate) fn id(&self) -> &str {
        self.header("x-cxone-request-id")
    }

    /// The encoded call id of the path.
    pub(crate) fn call(&self) -> &str {
        self.path().strip_prefix("/api/v2/cti/calls/").and_then(|rest| rest.strip_suffix("/bridge")).unwrap_or_default()
    }

    pub(crate) fn is_token(&self) -> bool {
        self.path() == "/oauth/token"
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes; the connection stays open.
    Send(Vec<u8>),
    /// These bytes, then an orderly end of the connection (FIN).
    SendAndClose(Vec<u8>),
    /// These bytes, then nothing until the gate opens.
    SendAndHang(Vec<u8>, Gate),
    /// A TCP reset (RST), after the whole request was read.
    Reset,
}

/// A whole HTTP/1.1 answer.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    Reply::Send(bytes(status, headers, body))
}

/// The same, and the connection ends.
pub(crate) fn answer_and_close(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers: Vec<_> = headers.iter().copied().chain([("connection", "close")]).collect();
    Reply::SendAndClose(bytes(status, &headers, body))
}

fn bytes(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// 200 with a JSON body.
pub(crate) fn ok() -> Reply {
    answer(200, &[("content-type", "application/json")], r#"{"status":"bridged"}"#)
}

/// A token answer with this body.
pub(crate) fn token_body(body: &str) -> Reply {
    answer(200, &[("content-type", "application/json")], body)
}

/// An ordinary token answer.
pub(crate) fn token() -> Reply {
    token_body(&format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":3600}}"#))
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    arrived: Condvar,
    connections: AtomicUsize,
    closing: AtomicBool,
}

/// The server.
pub(crate) struct RawServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl RawServer {
    /// Asks the script about every request, token requests included.
    pub(crate) fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let script: Arc<dyn Fn(&Request) -> Reply + Send + Sync> = Arc::new(script);
        let accepting = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if shared.closing.load(Ordering::SeqCst) {
                        break;
                    }
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let (shared, script) = (Arc::clone(&shared), Arc::clone(&script));
                    std::thread::spawn(move || converse(stream, &shared, script.as_ref()));
                }
            })
        };
        Self { address, shared, accepting: Mutex::new(Some(accepting)) }
    }

    /// Answers token requests itself; the script sees bridge requests only.
    pub(crate) fn bridging(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request| if request.is_token() { token() } else { script(request) })
    }

    /// Holds the requests of this call until the gate opens.
    pub(crate) fn holding(call: &'static str) -> (Self, Gate) {
        let gate = Gate::default();
        let held = gate.clone();
        let server = Self::bridging(move |request| {
            if request.call() == call {
                held.wait();
            }
            ok()
        });
        (server, gate)
    }

    /// Answers bridge requests with these in turn, and with 200 after the last.
    pub(crate) fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<std::collections::VecDeque<_>>());
        Self::bridging(move |_| locked(&replies).pop_front().unwrap_or_else(ok))
    }

    /// In front of every path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// Requests that are not for a token.
    pub(crate) fn bridges(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| !request.is_token()).collect()
    }

    /// Requests for a token.
    pub(crate) fn token_requests(&self) -> usize {
        self.requests().iter().filter(|request| request.is_token()).count()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many bridge requests have come.
    pub(crate) fn wait_for_bridges(&self, count: usize) {
        self.wait_for(count, |request| !request.is_token());
    }

    /// Waits until so many requests of any kind have come.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        self.wait_for(count, |_| true);
    }

    fn wait_for(&self, count: usize, counts: impl Fn(&Request) -> bool) {
        let until = Instant::now() + GUARD;
        let mut requests = locked(&self.shared.requests);
        while requests.iter().filter(|request| counts(request)).count() < count {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{count} requests never came: {requests:?}");
            requests = self.shared.arrived.wait_timeout(requests, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Refuses connections from now on; those that are open stay.
    pub(crate) fn stop_listening(&self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        if let Some(accepting) = locked(&self.accepting).take() {
            // Wakes the thread, which then drops the listener.
            drop(TcpStream::connect(self.address));
            accepting.join().unwrap();
        }
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

/// The URL of a port that was bound and is closed again.
pub(crate) fn closed_port() -> String {
    RawServer::bridging(|_| ok()).url()
}

fn converse(mut stream: TcpStream, shared: &Shared, script: &(dyn Fn(&Request) -> Reply + Send + Sync)) {
    let _ = stream.set_nodelay(true);
    while let Some(raw) = read_request(&mut stream) {
        let request = Request { raw };
        locked(&shared.requests).push(request.clone());
        shared.arrived.notify_all();
        let written = match script(&request) {
            Reply::Send(bytes) => stream.write_all(&bytes).is_ok(),
            Reply::SendAndClose(bytes) => {
                let _ = stream.write_all(&bytes);
                false
            }
            Reply::SendAndHang(bytes, gate) => {
                let _ = stream.write_all(&bytes);
                gate.wait();
                false
            }
            Reply::Reset => return reset(stream),
        };
        if !written {
            return;
        }
    }
}

/// Head up to the blank line, then as many bytes as `content-length` says.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut raw = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&raw[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if raw.len() >= end + 4 + length.unwrap_or(0) {
                return Some(raw);
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(read) => raw.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Closing with zero linger sends RST. The standard library has no such option yet, tokio has.
pub(crate) fn reset(stream: TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _inside = runtime.enter();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap().set_zero_linger().unwrap();
}

/// Something that threads wait for until a test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Whether it is open now.
    pub(crate) fn is_open(&self) -> bool {
        *locked(&self.0.0)
    }

    pub(crate) fn open(&self) {
        *locked(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Waits a little; whether it is open now.
    pub(crate) fn opens_within(&self, time: Duration) -> bool {
        let open = locked(&self.0.0);
        *self.0.1.wait_timeout_while(open, time, |open| !*open).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn wait(&self) {
        let open = locked(&self.0.0);
        let result = self.0.1.wait_timeout_while(open, GUARD, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        assert!(!result.1.timed_out(), "the gate never opened");
    }
}

/// A lock whatever happened to its other users.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
