//! How many connections there are, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metric::{Gauge, Meter, Reason};

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Peers {
    open: Mutex<Open>,
    all: usize,
    each: usize,
    meter: Meter,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    peers: Arc<Peers>,
    address: Option<IpAddr>,
}

impl Peers {
    /// At most `all` connections, and `each` of one address.
    pub(crate) fn new(all: usize, each: usize, meter: Meter) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), all, each, meter })
    }

    /// A seat for a connection, if there is one; peers without an address share the whole. What
    /// gets none is counted.
    pub(crate) fn seat(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = address.and_then(|address| open.by_address.get(&address)).copied();
        if open.all >= self.all || of_address.unwrap_or(0) >= self.each {
            self.meter.reject(Reason::PeerLimit, 1);
            return None;
        }
        open.all += 1;
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        self.meter.change(Gauge::Open, 1);
        Some(Seat { peers: Arc::clone(self), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
        self.peers.meter.change(Gauge::Open, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_given_back_and_nobody_has_them_all() {
        let meter = Meter::default();
        let peers = Peers::new(3, 2, meter.clone());
        let address = |last| Some(IpAddr::from([127, 0, 0, last]));
        let (a, _b) = (peers.seat(address(1)), peers.seat(address(1)));
        assert!(a.is_some() && peers.seat(address(1)).is_none());
        let other = peers.seat(address(2));
        assert!(other.is_some() && peers.seat(None).is_none());
        drop(a);
        assert!(peers.seat(None).is_some());
        assert_eq!((meter.rejected(Reason::PeerLimit), meter.gauge(Gauge::Open)), (2, 2));
        drop(other);
        assert_eq!(peers.open.lock().unwrap().by_address.len(), 1);
    }
}
