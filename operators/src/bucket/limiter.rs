//! The leak: a token bucket in Go's arithmetic, operation by operation, because events spaced
//! exactly at the leak speed stand on its edge (the fork of golang.org/x/time/rate that crowdsec
//! 1.7.8 is built with: v0.13.0-crowdsec.20250912, rate.go).

use crate::time::EventTime;

const SECOND: i64 = 1_000_000_000;

/// How fast a bucket leaks and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limiter {
    /// Lets everything pass.
    Unlimited,
    /// Tokens per second and the most there can be of them.
    Limited {
        /// Tokens that come back per second.
        limit: f64,
        /// Tokens of a fresh bucket.
        burst: f64,
    },
}

impl Limiter {
    /// A bucket of `capacity` (-1: unlimited) that leaks one event per `leakspeed_ns`.
    pub fn new(capacity: i64, leakspeed_ns: i64) -> Self {
        if capacity == -1 || leakspeed_ns <= 0 {
            return Self::Unlimited;
        }
        Self::Limited { limit: 1.0 / seconds(leakspeed_ns), burst: capacity as f64 }
    }

    /// Tokens of a fresh bucket.
    pub fn full(self) -> f64 {
        match self {
            Self::Unlimited => f64::MAX,
            Self::Limited { burst, .. } => burst,
        }
    }

    /// Tokens at `at`, of a bucket that had `tokens` at `last` (`None`: a fresh one).
    pub fn tokens_at(self, tokens: f64, last: Option<EventTime>, at: EventTime) -> f64 {
        let Self::Limited { limit, burst } = self else { return f64::MAX };
        // Go's zero time lies two thousand years back: the difference saturates.
        let elapsed = last.map_or(i64::MAX, |last| at.0.saturating_sub(last.0).max(0));
        let tokens = tokens + seconds(elapsed) * limit;
        if tokens > burst { burst } else { tokens }
    }

    /// Tokens that stay behind when an event is let through at `at`; `None` where it is refused.
    /// An event from before `last` takes a token and gets none back.
    pub fn take(self, tokens: f64, last: Option<EventTime>, at: EventTime) -> Option<f64> {
        let Self::Limited { limit, burst } = self else { return Some(tokens) };
        let tokens = self.tokens_at(tokens, last, at) - 1.0;
        let wait = if tokens < 0.0 { duration(-tokens, limit) } else { 0 };
        (burst >= 1.0 && wait <= 0).then_some(tokens)
    }
}

/// Go's `Duration.Seconds`.
fn seconds(ns: i64) -> f64 {
    (ns / SECOND) as f64 + (ns % SECOND) as f64 / 1e9
}

/// Go's `durationFromTokens`: nanoseconds until so many tokens have come.
fn duration(tokens: f64, limit: f64) -> i64 {
    let ns = (tokens / limit) * 1e9;
    if ns > i64::MAX as f64 {
        return i64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, reason = "Go truncates too")]
    let ns = ns as i64;
    ns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Go's limiter as its source reads, with mutable state.
    struct Go {
        limit: f64,
        burst: i64,
        tokens: f64,
        last: Option<i64>,
    }

    impl Go {
        fn allow(&mut self, at: i64) -> bool {
            let elapsed = match self.last {
                None => i64::MAX,
                Some(last) if at < last => 0,
                Some(last) => at - last,
            };
            let whole = elapsed / 1_000_000_000;
            let rest = elapsed % 1_000_000_000;
            let delta = (whole as f64 + rest as f64 / 1e9) * self.limit;
            let mut tokens = self.tokens + delta;
            if tokens > self.burst as f64 {
                tokens = self.burst as f64;
            }
            tokens -= 1.0;
            let mut wait = 0_i64;
            if tokens < 0.0 {
                wait = ((-tokens / self.limit) * 1e9) as i64;
            }
            let ok = 1 <= self.burst && wait <= 0;
            if ok {
                self.last = Some(at);
                self.tokens = tokens;
            }
            ok
        }
    }

    fn runs(limiter: Limiter, times: &[i64]) -> Vec<bool> {
        let (mut tokens, mut last) = (limiter.full(), None);
        let mut step = |at: &i64| match limiter.take(tokens, last, EventTime(*at)) {
            Some(left) => {
                (tokens, last) = (left, Some(EventTime(*at)));
                true
            }
            None => false,
        };
        times.iter().map(&mut step).collect()
    }

    #[test]
    fn capacity_passes_and_one_more_is_refused() {
        let limiter = Limiter::new(5, 10 * SECOND);
        assert_eq!(runs(limiter, &[0, 1, 2, 3, 4, 5]), [true, true, true, true, true, false]);
    }

    #[test]
    fn events_spaced_at_the_leak_speed_always_pass() {
        for leakspeed in [100_000_000, SECOND / 3, 7 * SECOND, 10 * SECOND, 90 * SECOND] {
            let times: Vec<_> = (0..500).map(|i| i * leakspeed).collect();
            assert!(runs(Limiter::new(1, leakspeed), &times).iter().all(|ok| *ok), "{leakspeed}");
        }
    }

    #[test]
    fn unlimited_never_refuses() {
        assert!(runs(Limiter::new(-1, SECOND), &[0; 100]).iter().all(|ok| *ok));
        assert!(runs(Limiter::new(3, 0), &[0; 100]).iter().all(|ok| *ok));
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_go(
            capacity in 1_i64..20,
            leakspeed in prop_oneof![1_i64..1_000, 1_000_000_i64..60_000_000_000, (1_i64..100).prop_map(|s| s * SECOND)],
            steps in prop::collection::vec(
                prop_oneof![Just(0.0), Just(1.0), -1.0..3.0_f64, Just(0.5), Just(0.999_999_999)], 1..60),
        ) {
            let mut go = Go {
                limit: 1.0 / ((leakspeed / SECOND) as f64 + (leakspeed % SECOND) as f64 / 1e9),
                burst: capacity, tokens: capacity as f64, last: None,
            };
            let mut at = 1_700_000_000_000_000_000_i64;
            let times: Vec<_> = steps.iter().map(|step| {
                at += (step * leakspeed as f64) as i64;
                at
            }).collect();
            let wanted: Vec<_> = times.iter().map(|at| go.allow(*at)).collect();
            prop_assert_eq!(runs(Limiter::new(capacity, leakspeed), &times), wanted);
        }
    }
}
