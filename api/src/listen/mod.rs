//! Listeners: TCP and Unix sockets, HTTP/1.1 and HTTP/2, each bounded in number, size and time.

mod progress;
pub mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::auth::Peer;
use progress::Progress;
use tls::{Tls, certificate_of};

/// Bounds of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time; the next ones are closed.
    pub connections: usize,
    /// How long the head of a request may take, or a connection be idle.
    pub head: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall: Duration,
    /// How long requests may go on after the stop.
    pub farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head: Duration::from_secs(75),
            stall: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
        }
    }
}

/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes of the head of a request.
const MOST_HEAD: usize = 32 << 10;
/// Requests at the same time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 128;

/// What serves connections.
#[derive(Clone, Debug)]
struct Serving {
    router: Router,
    bounds: Bounds,
    room: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Serving {
    fn new(router: Router, bounds: Bounds, stopping: watch::Receiver<bool>) -> Self {
        Self { router, bounds, room: Arc::new(Semaphore::new(bounds.connections)), stopping }
    }

    /// Serves one connection, in a task of its own.
    fn spawn<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(room) = self.room(peer.ip) else { return };
        let serving = self.clone();
        tokio::spawn(async move {
            let _room = room;
            serving.serve(stream, peer).await;
        });
    }

    /// Serves one connection of TLS, in a task of its own.
    fn spawn_tls(&self, stream: TcpStream, ip: IpAddr, acceptor: TlsAcceptor) {
        let Some(room) = self.room(ip) else { return };
        let serving = self.clone();
        tokio::spawn(async move {
            let _room = room;
            let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            let stream = match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(%ip, %error, "a handshake fails");
                    return;
                }
                Err(_) => return,
            };
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|der| Arc::new(certificate_of(der)));
            serving.serve(stream, Peer { certificate, ..Peer::at(ip) }).await;
        });
    }

    fn room(&self, ip: IpAddr) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        if room.is_none() {
            tracing::warn!(%ip, "too many connections: one is closed");
        }
        room
    }

    async fn serve<S>(mut self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let mut router = router.clone();
            async move { tower_service::Service::call(&mut router, request).await }
        });
        let builder = builder(self.bounds);
        let stream = TokioIo::new(Progress::new(stream, self.bounds.stall));
        let connection = builder.serve_connection(stream, service);
        tokio::pin!(connection);
        let stopped = async {
            let _ = self.stopping.wait_for(|stopping| *stopping).await;
        };
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(self.bounds.farewell, connection).await {
                    Ok(result) => result,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(error = %error, "a connection ends");
        }
    }
}

fn builder(bounds: Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(MOST_HEAD + (64 << 10))
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(32 << 10)
        .keep_alive_interval(bounds.head)
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves a TCP listener until the process stops, by TLS where there is one.
pub async fn tcp(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) {
    let serving = Serving::new(router, bounds, stopping.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                // Answers are small and complete: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                match &tls {
                    Some(tls) => serving.spawn_tls(stream, address.ip(), tls.config().into()),
                    None => serving.spawn(stream, Peer::at(address.ip())),
                }
            }
            Err(error) => refused(&error).await,
        }
    }
}

/// Serves a Unix socket until the process stops.
pub async fn unix(
    listener: UnixListener,
    router: Router,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) {
    let serving = Serving::new(router, bounds, stopping.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, _)) => serving.spawn(stream, Peer::local()),
            Err(error) => refused(&error).await,
        }
    }
}

/// Out of file descriptors, most likely: a pause lets some be closed.
async fn refused(error: &std::io::Error) {
    tracing::warn!(%error, "a connection cannot be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}
