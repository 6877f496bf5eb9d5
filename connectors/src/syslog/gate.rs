//! Who may send, and how many may be connected at once.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::config::Config;
use crate::listener::{Peers, Seat};
use crate::metric::{Counter, Meter, Reason};

/// The gate of a source.
#[derive(Debug)]
pub(super) struct Gate {
    allow: Vec<IpNet>,
    peers: Arc<Peers>,
    meter: Meter,
}

impl Gate {
    pub(super) fn new(config: &Config, meter: Meter) -> Self {
        let limits = &config.limits;
        let (all, each) = (limits.connections.max(1), limits.connections_per_address.max(1));
        let peers = Peers::new(all, each, meter.clone());
        Self { allow: config.allow.clone(), peers, meter }
    }

    /// Whether this address may send; counted if not.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let allowed = self.allow.is_empty() || self.allow.iter().any(|net| net.contains(&address));
        if !allowed {
            self.meter.reject(Reason::Unauthorized, 1);
        }
        allowed
    }

    /// Lets a connection in, if it may and there is room for it.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Seat> {
        if !self.allows(address) {
            return None;
        }
        let seat = self.peers.seat(Some(address))?;
        self.meter.add(Counter::Sessions, 1);
        Some(seat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_kept_out() {
        let allow = ["192.0.2.0/24", "2001:db8::/32"].map(|net| net.parse().unwrap()).to_vec();
        let gate = Gate::new(&Config { allow, ..Config::default() }, Meter::default());
        assert!(gate.admit("192.0.2.9".parse().unwrap()).is_some());
        assert!(gate.admit("2001:db8::9".parse().unwrap()).is_some());
        assert!(gate.admit("198.51.100.9".parse().unwrap()).is_none());
        assert_eq!(gate.meter.rejected(Reason::Unauthorized), 1);
    }
}
