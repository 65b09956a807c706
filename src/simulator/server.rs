//! The sockets: accepts connections on loopback, speaks HTTP/1.1 with keep-alive on each, and resets on demand.
//!
//! Invariants: nothing that happens on one connection stops the server; when the shutdown resolves, every connection
//! is dropped at once, hanging ones included, before `serve` returns.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use super::{answer::Abort, api::Api, ledger::Ledger, script::Script};
use crate::model::ApiSurface;

/// A failed accept (mostly: out of file descriptors) would fail again at once and spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The fake bridging API, bound to its port and ready to serve.
pub struct Simulator {
    listener: TcpListener,
    address: SocketAddr,
    api: Arc<Api>,
}

impl Simulator {
    /// Binds to 127.0.0.1; port 0 takes a free one. Clients may connect from now on, and are answered by `serve`.
    pub async fn bind(script: Script, port: u16) -> io::Result<Self> {
        Self::bind_as(None, script, port).await
    }

    /// The same as another API; `None` is the reference API.
    pub async fn bind_as(surface: Option<ApiSurface>, script: Script, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, api: Arc::new(Api::new(surface, script)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ledger that it writes.
    pub fn ledger(&self) -> Ledger {
        self.api.ledger().clone()
    }

    /// Serves until `shutdown` resolves.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {} // forget the finished ones
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(converse(stream, Arc::clone(&self.api)));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "accept failed");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        connections.shutdown().await;
    }
}

/// Answers one connection until either side ends it.
async fn converse(stream: TcpStream, api: Arc<Api>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { api.handle(request).await }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Err(error) = (&mut connection).await else {
        return;
    };
    tracing::debug!(error = &error as &dyn Error, "connection ended");
    if matches!(error.source().and_then(|source| source.downcast_ref()), Some(Abort::Reset)) {
        // hyper does not shut a failed connection down, so closing it with zero linger sends RST, and no FIN before it.
        let stream = connection.into_parts().io.into_inner();
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "closed without a reset");
        }
    }
}
