//! Buckets of a run that outlives its process: from the store into memory when they are wanted, out
//! of memory when there are too many, and what changed back to the store at each seal.

use std::sync::Arc;

use super::blackhole::End;
use super::buckets::{Buckets, Group};
use super::catalogue::Catalogue;
use super::change::{Change, Changes, Subject};
use super::group::{BucketHash, GROUPS};
use super::ledger::{Ledger, read_deadline};
use super::pour::Want;
use super::scenario::Scenario;
use super::{ledger, record};
use crate::expr::Program;
use crate::time::EventTime;

/// How many seals ago a bucket has changed at the latest when there is no room for it.
const LONG_AGO: u8 = 100;

impl Buckets {
    /// The buckets of these key groups as the store has them.
    pub fn kept(
        catalogue: Arc<Catalogue>,
        program: Arc<Program>,
        ledger: Ledger,
        groups: impl IntoIterator<Item = u32>,
    ) -> Self {
        let mut all = Self::new(catalogue, program);
        for group in groups {
            let catalogue = &all.catalogue;
            let deadlines = &mut all.deadlines;
            ledger.state.deadlines(group, &mut |key, _| {
                let Some((at, family, groupby)) = read_deadline(key) else { return };
                let scenario = catalogue.by_family(family);
                if let Some(scenario) = scenario.filter(|scenario| ledger.concerns(scenario)) {
                    deadlines.add(at, scenario.id, groupby);
                }
            });
        }
        all.ledger = Some(ledger);
        all
    }

    /// Buckets that were dropped because their scenarios have changed or are gone, so far.
    pub fn dropped(&self) -> u64 {
        self.ledger.as_ref().map_or(0, |ledger| ledger.dropped)
    }

    /// Makes sure that the bucket that `scenario` wants is in memory if it is anywhere.
    pub(super) fn warm_up(&mut self, scenario: &Scenario, want: &Want) {
        self.warm_key(scenario, want.hash, &want.key);
    }

    /// The same for a key.
    pub(super) fn warm_key(&mut self, scenario: &Scenario, hash: BucketHash, key: &str) {
        self.warm_group(hash.group());
        let group = self.groups.get(hash.group() as usize);
        let here =
            |group: &Group| !group.cold.may_hold(hash) || group.table.holds(scenario, key, hash);
        if !group.is_none_or(here) {
            self.thaw(scenario, hash, key);
        }
    }

    /// Reads what the store has of a group, once.
    pub(super) fn warm_group(&mut self, number: u32) {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else { return };
        let Some(group) = groups.get_mut(number as usize) else { return };
        if std::mem::replace(&mut group.warm, true) {
            return;
        }
        let budget = ledger.state.budget() / GROUPS as usize;
        let mut entries = Vec::new();
        ledger
            .state
            .buckets(number, &mut |key, value| entries.push((Box::from(key), Box::from(value))));
        for (key, value) in entries {
            let (key, value): (Box<[u8]>, Box<[u8]>) = (key, value);
            let full = group.table.weight() > budget;
            restore(group, ledger, catalogue, (&key, &value), full);
        }
        let holes = &mut group.blackholes;
        ledger.state.blackholes(number, &mut |key, value| {
            let Some((family, groupby)) = record::read_key(key) else { return };
            if let (Some(scenario), Some(end)) =
                (catalogue.by_family(family), End::from_bytes(value))
            {
                holes.restore((scenario.id, groupby), end);
            }
        });
    }

    /// Reads one bucket that left memory.
    fn thaw(&mut self, scenario: &Scenario, hash: BucketHash, key: &str) {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else { return };
        let Some(place) = ledger::place(catalogue, scenario.id, key) else { return };
        let Some(value) = ledger.state.bucket(&place) else { return };
        if let Some(group) = groups.get_mut(hash.group() as usize) {
            group.cold.take(hash);
            restore(group, ledger, catalogue, (&place, &value), false);
        }
    }

