//! The dice: SplitMix64 (Steele, Lea, Flood 2014), ten lines that will never change under a seed.

/// A stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// Starts the stream of `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut draw = Self { state: seed ^ 0x5350_494c_4c57_4159 };
        draw.next();
        draw
    }

    /// An unrelated stream, so that one consumer's appetite does not change another's numbers.
    #[must_use]
    pub fn fork(&self, branch: u64) -> Self {
        Self::seeded(self.state.wrapping_add(branch.wrapping_mul(0xA24B_AED4_963E_E407)))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `low..high`; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low);
        if width == 0 { low } else { low + self.next() % width }
    }

    /// True in `thousandths` of 1000 cases.
    pub fn chance(&mut self, thousandths: u32) -> bool {
        self.next() % 1000 < u64::from(thousandths)
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.next() % (choices.len() as u64);
        choices[at as usize]
    }

    /// One of `choices` by weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let total: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut rest = self.between(0, total);
        for (weight, choice) in choices {
            if rest < u64::from(*weight) {
                return *choice;
            }
            rest -= u64::from(*weight);
        }
        choices[0].1
    }
}
