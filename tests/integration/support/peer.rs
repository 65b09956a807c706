//! A server below HTTP: a script has the connection in its hands, byte by byte, in plain text or over TLS.
//!
//! It counts effects: requests that came completely enough to be acted on, which is head and whole body.

use super::server::{Gate, locked, reset};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is sent back and forth.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// The TLS of a connection.
type Configs = Box<dyn Fn(usize) -> Arc<ServerConfig> + Send>;

/// What a script holds.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// The same socket, to be cut off.
    socket: TcpStream,
    shared: Arc<Shared>,
    /// Counts the connections of the server, from 1.
    pub(crate) number: usize,
    /// Opens when the test is over.
    over: Gate,
    /// Read too far.
    ahead: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    effects: Mutex<Vec<Vec<u8>>>,
    connections: AtomicUsize,
    closing: AtomicBool,
}

/// The server.
pub(crate) struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
    over: Gate,
    secure: bool,
    accepting: Option<JoinHandle<()>>,
}

impl Peer {
    /// In plain text.
    pub(crate) fn plain(script: impl Fn(Wire) + Send + Sync + 'static) -> Self {
        Self::start(None, script)
    }

    /// Over TLS; a script is asked once a connection is there, whether or not its handshake will succeed.
    pub(crate) fn tls(config: Arc<ServerConfig>, script: impl Fn(Wire) + Send + Sync + 'static) -> Self {
        Self::tls_by_connection(move |_| Arc::clone(&config), script)
    }

    /// Over TLS that may be another one on each connection; they are counted from 1.
    pub(crate) fn tls_by_connection(
        config: impl Fn(usize) -> Arc<ServerConfig> + Send + 'static,
        script: impl Fn(Wire) + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(Box::new(config)), script)
    }

    fn start(config: Option<Configs>, script: impl Fn(Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (shared, over) = (Arc::new(Shared::default()), Gate::default());
        let script: Arc<dyn Fn(Wire) + Send + Sync> = Arc::new(script);
        let secure = config.is_some();
        let accepting = {
            let (shared, over) = (Arc::clone(&shared), over.clone());
            std::thread::spawn(move || {
                while let Ok((socket, _)) = listener.accept() {
                    if shared.closing.load(Ordering::SeqCst) {
                        break;
                    }
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    socket.set_nodelay(true).unwrap();
                    let same = socket.try_clone().unwrap();
                    let stream: Box<dyn Stream> = match &config {
                        None => Box::new(socket),
                        Some(config) => {
                            let session = ServerConnection::new(config(number)).unwrap();
                            Box::new(StreamOwned::new(session, socket))
                        }
                    };
                    let (shared, over, script) = (Arc::clone(&shared), over.clone(), Arc::clone(&script));
                    let wire = Wire { stream, socket: same, shared, number, over, ahead: Vec::new() };
                    std::thread::spawn(move || script(wire));
                }
            })
        };
        Self { address, shared, over, secure, accepting: Some(accepting) }
    }

    /// In front of every path.
    pub(crate) fn url(&self) -> String {
        format!("http{}://{}", if self.secure { "s" } else { "" }, self.address)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests that could be acted on.
    pub(crate) fn effects(&self) -> usize {
        locked(&self.shared.effects).len()
    }

    /// Every byte of them.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        locked(&self.shared.effects).clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.over.open();
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the thread, which then drops the listener.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

impl Wire {
    /// Some bytes; `None`: the client is gone.
    pub(crate) fn some(&mut self) -> Option<Vec<u8>> {
        if !self.ahead.is_empty() {
            return Some(std::mem::take(&mut self.ahead));
        }
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) | Err(_) => None,
            Ok(read) => Some(chunk[..read].to_vec()),
        }
    }

    /// Waits until something has arrived, and reads nothing of it. A connection that ends sooner may not have been one for
    /// the client at all.
    pub(crate) fn arrives(&self) {
        let _ = self.socket.peek(&mut [0]);
    }

    /// So many bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        // Not from nothing: for a frame without payload, what has been read ahead stays.
        let mut bytes = std::mem::take(&mut self.ahead);
        while bytes.len() < count {
            bytes.extend(self.some()?);
        }
        self.ahead = bytes.split_off(count);
        Some(bytes)
    }

    /// Up to the blank line.
    pub(crate) fn head(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                self.ahead = bytes.split_off(end + 4);
                return Some(bytes);
            }
            bytes.extend(self.some()?);
        }
    }

    /// A whole request, which has its effect now.
    pub(crate) fn request(&mut self) -> Option<Vec<u8>> {
        let request = self.request_without_effect()?;
        self.acted(request.clone());
        Some(request)
    }

    /// A whole request, for a server that will refuse it.
    pub(crate) fn request_without_effect(&mut self) -> Option<Vec<u8>> {
        let mut request = self.head()?;
        let body = self.exactly(content_length(&request))?;
        request.extend(body);
        Some(request)
    }

    /// Notes an effect.
    pub(crate) fn acted(&self, request: Vec<u8>) {
        locked(&self.shared.effects).push(request);
    }

    /// Whether it could be sent.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Sends and ends; what the client still says is read, so that its kernel does not throw the answer away.
    pub(crate) fn send_and_close(mut self, bytes: &[u8]) {
        self.send(bytes);
        self.drain();
    }

    /// An end of our side; what the client still says is read.
    pub(crate) fn drain(mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let mut chunk = [0; 4096];
        while matches!(self.socket.read(&mut chunk), Ok(1..)) {}
    }

    /// Sends a byte now and then, until the client or the test has enough: that is a server that is slow.
    pub(crate) fn drip(mut self) {
        while !self.over.opens_within(Duration::from_millis(20)) && self.send(b" ") {}
    }

    /// An orderly end (FIN) of the socket, below TLS.
    pub(crate) fn close(self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }

    /// A TCP reset.
    pub(crate) fn reset(self) {
        reset(self.socket);
        drop(self.stream);
    }

    /// Does nothing until the test is over.
    pub(crate) fn hang(self) {
        self.over.wait();
    }

    /// The socket itself, for what speaks another protocol.
    pub(crate) fn socket(&self) -> TcpStream {
        self.socket.try_clone().unwrap()
    }
}

/// The length of a body by the head in front of it.
pub(crate) fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0)
}
