//! What a live run shows of itself: counts, lines that no parser took, what was decided last. Written
//! at seals and commits, read by anybody at any time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connectors::Reject;
use operators::alert::{Alert, Decision};
use operators::bucket::scenario::Takes;
use operators::bucket::{Buckets, Counters, Presence};
use operators::order::sequencer::Counts;
use operators::parse::lines::{MAX_SAMPLES, SAMPLE_LENGTH, Sample};
use operators::place::Partition;
use operators::rules::Rules;
use operators::time::EventTime;

use super::aside;
use super::lanes::LANES_PER_SOURCE;
use super::totals::Totals;

/// Lines kept of each source that no parser took or that were not read.
const UNPARSED: usize = 100;
/// Decisions kept.
const DECISIONS: usize = 50;
/// Source values counted; of more, the least frequent are forgotten.
const VALUES: usize = 1_000;

/// What the buckets of a worker look like: what they did, how many there are.
#[derive(Debug)]
struct Sight {
    counters: Vec<Counters>,
    presence: Vec<Presence>,
    /// In memory.
    len: usize,
    /// Of scenarios that have changed or are gone, by the hash of name and filter.
    dropped: BTreeMap<u64, u64>,
    /// Whether no more will be dropped.
    surveyed: bool,
}

/// A line that no parser took, or the beginning of what was not read.
#[derive(Clone, Debug)]
pub struct Unparsed {
    /// Why.
    pub reason: &'static str,
    /// Its source partition.
    pub partition: Partition,
    /// Where it stands there.
    pub position: u64,
    /// Its beginning.
    pub text: String,
    /// When it was seen.
    pub seen: EventTime,
}

/// A decision that was made.
#[derive(Clone, Debug)]
pub struct Decided {
    /// When the event happened that led to it.
    pub at: EventTime,
    /// When it was kept.
    pub kept: EventTime,
    /// Scope of the value.
    pub scope: Arc<str>,
    /// What it applies to.
    pub value: Arc<str>,
    /// `ban`, `captcha` or a custom type.
    pub kind: Arc<str>,
    /// How long.
    pub duration: Arc<str>,
    /// Name of the scenario.
    pub scenario: Arc<str>,
}

/// What was found: an alert, as far as it is shown.
#[derive(Clone, Debug)]
pub struct Found {
    /// Source partition of its last line.
    pub partition: Option<Partition>,
    /// When the bucket overflowed.
    pub at: EventTime,
    /// Name of the scenario.
    pub scenario: Arc<str>,
    /// Scope of the source.
    pub scope: Arc<str>,
    /// Value of the source.
    pub value: Arc<str>,
    /// Events that the bucket took.
    pub events: i32,
    /// What was decided.
    pub decisions: Vec<Decision>,
}

impl Found {
    /// What is shown of an alert that was judged.
    pub fn new(alert: &Alert) -> Self {
        Self {
            partition: alert.coordinates.last().map(|last| last.partition),
            at: alert.stop_at.at,
            scenario: Arc::clone(&alert.scenario),
            scope: Arc::clone(&alert.source.scope),
            value: Arc::clone(&alert.source.value),
            events: alert.events_count,
            decisions: alert.decisions.clone(),
        }
    }
}

/// How commits went.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    /// How many.
    pub count: u64,
    /// How long all of them took.
    pub time: Duration,
    /// How long the last one took.
    pub last: Duration,
    /// The longest so far.
    pub longest: Duration,
    /// How many by their upper bounds ([`BOUNDS`]), the last those above all.
    pub within: [u64; BOUNDS.len() + 1],
}

/// Upper bounds of durations. Unit: milliseconds.
pub const BOUNDS: [u64; 9] = [1, 2, 5, 10, 25, 50, 100, 250, 1000];

