//! Looks at a running service, for people and for Prometheus. Reads what others count; changes
//! nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::accounts::Accounts;
use api::index::Index;
use connectors::health::State;
use connectors::metric::{Counter, OutputCounter, Reason};
use operators::time::{EventTime, Stamp};

use super::reload::Reloader;
use super::status::{
    CommitStatus, DecisionStatus, LinesStatus, OutputStatus, ScenarioStatus, SourceStatus, Status,
    UnparsedLine,
};
use crate::live::engine::Handles;
use crate::live::insight::{Lag, Shown, Unparsed, ordinal};
use crate::live::names::Names;
use crate::live::pace::wall;
use crate::live::sources::Watched;
use crate::live::totals::Read;
use crate::outputs::{self, Backlog};
use crate::serve::census::AlertCensus;
use crate::state::Store;

/// A commit that takes longer than this will not be kept any more.
const STUCK: Duration = Duration::from_secs(60);

/// What is looked at.
#[derive(Debug)]
pub struct Observer {
    /// When the service began.
    pub begun: Instant,
    /// `all`, `detect` or `serve`.
    pub role: &'static str,
    /// Who detects.
    pub machine: Arc<str>,
    /// Where clients of this host reach the API; "" where it is not served.
    pub api: String,
    /// The engine, if there is one.
    pub engine: Option<Handles>,
    /// Outputs.
    pub outputs: Vec<outputs::Watched>,
    /// What waits for them.
    pub backlogs: Vec<Backlog>,
    /// What source partitions are called.
    pub names: Arc<Names>,
    /// What is active.
    pub index: Arc<Index>,
    /// Machines and bouncers.
    pub accounts: Arc<Accounts>,
    /// Alerts by scenario.
    pub alerts: AlertCensus,
    /// The store.
    pub store: Arc<Store>,
    /// The rules.
    pub reloader: Arc<Reloader>,
    /// Seals kept, and when that changed or nothing was under way.
    pub progress: Mutex<(u64, Instant)>,
}

/// A source with all that is known of it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What it counts itself.
    pub watched: &'a Watched,
    /// Its lags.
    pub lag: Lag,
    /// Its lines.
    pub read: Read,
}

impl Observer {
    /// What the engine shows of itself.
    pub fn shown(&self) -> Shown {
        let engine = self.engine.as_ref();
        engine.map(|engine| engine.progress.insight.shown()).unwrap_or_default()
    }

    /// Seals that are ordered and not kept yet.
    pub fn under_way(&self) -> u64 {
        let Some(engine) = &self.engine else { return 0 };
        let kept = engine.progress.kept.load(Ordering::Acquire);
        engine.progress.sealed.load(Ordering::Acquire).saturating_sub(kept)
    }

