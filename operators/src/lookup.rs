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
pub trait Lookups: Debug + Send + Sync {
    /// The only clock that rules see.
    fn now(&self) -> Stamp;
    /// Lines of a `string` data file, `None` where it was not loaded.
    fn file(&self, name: &str) -> Option<&Value>;
    /// Whether a line of a `regexp` data file matches; `None` where it was not loaded.
    fn regexp_in_file(&self, text: &str, name: &str) -> Option<bool>;
    /// Rows of a `map` data file (list of maps); `None` where it was not loaded.
    fn file_map(&self, name: &str) -> Option<&Value>;
    /// Tag of the first row of a `map` data file that fits; `None` where it was not loaded.
    fn lookup_file(&self, text: &str, name: &str) -> Option<&str>;
    /// Name of the known bot that this request is from ("" if none).
    fn known_bot(&self, ip: &str, user_agent: &str, path: &str, files: &[&str]) -> String;
    /// City record; `None` without a database. An unknown address is `Some` of defaults.
    fn city(&self, ip: IpAddr) -> Option<City>;
    /// AS record; `None` without a database. An unknown address is `Some` of defaults.
    fn asn(&self, ip: IpAddr) -> Option<Asn>;
    /// First name of an address, trailing dot kept; `None` offline.
    fn reverse_dns(&self, ip: IpAddr) -> Option<String>;
    /// Addresses of a name; empty offline.
    fn lookup_host(&self, name: &str) -> Vec<String>;
    /// Name of this host.
    fn hostname(&self) -> &str;
    /// Decisions ever made for a value; with `since_ns`, those of that long ago at most.
    fn decisions_count(&self, value: &str, since_ns: Option<i64>) -> i64;
    /// Active decisions for a value and nanoseconds until the last of them ends.
    fn active_decisions(&self, value: &str) -> (i64, i64);
    /// What the threat intelligence of CrowdSec says; `Err` offline.
    ///
    /// # Errors
    /// A text for people: no key, no network, no answer.
    fn cti(&self, ip: &str) -> Result<Value, String>;
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
    ) -> Result<Value, String>;
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
    fn file(&self, _name: &str) -> Option<&Value> {
        None
    }
    fn regexp_in_file(&self, _text: &str, _name: &str) -> Option<bool> {
        None
    }
    fn file_map(&self, _name: &str) -> Option<&Value> {
        None
    }
    fn lookup_file(&self, _text: &str, _name: &str) -> Option<&str> {
        None
    }
    fn known_bot(&self, _ip: &str, _user_agent: &str, _path: &str, _files: &[&str]) -> String {
        String::new()
    }
    fn city(&self, _ip: IpAddr) -> Option<City> {
        None
    }
    fn asn(&self, _ip: IpAddr) -> Option<Asn> {
        None
    }
    fn reverse_dns(&self, _ip: IpAddr) -> Option<String> {
        None
    }
    fn lookup_host(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
    fn hostname(&self) -> &str {
        ""
    }
    fn decisions_count(&self, _value: &str, _since_ns: Option<i64>) -> i64 {
        0
    }
    fn active_decisions(&self, _value: &str) -> (i64, i64) {
        (0, 0)
    }
    fn cti(&self, _ip: &str) -> Result<Value, String> {
        Err("offline".to_owned())
    }
    fn http(
        &self,
        _method: &str,
        _url: &str,
        _headers: &[(&str, &str)],
        _body: &str,
    ) -> Result<Value, String> {
        Err("offline".to_owned())
    }
}
