//! What is counted of nodes (crowdsec pkg/metrics/parser.go). In: nodes as they run. Out: counts by node
//! and by what happened, in one list.

use super::node::Node;

/// Something that is counted of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hit {
    /// An event passed its filter.
    Entered,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// Its whitelist looked at an event: at addresses, and if none fits, at expressions.
    Looked,
    /// Its whitelist took the event.
    Whitelisted,
}

/// How many kinds there are.
const KINDS: usize = 5;

impl Hit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; KINDS] =
        [Self::Entered, Self::Succeeded, Self::Failed, Self::Looked, Self::Whitelisted];

    /// Whether it is about its whitelist.
    pub fn is_of_whitelist(self) -> bool {
        matches!(self, Self::Looked | Self::Whitelisted)
    }

    /// Where it is counted, of the node at `place` ([`Node::place`]).
    pub fn cell(self, place: usize) -> usize {
        place * KINDS + self as usize
    }
}

/// What a node is called where it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its stage.
    pub stage: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What its whitelist gives as reason, if it has one.
    pub reason: Option<&'static str>,
    /// Whether it stands by itself, below no other.
    pub top: bool,
}

/// Notes hits by their cells.
#[derive(Debug, Default)]
pub struct Hits(Vec<u32>);

impl Hits {
    /// Notes one.
    #[inline]
    pub(crate) fn note(&mut self, node: &Node, hit: Hit) {
        // Rules have far fewer than 2^32 nodes.
        self.0.extend(u32::try_from(hit.cell(node.place)));
    }

    /// Forgets what was noted.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what was noted to counts by cell.
    pub(crate) fn add_to(&self, counts: &mut Vec<u64>) {
        let cells = self.0.iter().map(|cell| *cell as usize);
        let room = cells.clone().max().map_or(0, |last| last + 1);
        if counts.len() < room {
            counts.resize(room, 0);
        }
        for cell in cells {
            if let Some(count) = counts.get_mut(cell) {
                *count += 1;
            }
        }
    }
}
