//! Decisions and alerts as they lie in the store. A version byte comes first; what older versions
//! wrote is read as long as the store's format is the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::record::Record;
use operators::alert::{Alert, Decision};
use operators::time::EventTime;
use serde::{Deserialize, Serialize};

use super::listing::{Packed, unpacked};

const VERSION: u8 = 1;

/// A decision as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// The decision.
    pub record: Record,
    /// How long it was meant to last, as it was written.
    pub duration: Arc<str>,
    /// The commit that brought it.
    pub born: u64,
    /// When it was made, on the clock of its alert. Unit: nanoseconds since the Unix epoch.
    pub made: i64,
}

/// Texts that many decisions share, kept once while they are read.
#[derive(Debug, Default)]
pub struct Shared(BTreeSet<Arc<str>>);

/// So many texts are shared.
const MOST_SHARED: usize = 4_096;

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.0.len() < MOST_SHARED {
            self.0.insert(Arc::clone(&new));
        }
        new
    }
}

impl DecisionRow {
    /// How many bytes it mostly has.
    pub const ABOUT: usize = 160;

    /// The bytes under the number of a decision of an alert, which a commit brought; `made` is when,
    /// on the clock of its alert.
    pub fn encode(decision: &Decision, alert: u64, born: u64, made: EventTime) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::ABOUT);
        out.push(VERSION);
        out.push(u8::from(decision.simulated));
        for number in [decision.id, alert, born] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for time in [decision.until, made] {
            out.extend_from_slice(&time.0.to_le_bytes());
        }
        let Decision { origin, kind, scope, value, scenario, duration, .. } = decision;
        for text in [origin, kind, scope, value, scenario, duration] {
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(text.as_bytes().get(..length.into()).unwrap_or_default());
        }
        out
    }

    /// The decision of a number; `None` where the bytes are no decision.
    pub fn decode(id: u64, bytes: &[u8], shared: &mut Shared) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        if bytes.take(1)? != [VERSION] {
            return None;
        }
        let simulated = bytes.take(1)? == [1];
        let (hash, alert, born) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let (until, made) = (bytes.number()?.cast_signed(), bytes.number()?.cast_signed());
        let origin = shared.text(bytes.text()?);
        let kind = shared.text(bytes.text()?);
        let scope = shared.text(bytes.text()?);
        let value = bytes.text()?.into();
        let (scenario, duration) = (shared.text(bytes.text()?), shared.text(bytes.text()?));
        let record =
            Record { id, hash, alert, until, origin, kind, scope, value, scenario, simulated };
        Some(Self { record, duration, born, made })
    }
}

impl From<DecisionRow> for Decision {
    fn from(row: DecisionRow) -> Self {
        let DecisionRow { record, duration, .. } = row;
        let Record { hash, until, origin, kind, scope, value, scenario, simulated, .. } = record;
        let until = EventTime(until);
        Self { id: hash, origin, kind, scope, value, duration, until, scenario, simulated }
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.take(2)?.try_into().ok()?);
        std::str::from_utf8(self.take(length.into())?).ok()
    }
}

/// When a decision ended: by a commit, at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The commit.
    pub seq: u64,
    /// Unit: nanoseconds since the Unix epoch.
    pub at: i64,
}

impl End {
    /// The bytes under the number of its decision.
    pub fn encode(self) -> [u8; 16] {
        let mut out = [0; 16];
        let (seq, at) = out.split_at_mut(8);
        seq.copy_from_slice(&self.seq.to_le_bytes());
        at.copy_from_slice(&self.at.to_le_bytes());
        out
    }

    /// `None` where the bytes are no end.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        Some(Self { seq: bytes.number()?, at: bytes.number()?.cast_signed() })
    }
}

/// An alert as it was kept, without its decisions.
#[derive(Clone, Debug)]
pub struct AlertRow {
    /// When it was kept. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// Who found it.
    pub machine: Arc<str>,
    /// `crowdsec`, `cscli` and so on.
    pub kind: Arc<str>,
    /// Number of its first decision.
    pub first: u64,
    /// How many it has: their numbers follow each other.
    pub count: u64,
    /// The alert.
    pub alert: Alert,
}

