//! From a bucket that overflowed to an alert: sources, message, events, context (crowdsec
//! pkg/leakybucket/overflows.go).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::catalogue::Catalogue;
use super::context::gather;
use super::evaluate::Evaluator;
use super::failure::Failure;
use super::recall::Recall;
use super::scenario::{Scenario, Scope};
use super::state::Bucket;
use crate::alert::{Alert, AlertEvent, Coordinate, Overflow, Source};
use crate::event::{Event, Kind};
use crate::lookup::Lookups;
use crate::order::OrderKey;
use crate::schema::Space;
use crate::time::GoDuration;
use crate::time::Stamp;
use crate::value::Value;

/// What building an alert needs besides the bucket.
pub(crate) struct Surroundings<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) evaluator: &'a mut Evaluator,
    pub(crate) recall: &'a mut Recall,
    pub(crate) lookups: &'a dyn Lookups,
    /// Expressions that failed.
    pub(crate) errors: u64,
    /// Those of the alert context, which change nothing but what an alert shows.
    pub(crate) context_errors: u64,
}

impl Surroundings<'_> {
    /// The text that an expression gives, "" where it gives none; `None` where it fails.
    fn text(&mut self, id: crate::expr::ExprId, event: &mut Arc<Event>) -> Option<Arc<str>> {
        if let Some(text) = self.evaluator.field(id, event) {
            return Some(text.into());
        }
        match self.evaluator.value(id, Arc::make_mut(event), &[], self.lookups) {
            Ok(Value::Str(text)) => Some(text),
            Ok(_) => Some(Arc::from("")),
            Err(_) => {
                self.errors += 1;
                None
            }
        }
    }
}

/// The overflow of `bucket` at `at`, caused by `cause`.
///
/// # Errors
/// Why there is no alert.
pub(crate) fn overflow(
    bucket: &Bucket,
    at: Stamp,
    cause: OrderKey,
    around: &mut Surroundings<'_>,
) -> Result<Overflow, Failure> {
    let catalogue = around.catalogue;
    let scenario = catalogue.scenario(bucket.scenario).ok_or(Failure::Unreadable)?;
    let kept = bucket.queue.iter();
    let mut held: Vec<Held> = kept
        .map(|kept| around.recall.event(kept, catalogue).zip(kept.coordinate()))
        .collect::<Option<_>>()
        .ok_or(Failure::Unreadable)?;
    let sources = sources(scenario, &mut held, around)?;
    let first = sources.values().next().cloned().ok_or(Failure::NoSource)?;
    let who = match sources.len() {
        1 => sources.keys().next().map_or_else(String::new, ToString::to_string),
        several => format!("{several} sources"),
    };
    let meta = gather(catalogue.contexts(), &mut held, around);
    let lasted = GoDuration(at.at.0.saturating_sub(bucket.first.at.0)).to_string();
    let message = format!(
        "{} {who} performed '{}' ({} events over {lasted}) at {}",
        first.scope, scenario.name, bucket.total, bucket.last
    );
    let map_key = scenario.map_key(&bucket.key);
    let all = bucket.queue.iter().zip(&held);
    let events = all.map(|(kept, (event, _))| around.recall.listed(kept, event, listed)).collect();
    let alert = Alert {
        cause,
        bucket: Arc::clone(&map_key),
        scenario: Arc::clone(&scenario.name),
        scenario_hash: Arc::clone(&scenario.hash),
        scenario_version: Arc::clone(&scenario.version),
        labels: Arc::clone(&scenario.labels),
        capacity: i32::try_from(scenario.capacity.number()).unwrap_or(i32::MAX),
        leakspeed: GoDuration(scenario.leakspeed).to_string().into(),
        events_count: i32::try_from(bucket.total).unwrap_or(i32::MAX),
        start_at: bucket.first,
        stop_at: at,
        message: message.into(),
        simulated: scenario.simulated,
        remediation: scenario.remediation,
        source: first,
        events: Arc::new(events),
        meta,
        coordinates: Arc::new(coordinates(&held)),
        decisions: Vec::new(),
    };
    let (whitelisted, reprocess) = (false, scenario.reprocess);
    Ok(Overflow { map_key, whitelisted, reprocess, sources, alert })
}

