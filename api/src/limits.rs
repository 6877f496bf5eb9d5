//! What one client may cost: requests and refusals by the clock, each with a burst. A client is an
//! address; of IPv6 a /64, which is what one subscriber has. This host is not limited.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::filter::net::Net;

/// Shards of a meter.
const SHARDS: usize = 16;
/// Clients that a shard knows.
const MOST: usize = 8_192;
/// Bits of an IPv6 address that are a client.
const CLIENT_BITS: u8 = 64;
const SECOND: i64 = 1_000_000_000;

/// What one client may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests, `None` for any number. Unit: per second; as many at once.
    pub requests: Option<u32>,
    /// Wrong keys, passwords and tokens, `None` for any number. Unit: per minute; as many at once.
    pub refusals: Option<u32>,
    /// Connections at the same time.
    pub connections: usize,
    /// Bytes of a body of somebody who is known, unpacked.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: Some(10_000), refusals: Some(300), connections: 16_000, body: 50 << 20 }
    }
}

/// Meters of [`Limits`].
#[derive(Debug)]
pub struct Meters {
    /// Counts requests.
    pub requests: Meter,
    /// Counts refusals.
    pub refusals: Meter,
}

impl Meters {
    /// Meters that stand at the beginning.
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: Meter::new(limits.requests, SECOND),
            refusals: Meter::new(limits.refusals, 60 * SECOND),
        }
    }
}

/// Counts something per client (the generic cell rate algorithm).
#[derive(Debug)]
pub struct Meter {
    /// What each one costs, and what a client may owe; `None` for nothing. Unit: nanoseconds.
    rate: Option<(i64, i64)>,
    /// Until when each client has spent. Unit: nanoseconds since the Unix epoch.
    spent: [Mutex<HashMap<Net, i64>>; SHARDS],
}

impl Meter {
    /// A meter that lets `count` pass in a `period`, all at once if they come so; `None` lets all
    /// pass. Unit: nanoseconds.
    fn new(count: Option<u32>, period: i64) -> Self {
        let rate = count.map(|count| (period / i64::from(count.max(1)), period));
        Self { rate, spent: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Lets one pass.
    ///
    /// # Errors
    /// Too many came; in so many seconds the next may.
    pub fn take(&self, ip: IpAddr, now: i64) -> Result<(), u32> {
        let Some((cost, most)) = self.rate else { return Ok(()) };
        let client = client(ip);
        let mut spent = self.shard(client);
        let until = spent.get(&client).copied().unwrap_or(now).max(now);
        if until.saturating_sub(now) > most.saturating_sub(cost) {
            return Err(seconds(until.saturating_sub(now) + cost - most));
        }
        if spent.len() >= MOST {
            spent.retain(|_, until| *until > now);
            if spent.len() >= MOST {
                // Bounded memory is worth more than the counts of so many.
                spent.clear();
            }
        }
        spent.insert(client, until.saturating_add(cost));
        Ok(())
    }

    /// Whether none may pass now: in so many seconds the next may.
    pub fn is_out(&self, ip: IpAddr, now: i64) -> Option<u32> {
        let (cost, most) = self.rate?;
        let client = client(ip);
        let until = self.shard(client).get(&client).copied()?;
        let over = until.saturating_sub(now) + cost - most;
        (over > 0).then(|| seconds(over))
    }

    fn shard(&self, client: Net) -> std::sync::MutexGuard<'_, HashMap<Net, i64>> {
        let bits = client.start ^ (client.start >> 64);
        let bits = bits ^ (bits >> 16) ^ (bits >> 32);
        let place = usize::try_from(bits % SHARDS as u128).unwrap_or(0);
        let [first, ..] = &self.spent;
        self.spent.get(place).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client that an address is of.
pub fn client(ip: IpAddr) -> Net {
    let net = Net::of(ip);
    if net.v6 { net.cut(CLIENT_BITS) } else { net }
}

fn seconds(nanos: i64) -> u32 {
    u32::try_from(nanos.max(0) / SECOND + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_passes_then_as_many_as_the_clock_lets() {
        let meter = Meter::new(Some(4), SECOND);
        let client = ip("192.0.2.1");
        for _ in 0..4 {
            assert_eq!(meter.is_out(client, 0), None);
            assert_eq!(meter.take(client, 0), Ok(()));
        }
        assert_eq!(meter.take(client, 0), Err(1));
        assert_eq!(meter.is_out(client, 0), Some(1));
        assert_eq!(meter.take(ip("192.0.2.2"), 0), Ok(()));
        assert_eq!(meter.take(client, SECOND / 4), Ok(()));
        assert_eq!(meter.take(client, SECOND / 4), Err(1));
        assert_eq!(meter.is_out(client, SECOND * 3), None);
        assert_eq!(Meter::new(None, SECOND).take(client, 0), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let meter = Meter::new(Some(1), SECOND);
        assert_eq!(meter.take(ip("2001:db8::1"), 0), Ok(()));
        assert_eq!(meter.take(ip("2001:db8::ffff:2"), 0), Err(2));
        assert_eq!(meter.take(ip("2001:db8:0:1::1"), 0), Ok(()));
    }

    #[test]
    fn many_clients_cost_bounded_memory() {
        let meter = Meter::new(Some(1), SECOND);
        for number in 0..300_000_u32 {
            let _ = meter.take(IpAddr::from(number.to_be_bytes()), 0);
        }
        let known: usize = meter.spent.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(known <= SHARDS * MOST, "{known}");
    }
}