    /// The sources, in order.
    pub fn sources(&self, shown: &Shown) -> Vec<Seen<'_>> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let seen = |watched| {
            let place = place_of(engine, watched);
            let mut read = Read::default();
            let own = shown.totals.partitions.iter();
            for (_, more) in own.filter(|(partition, _)| Some(ordinal(**partition)) == place) {
                read.lines += more.lines;
                read.unparsed += more.unparsed;
            }
            let lag = place.and_then(|place| shown.lags.get(&place)).cloned();
            Seen { watched, lag: lag.unwrap_or_default(), read }
        };
        engine.watched.iter().map(seen).collect()
    }

    /// Why it does not live: then it must be started again.
    ///
    /// # Errors
    /// The reason.
    pub fn lives(&self) -> Result<(), String> {
        let Some(engine) = &self.engine else { return Ok(()) };
        if engine.progress.failed.load(Ordering::Acquire) {
            return Err("what was found could not be kept".to_owned());
        }
        let kept = engine.progress.kept.load(Ordering::Acquire);
        let mut known = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != kept || self.under_way() == 0 {
            *known = (kept, Instant::now());
        }
        match known.1.elapsed() {
            stuck if stuck > STUCK => Err(format!("nothing was kept for {} s", stuck.as_secs())),
            _ => Ok(()),
        }
    }

    /// What does not work now.
    pub fn trouble(&self) -> Vec<String> {
        let mut all: Vec<String> = self.lives().err().into_iter().collect();
        if !self.index.is_ready() {
            all.push("the decisions are not loaded, or the store fails".to_owned());
        }
        for watched in self.engine.iter().flat_map(|engine| engine.watched.iter()) {
            match watched.health.state() {
                State::Reading | State::Ended => {}
                state => all.push(format!("source {}: {state}", watched.name)),
            }
        }
        for output in &self.outputs {
            match output.health.state() {
                State::Starting | State::Reading | State::Ended => {}
                state => all.push(format!("output {}: {state}", output.name)),
            }
        }
        all
    }

    /// Everything, for people.
    pub fn status(&self) -> Status {
        let shown = self.shown();
        let totals = &shown.totals;
        let mut scenarios: Vec<_> = totals.scenarios.iter().collect();
        scenarios.sort_by_key(|(name, sum)| {
            (std::cmp::Reverse((sum.alerts, sum.overflowed, sum.poured)), Arc::clone(name))
        });
        let scenario = |(name, sum): (&Arc<str>, &crate::live::totals::Bucketed)| ScenarioStatus {
            name: name.to_string(),
            poured: sum.poured,
            overflowed: sum.overflowed,
            alerts: sum.alerts,
        };
        let decisions = shown.decided.iter().map(|decided| DecisionStatus {
            at: Stamp::utc_at(decided.at).rfc3339(),
            scope: decided.scope.to_string(),
            value: decided.value.to_string(),
            kind: decided.kind.to_string(),
            duration: decided.duration.to_string(),
            scenario: decided.scenario.to_string(),
        });
        let values = shown.values.iter().map(|(value, count)| (value.to_string(), *count));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: self.role.to_owned(),
            machine: self.machine.to_string(),
            data: self.store.path().display().to_string(),
            api: self.api.clone(),
            uptime: self.begun.elapsed().as_secs_f64(),
            trouble: self.trouble(),
            rules: self.reloader.status(),
            sources: self.sources(&shown).iter().map(source).collect(),
            outputs: self.outputs.iter().map(output).collect(),
            waiting: self.waiting(),
            lines: LinesStatus {
                read: totals.lines,
                parsed: totals.parsed,
                unparsed: totals.unparsed,
                whitelisted: totals.whitelisted,
                poured: totals.poured,
                late: shown.late,
            },
            scenarios: scenarios.into_iter().map(scenario).collect(),
            values: values.take(100).collect(),
            decisions: decisions.collect(),
            alerts: totals.alerts,
            active_decisions: self.index.current().len() as u64,
            buckets: shown.buckets,
            commits: self.commits(&shown),
            store_bytes: self.store.size(),
        }
    }

    /// Messages that wait for the output that is the furthest behind, of results and of what is set
    /// aside.
    pub fn waiting(&self) -> u64 {
        self.backlogs.iter().map(Backlog::waiting).sum()
    }

    fn commits(&self, shown: &Shown) -> CommitStatus {
        let commits = &shown.commits;
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        CommitStatus {
            count: commits.count,
            under_way: self.under_way(),
            mean_ms: millis(commits.time) / commits.count.max(1) as f64,
            longest_ms: millis(commits.longest),
        }
    }

    /// Lines that no parser took or that were not read, of all sources or of one, the newest last.
    pub fn unparsed(&self, source: Option<&str>) -> Vec<UnparsedLine> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let mut lines = Vec::new();
        for watched in engine.watched.iter() {
            if source.is_some_and(|source| *source != *watched.name) {
                continue;
            }
            let Some(place) = place_of(engine, watched) else { continue };
            let line = |line: Unparsed| UnparsedLine {
                reason: line.reason.to_owned(),
                source: watched.name.to_string(),
                lane: self.names.get(line.partition).map_or_else(String::new, |n| n.to_string()),
                offset: line.position,
                seen: Stamp::utc_at(line.seen).rfc3339(),
                line: line.text,
            };
            lines.extend(engine.progress.insight.unparsed(place).into_iter().map(line));
        }
        lines
    }
}

/// The place of a source in the order.
fn place_of(engine: &Handles, watched: &Watched) -> Option<u32> {
    engine.ordinals.get(&watched.name).copied()
}

fn source(seen: &Seen<'_>) -> SourceStatus {
    let Seen { watched, lag, read } = seen;
    let state = watched.health.state();
    let rejected = Reason::ALL
        .iter()
        .map(|reason| (reason.as_str().to_owned(), watched.meter.rejected(*reason)));
    SourceStatus {
        name: watched.name.to_string(),
        module: watched.module.to_owned(),
        state: state.name().to_owned(),
        detail: state.to_string(),
        lines: watched.meter.count(Counter::Lines),
        bytes: watched.meter.count(Counter::Bytes),
        rejected: rejected.filter(|(_, count)| *count > 0).collect(),
        unparsed: read.unparsed,
        behind: lag.clock.map(seconds_since),
        decision_lag: (lag.count > 0).then(|| Duration::from_nanos(lag.last).as_secs_f64()),
    }
}

fn output(output: &outputs::Watched) -> OutputStatus {
    let state = output.health.state();
    OutputStatus {
        name: output.name.to_string(),
        module: output.module.to_owned(),
        state: state.name().to_owned(),
        detail: state.to_string(),
        messages: output.meter.count(OutputCounter::Messages),
        refused: output.meter.count(OutputCounter::Refused),
    }
}

/// How long ago something was; 0 for what is to come. Unit: seconds.
pub fn seconds_since(at: EventTime) -> f64 {
    let nanos = wall().0.saturating_sub(at.0);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)).as_secs_f64()
}