/// Lines that filled the bucket; an overflow that was matched again stands for its own lines.
fn coordinates(held: &[Held]) -> Vec<Coordinate> {
    let mut all = Vec::with_capacity(held.len());
    for (event, at) in held {
        match &event.overflow {
            Some(overflow) => all.extend(overflow.alert.coordinates.iter().copied()),
            None => all.push(*at),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|at| seen.insert(*at));
    all
}

/// An event as the alert shows it (`EventsFromQueue`).
fn listed(event: &Event) -> AlertEvent {
    let timestamp = match (event.text(&event.marshaled_time), event.time) {
        ("", Some(time)) => time.rfc3339_nano().into(),
        (text, _) => text.into(),
    };
    let meta = event.named(Space::Meta).into_iter();
    AlertEvent { timestamp, meta: meta.map(|(key, value)| (key.into(), value.into())).collect() }
}

/// A held event and where its line stands.
pub(super) type Held = (Arc<Event>, Coordinate);

type Sources = BTreeMap<Arc<str>, Source>;

/// Sources of all held events by value; of several with one value the last (`alertFormatSource`).
fn sources(
    scenario: &Scenario,
    held: &mut [Held],
    around: &mut Surroundings<'_>,
) -> Result<Sources, Failure> {
    let mut all = Sources::new();
    for (event, _) in held {
        if event.kind == Kind::Overflow {
            overflow_sources(scenario, event, around, &mut all)?;
        } else {
            let source = event_source(scenario, event, around)?;
            all.insert(Arc::clone(&source.value), source);
        }
        let first = all.values().next().map(|source| Arc::clone(&source.scope));
        if all.values().any(|source| Some(&source.scope) != first.as_ref()) {
            return Err(Failure::MixedScopes);
        }
    }
    Ok(all)
}

/// The source of a line (`eventSources`).
fn event_source(
    scenario: &Scenario,
    event: &mut Arc<Event>,
    around: &mut Surroundings<'_>,
) -> Result<Source, Failure> {
    let scope = scenario.scope.name();
    let mut source = match &scenario.scope {
        Scope::Ip | Scope::Range(_) => Source { scope, ..address(event)? },
        Scope::Other(_, expression) => {
            let value = around.text(*expression, event).ok_or(Failure::Scope)?;
            return Ok(Source { scope, value, ..Source::default() });
        }
    };
    source.value = match &scenario.scope {
        Scope::Range(Some(expression)) => around.text(*expression, event).ok_or(Failure::Scope)?,
        Scope::Range(None) => Arc::clone(&source.range),
        _ => Arc::clone(&source.ip),
    };
    Ok(source)
}

/// What an event says of its `source_ip`.
fn address(event: &Event) -> Result<Source, Failure> {
    let ip = event.get_named(Space::Meta, "source_ip").ok_or(Failure::NoSourceIp)?;
    if ip.parse::<IpAddr>().is_err() {
        return Err(Failure::BadSourceIp);
    }
    let enriched = |name| event.get_named(Space::Enriched, name);
    let text = |name| Arc::from(enriched(name).unwrap_or(""));
    let degrees = |name| enriched(name).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let range = match event.get_named(Space::Meta, "SourceRange") {
        None | Some("") => Arc::from(""),
        Some(range) => {
            let range: IpNet = range.parse().map_err(|_| Failure::BadRange)?;
            range.trunc().to_string().into()
        }
    };
    Ok(Source {
        ip: ip.into(),
        range,
        cn: text("IsoCode"),
        as_name: text("ASNOrg"),
        as_number: enriched("ASNumber").or(enriched("ASNNumber")).unwrap_or("").into(),
        latitude: degrees("Latitude"),
        longitude: degrees("Longitude"),
        ..Source::default()
    })
}

/// The sources of an overflow that was matched again (`overflowEventSources`).
fn overflow_sources(
    scenario: &Scenario,
    event: &mut Arc<Event>,
    around: &mut Surroundings<'_>,
    all: &mut Sources,
) -> Result<(), Failure> {
    let Some(overflow) = event.overflow.clone() else { return Ok(()) };
    let scope = scenario.scope.name();
    for (key, old) in &overflow.sources {
        if old.scope == scope {
            all.insert(Arc::clone(key), old.clone());
            continue;
        }
        let (Scope::Range(expression), "Ip") = (&scenario.scope, &*old.scope) else { continue };
        let value = match expression {
            Some(expression) => around.text(*expression, event).ok_or(Failure::Scope)?,
            None => Arc::clone(&old.range),
        };
        if !value.is_empty() {
            let scope = Arc::clone(&scope);
            let ip = Arc::from("");
            all.insert(Arc::clone(&value), Source { scope, value, ip, ..old.clone() });
        }
    }
    Ok(())
}
