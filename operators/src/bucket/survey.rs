//! A look through what the store had before the run began, a little at each seal: what nobody's rules
//! know any more is dropped, what is found later is marked as cold. Until a group was looked
//! through, the store is asked for each bucket of it.

use super::buckets::Buckets;
use super::record;
use crate::time::EventTime;

/// Entries that are looked at in one go.
const AT_ONCE: usize = 4096;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Groups that are left, the next one last.
    groups: Vec<u32>,
    /// The last key that was looked at.
    after: Vec<u8>,
}

impl Survey {
    /// Nothing was looked at.
    pub(super) fn new(groups: impl IntoIterator<Item = u32>) -> Self {
        Self { groups: groups.into_iter().collect(), after: Vec::new() }
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.groups.is_empty()
    }
}

impl Buckets {
    /// Looks at the next entries. `clock` is that of the order.
    pub(super) fn look_on(&mut self, clock: EventTime) {
        let mut left = AT_ONCE;
        while let Some(number) = self.survey.groups.last().copied()
            && left > 0
        {
            self.look_into(number, clock, &mut left);
        }
    }

    fn look_into(&mut self, number: u32, clock: EventTime, left: &mut usize) {
        let Self { catalogue, groups, survey, cold, ledger: Some(ledger), .. } = self else {
            *left = 0;
            return;
        };
        let Some(group) = groups.get_mut(number as usize) else {
            survey.groups.pop();
            return;
        };
        let (mut after, mut strange) = (Vec::new(), Vec::new());
        ledger.state.buckets(number, &survey.after, &mut |key, value| {
            *left = left.saturating_sub(1);
            let owner = record::owner(value).and_then(|(content, _)| catalogue.by_content(content));
            match owner.zip(record::read_key(key)) {
                None if ledger.drops() && !ledger.has_departed(key) => {
                    strange.push(Box::<[u8]>::from(key));
                }
                Some((owner, (_, groupby))) if ledger.concerns(owner) => {
                    let hash = owner.hash_base.with_key(groupby);
                    let until = record::remembered_until(value).filter(|until| *until >= clock);
                    if let Some(until) = until.filter(|_| !group.table.holds(owner, groupby, hash))
                    {
                        cold.add((hash.spread(), owner), until, clock);
                    }
                }
                _ => {}
            }
            if *left == 0 {
                after = key.to_vec();
            }
            *left > 0
        });
        for key in strange {
            ledger.drop_strange(&key);
        }
        if after.is_empty() {
            group.surveyed = true;
            survey.groups.pop();
        }
        survey.after = after;
    }
}
