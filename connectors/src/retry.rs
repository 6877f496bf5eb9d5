//! Bounded back-off for whatever is tried again for ever: connections, requests, transactions.

use std::time::Duration;

/// Doubling waits between a first and a longest one, a little different for each `seed` so that
/// many clients do not come back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    seed: u64,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, next: first, seed }
    }

    /// How long to wait now. Three quarters to all of the doubled wait before.
    pub fn next_wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let cut = u32::try_from(self.seed >> 56).unwrap_or(0);
        whole - whole / 1024 * cut
    }

    /// It worked: the next trouble begins with the first wait.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Default for Backoff {
    /// From a quarter of a second to half a minute.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(30), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest, 7);
        let waits: Vec<_> = (0..6).map(|_| backoff.next_wait()).collect();
        for (wait, whole) in waits.iter().zip([100, 200, 400, 800, 1000, 1000]) {
            let whole = Duration::from_millis(whole);
            assert!(
                *wait <= whole && *wait >= whole * 3 / 4 - Duration::from_millis(1),
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
    }
}
