//! Finds the end of a batch of records that cannot be unpacked: a codec that nobody knows, bytes that
//! rotted. The client says only that reading failed there, so the end is searched by reading further
//! on: in doubling steps, then by halves.

/// The search in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// The first offset that could not be read.
    from: i64,
    /// The last one known to be unreadable.
    bad: i64,
    /// The first one known to be readable, or the end of the partition.
    good: Option<i64>,
    /// How far the next doubling step goes.
    step: i64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Try to read here.
    Try(i64),
    /// Nothing in `from..to` can be read, `to` can.
    Found {
        /// The first record that is lost.
        from: i64,
        /// One past the last one.
        to: i64,
    },
}

impl Search {
    /// Reading failed at this offset.
    pub(super) fn new(from: i64) -> Self {
        Self { from, bad: from, good: None, step: 1 }
    }

    /// The next step.
    pub(super) fn next(&self) -> Step {
        match self.good {
            None => Step::Try(self.bad.saturating_add(self.step)),
            Some(good) if good - self.bad <= 1 => Step::Found { from: self.from, to: good },
            Some(good) => Step::Try(self.bad + (good - self.bad) / 2),
        }
    }

    /// Reading where [`Step::Try`] said failed as well.
    pub(super) fn failed(&mut self, tried: i64) {
        self.bad = self.bad.max(tried);
        if self.good.is_none() {
            self.step = self.step.saturating_mul(2);
        }
    }

    /// Reading where [`Step::Try`] said worked, or that is behind the end.
    pub(super) fn worked(&mut self, tried: i64) {
        self.good = Some(self.good.map_or(tried, |good| good.min(tried)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_bad_batch_is_found_in_few_steps() {
        for length in [1, 2, 3, 7, 8, 9, 100, 9_999, 1 << 20] {
            let (mut search, mut steps) = (Search::new(40), 0);
            let found = loop {
                match search.next() {
                    Step::Found { from, to } => break (from, to),
                    Step::Try(offset) if offset < 40 + length => search.failed(offset),
                    Step::Try(offset) => search.worked(offset),
                }
                steps += 1;
            };
            assert_eq!(found, (40, 40 + length));
            assert!(steps <= 42, "{steps} steps for {length}");
        }
    }
}