/// From events to what was decided of them, by source.
#[derive(Clone, Debug, Default)]
pub struct Lag {
    /// Clock of the source's newest line that is kept.
    pub clock: Option<EventTime>,
    /// How many alerts.
    pub count: u64,
    /// Sum of their lags. Unit: nanoseconds.
    pub sum: u128,
    /// Lag of the last one. Unit: nanoseconds.
    pub last: u64,
}

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Counts.
    pub totals: Totals,
    /// Buckets in memory, of all workers.
    pub buckets: u64,
    /// Buckets of scenarios that have changed or are gone: they were dropped.
    pub dropped: u64,
    /// Commits.
    pub commits: Commits,
    /// By place of the source in the order.
    pub lags: BTreeMap<u32, Lag>,
    /// Lines with pours that came after their time.
    pub late: u64,
    /// The last decisions, newest first.
    pub decided: Vec<Decided>,
    /// The source values with the most alerts, and how many; the most first.
    pub values: Vec<(Arc<str>, u64)>,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Option<Arc<Rules>>,
    totals: Totals,
    sights: BTreeMap<(usize, bool), Sight>,
    /// Buckets that other rules dropped before.
    dropped: u64,
    commits: Commits,
    lags: BTreeMap<u32, Lag>,
    late: u64,
    late_now: u64,
    decided: VecDeque<Decided>,
    values: BTreeMap<Arc<str>, u64>,
    unparsed: BTreeMap<u32, VecDeque<Unparsed>>,
    listener: Option<SyncSender<Found>>,
    /// What the listener had no room for.
    unheard: u64,
    /// Whether it was told what was dropped.
    told: bool,
}

/// The shared view; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Insight(Arc<Mutex<Inner>>);

/// The place in the order of the source of a partition.
pub fn ordinal(partition: Partition) -> u32 {
    partition.0 / LANES_PER_SOURCE
}

impl Insight {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these rules count.
    pub fn begin(&self, rules: &Arc<Rules>) {
        let inner = &mut *self.inner();
        inner.settle();
        inner.rules = Some(Arc::clone(rules));
    }

    /// What was counted between two seals; `late` since the rules began.
    pub fn sealed(&self, counts: Counts, late: u64, seen: EventTime) {
        let inner = &mut *self.inner();
        if let Some(rules) = &inner.rules {
            inner.totals.parsed(&counts, rules);
        }
        inner.late_now = late;
        for (partition, samples) in counts.samples {
            for Sample { position, text, .. } in samples {
                let reason = aside::UNPARSED;
                inner.keep(Unparsed { reason, partition, position, text, seen });
            }
        }
    }

    /// What was not read of a delivery: the first of it is kept.
    pub fn rejected(&self, partition: Partition, rejects: &[Reject], seen: EventTime) {
        let inner = &mut *self.inner();
        for Reject { offset: position, reason, text, .. } in rejects.iter().take(MAX_SAMPLES) {
            let text = text.chars().take(SAMPLE_LENGTH).collect();
            let (reason, position) = (reason.as_str(), *position);
            inner.keep(Unparsed { reason, partition, position, text, seen });
        }
    }

    /// What the buckets of a worker did since the rules began, and how many there are.
    pub fn buckets(&self, (worker, takes): (usize, Takes), buckets: &Buckets, ended: bool) {
        let (counters, presence) = (buckets.counters().to_vec(), buckets.presence().to_vec());
        let (len, dropped) = (buckets.len(), buckets.dropped());
        let surveyed = ended || buckets.is_surveyed();
        let sight = Sight { counters, presence, len, dropped, surveyed };
        self.inner().sights.insert((worker, takes == Takes::Logs), sight);
    }

    /// What was dropped as the rules began, by the hash of name and filter: once, when all of so many
    /// workers know, and only if there is any.
    pub fn take_dropped(&self, workers: usize) -> Option<BTreeMap<u64, u64>> {
        let inner = &mut *self.inner();
        let known = inner.sights.values().filter(|sight| sight.surveyed).count();
        if known < 2 * workers || std::mem::replace(&mut inner.told, true) {
            return None;
        }
        let mut sum = BTreeMap::new();
        for (family, count) in inner.sights.values().flat_map(|sight| &sight.dropped) {
            *sum.entry(*family).or_default() += count;
        }
        (!sum.is_empty()).then_some(sum)
    }

    /// A commit was kept, with these alerts and clocks of lanes.
    pub fn kept(
        &self,
        found: &[Found],
        clocks: &[(Partition, EventTime)],
        took: Duration,
        now: EventTime,
    ) {
        let inner = &mut *self.inner();
        inner.commits.add(took);
        for (partition, clock) in clocks {
            let lag = inner.lags.entry(ordinal(*partition)).or_default();
            lag.clock = lag.clock.max(Some(*clock));
        }
        for found in found {
            inner.found(found, now);
            let heard = inner.listener.as_ref().map(|listener| listener.try_send(found.clone()));
            inner.unheard += u64::from(heard.is_some_and(|heard| heard.is_err()));
        }
    }

    /// What is found from now on goes there too; what there is no room for is left out.
    pub fn tell(&self, listener: SyncSender<Found>) {
        self.inner().listener = Some(listener);
    }

