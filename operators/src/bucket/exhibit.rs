//! A held event behind an alert: where its line stands, who did it, and what is shown of it.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::catalogue::Catalogue;
use super::codec::SAID;
use super::context::Found;
use super::evaluate::Evaluator;
use super::failure::Failure;
use super::glance::Glance;
use super::kept::Kept;
use super::overflow::Surroundings;
use super::recall::Recalled;
use crate::alert::{AlertEvent, Coordinate, Listed, Overflow, Source};
use crate::event::Event;
use crate::expr::ExprId;
use crate::lookup::Lookups;
use crate::schema::Space;
use crate::value::Value;

/// A way to ask for the value of an expression.
type Ask = fn(&mut Evaluator, ExprId, &mut Event, &dyn Lookups) -> Result<Value, String>;

/// A held event of one alert.
#[derive(Debug)]
pub(super) struct Exhibit {
    known: Arc<Recalled>,
    /// The event restored, for expressions to run on.
    own: Option<Box<Event>>,
    /// Whether an expression may have changed it, which counts for what follows in this alert.
    changed: bool,
}

impl Exhibit {
    /// A held event as it was kept.
    pub(super) fn new(known: Arc<Recalled>) -> Self {
        Self { known, own: None, changed: false }
    }

    /// Whether an expression may have changed it: what was kept does not say all of it then.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether this is an overflow that was matched again.
    pub(super) fn is_overflow(&self) -> bool {
        self.known.kept.is_overflow()
    }

    /// The overflow that it is, where it is one.
    pub(super) fn overflow(&self) -> Option<Arc<Overflow>> {
        match &self.own {
            Some(own) => own.overflow.clone(),
            None => self.known.kept.overflow().cloned(),
        }
    }

    /// Where its lines stand: an overflow stands for its own lines.
    pub(super) fn coordinates(&self, all: &mut Vec<Coordinate>) {
        match self.overflow() {
            Some(overflow) => all.extend(overflow.alert.coordinates.iter()),
            None => all.push(self.known.at),
        }
    }

    /// What it says of its `source_ip`; scope and value are left to the scenario.
    pub(super) fn address(&self, catalogue: &Catalogue) -> Result<Source, Failure> {
        match &self.own {
            Some(own) if self.changed => address_of(own),
            _ => self.known.address(catalogue).cloned(),
        }
    }

    /// It as the alert lists it.
    pub(super) fn listed(&self, catalogue: &Catalogue) -> Option<Listed> {
        match &self.own {
            Some(own) if self.changed => Some(Listed::from(listed_of(own))),
            _ => self.known.listed(catalogue).cloned(),
        }
    }

    /// What was kept.
    pub(super) fn kept(&self) -> &Kept {
        &self.known.kept
    }

    /// The text that an expression gives, "" where it gives none; `None` where it fails.
    pub(super) fn text(&mut self, id: ExprId, around: &mut Surroundings<'_>) -> Option<Arc<str>> {
        let ask: Ask = |evaluator, id, event, lookups| evaluator.value(id, event, &[], lookups);
        match self.ask(id, around, ask)? {
            Value::Str(text) => Some(text),
            _ => Some(Arc::default()),
        }
    }

    /// What a context shows of an expression; `None` where it fails, which is counted.
    pub(super) fn shown(&mut self, id: ExprId, around: &mut Surroundings<'_>) -> Option<Value> {
        self.ask(id, around, Evaluator::shown)
    }

    fn ask(&mut self, id: ExprId, around: &mut Surroundings<'_>, ask: Ask) -> Option<Value> {
        let catalogue = around.catalogue;
        if let Some(field) = around.evaluator.field(id)
            && !self.changed
        {
            let glance = catalogue.codec().glance(&self.known.kept)?;
            return Some(Value::str(glance.field(field).as_deref().unwrap_or("")));
        }
        self.changed |= around.evaluator.reads(id).mutates;
        let own = match &mut self.own {
            Some(own) => own,
            None => self.own.insert(Box::new(Event::clone(self.known.event(catalogue)?))),
        };
        let value = ask(around.evaluator, id, own, around.lookups);
        around.errors += u64::from(value.is_err());
        value.ok()
    }

    /// What the alert contexts find in it, which `find` does. Remembered unless they `change` it.
    pub(super) fn found(
        &mut self,
        change: bool,
        mut find: impl FnMut(&mut Self) -> Found,
    ) -> Arc<Found> {
        if change || self.changed {
            return Arc::new(find(self));
        }
        let known = Arc::clone(&self.known);
        Arc::clone(known.found.get_or_init(|| Arc::new(find(self))))
    }
}

/// An event as alerts list it (pkg/leakybucket/overflows.go `EventsFromQueue`); `None` where its
/// bytes are those of other rules.
pub(super) fn listed(glance: &Glance<'_>) -> Option<AlertEvent> {
    let timestamp = match (glance.marshaled(), glance.time) {
        (text, Some(time)) if text.is_empty() => time.rfc3339_nano().into(),
        (text, _) => Arc::clone(text),
    };
    let mut meta = Vec::with_capacity(12);
    for field in glance.fields() {
        let (name, mark) = field?;
        if let Some(key) = glance.key_of(name) {
            meta.push((key, mark.owned(glance)));
        }
    }
    meta.sort_unstable();
    Some(AlertEvent { timestamp, meta })
}

/// The same of a restored event.
fn listed_of(event: &Event) -> AlertEvent {
    let timestamp = match (event.text(&event.marshaled_time), event.time) {
        ("", Some(time)) => time.rfc3339_nano().into(),
        (text, _) => text.into(),
    };
    let meta = event.named(Space::Meta).into_iter();
    AlertEvent { timestamp, meta: meta.map(|(key, value)| (key.into(), value.into())).collect() }
}

/// What a kept event says of its `source_ip`.
pub(super) fn address(glance: &Glance<'_>) -> Result<Source, Failure> {
    let said = glance.said().ok_or(Failure::Unreadable)?;
    source(said.map(|mark| mark.map(|mark| mark.owned(glance))))
}

/// The same of a restored event.
fn address_of(event: &Event) -> Result<Source, Failure> {
    source(SAID.map(|(space, name)| event.get_named(space, name).map(Arc::from)))
}

/// A source from the texts of [`SAID`] (`eventSources`).
fn source(said: [Option<Arc<str>>; SAID.len()]) -> Result<Source, Failure> {
    let [ip, range, country, as_name, as_number, asn_number, latitude, longitude] = said;
    let ip = ip.ok_or(Failure::NoSourceIp)?;
    if ip.parse::<IpAddr>().is_err() {
        return Err(Failure::BadSourceIp);
    }
    let range = match range.as_deref() {
        None | Some("") => Arc::default(),
        Some(range) => {
            let range: IpNet = range.parse().map_err(|_| Failure::BadRange)?;
            range.trunc().to_string().into()
        }
    };
    let degrees = |text: Option<Arc<str>>| text.and_then(|text| text.parse().ok()).unwrap_or(0.0);
    Ok(Source {
        ip,
        range,
        cn: country.unwrap_or_default(),
        as_name: as_name.unwrap_or_default(),
        as_number: as_number.or(asn_number).unwrap_or_default(),
        latitude: degrees(latitude),
        longitude: degrees(longitude),
        ..Source::default()
    })
}
