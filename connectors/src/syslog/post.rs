//! A listener from its lane to its socket. The address may be taken for a while, by the process before
//! this one: each listener waits for its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::collector::Collector;
use super::config::{Config, Listener, Protocol};
use super::gate::Gate;
use super::stream::{self, Listening, Memory};
use super::udp::{self, Datagrams};
use crate::health::Health;
use crate::holder::{self, Transport};
use crate::lane::Outlet;
use crate::listener::{Certificates, listen_tcp};
use crate::metric::Meter;
use crate::retry::Backoff;
use crate::source::{Context, Resume, SourceError};
use crate::stop::Stop;

/// What the listeners of a source share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    gate: Arc<Gate>,
    outlet: Outlet,
    resume: std::collections::BTreeMap<Arc<str>, Resume>,
    stop: Stop,
    health: Health,
    meter: Meter,
    runtime: Handle,
    /// Listeners without a socket.
    without: AtomicUsize,
}

impl Shared {
    pub(super) fn new(config: Config, context: &Context) -> Arc<Self> {
        Arc::new(Self {
            gate: Arc::new(Gate::new(&config, context.meter.clone())),
            outlet: context.outlet.clone(),
            resume: context.resume.clone(),
            stop: context.stop.clone(),
            health: context.health.clone(),
            meter: context.meter.clone(),
            runtime: context.runtime.clone(),
            without: AtomicUsize::new(config.listeners.len()),
            config,
        })
    }
}

/// A listener and its lane.
#[derive(Debug)]
pub(super) struct Post {
    listener: Listener,
    collector: Arc<Collector>,
    certificates: Option<Certificates>,
}

impl Post {
    /// Opens the lane.
    ///
    /// # Errors
    /// Certificates cannot be used.
    pub(super) fn new(listener: &Listener, shared: &Shared) -> Result<Self, SourceError> {
        let certificates = listener.tls.as_ref().map(|tls| Certificates::load(tls, &[]));
        let certificates = certificates.transpose()?;
        let lane = shared.outlet.lane(&listener.name(), shared.config.window_bytes);
        let resume = shared.resume.get(listener.name().as_str());
        let (outlet, meter) = (shared.outlet.clone(), shared.meter.clone());
        let collector = Collector::new(lane, resume, shared.config.raw, outlet, meter);
        Ok(Self { listener: listener.clone(), collector: Arc::new(collector), certificates })
    }

    /// Listens until stopped, on a thread of its own.
    ///
    /// # Errors
    /// This process may not listen there.
    pub(super) fn listen(self, shared: &Arc<Shared>) -> Result<JoinHandle<()>, SourceError> {
        let shared = Arc::clone(shared);
        if self.listener.protocol == Protocol::Udp {
            let (address, size) = (self.listener.address, shared.config.limits.receive_buffer);
            let open = move || udp::open(address, size);
            let first = self.first(open)?;
            return Ok(std::thread::spawn(move || {
                let socket = self.socket(first, open, &shared);
                if let Some(socket) = socket {
                    self.datagrams(socket, &shared);
                }
            }));
        }
        let (address, runtime) = (self.listener.address, shared.runtime.clone());
        let open = move || runtime.block_on(listen_tcp(address));
        let first = self.first(&open)?;
        Ok(std::thread::spawn(move || {
            let socket = self.socket(first, open, &shared);
            if let Some(socket) = socket {
                self.connections(socket, &shared);
            }
        }))
    }

    /// The first try, after which it is known whether this process may listen there at all.
    fn first<T>(&self, open: impl Fn() -> io::Result<T>) -> Result<io::Result<T>, SourceError> {
        match open() {
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                let what = format!(
                    "{} cannot be listened to: take a port above 1023, or give the capability \
                     CAP_NET_BIND_SERVICE",
                    self.listener.name()
                );
                Err(SourceError::Host { what, source })
            }
            other => Ok(other),
        }
    }

    /// The socket; `None` if stopped before there was one.
    fn socket<T>(
        &self,
        mut tried: io::Result<T>,
        open: impl Fn() -> io::Result<T>,
        shared: &Shared,
    ) -> Option<T> {
        let mut backoff = Backoff::default();
        loop {
            match tried {
                Ok(socket) => {
                    if shared.without.fetch_sub(1, Ordering::AcqRel) == 1 {
                        shared.health.reading();
                    }
                    return Some(socket);
                }
                Err(error) => {
                    let (name, protocol) = (self.listener.name(), self.listener.protocol);
                    let is_udp = protocol == Protocol::Udp;
                    let transport = if is_udp { Transport::Udp } else { Transport::Tcp };
                    let why = holder::named(&error, transport, [self.listener.address]);
                    shared.health.retrying(&format!("{name} cannot be listened to: {why}"));
                }
            }
            if shared.stop.wait_for(&shared.runtime, backoff.next_wait()) {
                return None;
            }
            tried = open();
        }
    }

    fn datagrams(self, socket: std::net::UdpSocket, shared: &Shared) {
        let Shared { runtime, stop, .. } = shared;
        let flusher = runtime.spawn(flush(Arc::clone(&self.collector), stop.clone()));
        let (gate, meter) = (Arc::clone(&shared.gate), shared.meter.clone());
        let max = shared.config.limits.message;
        Datagrams::new(socket, max, gate, self.collector, meter).receive(runtime, stop);
        // It ends with the stop.
        let _ = runtime.block_on(flusher);
    }

    fn connections(self, socket: TcpListener, shared: &Shared) {
        let Shared { runtime, stop, .. } = shared;
        let flusher = runtime.spawn(flush(Arc::clone(&self.collector), stop.clone()));
        let listening = Listening {
            protocol: self.listener.protocol,
            limits: shared.config.limits.clone(),
            gate: Arc::clone(&shared.gate),
            collector: self.collector,
            certificates: self.certificates,
            meter: shared.meter.clone(),
            stop: stop.clone(),
            memory: Memory::default(),
        };
        let accepting = runtime.spawn(stream::accept(socket, Arc::new(listening)));
        let _ = runtime.block_on(accepting);
        let _ = runtime.block_on(flusher);
    }
}

async fn flush(collector: Arc<Collector>, stop: Stop) {
    collector.flush(stop).await;
}
