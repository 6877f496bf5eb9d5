//! How many lines of a source are taken in a second. What is above it waits where it is: in the lane's
//! window, and behind that at the source.

use std::time::{Duration, Instant};

/// A source's budget of lines. It may be overdrawn by one block, which is paid off before the next.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Unit: lines.
    per_second: u64,
    /// When what was taken is paid off.
    free: Instant,
}

impl Rate {
    /// A budget of so many lines a second, at least one.
    pub fn new(per_second: u64, now: Instant) -> Self {
        Self { per_second: per_second.max(1), free: now }
    }

    /// How long it is until lines may be taken; `None`: now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.free.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Takes lines.
    pub fn take(&mut self, lines: usize, now: Instant) {
        let lines = u64::try_from(lines).unwrap_or(u64::MAX);
        let nanos = lines.saturating_mul(1_000_000_000) / self.per_second;
        self.free = self.free.max(now) + Duration::from_nanos(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_time_no_more_is_taken_than_the_rate() {
        let begun = Instant::now();
        let mut rate = Rate::new(1000, begun);
        let (mut now, mut taken) = (begun, 0);
        while now < begun + Duration::from_secs(10) {
            match rate.wait(now) {
                Some(wait) => now += wait,
                None => {
                    rate.take(300, now);
                    taken += 300;
                }
            }
        }
        assert!((10_000..=10_500).contains(&taken), "{taken}");
    }

    #[test]
    fn what_was_not_taken_is_not_saved_up() {
        let begun = Instant::now();
        let mut rate = Rate::new(10, begun);
        let later = begun + Duration::from_secs(60);
        rate.take(10, later);
        assert_eq!(rate.wait(later), Some(Duration::from_secs(1)));
    }
}
