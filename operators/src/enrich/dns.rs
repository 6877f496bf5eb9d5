//! `reverse_dns`: the first name of an address.

use crate::lookup::Lookups;

/// The first name, its trailing dot kept; nothing offline and for what is no address.
pub fn reverse(value: &str, lookups: &dyn Lookups) -> Option<(&'static str, String)> {
    let name = lookups.reverse_dns(value.parse().ok()?)?;
    Some(("reverse_dns", name))
}
