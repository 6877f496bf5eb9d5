//! Listeners: TCP and Unix sockets, HTTP/1.1 and HTTP/2, each bounded in number, size and time.

mod anybody;
mod host;
mod progress;
pub mod tls;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
use crate::filter::net::Net;
use crate::limits::client;
use progress::Progress;
use tls::{Present, Tls};

/// Bounds of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time; the next ones are closed.
    pub connections: usize,
    /// Connections of one client ([`client`]) at the same time, but for those of this host.
    pub of_client: usize,
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
            of_client: 16_000,
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
    clients: Arc<Mutex<HashMap<Net, usize>>>,
    stopping: watch::Receiver<bool>,
}

/// The room that a connection takes.
struct Room {
    clients: Arc<Mutex<HashMap<Net, usize>>>,
    client: Option<Net>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut own) = clients.entry(client) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

impl Serving {
    fn new(router: Router, bounds: Bounds, stopping: watch::Receiver<bool>) -> Self {
        let room = Arc::new(Semaphore::new(bounds.connections));
        Self { router, bounds, room, clients: Arc::default(), stopping }
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
    fn spawn_tls(&self, stream: TcpStream, ip: IpAddr, present: Arc<Present>) {
        let Some(room) = self.room(ip) else { return };
        let serving = self.clone();
        tokio::spawn(async move {
            let _room = room;
            let accepting = TlsAcceptor::from(Arc::clone(&present.config)).accept(stream);
            let shaken = tokio::time::timeout(HANDSHAKE, accepting).await;
            let stream = match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(%ip, %error, "a handshake fails");
                    return;
                }
                Err(_) => return,
            };
            let shown = stream.get_ref().1.peer_certificates();
            let certificate = shown.map(|chain| Arc::new(present.certificate(chain)));
            serving.serve(stream, Peer { certificate, ..Peer::at(ip) }).await;
        });
    }

    fn room(&self, ip: IpAddr) -> Option<Room> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(%ip, "too many connections: one is closed");
            return None;
        };
        let client = (!ip.to_canonical().is_loopback()).then(|| client(ip));
        if let Some(client) = client {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let own = clients.entry(client).or_default();
            if *own >= self.bounds.of_client {
                tracing::warn!(%ip, "too many connections of one client: one is closed");
                return None;
            }
            *own += 1;
        }
        Some(Room { clients: Arc::clone(&self.clients), client, _permit: permit })
    }

    async fn serve<S>(mut self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let refusal = host::refusal(&request);
            let mut router = router.clone();
            async move {
                match refusal {
                    Some(refusal) => Ok(refusal),
                    None => tower_service::Service::call(&mut router, request).await,
                }
            }
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
                    Some(tls) => serving.spawn_tls(stream, address.ip(), tls.present()),
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
            Ok((stream, _)) => {
                let user = stream.peer_cred().ok().map(|process| process.uid());
                serving.spawn(stream, Peer::local(user));
            }
            Err(error) => refused(&error).await,
        }
    }
}

/// Out of file descriptors, most likely: a pause lets some be closed.
async fn refused(error: &std::io::Error) {
    tracing::warn!(%error, "a connection cannot be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_does_not_take_all_connections() {
        let bounds = Bounds { connections: 8, of_client: 2, ..Bounds::default() };
        let (_stop, stopping) = watch::channel(false);
        let serving = Serving::new(Router::new(), bounds, stopping);
        let room = |ip: &str| serving.room(ip.parse().unwrap());
        let mut held = vec![room("2001:db8::1").unwrap(), room("2001:db8::2").unwrap()];
        assert!(room("2001:db8::3").is_none());
        held.push(room("2001:db8:0:1::").unwrap());
        held.extend((0..4).map(|_| room("::ffff:127.0.0.1").unwrap()));
        held.remove(0);
        held.push(room("2001:db8::3").unwrap());
        held.push(room("192.0.2.1").unwrap());
        assert!(room("192.0.2.2").is_none());
        drop(held);
        assert!(serving.clients.lock().unwrap().is_empty());
    }
}
