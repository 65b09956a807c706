//! Connections that serve several requests: kept ones that end at the wrong moment, answers that nobody asked for, and a
//! real server of HTTP/2.

use crate::support::book::{Book, Run};
use crate::support::peer::Peer;
use crate::support::server::{RawServer, Reply, locked, ok};
use crate::support::tls::{Authority, Tls, Validity};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const NO: &[u8] = b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n";

/// The call that a request is about.
fn call(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    text.split("/calls/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned()
}

fn effects(peer: &Peer) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for request in peer.requests() {
        *effects.entry(call(&request)).or_default() += 1;
    }
    effects
}

/// Whatever happened: one effect at most, and none of a job that is called not sent or refused.
fn check_promise(run: &Run, effects: &BTreeMap<String, usize>) {
    for (call, count) in effects {
        assert_eq!(*count, 1, "{call}");
        let outcome = run.audit.outcome_of(call)["outcome"].as_str().unwrap();
        assert!(matches!(outcome, "succeeded" | "accepted" | "unknown"), "{call} is {outcome} and has had an effect");
    }
}

#[test]
fn one_connection_serves_many_requests_unless_each_is_to_have_its_own() {
    for (keep_alive, connections) in [("4s", 1), ("0s", 5)] {
        let tokens = RawServer::bridging(|_| ok());
        let peer = Peer::plain(|mut wire| while wire.request().is_some() && wire.send(OK) {});
        let book = Book::at(&peer.url()).token_at(&tokens.url()).many_calls(5);
        book.connection(&format!("keep_alive: {keep_alive}")).run(0);
        assert_eq!((peer.connections(), peer.effects()), (connections, 5), "{keep_alive}");
    }
}

#[test]
fn a_kept_connection_that_is_reset_at_the_next_first_byte_leaves_that_request_unknown() {
    let tokens = RawServer::bridging(|_| ok());
    let peer = Peer::plain(|mut wire| {
        if wire.request().is_some() && wire.send(OK) && wire.exactly(1).is_some() {
            wire.reset();
        }
    });
    let run = Book::at(&peer.url()).token_at(&tokens.url()).many_calls(4).run(11);
    let outcomes = ["call-1", "call-2", "call-3", "call-4"].map(|call| run.audit.outcome_of(call)["outcome"].clone());
    assert_eq!(outcomes, ["succeeded", "unknown", "succeeded", "unknown"]);
    assert_eq!(run.audit.attempts().len(), 4, "nothing is sent again");
    check_promise(&run, &effects(&peer));
}

/// The client may notice the end of a connection before it writes (then it takes another), or after (then nobody knows).
/// It must never write twice.
#[test]
fn connections_that_end_unannounced_after_each_answer_never_lead_to_two_effects() {
    let tokens = RawServer::bridging(|_| ok());
    let peer = Peer::plain(|mut wire| {
        if wire.request().is_some() {
            wire.send_and_close(OK);
        }
    });
    let book = Book::at(&peer.url()).token_at(&tokens.url()).many_calls(200).limits("{concurrency: 8}");
    let run = book.more("success_criteria: [\"unknown <= 200\", \"failed <= 200\"]").run(0);
    let effects = effects(&peer);
    check_promise(&run, &effects);
    assert_eq!(run.audit.intents().len(), 200, "one attempt each");
    assert!(effects.len() > 60, "{} effects: the first request of a connection has its effect", effects.len());
}

/// Were the second answer taken for that of the next request, a refusal would be called a success.
#[test]
fn an_answer_too_many_is_never_taken_for_that_of_the_next_request() {
    let tokens = RawServer::bridging(|_| ok());
    let peer = Peer::plain(|mut wire| {
        while let Some(request) = wire.request_without_effect() {
            let number: usize = call(&request).replace("call-", "").parse().unwrap();
            let sent = if number % 2 == 1 {
                wire.acted(request);
                wire.send(&[OK, OK, OK].concat())
            } else {
                wire.send(&[NO, OK].concat())
            };
            if !sent {
                break;
            }
        }
    });
    let run = Book::at(&peer.url()).token_at(&tokens.url()).many_calls(60).run(10);
    check_promise(&run, &effects(&peer));
    assert_eq!((run.audit.total("succeeded"), run.audit.total("rejected")), (30, 30));
    assert!(peer.connections() > 30, "a connection with bytes that nobody asked for is not used again");
}

