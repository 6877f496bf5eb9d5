//! Addresses and networks, as Go's `net` reads them (unlike whitelists, an IPv4-mapped IPv6 address
//! is the IPv4 address here), and what the GeoIP databases know of them.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::Function;
use super::arguments::kinds::{ANY, BOOL, STR, STRS};
use super::arguments::{Outcome, text};
use crate::expr::context::Cx;
use crate::lookup::{Asn, City};
use crate::value::{ListKind, MapKind, Object, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("IpInRange", &[STR, STR], BOOL, ip_in_range)
        .about("whether the address is in the network; false where one is malformed",
            r#"IpInRange("10.1.2.3", "10.0.0.0/8")"#, "true"),
    Function::new("IpToRange", &[STR, STR], STR, ip_to_range)
        .about("the network of that prefix length around the address, \"\" where malformed",
            r#"IpToRange("192.168.1.7", "/24")"#, "192.168.1.0/24"),
    Function::new("IsIP", &[STR], BOOL, is_ip)
        .about("whether it is an address", r#"IsIP("10.0.0.256")"#, "false"),
    Function::new("IsIPV4", &[STR], BOOL, is_ipv4)
        .about("whether it is an IPv4 address (mapped ones too)",
            r#"IsIPV4("::ffff:10.0.0.1")"#, "true"),
    Function::new("IsIPV6", &[STR], BOOL, is_ipv6)
        .about("whether it is an IPv6 address (not a mapped one)", r#"IsIPV6("::1")"#, "true"),
    Function::new("LookupHost", &[STR], STRS, lookup_host).impure()
        .about("the addresses of a name, none when offline", r#"LookupHost("a.invalid")"#, "[]"),
    Function::new("GeoIPEnrich", &[STR], ANY, geoip).impure()
        .about("the city record of an address (Country.IsoCode, …), nil without a database",
            r#"GeoIPEnrich("10.0.0.1")"#, "<nil>"),
    Function::new("GeoIPASNEnrich", &[STR], ANY, geoip_asn).impure()
        .about("the AS record of an address (AutonomousSystemNumber, …), nil without a database",
            r#"GeoIPASNEnrich("10.0.0.1")"#, "<nil>"),
    Function::new("GeoIPRangeEnrich", &[STR], ANY, geoip_range).impure()
        .about("the network of the AS record of an address, nil without one",
            r#"GeoIPRangeEnrich("10.0.0.1")"#, "<nil>"),
    Function::new("IPToCountry", &[STR], STR, ip_to_country).impure()
        .about("the country code of an address, \"\" where unknown",
            r#"IPToCountry("10.0.0.1")"#, ""),
];

/// `net.ParseIP`; an IPv4-mapped address becomes the IPv4 address.
pub(in crate::expr) fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn masked(ip: IpAddr, bits: u8) -> Option<IpAddr> {
    ipnet::IpNet::new(ip, bits).ok().map(|net| net.network())
}

/// `net.ParseCIDR`.
pub(in crate::expr) fn network(text: &str) -> Option<ipnet::IpNet> {
    let (ip, bits) = text.split_once('/')?;
    if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bits = u8::try_from(bits.parse::<u32>().ok()?).ok()?;
    let ip: IpAddr = ip.parse().ok()?;
    let base = masked(ip, bits)?;
    match (base, base.to_canonical()) {
        (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => ipnet::IpNet::new(mapped, bits - 96).ok(),
        (base, _) => ipnet::IpNet::new(base, bits).ok(),
    }
}

fn ip_in_range(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (ip, network) = (parse(text(a, 0)?), network(text(a, 1)?));
    Ok(Value::Bool(ip.zip(network).is_some_and(|(ip, network)| network.contains(&ip))))
}

fn ip_to_range(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let length = text(a, 1)?;
    let length = length.strip_prefix('/').unwrap_or(length);
    let address = text(a, 0)?;
    // netip takes a zone and drops it from the prefix.
    let address = match address.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && address.contains(':') => address,
        _ => address,
    };
    let range =
        length.parse::<i64>().ok().and_then(|bits| u8::try_from(bits).ok()).and_then(|bits| {
            let ip = address.parse::<IpAddr>().ok()?;
            Some(format!("{}/{bits}", masked(ip, bits)?))
        });
    Ok(Value::Str(range.unwrap_or_default().into()))
}

fn is_ip(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(parse(text(a, 0)?).is_some()))
}

fn is_ipv4(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(parse(text(a, 0)?).is_some_and(|ip| ip.is_ipv4())))
}

fn is_ipv6(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(parse(text(a, 0)?).is_some_and(|ip| ip.is_ipv6())))
}

fn lookup_host(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::strings(cx.lookups.lookup_host(text(a, 0)?)))
}

/// Asks a database; only where there is one is a malformed address an error.
fn asked<T>(
    cx: &Cx<'_>,
    a: &[Value],
    ask: impl Fn(&Cx<'_>, IpAddr) -> Option<T>,
) -> Result<Option<T>, String> {
    match parse(text(a, 0)?) {
        Some(ip) => Ok(ask(cx, ip)),
        None if ask(cx, IpAddr::V6(Ipv6Addr::UNSPECIFIED)).is_some() => {
            Err("IP passed to Lookup cannot be nil".to_owned())
        }
        None => Ok(None),
    }
}

fn geoip(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let city = asked(cx, a, |cx, ip| cx.lookups.city(ip))?;
    Ok(city.map_or(Value::Nil, |city| Value::Object(city_record(&city))))
}

fn geoip_asn(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let asn = asked(cx, a, |cx, ip| cx.lookups.asn(ip))?;
    Ok(asn.map_or(Value::Nil, |asn| Value::Object(asn_record(asn))))
}

fn geoip_range(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let asn = asked(cx, a, |cx, ip| cx.lookups.asn(ip))?;
    let range = asn.filter(|asn| !asn.range.is_empty());
    Ok(range.map_or(Value::Nil, |asn| Value::Object(Arc::new(Network(asn.range.into())))))
}

fn ip_to_country(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let city = parse(text(a, 0)?).and_then(|ip| cx.lookups.city(ip));
    Ok(city.map_or_else(|| Value::str(""), |city| Value::str(&city.country)))
}

/// A record of a database: Go's name of its type and its fields.
#[derive(Debug)]
struct Record {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Object for Record {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone())
    }
}

fn record(name: &'static str, fields: Vec<(&'static str, Value)>) -> Value {
    Value::Object(Arc::new(Record { name, fields }))
}

/// Go's `geoip2.City`, with what is known of it; all else has its zero value.
fn city_record(city: &City) -> Arc<dyn Object> {
    let none = || Value::nil_map(MapKind::Strings);
    let country = |code: &str, in_eu: bool| {
        record(
            "struct",
            vec![
                ("IsoCode", Value::str(code)),
                ("IsInEuropeanUnion", Value::Bool(in_eu)),
                ("GeoNameID", Value::Int64(0)),
                ("Names", none()),
            ],
        )
    };
    let other = if city.country.is_empty() { city.iso_code.as_str() } else { "" };
    let in_eu = |code: &str| city.in_eu && !code.is_empty();
    let place = vec![
        ("Latitude", Value::Float(city.latitude)),
        ("Longitude", Value::Float(city.longitude)),
        ("TimeZone", Value::str("")),
        ("AccuracyRadius", Value::Int64(0)),
        ("MetroCode", Value::Int64(0)),
    ];
    Arc::new(Record {
        name: "*geoip2.City",
        fields: vec![
            ("Country", country(&city.country, in_eu(&city.country))),
            ("RegisteredCountry", country(other, in_eu(other))),
            ("RepresentedCountry", country("", false)),
            ("Location", record("struct", place)),
            ("City", record("struct", vec![("Names", none()), ("GeoNameID", Value::Int64(0))])),
            ("Continent", record("struct", vec![("Code", Value::str("")), ("Names", none())])),
            ("Postal", record("struct", vec![("Code", Value::str(""))])),
            ("Subdivisions", Value::nil_list(ListKind::Typed)),
        ],
    })
}

/// Go's `geoip2.ASN`.
fn asn_record(asn: Asn) -> Arc<dyn Object> {
    Arc::new(Record {
        name: "*geoip2.ASN",
        fields: vec![
            ("AutonomousSystemNumber", Value::Int64(i64::from(asn.number))),
            ("AutonomousSystemOrganization", Value::Str(asn.organization.into())),
        ],
    })
}

/// Go's `net.IPNet`.
#[derive(Debug)]
struct Network(Arc<str>);

impl Object for Network {
    fn type_name(&self) -> &'static str {
        "*net.IPNet"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let ip = self.0.split('/').next().unwrap_or("");
        (name == "IP").then(|| Value::str(ip))
    }

    fn call(&self, method: &str, _: &[Value]) -> Option<Outcome> {
        match method {
            "String" => Some(Ok(Value::Str(self.0.clone()))),
            "Network" => Some(Ok(Value::str("ip+net"))),
            _ => None,
        }
    }
}