/// An alert as it is written: arrays without names, its events apart.
#[derive(Serialize)]
struct Written<'a> {
    created: i64,
    machine: &'a str,
    kind: &'a str,
    first: u64,
    count: u64,
    alert: &'a Alert,
    texts: Vec<&'a str>,
    events: Vec<u32>,
}

/// The same as it is read.
#[derive(Deserialize)]
struct Read {
    created: i64,
    machine: Arc<str>,
    kind: Arc<str>,
    first: u64,
    count: u64,
    alert: Alert,
    texts: Vec<Arc<str>>,
    events: Vec<u32>,
}

impl AlertRow {
    /// The bytes under its number. Left out are its decisions, which have rows of their own, and the
    /// labels of its scenario: nobody asks an alert that was kept for them.
    ///
    /// # Errors
    /// It cannot be written as MessagePack. Then the alert has lost parts.
    pub fn encode(&mut self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let events = std::mem::take(&mut self.alert.events);
        let decisions = std::mem::take(&mut self.alert.decisions);
        let labels = std::mem::take(&mut self.alert.labels);
        let Packed { texts, codes } = Packed::new(&events);
        let Self { created, machine, kind, first, count, alert } = &*self;
        let (created, first, count) = (*created, *first, *count);
        let written = Written { created, machine, kind, first, count, alert, texts, events: codes };
        let mut out = Vec::with_capacity(1024);
        out.push(VERSION);
        rmp_serde::encode::write(&mut out, &written)?;
        self.alert.events = events;
        self.alert.decisions = decisions;
        self.alert.labels = labels;
        Ok(out)
    }

    /// The alert in the bytes; `None` where there is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (_, bytes) = bytes.split_first().filter(|(version, _)| **version == VERSION)?;
        let Read { created, machine, kind, first, count, mut alert, texts, events } =
            rmp_serde::from_slice(bytes).ok()?;
        alert.events = Arc::new(unpacked(&texts, &events)?);
        Some(Self { created, machine, kind, first, count, alert })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_come_back_as_they_were() {
        let record = Record {
            id: 9,
            hash: 1 << 62,
            alert: 3,
            until: -5,
            origin: "crowdsec".into(),
            kind: "ban".into(),
            scope: "Ip".into(),
            value: "192.0.2.7".into(),
            scenario: "é".into(),
            simulated: true,
        };
        let row = DecisionRow { record, duration: "4h".into(), born: 7, made: 11 };
        let decision = Decision::from(row.clone());
        let bytes = DecisionRow::encode(&decision, 3, 7, EventTime(11));
        assert_eq!(DecisionRow::decode(9, &bytes, &mut Shared::default()), Some(row));
        for cut in 0..bytes.len() {
            assert_eq!(DecisionRow::decode(9, &bytes[..cut], &mut Shared::default()), None);
        }
        let end = End { seq: 4, at: -1 };
        assert_eq!(End::decode(&end.encode()), Some(end));
    }

    #[test]
    fn alerts_come_back_as_they_were() {
        let meta = |user: &str| serde_json::json!([{"key": "user", "value": user}]);
        let event = |user| serde_json::json!({"timestamp": "t", "meta": meta(user)});
        let posted = serde_json::json!([{
            "capacity": 5, "events": [event("a"), event("b")], "events_count": 6, "leakspeed": "10s",
            "message": "m", "scenario": "a/b", "scenario_hash": "", "scenario_version": "",
            "simulated": false, "source": {"scope": "Ip", "value": "192.0.2.7"},
            "start_at": "2026-03-02T06:00:24Z", "stop_at": "2026-03-02T06:00:25Z",
        }]);
        let read = api::wire::posted::read(posted.to_string().as_bytes(), 0, "n").unwrap();
        let alert = read.into_iter().next().unwrap().alert;
        let (machine, kind) = (Arc::from("m"), Arc::from("crowdsec"));
        let mut row = AlertRow { created: 7, machine, kind, first: 3, count: 2, alert };
        let bytes = row.encode().unwrap();
        let read = AlertRow::decode(&bytes).unwrap();
        assert_eq!((read.created, read.first, &read.alert.message), (7, 3, &row.alert.message));
        assert_eq!((&read.alert.events, read.alert.events.len()), (&row.alert.events, 2));
        for cut in 0..bytes.len() {
            assert!(AlertRow::decode(&bytes[..cut]).is_none());
        }
    }
}
