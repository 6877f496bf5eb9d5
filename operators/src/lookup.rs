//! Facts that are not in the log, injected by the pipeline so that decisions stay a function of
//! (records, rules, recorded facts).

use std::fmt::Debug;
use std::net::IpAddr;

use crate::time::Stamp;
use crate::value::Value;

/// What a GeoLite2-City record says of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct City {
    /// ISO code: country, else registered, else represented country, else "".
    pub iso_code: String,
    /// ISO code of the country alone (`IPToCountry`).
    pub country: String,
    /// Whether that country is in the EU.
    pub in_eu: bool,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
}

/// What a GeoLite2-ASN record says of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asn {
    /// Number; 0 where the address is not in the database.
    pub number: u32,
    /// Name of the organisation.
    pub organization: String,
    /// Network of the record in CIDR notation, "" where none.
    pub range: String,
}

/// What rules may ask of the world. Every method has an answer for "not available", which is the
/// documented offline answer.
///
/// # Contract
/// * Within a run the same question has the same answer (tests of the pipeline).
/// * No method blocks on the network (not checkable here).
///
/// The answers given here are those of a world without facts.
pub trait Lookups: Debug + Send + Sync {
    /// The only clock that rules see.
    fn now(&self) -> Stamp;
    /// Lines of a `string` data file, `None` where it was not loaded.
    fn file(&self, name: &str) -> Option<&Value> {
        let _ = name;
        None
    }
    /// Whether a line of a `regexp` data file matches; `None` where it was not loaded.
    fn regexp_in_file(&self, text: &str, name: &str) -> Option<bool> {
        let _ = (text, name);
        None
    }
    /// Rows of a `map` data file (list of maps); `None` where it was not loaded.
    fn file_map(&self, name: &str) -> Option<&Value> {
        let _ = name;
        None
    }
    /// Tag of the first row of a `map` data file that fits; `None` where it was not loaded.
    fn lookup_file(&self, text: &str, name: &str) -> Option<&str> {
        let _ = (text, name);
        None
    }
    /// Name of the known bot that this request is from ("" if none).
    fn known_bot(&self, ip: &str, user_agent: &str, path: &str, files: &[&str]) -> String {
        let _ = (ip, user_agent, path, files);
        String::new()
    }
    /// City record; `None` without a database. An unknown address is `Some` of defaults.
    fn city(&self, ip: IpAddr) -> Option<City> {
        let _ = ip;
        None
    }
    /// AS record; `None` without a database. An unknown address is `Some` of defaults.
    fn asn(&self, ip: IpAddr) -> Option<Asn> {
        let _ = ip;
        None
    }
    /// First name of an address, trailing dot kept; `None` offline.
    fn reverse_dns(&self, ip: IpAddr) -> Option<String> {
        let _ = ip;
        None
    }
    /// Addresses of a name; empty offline.
    fn lookup_host(&self, name: &str) -> Vec<String> {
        let _ = name;
        Vec::new()
    }
    /// Name of this host.
    fn hostname(&self) -> &str {
        ""
    }
    /// Decisions ever made for a value; with `since_ns`, those of that long ago at most.
    fn decisions_count(&self, value: &str, since_ns: Option<i64>) -> i64 {
        let _ = (value, since_ns);
        0
    }
    /// Active decisions for a value and nanoseconds until the last of them ends.
    fn active_decisions(&self, value: &str) -> (i64, i64) {
        let _ = value;
        (0, 0)
    }
    /// What the threat intelligence of CrowdSec says; `Err` offline.
    ///
    /// # Errors
    /// A text for people: no key, no network, no answer.
    fn cti(&self, ip: &str) -> Result<Value, String> {
        let _ = ip;
        Err("offline".to_owned())
    }
    /// An HTTP exchange (method, URL, content type, body); `Err` offline.
    ///
    /// # Errors
    /// A text for people: no network, no answer.
    fn http(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Value, String> {
        let _ = (method, url, headers, body);
        Err("offline".to_owned())
    }
}

/// The parse state of one source partition (`stash` of parser nodes).
pub trait Stash: Debug {
    /// The value kept under a key, `None` where there is none or its time is over.
    fn get(&mut self, cache: &str, key: &str) -> Option<std::sync::Arc<str>>;
    /// Keeps a value for `ttl_ns` of event time from now on.
    fn set(&mut self, cache: &str, key: &str, value: &str, ttl_ns: i64);
}

/// Lookups that know nothing of the world: every question has its offline answer.
#[derive(Clone, Debug)]
pub struct Offline {
    now: Stamp,
}

impl Offline {
    /// Nothing but a clock that stands at `now`.
    pub fn new(now: Stamp) -> Self {
        Self { now }
    }
}

impl Lookups for Offline {
    fn now(&self) -> Stamp {
        self.now
    }
}
