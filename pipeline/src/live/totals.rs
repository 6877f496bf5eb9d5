//! What a live run counted, under names that outlive a rule set.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::alert::Decision;
use operators::bucket::shares::Shares;
use operators::bucket::{Counters, Presence};
use operators::order::sequencer::Counts;
use operators::parse::hit::{Hit, Named};
use operators::place::Partition;
use operators::rules::Rules;

/// What is counted of one source partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Lines that were parsed or not.
    pub lines: u64,
    /// Lines that no parser took.
    pub unparsed: u64,
}

/// What buckets of one scenario did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucketed {
    /// Buckets begun.
    pub begun: u64,
    /// Events poured.
    pub poured: u64,
    /// The same by source partition.
    pub poured_of: Shares,
    /// Buckets that overflowed.
    pub overflowed: u64,
    /// Buckets ended by `cancel_on`.
    pub cancelled: u64,
    /// Overflows that were not matched again, as there were too many.
    pub left: u64,
    /// Buckets that leaked to their last drop.
    pub underflowed: u64,
    /// Buckets that live.
    pub live: u64,
    /// Alerts that came of them.
    pub alerts: u64,
}

/// Something that is counted of the parser nodes of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// What.
    pub hit: Hit,
    /// Their stage.
    pub stage: &'static str,
    /// Their name.
    pub name: &'static str,
    /// What their whitelists give as reason; empty where it is not about whitelists.
    pub reason: &'static str,
}

/// Everything that is counted, since the start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Lines.
    pub lines: u64,
    /// Lines that came through all stages.
    pub parsed: u64,
    /// Lines that did not.
    pub unparsed: u64,
    /// Lines that a whitelist dropped.
    pub whitelisted: u64,
    /// Lines that were poured somewhere.
    pub poured: u64,
    /// Lines without a date that count by the time of their transport.
    pub undated: u64,
    /// Lines dated so far ahead of their arrival that the arrival counts.
    pub ahead: u64,
    /// What happened in parser nodes.
    pub nodes: BTreeMap<Counted, Shares>,
    /// By scenario.
    pub scenarios: BTreeMap<Arc<str>, Bucketed>,
    /// By source partition.
    pub partitions: BTreeMap<Partition, Read>,
    /// Alerts.
    pub alerts: u64,
    /// Decisions by origin and type.
    pub decisions: BTreeMap<(Arc<str>, Arc<str>), u64>,
}

impl Totals {
    /// Adds what parsers counted under `rules`.
    pub fn parsed(&mut self, counts: &Counts, rules: &Rules) {
        let Counts { tally, nodes, .. } = counts;
        self.lines += tally.lines;
        self.parsed += tally.parsed;
        self.unparsed += tally.unparsed;
        self.whitelisted += tally.whitelisted;
        self.poured += tally.poured;
        self.undated += tally.undated;
        self.ahead += tally.ahead;
        for (place, Named { stage, name, reason, .. }) in rules.parsers.all.iter().enumerate() {
            for hit in Hit::ALL {
                let Some(shares) = nodes.get(hit.cell(place)) else { continue };
                if shares.iter().next().is_some() {
                    let reason = reason.filter(|_| hit.is_of_whitelist()).unwrap_or("");
                    let counted = Counted { hit, stage, name, reason };
                    self.nodes.entry(counted).or_default().join(shares);
                }
            }
        }
        for (partition, lines) in &tally.partitions {
            self.partitions.entry(*partition).or_default().lines += lines;
        }
        for (partition, lines) in &tally.untaken {
            self.partitions.entry(*partition).or_default().unparsed += lines;
        }
    }

    /// Adds what buckets counted under `rules`, by number of scenario.
    pub fn bucketed(&mut self, (counters, presence): (&[Counters], &[Presence]), rules: &Rules) {
        let presence = presence.iter().copied().chain(std::iter::repeat(Presence::default()));
        let counted = counters.iter().zip(presence);
        for (scenario, (counters, presence)) in rules.catalogue.scenarios().iter().zip(counted) {
            if *counters == Counters::default() && presence == Presence::default() {
                continue;
            }
            let sum = self.scenarios.entry(Arc::clone(&scenario.name)).or_default();
            sum.begun += counters.begun;
            sum.poured += counters.poured;
            sum.poured_of.join(&counters.poured_of);
            sum.overflowed += counters.overflowed;
            sum.cancelled += counters.cancelled;
            sum.left += counters.left;
            sum.underflowed += presence.underflowed;
            sum.live += presence.live;
        }
    }

    /// Adds an alert with its decisions.
    pub fn found(&mut self, scenario: &Arc<str>, decisions: &[Decision]) {
        self.alerts += 1;
        self.scenarios.entry(Arc::clone(scenario)).or_default().alerts += 1;
        for decision in decisions {
            let key = (Arc::clone(&decision.origin), Arc::clone(&decision.kind));
            *self.decisions.entry(key).or_default() += 1;
        }
    }
}
