//! What was decided before about a source value: a fold in the order of alerts, on event time.
//! Expressions ask it through [`Remembering`].
//!
//! The reference counts what its database holds, decisions of ranges around an address included;
//! here a value knows of its own decisions only, so that the fold can be divided by value.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Decision;
use crate::lookup::{Asn, City, Lookups};
use crate::time::{EventTime, Stamp};
use crate::value::Value;

/// What was decided before, wherever it is remembered.
pub trait Decided: std::fmt::Debug + Send + Sync {
    /// Remembers decisions made at `at`.
    fn remember(&mut self, decisions: &[Decision], at: EventTime);
    /// Decisions ever made for a value; with `since`, those made later than that.
    fn count(&self, value: &str, since: Option<EventTime>) -> usize;
    /// Decisions active at `now`, and nanoseconds until the last of them ends.
    fn active(&self, value: &str, now: EventTime) -> (usize, i64);
}

/// Decisions by source value, in memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    values: BTreeMap<Arc<str>, Vec<Made>>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Made {
    at: EventTime,
    until: EventTime,
}

impl History {
    /// No decisions yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Decided for History {
    fn remember(&mut self, decisions: &[Decision], at: EventTime) {
        for decision in decisions {
            let made = self.values.entry(Arc::clone(&decision.value)).or_default();
            made.push(Made { at, until: decision.until });
        }
    }

    fn count(&self, value: &str, since: Option<EventTime>) -> usize {
        let made = self.values.get(value).map_or(&[][..], Vec::as_slice);
        made.iter().filter(|made| since.is_none_or(|since| made.at > since)).count()
    }

    fn active(&self, value: &str, now: EventTime) -> (usize, i64) {
        let made = self.values.get(value).map_or(&[][..], Vec::as_slice);
        let active = made.iter().filter(|made| made.until > now);
        let last = active.clone().map(|made| made.until.0.saturating_sub(now.0)).max();
        (active.count(), last.unwrap_or(0))
    }
}

/// Lookups whose questions about decisions are answered by a [`Decided`] at a point in event time.
#[derive(Debug)]
pub struct Remembering<'a> {
    /// Answers everything else.
    pub others: &'a dyn Lookups,
    /// What was decided so far.
    pub history: &'a dyn Decided,
    /// The present: when the alert was raised.
    pub now: EventTime,
}

impl Lookups for Remembering<'_> {
    fn now(&self) -> Stamp {
        self.others.now()
    }
    fn file(&self, name: &str) -> Option<&Value> {
        self.others.file(name)
    }
    fn regexp_in_file(&self, text: &str, name: &str) -> Option<bool> {
        self.others.regexp_in_file(text, name)
    }
    fn file_map(&self, name: &str) -> Option<&Value> {
        self.others.file_map(name)
    }
    fn lookup_file(&self, text: &str, name: &str) -> Option<&str> {
        self.others.lookup_file(text, name)
    }
    fn known_bot(&self, ip: &str, user_agent: &str, path: &str, files: &[&str]) -> String {
        self.others.known_bot(ip, user_agent, path, files)
    }
    fn city(&self, ip: IpAddr) -> Option<City> {
        self.others.city(ip)
    }
    fn asn(&self, ip: IpAddr) -> Option<Asn> {
        self.others.asn(ip)
    }
    fn reverse_dns(&self, ip: IpAddr) -> Option<String> {
        self.others.reverse_dns(ip)
    }
    fn lookup_host(&self, name: &str) -> Vec<String> {
        self.others.lookup_host(name)
    }
    fn hostname(&self) -> &str {
        self.others.hostname()
    }
    fn decisions_count(&self, value: &str, since_ns: Option<i64>) -> i64 {
        let since = since_ns.map(|ns| EventTime(self.now.0.saturating_sub(ns)));
        i64::try_from(self.history.count(value, since)).unwrap_or(i64::MAX)
    }
    fn active_decisions(&self, value: &str) -> (i64, i64) {
        let (count, left) = self.history.active(value, self.now);
        (i64::try_from(count).unwrap_or(i64::MAX), left)
    }
    fn cti(&self, ip: &str) -> Result<Value, String> {
        self.others.cti(ip)
    }
    fn http(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Value, String> {
        self.others.http(method, url, headers, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(value: &str, until: i64) -> Decision {
        Decision {
            id: 1,
            origin: "crowdsec".into(),
            kind: "ban".into(),
            scope: "Ip".into(),
            value: value.into(),
            duration: "4h".into(),
            until: EventTime(until),
            scenario: "s".into(),
            simulated: false,
        }
    }

    #[test]
    fn a_value_knows_its_own_decisions() {
        let mut history = History::new();
        history.remember(&[ban("a", 100), ban("b", 100)], EventTime(10));
        history.remember(&[ban("a", 150)], EventTime(50));
        assert_eq!(history.count("a", None), 2);
        assert_eq!(history.count("a", Some(EventTime(10))), 1);
        assert_eq!(history.count("c", None), 0);
        assert_eq!(history.active("a", EventTime(60)), (2, 90));
        assert_eq!(history.active("a", EventTime(100)), (1, 50));
        assert_eq!(history.active("a", EventTime(150)), (0, 0));
    }
}