    /// What changed since the last call, as the store is to keep it; then makes room. `clock` is that
    /// of the order.
    pub fn take_changes(&mut self, clock: EventTime) -> Changes {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else {
            return Changes::default();
        };
        ledger.seal = ledger.seal.wrapping_add(1);
        let (seal, dialect) = (ledger.seal, ledger.dialect());
        // What is gone may be there again: it stands first.
        let mut entries = ledger.take_entries();
        for hash in ledger.take_touched() {
            let Some(group) = groups.get_mut(hash.group() as usize) else { continue };
            group.table.hand_over(hash, seal, catalogue.scenarios(), |bucket, owner| {
                let Some(identity) = catalogue.identity(owner.id) else { return };
                let key = record::key(hash.group(), identity.family, &bucket.key);
                let value = record::write(bucket, owner, identity.content, dialect);
                let value = Some(value.into_boxed_slice());
                entries.push(Change { subject: Subject::Bucket, key: key.into(), value });
            });
        }
        self.census.sealed(&mut self.groups, self.catalogue.scenarios(), clock);
        self.make_room(clock);
        Changes { entries }
    }

    /// Lets the buckets of the fullest groups go that the store has and that nobody has touched for
    /// long, then for a while.
    fn make_room(&mut self, clock: EventTime) {
        let Some(ledger) = &self.ledger else { return };
        let (budget, lag, seal) = (ledger.state.budget(), ledger.state.lag(), ledger.seal);
        let weight: usize = self.groups.iter().map(|group| group.table.weight()).sum();
        if weight <= budget {
            return;
        }
        let most = budget / GROUPS as usize;
        for number in 0..GROUPS {
            let Some(group) = self.groups.get_mut(number as usize) else { continue };
            if group.table.weight() <= most {
                continue;
            }
            let scenarios = self.catalogue.scenarios();
            group.table.sweep(scenarios, clock);
            for age in [LONG_AGO, lag] {
                // Half of it, so that this is not done again at once.
                if group.table.weight() > most / 2 {
                    let cold = &mut group.cold;
                    group.table.evict((seal, age), scenarios, |hash| cold.add(hash));
                }
            }
            if group.cold.is_stale() {
                self.look_again(number, clock);
            }
        }
    }

    /// Forgets the cold buckets that are forgotten.
    fn look_again(&mut self, number: u32, clock: EventTime) {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else { return };
        let Some(group) = groups.get_mut(number as usize) else { return };
        group.cold.renew();
        ledger.state.buckets(number, &mut |key, value| {
            let Some((family, groupby)) = record::read_key(key) else { return };
            let Some(scenario) = catalogue.by_family(family) else { return };
            let remembered = record::remembered_until(value).is_some_and(|until| until >= clock);
            let here = group.table.holds(scenario, groupby, scenario.hash_base.with_key(groupby));
            if remembered && !here && ledger.concerns(scenario) {
                group.cold.add(scenario.hash_base.with_key(groupby).spread());
            }
        });
        group.cold.renewed();
    }
}

/// Puts an entry of the store back into its group, or only notes it where memory is full. What is of
/// other scenarios, or cannot be read, is dropped.
fn restore(
    group: &mut Group,
    ledger: &mut Ledger,
    catalogue: &Catalogue,
    (key, value): (&[u8], &[u8]),
    full: bool,
) {
    let known = record::read_key(key).zip(record::owner(value));
    let known = known.and_then(|((_, groupby), (content, dialect))| {
        Some((catalogue.by_content(content)?, groupby, dialect))
    });
    let bucket = known.and_then(|(scenario, groupby, dialect)| {
        if !ledger.concerns(scenario) {
            return Some(());
        }
        let hash = scenario.hash_base.with_key(groupby);
        if full && !scenario.timed {
            group.cold.add(hash.spread());
            return Some(());
        }
        let translator = ledger.translator(dialect, catalogue).ok()?;
        let bucket = record::read(value, scenario, groupby, translator)?;
        group.table.restore((bucket, hash), scenario, catalogue.scenarios());
        Some(())
    });
    if bucket.is_none() {
        ledger.dropped += 1;
        ledger.entry(Subject::Bucket, key, None);
    }
}
