//! `GeoIpCity`, `GeoIpASN` and `IpToRange`: what databases say of an address. Without a database,
//! and for what is no address, nothing is written.

use std::net::IpAddr;

use crate::lookup::Lookups;

/// A name of `evt.Enriched` and its text.
pub(super) type Field = (&'static str, String);

/// Country, whether it is in the EU, and place.
pub fn city(value: &str, lookups: &dyn Lookups) -> Vec<Field> {
    let Some(city) = address(value).and_then(|ip| lookups.city(ip)) else { return Vec::new() };
    vec![
        ("IsoCode", city.iso_code),
        ("IsInEU", city.in_eu.to_string()),
        ("Latitude", format!("{:.6}", city.latitude)),
        ("Longitude", format!("{:.6}", city.longitude)),
    ]
}

/// Number (under two names) and organisation; 0 and "" for an unknown address.
pub fn asn(value: &str, lookups: &dyn Lookups) -> Vec<Field> {
    let Some(asn) = address(value).and_then(|ip| lookups.asn(ip)) else { return Vec::new() };
    let number = asn.number.to_string();
    vec![("ASNNumber", number.clone()), ("ASNumber", number), ("ASNOrg", asn.organization)]
}

/// The network of the address in the AS database.
pub fn range(value: &str, lookups: &dyn Lookups) -> Option<Field> {
    let range = lookups.asn(address(value)?)?.range;
    (!range.is_empty()).then_some(("SourceRange", range))
}

/// An address as Go's `net.ParseIP` reads it: one of IPv4 within IPv6 is IPv4.
fn address(value: &str) -> Option<IpAddr> {
    value.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}
