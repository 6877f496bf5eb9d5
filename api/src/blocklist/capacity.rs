//! What a device can hold: neighbours are joined into networks, without blocking anybody else; what
//! is still too much is left out, pulled lists first, then what ends soonest. Only who asks for it
//! (`prefix=24,64`) gets whole networks instead of the addresses in them.

use super::{Blocked, joined};
use crate::filter::net::Net;

/// Shortest prefixes that addresses may be widened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Of IPv4. Unit: bits.
    pub v4: u8,
    /// Of IPv6. Unit: bits.
    pub v6: u8,
}

impl Default for Widths {
    fn default() -> Self {
        Self { v4: 32, v6: 128 }
    }
}

impl Widths {
    /// Reads `24` or `24,64`.
    pub fn parse(text: &str) -> Option<Self> {
        let (v4, v6) = text.split_once(',').unwrap_or((text, "128"));
        let widths = Self { v4: v4.trim().parse().ok()?, v6: v6.trim().parse().ok()? };
        (widths.v4 <= 32 && widths.v6 <= 128).then_some(widths)
    }

    /// The longer prefixes of both.
    #[must_use]
    pub fn narrower(self, other: Self) -> Self {
        Self { v4: self.v4.max(other.v4), v6: self.v6.max(other.v6) }
    }
}

/// At most `most` networks, in the order of addresses.
pub fn fit(blocked: Vec<Blocked>, most: usize, widths: Widths) -> Vec<Blocked> {
    if blocked.len() <= most {
        return blocked;
    }
    let mut fitting = merged(blocked);
    if fitting.len() > most && widths != Widths::default() {
        let widened = fitting.iter().map(|one| {
            let width = if one.net.v6 { widths.v6 } else { widths.v4 };
            Blocked { net: one.net.cut(width.min(one.net.length)), ..*one }
        });
        let mut widened: Vec<Blocked> = widened.collect();
        widened.sort_unstable_by_key(|one| (one.net.v6, one.net.start, one.net.length, one.until));
        widened.dedup_by(|next, first| {
            let same = next.net == first.net;
            first.own |= same && next.own;
            same
        });
        fitting = merged(joined(&widened));
    }
    if fitting.len() > most {
        fitting.sort_by_key(|one| (std::cmp::Reverse(one.own), std::cmp::Reverse(one.until)));
        fitting.truncate(most);
        fitting.sort_unstable_by_key(|one| (one.net.v6, one.net.start, one.net.length));
    }
    fitting
}

/// Joins two halves of a network into it, again and again: the same addresses in fewer networks, until
/// the first of them ends.
fn merged(sorted: Vec<Blocked>) -> Vec<Blocked> {
    let mut out: Vec<Blocked> = Vec::with_capacity(sorted.len());
    for one in sorted {
        out.push(one);
        while let [.., left, right] = out.as_slice()
            && let Some(net) = whole(left.net, right.net)
        {
            let (until, own) = (left.until.min(right.until), left.own || right.own);
            out.truncate(out.len() - 2);
            out.push(Blocked { net, until, own });
        }
    }
    out
}

/// The network whose halves these are.
fn whole(left: Net, right: Net) -> Option<Net> {
    let length = left.length.checked_sub(1)?;
    let net = left.cut(length);
    let halves = left != right && left.length == right.length && left.v6 == right.v6;
    (halves && right.cut(length) == net).then_some(net)
}

#[cfg(test)]
mod tests {
    use super::super::tests::blocked;
    use super::*;

    fn shown(blocked: &[Blocked]) -> Vec<String> {
        blocked.iter().map(|one| one.net.to_string()).collect()
    }

    fn hosts(count: u8) -> Vec<Blocked> {
        (0..count).map(|last| blocked(&format!("192.0.2.{last}"), i64::from(last))).collect()
    }

    #[test]
    fn neighbours_are_joined_before_anybody_is_left_out() {
        assert_eq!(shown(&fit(hosts(6), 6, Widths::default())).len(), 6);
        assert_eq!(shown(&fit(hosts(6), 5, Widths::default())), ["192.0.2.0/30", "192.0.2.4/31"]);
    }

    #[test]
    fn what_ends_soonest_is_left_out_and_lists_before_it() {
        let mut some =
            vec![blocked("192.0.2.1", 1), blocked("192.0.2.9", 5), blocked("192.0.2.17", 9)];
        assert_eq!(shown(&fit(some.clone(), 2, Widths::default())), ["192.0.2.9", "192.0.2.17"]);
        some[2].own = false;
        assert_eq!(shown(&fit(some.clone(), 2, Widths::default())), ["192.0.2.1", "192.0.2.9"]);
        let widths = Widths::parse("24,64").unwrap();
        assert_eq!(shown(&fit(some, 2, widths)), ["192.0.2.0/24"]);
        assert_eq!(Widths::parse("33"), None);
    }
}
