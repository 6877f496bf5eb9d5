//! How many buckets of each scenario live, and how many ended by leaking. For those who look at a run:
//! results depend on none of it. A few buckets are looked at with each seal, so that it costs little,
//! however many there are.

use super::buckets::Group;
use super::group::GROUPS;
use super::scenario::Scenario;
use crate::time::EventTime;

/// Buckets that one seal allows to look at.
const PACE: usize = 2_000;

/// What is known of the buckets of a scenario, as of a short while ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// In memory, with time left.
    pub live: u64,
    /// Ended by leaking to their last drop, and noticed.
    pub underflowed: u64,
}

/// Looks at one key group after the other.
#[derive(Debug, Default)]
pub(super) struct Census {
    presence: Vec<Presence>,
    /// The group that comes next.
    next: usize,
    /// Buckets that may be looked at.
    allowed: usize,
}

impl Census {
    /// What is known, by number of scenario.
    pub(super) fn presence(&self) -> &[Presence] {
        &self.presence
    }

    /// A seal: forgets what is over in the groups whose turn it is, and counts the rest.
    pub(super) fn sealed(
        &mut self,
        groups: &mut [Group],
        scenarios: &[Scenario],
        clock: EventTime,
    ) {
        self.presence.resize(scenarios.len(), Presence::default());
        self.allowed += PACE;
        for _ in 0..GROUPS {
            let Some(group) = groups.get_mut(self.next) else { return };
            let cost = group.table.len() + 1;
            let Some(left) = self.allowed.checked_sub(cost) else { return };
            self.allowed = left;
            self.next = (self.next + 1) % GROUPS as usize;
            self.look(group, scenarios, clock);
        }
        // All of them were looked at: what is left is not saved up.
        self.allowed = 0;
    }

    fn look(&mut self, group: &mut Group, scenarios: &[Scenario], clock: EventTime) {
        group.table.sweep(scenarios, clock);
        for (id, count) in group.table.take_leaked() {
            if let Some(presence) = self.presence.get_mut(id.index()) {
                presence.underflowed += count;
            }
        }
        let live = group.table.living(scenarios, clock);
        for (id, count) in std::mem::replace(&mut group.live, live) {
            if let Some(presence) = self.presence.get_mut(id.index()) {
                presence.live = presence.live.saturating_sub(count);
            }
        }
        for (id, count) in &group.live {
            if let Some(presence) = self.presence.get_mut(id.index()) {
                presence.live += count;
            }
        }
    }
}