#[test]
fn a_closing_answer_is_not_followed_by_a_request_on_its_connection() {
    let server = RawServer::bridging(|_| {
        Reply::Send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_vec())
    });
    Book::at(&server.url()).many_calls(5).run(0);
    assert!(server.connections() >= 5, "{}", server.connections());
}

/// A real server of HTTP/2 over TLS.
struct Http2 {
    address: SocketAddr,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
    connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Http2 {
    /// Says goodbye (GOAWAY) on each connection at its request of this number.
    fn start(authority: &Authority, goodbye_at: usize) -> Self {
        let config = Tls::with(authority.server("127.0.0.1", Validity::Now)).alpn(&[b"h2"]).config();
        let (calls, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let (seen, opened) = (Arc::clone(&calls), Arc::clone(&connections));
        let serve = async move {
            while let Ok((socket, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                tokio::task::spawn_local(serve_http2(acceptor.clone(), socket, Arc::clone(&seen), goodbye_at));
            }
        };
        let thread = std::thread::spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address, calls, connections, stop: Some(stop), thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn serve_http2(
    acceptor: tokio_rustls::TlsAcceptor,
    socket: tokio::net::TcpStream,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
    goodbye_at: usize,
) {
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let (count, goodbye) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    let service = {
        let goodbye = Arc::clone(&goodbye);
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let (calls, count, goodbye) = (Arc::clone(&calls), Arc::clone(&count), Arc::clone(&goodbye));
            async move {
                assert_eq!(request.version(), hyper::Version::HTTP_2);
                let path = request.uri().path().to_owned();
                assert!(!request.into_body().collect().await.unwrap().to_bytes().is_empty());
                *locked(&calls).entry(call(path.as_bytes())).or_default() += 1;
                if count.fetch_add(1, Ordering::SeqCst) + 1 == goodbye_at {
                    goodbye.notify_one();
                }
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}"))))
            }
        })
    };
    let connection =
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = goodbye.notified() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn over_http2(goodbye_at: usize) -> (Run, BTreeMap<String, usize>, usize) {
    let (tokens, authority) = (RawServer::bridging(|_| ok()), Authority::new());
    let server = Http2::start(&authority, goodbye_at);
    let book = Book::at(&server.url())
        .token_at(&tokens.url())
        .file("ca.pem", &authority.pem())
        .connection("tls: {ca: ca.pem}")
        .connection("http: auto")
        .many_calls(200)
        .limits("{concurrency: 16}");
    let run = book.run(0);
    let calls = locked(&server.calls).clone();
    (run, calls, server.connections.load(Ordering::SeqCst))
}

#[test]
fn http2_carries_many_requests_at_once_over_few_connections() {
    let (run, calls, connections) = over_http2(usize::MAX);
    check_promise(&run, &calls);
    assert_eq!((calls.len(), run.audit.total("succeeded")), (200, 200));
    // As many as were begun before the first had said that it speaks HTTP/2.
    assert!(connections <= 16, "{connections}");
}

/// That of `CXone` fails over HTTP/2.
#[test]
fn tokens_are_asked_for_over_http_1_1_whatever_the_api_speaks() {
    let authority = Authority::new();
    let server = Http2::start(&authority, usize::MAX);
    let both = Tls::with(authority.server("127.0.0.1", Validity::Now)).alpn(&[b"h2", b"http/1.1"]).config();
    // Takes the preface of HTTP/2 for a broken request.
    let tokens = Peer::tls(both, crate::through_a_proxy::serve);
    let book = Book::at(&server.url()).token_at(&tokens.url()).file("ca.pem", &authority.pem());
    book.connection("tls: {ca: ca.pem}").connection("http: auto").run(0);
    assert_eq!((locked(&server.calls).len(), tokens.connections()), (1, 1));
}

#[test]
fn a_server_of_http2_that_says_goodbye_again_and_again_costs_no_second_effect() {
    let (run, calls, connections) = over_http2(5);
    check_promise(&run, &calls);
    assert_eq!((calls.len(), run.audit.total("succeeded")), (200, 200));
    assert!(connections > 5, "{connections}");
}
