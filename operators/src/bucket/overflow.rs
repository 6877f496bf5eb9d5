//! From a bucket that overflowed to an alert: sources, message, events, context (crowdsec
//! pkg/leakybucket/overflows.go).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::context::gather;
use super::evaluate::Evaluator;
use super::exhibit::Exhibit;
use super::failure::Failure;
use super::recall::Recall;
use super::reprocess::MOST_DEEP;
use super::scenario::{Scenario, Scope};
use super::state::Bucket;
use crate::alert::{Alert, Coordinate, Overflow, Source};
use crate::lookup::Lookups;
use crate::place::OrderKey;
use crate::time::GoDuration;
use crate::time::Stamp;

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
    open(bucket, around)?.overflow(bucket, at, cause, around)
}

/// What a bucket held, and who did it.
#[derive(Debug)]
struct Opened<'a> {
    scenario: &'a Scenario,
    held: Vec<Exhibit>,
    sources: Sources,
    first: Source,
}

/// Looks into a bucket that is over.
///
/// # Errors
/// Why there can be no alert.
fn open<'a>(bucket: &Bucket, around: &mut Surroundings<'a>) -> Result<Opened<'a>, Failure> {
    let scenario = around.catalogue.scenario(bucket.scenario).ok_or(Failure::Unreadable)?;
    let kept = bucket.queue.iter();
    let held: Option<Vec<_>> =
        kept.map(|kept| around.recall.recalled(kept).map(Exhibit::new)).collect();
    let mut held = held.ok_or(Failure::Unreadable)?;
    let sources = sources(scenario, &mut held, around)?;
    let first = sources.values().next().cloned().ok_or(Failure::NoSource)?;
    Ok(Opened { scenario, held, sources, first })
}

impl Opened<'_> {
    /// The overflow at `at`, caused by `cause`.
    ///
    /// # Errors
    /// A held event is not one of these rules.
    fn overflow(
        mut self,
        bucket: &Bucket,
        at: Stamp,
        cause: OrderKey,
        around: &mut Surroundings<'_>,
    ) -> Result<Overflow, Failure> {
        let scenario = self.scenario;
        let message = self.message(bucket, at);
        let meta = gather(&mut self.held, around);
        let listed = |event: &Exhibit| event.listed(around.catalogue);
        let events: Option<Vec<_>> = self.held.iter().map(listed).collect();
        let map_key = scenario.map_key(&bucket.key);
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
            source: self.first,
            events: Arc::new(events.ok_or(Failure::Unreadable)?),
            meta,
            coordinates: Arc::new(coordinates(&self.held)),
            decisions: Vec::new(),
            nth: 0,
        };
        let within = self.held.iter().filter_map(|event| Some(event.overflow()?.depth)).max();
        let depth = within.unwrap_or(0).saturating_add(1);
        let (whitelisted, reprocess) = (false, scenario.reprocess && depth <= MOST_DEEP);
        Ok(Overflow { map_key, whitelisted, reprocess, depth, sources: self.sources, alert })
    }

    fn message(&self, bucket: &Bucket, at: Stamp) -> String {
        let several = || format!("{} sources", self.sources.len()).into();
        let who = match self.sources.len() {
            1 => self.sources.keys().next().map_or_else(Arc::default, Arc::clone),
            _ => several(),
        };
        let lasted = GoDuration(at.at.0.saturating_sub(bucket.first.at.0));
        format!(
            "{} {who} performed '{}' ({} events over {lasted}) at {}",
            self.first.scope, self.scenario.name, bucket.total, bucket.last
        )
    }
}

/// Lines that filled the bucket, each once.
fn coordinates(held: &[Exhibit]) -> Vec<Coordinate> {
    let mut all = Vec::with_capacity(held.len());
    held.iter().for_each(|event| event.coordinates(&mut all));
    // Mostly they stand in their order already.
    if !all.is_sorted_by(|a, b| a < b) {
        let mut seen = BTreeSet::new();
        all.retain(|at| seen.insert(*at));
    }
    all
}

type Sources = BTreeMap<Arc<str>, Source>;

/// Sources of all held events by value; of several with one value the last (`alertFormatSource`).
fn sources(
    scenario: &Scenario,
    held: &mut [Exhibit],
    around: &mut Surroundings<'_>,
) -> Result<Sources, Failure> {
    let mut all = Sources::new();
    let scope = scenario.scope.name();
    for event in held {
        if event.is_overflow() {
            overflow_sources(scenario, event, around, &mut all)?;
            let first = all.values().next().map(|source| Arc::clone(&source.scope));
            if all.values().any(|source| Some(&source.scope) != first.as_ref()) {
                return Err(Failure::MixedScopes);
            }
        } else {
            let source = event_source(scenario, event, around)?;
            let source = Source { scope: Arc::clone(&scope), ..source };
            match all.get_mut(&source.value) {
                Some(known) => *known = source,
                None => {
                    all.insert(Arc::clone(&source.value), source);
                }
            }
        }
    }
    Ok(all)
}

/// The source of a line (`eventSources`), but for its scope.
fn event_source(
    scenario: &Scenario,
    event: &mut Exhibit,
    around: &mut Surroundings<'_>,
) -> Result<Source, Failure> {
    let (address, value) = match &scenario.scope {
        Scope::Ip => {
            let address = event.address(around.catalogue)?;
            let value = Arc::clone(&address.ip);
            (address, value)
        }
        Scope::Range(None) => {
            let address = event.address(around.catalogue)?;
            let value = Arc::clone(&address.range);
            (address, value)
        }
        Scope::Range(Some(expression)) => {
            let address = event.address(around.catalogue)?;
            (address, event.text(*expression, around).ok_or(Failure::Scope)?)
        }
        Scope::Other(_, expression) => {
            (Source::default(), event.text(*expression, around).ok_or(Failure::Scope)?)
        }
    };
    Ok(Source { value, ..address })
}

/// The sources of an overflow that was matched again (`overflowEventSources`).
fn overflow_sources(
    scenario: &Scenario,
    event: &mut Exhibit,
    around: &mut Surroundings<'_>,
    all: &mut Sources,
) -> Result<(), Failure> {
    let Some(overflow) = event.overflow() else { return Ok(()) };
    let scope = scenario.scope.name();
    for (key, old) in &overflow.sources {
        if old.scope == scope {
            all.insert(Arc::clone(key), old.clone());
            continue;
        }
        let (Scope::Range(expression), "Ip") = (&scenario.scope, &*old.scope) else { continue };
        let value = match expression {
            Some(expression) => event.text(*expression, around).ok_or(Failure::Scope)?,
            None => Arc::clone(&old.range),
        };
        if !value.is_empty() {
            let scope = Arc::clone(&scope);
            let ip = Arc::default();
            all.insert(Arc::clone(&value), Source { scope, value, ip, ..old.clone() });
        }
    }
    Ok(())
}