    /// Nothing goes there any more; how much there was no room for.
    pub fn hush(&self) -> u64 {
        let mut inner = self.inner();
        inner.listener = None;
        inner.unheard
    }

    /// Everything but lines.
    pub fn shown(&self) -> Shown {
        let inner = self.inner();
        let mut totals = inner.totals.clone();
        inner.add_buckets(&mut totals);
        let mut values: Vec<_> =
            inner.values.iter().map(|(value, count)| (Arc::clone(value), *count)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Shown {
            totals,
            buckets: inner.sights.values().map(|sight| sight.len as u64).sum(),
            dropped: inner.dropped + inner.dropped_now(),
            commits: inner.commits.clone(),
            lags: inner.lags.clone(),
            late: inner.late + inner.late_now,
            decided: inner.decided.iter().rev().cloned().collect(),
            values,
        }
    }

    /// Lines of a source that no parser took or that were not read, the newest last.
    pub fn unparsed(&self, ordinal: u32) -> Vec<Unparsed> {
        let inner = self.inner();
        inner.unparsed.get(&ordinal).into_iter().flatten().cloned().collect()
    }
}

impl Inner {
    /// Keeps a line; the oldest makes room.
    fn keep(&mut self, line: Unparsed) {
        let ring = self.unparsed.entry(ordinal(line.partition)).or_default();
        if ring.len() == UNPARSED {
            ring.pop_front();
        }
        ring.push_back(line);
    }

    /// What was counted by number becomes what was counted by name.
    fn settle(&mut self) {
        let mut totals = std::mem::take(&mut self.totals);
        self.add_buckets(&mut totals);
        // Those of the next rules are counted anew.
        totals.scenarios.values_mut().for_each(|sum| sum.live = 0);
        self.totals = totals;
        self.dropped += self.dropped_now();
        self.sights.clear();
        self.told = false;
        self.late += std::mem::take(&mut self.late_now);
    }

    fn dropped_now(&self) -> u64 {
        self.sights.values().flat_map(|sight| sight.dropped.values()).sum()
    }

    fn add_buckets(&self, totals: &mut Totals) {
        let Some(rules) = &self.rules else { return };
        for Sight { counters, presence, .. } in self.sights.values() {
            totals.bucketed((counters, presence), rules);
        }
    }

    fn found(&mut self, found: &Found, now: EventTime) {
        self.totals.found(&found.scenario, &found.decisions);
        if let Some(partition) = found.partition {
            let lag = self.lags.entry(ordinal(partition)).or_default();
            lag.last = u64::try_from(now.0.saturating_sub(found.at.0)).unwrap_or(0);
            lag.count += 1;
            lag.sum += u128::from(lag.last);
        }
        *self.values.entry(Arc::clone(&found.value)).or_default() += 1;
        if self.values.len() > VALUES {
            self.forget_rare();
        }
        for decision in &found.decisions {
            if self.decided.len() == DECISIONS {
                self.decided.pop_front();
            }
            self.decided.push_back(Decided {
                at: found.at,
                kept: now,
                scope: Arc::clone(&decision.scope),
                value: Arc::clone(&decision.value),
                kind: Arc::clone(&decision.kind),
                duration: Arc::clone(&decision.duration),
                scenario: Arc::clone(&decision.scenario),
            });
        }
    }

    /// Keeps the more frequent half of the values.
    fn forget_rare(&mut self) {
        let mut counts: Vec<u64> = self.values.values().copied().collect();
        counts.sort_unstable();
        let middle = counts.get(counts.len() / 2).copied().unwrap_or(0);
        self.values.retain(|_, count| *count > middle);
    }
}

impl Commits {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.time += took;
        self.last = took;
        self.longest = self.longest.max(took);
        let millis = took.as_millis();
        let at = BOUNDS.iter().position(|bound| millis <= u128::from(*bound));
        if let Some(cell) = self.within.get_mut(at.unwrap_or(BOUNDS.len())) {
            *cell += 1;
        }
    }
}

/// Lets something happen at most so often.
#[derive(Debug)]
pub struct Every(Duration, Option<Instant>);

impl Every {
    /// Not more often than this.
    pub fn new(pause: Duration) -> Self {
        Self(pause, None)
    }

    /// Whether it is time.
    pub fn due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.1.is_none_or(|last| now.duration_since(last) >= self.0);
        if due {
            self.1 = Some(now);
        }
        due
    }
}
