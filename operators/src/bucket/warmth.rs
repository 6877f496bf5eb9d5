//! Buckets of a run that outlives its process: from the store into memory when they are wanted, out
//! of memory when there are too many, and what changed back to the store at each seal.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::blackhole::End;
use super::buckets::{Buckets, Group};
use super::catalogue::Catalogue;
use super::change::{Change, Changes, Subject};
use super::cold::Cold;
use super::group::{BucketHash, GROUPS};
use super::ledger::{Ledger, read_deadline};
use super::scenario::Scenario;
use super::survey::Survey;
use super::{ledger, record};
use crate::expr::Program;
use crate::time::EventTime;

/// How many seals ago a bucket has changed at the latest when there is no room for it.
const LONG_AGO: u8 = 100;
/// How many groups make room at one seal.
const AT_ONCE: usize = 32;

impl Buckets {
    /// The buckets of these key groups as the store has them.
    pub fn kept(
        catalogue: Arc<Catalogue>,
        program: Arc<Program>,
        ledger: Ledger,
        groups: impl IntoIterator<Item = u32>,
    ) -> Self {
        let mut all = Self::new(catalogue, program);
        let groups: Vec<_> = groups.into_iter().collect();
        for &group in &groups {
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
        if ledger.concerns_any(&all.catalogue) {
            all.survey = Survey::new(groups);
        } else {
            all.groups.iter_mut().for_each(|group| group.surveyed = true);
        }
        all.cold = Cold::new(ledger.state.marks());
        all.ledger = Some(ledger);
        all
    }

    /// Buckets that were dropped because their scenarios have changed or are gone, so far: how many,
    /// by [`super::record::Identity::family`].
    pub fn dropped(&self) -> BTreeMap<u64, u64> {
        self.ledger.as_ref().map(|ledger| ledger.dropped.clone()).unwrap_or_default()
    }

    /// Whether all that the store had before was looked at: no more is dropped for its scenario.
    pub fn is_surveyed(&self) -> bool {
        self.survey.is_done()
    }

    /// Makes sure that the bucket that `scenario` wants is in memory if it is anywhere.
    pub(super) fn warm_up(&mut self, scenario: &Scenario, hash: BucketHash, key: &str) {
        let Self { catalogue, groups, cold, ledger: Some(ledger), .. } = self else { return };
        let Some(group) = groups.get_mut(hash.group() as usize) else { return };
        let mut finders = std::iter::once(scenario).chain(catalogue.twins_of(scenario));
        let may_be_cold = !group.surveyed || cold.may_hold(hash, &mut finders);
        if may_be_cold && !group.table.holds(scenario, key, hash) {
            thaw(group, ledger, catalogue, (scenario, key));
        }
    }

    /// Reads the blackholes of a group, once.
    pub(super) fn warm_holes(&mut self, number: u32) {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else { return };
        let Some(group) = groups.get_mut(number as usize) else { return };
        if std::mem::replace(&mut group.has_holes, true) {
            return;
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

    /// What changed since the last call, as the store is to keep it; then makes room. `clock` is that
    /// of the order.
    pub fn take_changes(&mut self, clock: EventTime) -> Changes {
        let Self { catalogue, groups, ledger: Some(ledger), .. } = self else {
            return Changes::default();
        };
        let (seal, dialect) = (ledger.next_seal(), ledger.dialect());
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
        self.cold.forget(clock);
        self.census.sealed(&mut self.groups, self.catalogue.scenarios(), clock);
        self.make_room(clock);
        self.look_on(clock);
        Changes { entries }
    }

    /// Lets buckets go that the store has and that nobody has touched for long, then for a while: of
    /// one group after the other, until what is left is no more than it may be.
    fn make_room(&mut self, clock: EventTime) {
        let Self { catalogue, groups, cold, roomy, ledger: Some(ledger), .. } = self else {
            return;
        };
        let (budget, lag, seal) = (ledger.state.budget(), ledger.state.lag(), ledger.seal);
        let scenarios = catalogue.scenarios();
        let weight = |groups: &[Group]| groups.iter().map(|group| group.table.weight()).sum();
        let filled = groups.iter().filter(|group| group.table.weight() > 0).count();
        for _ in 0..filled.min(AT_ONCE) {
            let all: usize = weight(groups);
            if all <= budget {
                return;
            }
            let mut after = (1..=GROUPS).map(|ahead| (*roomy + ahead) % GROUPS);
            let next = after.find(|number| {
                groups.get(*number as usize).is_some_and(|group| group.table.weight() > 0)
            });
            *roomy = next.unwrap_or_default();
            let Some(Group { table, .. }) = groups.get_mut(*roomy as usize) else { return };
            table.sweep(scenarios, clock);
            for age in [LONG_AGO, lag] {
                // Half of it, so that this is not done again at once.
                if table.weight() > budget / filled / 2 {
                    table.evict((seal, age), scenarios, |hash, owner, until| {
                        cold.add((hash, owner), until, clock);
                    });
                }
            }
        }
    }
}

/// Reads one bucket that may be in the store alone.
fn thaw(
    group: &mut Group,
    ledger: &mut Ledger,
    catalogue: &Catalogue,
    (scenario, key): (&Scenario, &str),
) {
    let Some(place) = ledger::place(catalogue, scenario.id, key) else { return };
    let Some(value) = ledger.stored(&place) else { return };
    if restore(group, ledger, catalogue, (&place, &value)).is_none() {
        ledger.drop_strange(&place);
    }
}

/// Puts an entry of the store into its group. `None` where it is of other scenarios, or cannot be
/// read.
fn restore(
    group: &mut Group,
    ledger: &mut Ledger,
    catalogue: &Catalogue,
    (key, value): (&[u8], &[u8]),
) -> Option<()> {
    let (content, dialect) = record::owner(value)?;
    let (scenario, (_, groupby)) = (catalogue.by_content(content)?, record::read_key(key)?);
    if !ledger.concerns(scenario) {
        return Some(());
    }
    let translator = ledger.translator(dialect, catalogue).ok()?;
    let bucket = record::read(value, scenario, groupby, translator)?;
    let hash = scenario.hash_base.with_key(groupby);
    group.table.restore((bucket, hash), scenario, catalogue.scenarios());
    Some(())
}
