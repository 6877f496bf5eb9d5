//! Connections: listening, seats, TLS, HTTP/1.1 and HTTP/2. In: sockets. Out: requests at the door.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream, lookup_host};
use tokio::task::JoinSet;

use super::body::Memory;
use super::config::{Limits, Listening};
use super::door::{Door, Protocol};
use super::intake::{Intake, Sameness};
use super::pace::Paced;
use super::peers::{Peers, Seat};
use super::socket::listen_tcp;
use super::tls::Certificates;
use crate::holder::{self, Transport};
use crate::metric::Reason;
use crate::retry::Backoff;
use crate::source::{Context, SourceError};
use crate::stop::Stop;
use crate::umask;

/// Connections get so long to finish when the source ends.
const GRACE: Duration = Duration::from_secs(1);

/// A pause when the system has no room for a connection.
const SHORT_OF_FILES: Duration = Duration::from_millis(100);

/// A request's head holds at most so much. Unit: bytes.
const MAX_HEAD: u32 = 64 << 10;

/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;

/// What is spoken inside TLS.
const PROTOCOLS: &[&str] = &["h2", "http/1.1"];

/// What peers of a Unix socket are called, as CrowdSec calls them.
const LOCAL: &str = "127.0.0.1";

/// What a listener is and what it is called.
pub(crate) struct Listener<P> {
    /// The module of its source.
    pub(crate) module: &'static str,
    /// Where and how.
    pub(crate) listening: Listening,
    /// What it speaks.
    pub(crate) protocol: P,
    /// What the same body twice means.
    pub(crate) sameness: Sameness,
}

/// Something to read from and write to.
trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

struct Serving<P> {
    door: Door<P>,
    peers: Arc<Peers>,
    certificates: Option<Certificates>,
    stop: Stop,
}

/// Listens until the source is stopped.
///
/// # Errors
/// It cannot listen there, or the certificates are no good.
pub(crate) fn listen<P: Protocol>(
    listener: Listener<P>,
    context: Context,
) -> Result<(), SourceError> {
    let runtime = context.runtime.clone();
    runtime.block_on(serve(listener, context))
}

