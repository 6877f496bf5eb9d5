//! Plain blocklists for firewalls: the networks of active decisions, joined, cut to what a device
//! can hold, written as it reads them.

pub mod capacity;
pub mod format;
pub mod wanted;

use crate::filter::DecisionFilter;
use crate::filter::net::Net;
use crate::index::Snapshot;

pub use format::Format;
pub use wanted::Wanted;

/// A network that is to be blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Which one.
    pub net: Net,
    /// When the last decision about it ends. Unit: nanoseconds since the Unix epoch.
    pub until: i64,
    /// Whether a decision about it was made here, rather than pulled from a list.
    pub own: bool,
}

/// Networks of the decisions that are active at `now` and that all filters want, in the order of
/// addresses; none lies within another.
pub fn networks(snapshot: &Snapshot, filters: &[DecisionFilter], now: i64) -> Vec<Blocked> {
    let longest = snapshot.entries().filter(|entry| entry.slot.since > 0 && entry.slot.until > now);
    let wanted = longest.filter(|entry| filters.iter().all(|filter| entry.passes_alone(filter)));
    let mut blocked: Vec<Blocked> = wanted
        .filter_map(|entry| {
            let own = !matches!(entry.origin(), "CAPI" | "lists");
            Some(Blocked { net: entry.net()?, until: entry.slot.until, own })
        })
        .collect();
    blocked.sort_unstable_by_key(|one| (one.net.v6, one.net.start, one.net.length));
    joined(&blocked)
}

/// Without networks that lie within others; sorted in, sorted out. What is around keeps its end: nobody
/// is blocked for longer than decided, and a device that asks again gets what was within.
fn joined(sorted: &[Blocked]) -> Vec<Blocked> {
    let mut out: Vec<Blocked> = Vec::with_capacity(sorted.len());
    for one in sorted {
        match out.last_mut() {
            Some(last) if last.net.contains(one.net) => {
                if last.net == one.net {
                    last.until = last.until.max(one.until);
                }
                last.own |= one.own;
            }
            _ => out.push(*one),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn blocked(text: &str, until: i64) -> Blocked {
        Blocked { net: Net::parse(text).unwrap(), until, own: true }
    }

    #[test]
    fn what_lies_within_another_is_left_out() {
        let sorted = [
            blocked("10.0.0.0/8", 5),
            blocked("10.1.0.0/16", 9),
            blocked("10.1.2.3", 1),
            blocked("11.0.0.0", 7),
            blocked("11.0.0.0", 1),
        ];
        assert_eq!(joined(&sorted), [blocked("10.0.0.0/8", 5), blocked("11.0.0.0", 7)]);
    }
}
