//! Who may connect, and how many at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use super::config::Config;
use crate::metric::{Counter, Gauge, Meter, Reason};

/// The gate of a listener.
#[derive(Debug)]
pub(super) struct Gate {
    allow: Vec<IpNet>,
    connections: usize,
    per_address: usize,
    inside: Mutex<Inside>,
    meter: Meter,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// Leave to be connected, given back when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Gate {
    pub(super) fn new(config: &Config, meter: Meter) -> Arc<Self> {
        Arc::new(Self {
            allow: config.allow.clone(),
            connections: config.limits.connections.max(1),
            per_address: config.limits.connections_per_address.max(1),
            inside: Mutex::default(),
            meter,
        })
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
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admission> {
        if !self.allows(address) {
            return None;
        }
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.total >= self.connections || of_address >= self.per_address {
            self.meter.reject(Reason::PeerLimit, 1);
            return None;
        }
        inside.total += 1;
        inside.by_address.insert(address, of_address + 1);
        self.meter.add(Counter::Sessions, 1);
        self.meter.change(Gauge::Open, 1);
        Some(Admission { gate: Arc::clone(self), address })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total = inside.total.saturating_sub(1);
        if let Some(of_address) = inside.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                inside.by_address.remove(&self.address);
            }
        }
        self.gate.meter.change(Gauge::Open, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::config::Limits;

    fn gate(allow: &[&str], connections: usize, connections_per_address: usize) -> Arc<Gate> {
        let limits = Limits { connections, connections_per_address, ..Limits::default() };
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        Gate::new(&Config { allow, limits, ..Config::default() }, Meter::default())
    }

    #[test]
    fn networks_are_kept_out() {
        let gate = gate(&["192.0.2.0/24", "2001:db8::/32"], 9, 9);
        assert!(gate.admit("192.0.2.9".parse().unwrap()).is_some());
        assert!(gate.admit("2001:db8::9".parse().unwrap()).is_some());
        assert!(gate.admit("198.51.100.9".parse().unwrap()).is_none());
        assert_eq!(gate.meter.rejected(Reason::Unauthorized), 1);
    }

    #[test]
    fn who_leaves_makes_room() {
        let gate = gate(&[], 3, 2);
        let (a, b, c) = ("192.0.2.1", "192.0.2.2", "192.0.2.3");
        let admit = |address: &str| gate.admit(address.parse().unwrap());
        let first = admit(a);
        let (_second, third) = (admit(a).unwrap(), admit(a));
        assert!(first.is_some() && third.is_none());
        let (_fourth, fifth) = (admit(b).unwrap(), admit(c));
        assert!(fifth.is_none());
        drop(first);
        assert!(admit(c).is_some());
        assert_eq!(gate.meter.rejected(Reason::PeerLimit), 2);
        assert_eq!(gate.meter.gauge(Gauge::Open), 2);
    }
}
