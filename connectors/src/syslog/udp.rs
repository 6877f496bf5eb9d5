//! Datagrams: many with one call, from a receive buffer that is as large as the system lets it be.
//! What does not fit there is lost; the kernel counts it, and so do we.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrStorage, getsockopt, recvmmsg, setsockopt, sockopt,
};
use tokio::runtime::Handle;

use super::collector::{Collector, Peer};
use super::gate::Gate;
use crate::metric::{Counter, Meter, Reason};
use crate::stop::Stop;

/// Datagrams of one call.
const BATCH: usize = 64;
/// How long a call waits; then the stop is looked at. Unit: time.
const WAIT: Duration = Duration::from_millis(100);
/// How often the kernel is asked for what it dropped.
const COUNTING: Duration = Duration::from_secs(1);
/// Peers that are remembered.
const PEERS: usize = 65_536;

/// A listener for datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Longest message. Unit: bytes.
    max: usize,
    gate: Arc<Gate>,
    collector: Arc<Collector>,
    meter: Meter,
    peers: BTreeMap<IpAddr, Peer>,
    dropped: u64,
}

impl Datagrams {
    pub(super) fn new(
        socket: UdpSocket,
        max: usize,
        gate: Arc<Gate>,
        collector: Arc<Collector>,
        meter: Meter,
    ) -> Self {
        Self { socket, max, gate, collector, meter, peers: BTreeMap::new(), dropped: 0 }
    }

    /// Receives until stopped, on a thread of its own.
    pub(super) fn receive(mut self, runtime: &Handle, stop: &Stop) {
        // A datagram has at most 64 KiB; one byte more tells that it was longer than allowed.
        let size = (self.max + 1).min(1 << 16);
        let mut memory = vec![0; BATCH * size];
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        let mut counted = Instant::now();
        while !stop.is_set() {
            if self.collector.is_full() {
                // Meanwhile the kernel's buffer fills.
                runtime.block_on(async {
                    tokio::select! {
                        () = self.collector.room() => {}
                        () = stop.wait() => {}
                    }
                });
            }
            if let Err(error) = self.take(&mut headers, &mut memory, size) {
                tracing::warn!(%error, "datagrams cannot be received");
                stop.wait_for(runtime, WAIT);
            }
            if counted.elapsed() >= COUNTING {
                counted = Instant::now();
                self.count_drops();
            }
        }
        self.count_drops();
    }

    /// Takes what is there, waiting for it for a while.
    fn take(
        &mut self,
        headers: &mut MultiHeaders<SockaddrStorage>,
        memory: &mut [u8],
        size: usize,
    ) -> io::Result<()> {
        let mut pieces: Vec<_> =
            memory.chunks_mut(size).map(|piece| [IoSliceMut::new(piece)]).collect();
        let (descriptor, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
        let received = match recvmmsg(descriptor, headers, &mut pieces, flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for datagram in received {
            let address = datagram.address.as_ref().and_then(ip);
            let (Some(address), Some(message)) = (address, datagram.iovs().next()) else {
                continue;
            };
            if !self.gate.allows(address) {
                continue;
            }
            if self.peers.len() >= PEERS {
                self.peers.clear();
            }
            let peer = self.peers.entry(address).or_insert_with(|| {
                self.meter.add(Counter::Sessions, 1);
                Peer::new(address)
            });
            let is_long = message.len() > self.max || datagram.flags.contains(MsgFlags::MSG_TRUNC);
            self.collector.add(peer, |adding| match is_long {
                true => adding.reject(Reason::TooLong, message, message.len()),
                false => adding.message(message),
            });
        }
        Ok(())
    }

    /// Counts what the kernel had no room for.
    fn count_drops(&mut self) {
        let Ok(dropped) = dropped(&self.socket) else { return };
        self.meter.reject(Reason::NoRoom, dropped.saturating_sub(self.dropped));
        self.dropped = dropped;
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    let ip = v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())));
    ip.map(|ip| ip.to_canonical())
}

/// What the kernel has dropped of this socket, as it tells in `/proc/net/udp`. (It would tell with each
/// datagram too, but only with the next one.)
fn dropped(socket: &UdpSocket) -> io::Result<u64> {
    let inode =
        std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd()))?.ino().to_string();
    let table = if socket.local_addr()?.is_ipv4() { "udp" } else { "udp6" };
    let table = std::fs::read_to_string(format!("/proc/self/net/{table}"))?;
    let ours = table.lines().find(|line| line.split_whitespace().nth(9) == Some(&inode));
    Ok(ours.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0))
}

/// Opens the socket of a listener, with a receive buffer of `size` bytes if the system lets us.
pub(super) fn open(address: SocketAddr, size: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(WAIT))?;
    // More than the system's limit is for the privileged only.
    let given = setsockopt(&socket, sockopt::RcvBufForce, &size)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &size))
        .and_then(|()| getsockopt(&socket, sockopt::RcvBuf))?;
    // The kernel doubles what it is asked for, and tells that.
    if given / 2 < size {
        tracing::warn!(
            %address, wanted = size, given = given / 2,
            "receive buffer is smaller than wanted: raise the sysctl net.core.rmem_max, or give the \
             capability CAP_NET_ADMIN"
        );
    }
    Ok(socket)
}