async fn serve<P: Protocol>(listener: Listener<P>, context: Context) -> Result<(), SourceError> {
    let Listener { module, listening, protocol, sameness } = listener;
    let Listening { address, socket, tls, access, limits } = listening;
    if address.is_none() && socket.is_none() {
        let text = "name an address or a socket to listen on".to_owned();
        return Err(SourceError::Configuration(text));
    }
    let (stop, meter) = (context.stop.clone(), context.meter.clone());
    let lane = context.outlet.lane(module, limits.window_bytes);
    context.outlet.ready();
    let resume = context.resume.get(lane.name());
    let intake = Intake::new(module, lane, resume, sameness, (meter.clone(), limits.answer))?;
    let certificates = tls.as_ref().map(|tls| Certificates::load(tls, PROTOCOLS)).transpose()?;
    let tcp = match &address {
        Some(address) => match bind(address, &context).await? {
            Some(bound) => Some(bound),
            None => return Ok(()),
        },
        None => None,
    };
    let unix = socket.as_deref().map(bind_socket);
    let unix = match unix {
        Some(bound) => Some(bound.await?),
        None => None,
    };
    let peers = Peers::new(limits.connections, limits.per_address, meter.clone());
    let memory = Memory::new(limits.bodies);
    let door = Door { protocol, access, limits, memory, intake, meter };
    let serving = Arc::new(Serving { door, peers, certificates, stop: stop.clone() });
    context.health.reading();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.wait() => break,
            accepted = accept_tcp(tcp.as_ref()) => match accepted {
                Ok((stream, address)) => serving.take(stream, Some(address), &mut connections),
                Err(error) => serving.short(&error).await,
            },
            accepted = accept_unix(unix.as_ref()) => match accepted {
                Ok(stream) => serving.take(stream, None, &mut connections),
                Err(error) => serving.short(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    drop(tokio::time::timeout(GRACE, ended).await);
    Ok(())
}

impl<P: Protocol> Serving<P> {
    /// Gives a connection a seat and a task of its own, or closes it.
    fn take(self: &Arc<Self>, stream: impl Io, address: Option<IpAddr>, tasks: &mut JoinSet<()>) {
        let Some(seat) = self.peers.seat(address) else { return };
        let peer = address.map_or_else(|| LOCAL.into(), |address| address.to_string().into());
        tasks.spawn(Arc::clone(self).connection(stream, peer, seat));
    }

    async fn connection(self: Arc<Self>, stream: impl Io, peer: Arc<str>, _seat: Seat) {
        let limits = &self.door.limits;
        let idle = limits.idle.max(limits.answer + GRACE);
        let stream = Paced::new(stream, idle);
        let Some(certificates) = &self.certificates else {
            return self.http(stream, peer).await;
        };
        let greeting = tokio::time::timeout(limits.head, certificates.accept(stream)).await;
        match greeting {
            Ok(Ok(stream)) => self.http(stream, peer).await,
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no TLS with a peer");
                self.door.meter.reject(Reason::Handshake, 1);
            }
            Err(_) => self.door.meter.reject(Reason::PeerLimit, 1),
        }
    }

    async fn http(self: Arc<Self>, stream: impl Io, peer: Arc<str>) {
        let answered = Arc::new(AtomicBool::new(false));
        let service = service_fn(|request| {
            let (serving, peer) = (Arc::clone(&self), Arc::clone(&peer));
            answered.store(true, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(serving.door.answer(request, &peer).await) }
        });
        let builder = builder(&self.door.limits);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "connection ended");
            let reason = ended_by(error.as_ref());
            // One that has sent its requests may stay as long as it is let.
            if reason != Reason::PeerLimit || !answered.load(Ordering::Relaxed) {
                self.door.meter.reject(reason, 1);
            }
        }
    }

    async fn short(&self, error: &io::Error) {
        tracing::debug!(%error, "no room for a connection");
        self.door.meter.reject(Reason::PeerLimit, 1);
        tokio::time::sleep(SHORT_OF_FILES).await;
    }
}

/// Why a connection did not end by itself.
fn ended_by(error: &(dyn std::error::Error + 'static)) -> Reason {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let slow = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout);
        let idle = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if slow || idle == Some(io::ErrorKind::TimedOut) {
            return Reason::PeerLimit;
        }
        cause = error.source();
    }
    Reason::Framing
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD);
    builder
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<(tokio::net::TcpStream, IpAddr)> {
    let Some(listener) = listener else { return std::future::pending().await };
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address.ip().to_canonical()))
}

async fn accept_unix(listener: Option<&UnixListener>) -> io::Result<UnixStream> {
    let Some(listener) = listener else { return std::future::pending().await };
    Ok(listener.accept().await?.0)
}

/// Listens at an address. One that is taken is tried again: its holder may be about to end. `None` if
/// the source was stopped before that.
async fn bind(address: &str, context: &Context) -> Result<Option<TcpListener>, SourceError> {
    let mut backoff = Backoff::default();
    loop {
        let error = match listen_tcp(address).await {
            Ok(listener) => return Ok(Some(listener)),
            Err(error) => error,
        };
        let what = format!("cannot listen on {address}");
        let again =
            matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable);
        if !again {
            return Err(SourceError::Host { what, source: error });
        }
        let all = lookup_host(address).await.into_iter().flatten();
        let why = holder::named(&error, Transport::Tcp, all);
        context.health.retrying(&format!("{what}: {why}"));
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = context.stop.wait() => return Ok(None),
        }
    }
}

/// Listens on a Unix socket. One that nobody listens on any more is replaced.
async fn bind_socket(path: &Path) -> Result<UnixListener, SourceError> {
    let failed =
        |source| SourceError::Host { what: format!("cannot listen on {}", path.display()), source };
    let left = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    if left && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    umask::loosen_socket(path).map_err(failed)?;
    Ok(listener)
}
