//! Who no decision may hit: allowlist entries in force at a point in event time (crowdsec
//! pkg/database/allowlists.go `IsAllowlistedBy`).

use std::net::IpAddr;

use ipnet::IpNet;

use super::allowlist::AllowlistEntry;
use crate::alert::Source;
use crate::time::EventTime;
use crate::time::layout::parse_rfc3339;
use crate::yaml::Reading;

/// A compiled allowlist.
#[derive(Clone, Debug, Default)]
pub struct Exempt {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    net: IpNet,
    until: Option<EventTime>,
    comment: String,
}

impl Exempt {
    /// Compiles entries as written; an end that is no RFC 3339 time is noted in `reading`.
    pub fn compile(written: &[AllowlistEntry], reading: &mut Reading<'_>) -> Self {
        let mut entries = Vec::with_capacity(written.len());
        for entry in written {
            let until = match &entry.until {
                None => None,
                Some(text) => match parse_rfc3339(&text.value) {
                    Some(stamp) => Some(stamp.at),
                    None => {
                        let message = format!("not a time: {:?}", text.value);
                        reading.refuse_with(text.at, message, "write 2026-12-31T00:00:00Z");
                        continue;
                    }
                },
            };
            entries.push(Entry { net: entry.net, until, comment: entry.comment.clone() });
        }
        Self { entries }
    }

    /// Whether nobody is exempt.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The comment of the first entry that lies around the source, or within it; `None` where no
    /// entry does at `now`. Only sources of scope Ip and Range can be exempt.
    pub fn reason(&self, source: &Source, now: EventTime) -> Option<&str> {
        if !matches!(&*source.scope, "Ip" | "Range") {
            return None;
        }
        let net = network(&source.value)?;
        let mut entries = self.entries.iter();
        let hit = entries.find(|entry| {
            let in_force = entry.until.is_none_or(|until| until >= now);
            in_force && (entry.net.contains(&net) || net.contains(&entry.net))
        });
        hit.map(|entry| entry.comment.as_str())
    }
}

fn network(value: &str) -> Option<IpNet> {
    match value.parse::<IpNet>() {
        Ok(net) => Some(net),
        Err(_) => value.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn exempt(text: &str) -> Exempt {
        let source = yaml::Source::new("allow", text);
        let mut reading = Reading::new(&source);
        let written = super::super::allowlist::read(&mut reading);
        let exempt = Exempt::compile(&written, &mut reading);
        assert!(reading.errors.is_empty(), "{:?}", reading.errors);
        exempt
    }

    fn source(scope: &str, value: &str) -> Source {
        Source { scope: scope.into(), value: value.into(), ..Source::default() }
    }

    #[test]
    fn entries_hit_what_they_contain_and_what_contains_them() {
        let exempt =
            exempt("192.0.2.7 # office\n198.51.100.0/24 until 2026-01-01T00:00:00Z # lab\n");
        let early = EventTime(0);
        let late = EventTime(1_800_000_000_000_000_000);
        assert_eq!(exempt.reason(&source("Ip", "192.0.2.7"), late), Some("office"));
        assert_eq!(exempt.reason(&source("Ip", "192.0.2.8"), late), None);
        assert_eq!(exempt.reason(&source("Range", "192.0.2.0/24"), late), Some("office"));
        assert_eq!(exempt.reason(&source("Ip", "198.51.100.9"), early), Some("lab"));
        assert_eq!(exempt.reason(&source("Ip", "198.51.100.9"), late), None);
        assert_eq!(exempt.reason(&source("Country", "192.0.2.7"), late), None);
    }
}
