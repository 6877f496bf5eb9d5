//! A count, shared out among the source partitions that led to it: so many of them, the others
//! together.

use crate::place::Partition;

/// Partitions that are counted each for itself.
const MOST: usize = 64;

/// The shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// By partition, in their order.
    known: Vec<(Partition, u64)>,
    others: u64,
}

impl Shares {
    /// Adds to the share of a partition.
    pub fn add(&mut self, partition: Partition, count: u64) {
        match self.known.binary_search_by_key(&partition, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, share)) = self.known.get_mut(at) {
                    *share += count;
                }
            }
            Err(at) if self.known.len() < MOST => self.known.insert(at, (partition, count)),
            Err(_) => self.others += count,
        }
    }

    /// Adds other shares.
    pub fn join(&mut self, other: &Self) {
        for (partition, count) in &other.known {
            self.add(*partition, *count);
        }
        self.others += other.others;
    }

    /// Each share; without a partition that of the others.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Partition>, u64)> {
        let known = self.known.iter().map(|(partition, count)| (Some(*partition), *count));
        known.chain((self.others > 0).then_some((None, self.others)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_and_lose_nothing() {
        let mut shares = Shares::default();
        for number in (0..100).rev() {
            shares.add(Partition(number), 2);
        }
        shares.join(&shares.clone());
        assert_eq!(shares.iter().map(|(_, count)| count).sum::<u64>(), 400);
        assert_eq!(shares.iter().count(), MOST + 1);
        assert_eq!(shares.iter().last(), Some((None, 4 * 36)));
    }
}
