//! What was kept, read again: alerts with their decisions, by number or by filter.

use std::ops::ControlFlow;
use std::sync::Arc;

use api::allow::Allowlists;
use api::archive::{Archive, ArchiveError, Audit, FoundLine, KeptAlert, Usage};
use api::filter::alert::{AlertFilter, Page};
use api::filter::{DecisionFilter, Net};
use api::index::Index;
use api::record::Record;
use arc_swap::ArcSwap;
use operators::alert::Coordinate;

use super::census::{self, AlertCensus};
use super::chores::Chores;
use super::flush::{self, Retention};
use super::kept::{as_ended, kept, number, with_decisions};
use super::lines;
use super::places::{self, Place};
use super::row::{AlertRow, DecisionRow, Shared};
use super::usage;
use crate::state::{Family, Store, StoreError};

/// The archive in the store.
#[derive(Debug)]
pub struct Shelf {
    store: Arc<Store>,
    index: Arc<Index>,
    allow: Arc<ArcSwap<Allowlists>>,
    chores: Chores,
    census: AlertCensus,
}

impl Shelf {
    /// The archive of a store.
    pub fn new(
        store: Arc<Store>,
        index: Arc<Index>,
        allow: Arc<ArcSwap<Allowlists>>,
        (chores, census): (Chores, AlertCensus),
    ) -> Self {
        Self { store, index, allow, chores, census }
    }
}

impl Archive for Shelf {
    fn alert(&self, id: u64) -> Result<Option<KeptAlert>, ArchiveError> {
        kept(&self.store, id).map_err(told)
    }

    fn alerts(
        &self,
        filter: &AlertFilter,
        page: Page,
        now: i64,
        take: &mut dyn FnMut(KeptAlert) -> ControlFlow<()>,
    ) -> Result<(), ArchiveError> {
        let mut left = page.limit.unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(());
        }
        let visit = &mut |kept: KeptAlert| {
            if !matches(filter, &kept, now) {
                return ControlFlow::Continue(());
            }
            left -= 1;
            let flow = take(kept);
            if left == 0 { ControlFlow::Break(()) } else { flow }
        };
        visit_alerts(&self.store, &self.index, filter, (page.ascending, now), visit).map_err(told)
    }

    fn decision(&self, id: u64) -> Result<Option<Record>, ArchiveError> {
        let named = self.store.get(Family::Names, &id.to_be_bytes()).map_err(told)?;
        let id = named.and_then(|bytes| number(&bytes)).unwrap_or(id);
        let bytes = self.store.get(Family::Decisions, &id.to_be_bytes()).map_err(told)?;
        let row = bytes.and_then(|bytes| DecisionRow::decode(id, &bytes, &mut Shared::default()));
        row.map(|row| as_ended(&self.store, row.record)).transpose().map_err(told)
    }

    fn lines(&self, coordinates: &[Coordinate]) -> Result<Vec<FoundLine>, ArchiveError> {
        lines::found(&self.store, coordinates).map_err(told)
    }

    fn allowlists(&self) -> Arc<Allowlists> {
        self.allow.load_full()
    }

    fn keep_usage(&self, usage: &Usage) -> Result<(), ArchiveError> {
        usage::keep(&self.store, usage).map_err(told)
    }

    fn usages(&self, take: &mut dyn FnMut(Usage) -> ControlFlow<()>) -> Result<(), ArchiveError> {
        usage::visit(&self.store, take).map_err(told)
    }

    fn flush(&self, most: u64, age: i64, now: i64) -> Result<u64, ArchiveError> {
        let retention =
            Retention { alert_age: Some(age), alerts: Some(most), ..Retention::default() };
        flush::alerts((&self.store, &self.census), retention, now).map_err(told)
    }

    fn audit(&self, entry: &Audit) {
        self.chores.audit(entry.clone());
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn told(error: StoreError) -> ArchiveError {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    ArchiveError(format!("{error}{}", source.unwrap_or_default()))
}

/// Visits the alerts that a filter may want, `ascending` or not, until the visitor has enough. The
/// most selective place that the filter names is where it looks.
///
/// # Errors
/// The store cannot be read.
pub fn visit_alerts(
    store: &Store,
    index: &Index,
    filter: &AlertFilter,
    (ascending, now): (bool, i64),
    visit: &mut dyn FnMut(KeptAlert) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let net = filter.net.as_deref().and_then(|text| Net::parse(text).ok());
    let some = match (net, &filter.value, &filter.scenario) {
        (Some(net), _, _) => Some(places::find_net(store, net, filter.around)?),
        (_, Some(value), _) => Some(places::find_value(store, value)?),
        (_, _, Some(name)) => Some(places::find(store, &Place::Scenario(name.clone()))?),
        _ if filter.active == Some(true) => Some(index.current().active_alerts(now)),
        _ => None,
    };
    if let Some(mut ids) = some {
        if !ascending {
            ids.reverse();
        }
        for id in ids {
            if let Some(kept) = kept(store, id)?
                && visit(kept).is_break()
            {
                break;
            }
        }
        return Ok(());
    }
    let all: Box<dyn Iterator<Item = _>> = match ascending {
        true => Box::new(store.scan(Family::Alerts, &[])),
        false => Box::new(store.scan_back(Family::Alerts, &[0xff; 9])),
    };
    for entry in all {
        let (key, bytes) = entry?;
        let (Some(id), Some(row)) = (number(&key), AlertRow::decode(&bytes)) else { continue };
        if visit(with_decisions(store, id, row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether an alert is wanted (crowdsec pkg/database/alertfilter.go).
pub fn matches(filter: &AlertFilter, kept: &KeptAlert, now: i64) -> bool {
    let alert = &kept.alert;
    let decisions = &kept.decisions;
    let same = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|one| one == text);
    let any = |wanted: &Option<String>, of: &dyn Fn(&Record) -> bool| {
        wanted.is_none() || decisions.iter().any(of)
    };
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref() == Some(text);
    let started = alert.start_at.at.0;
    same(&filter.scope, &alert.source.scope)
        && same(&filter.value, &alert.source.value)
        && same(&filter.kind, &kept.kind)
        && (same(&filter.scenario, &alert.scenario)
            || any(&filter.scenario, &|record| is(&filter.scenario, &record.scenario)))
        && filter.started_from.is_none_or(|from| started >= from)
        && filter.started_to.is_none_or(|to| started <= to)
        && filter.created_to.is_none_or(|to| kept.created <= to)
        && any(&filter.decision_type, &|record| is(&filter.decision_type, &record.kind))
        && any(&filter.origin, &|record| is(&filter.origin, &record.origin))
        && !(filter.without_simulated && kept.is_simulated())
        && !(filter.without_lists && is_of_lists(kept))
        && match filter.active {
            None => true,
            Some(true) => decisions.iter().any(|record| record.until >= now),
            Some(false) => decisions.is_empty(),
        }
        && hits_net(filter, decisions)
}

fn hits_net(filter: &AlertFilter, decisions: &[Record]) -> bool {
    let Some(net) = filter.net.as_deref().and_then(|text| Net::parse(text).ok()) else {
        return true;
    };
    let filter = DecisionFilter { net: Some(net), around: filter.around, ..Default::default() };
    decisions.iter().any(|record| filter.takes_net(record.net()))
}

/// Whether an alert stands for a pulled list.
fn is_of_lists(kept: &KeptAlert) -> bool {
    let origins = kept.decisions.iter().map(|record| &*record.origin);
    !census::counts(&kept.alert.source.scope, origins)
}
