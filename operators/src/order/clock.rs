//! The clock of one source partition: the running maximum of what its lines claim, which no
//! single forged line can move.

use crate::time::EventTime;

/// A stamp that is further ahead than this moves the clock only when the next stamp confirms it.
/// Unit: nanoseconds.
pub const STRAY: i64 = 24 * 3600 * 1_000_000_000;

/// How many lines wait at most for the stamp that confirms a doubtful one; then it counts as
/// stray.
pub const MAX_HELD: usize = 10_000;

/// Gives every item of a partition its clock, in order.
#[derive(Debug)]
pub struct PartitionClock<T> {
    max: Option<EventTime>,
    doubt: Option<EventTime>,
    held: Vec<T>,
    held_lines: usize,
    strays: u64,
}

impl<T> Default for PartitionClock<T> {
    fn default() -> Self {
        Self { max: None, doubt: None, held: Vec::new(), held_lines: 0, strays: 0 }
    }
}

impl<T> PartitionClock<T> {
    /// The running maximum, `None` before the first stamp that counts.
    pub fn now(&self) -> Option<EventTime> {
        self.max
    }

    /// How many stamps did not move the clock because nothing confirmed them.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Whether lines wait for a confirmation.
    pub fn holds(&self) -> bool {
        self.doubt.is_some()
    }

    /// The next line, with its stamp and what is to be ordered of it; `emit` gets each item whose
    /// clock is known now.
    pub fn line(
        &mut self,
        stamp: Option<EventTime>,
        item: Option<T>,
        emit: &mut impl FnMut(EventTime, T),
    ) {
        let Some(doubt) = self.doubt else { return self.settled_line(stamp, item, emit) };
        let Some(stamp) = stamp else {
            self.held.extend(item);
            self.held_lines += 1;
            if self.held_lines > MAX_HELD {
                self.settle(self.max.is_none(), None, emit);
            }
            return;
        };
        let confirmed = stamp.0 >= doubt.0.saturating_sub(STRAY);
        self.settle(confirmed, Some(stamp), emit);
        self.settled_line(Some(stamp), item, emit);
    }

    /// There are no more lines.
    pub fn end(&mut self, emit: &mut impl FnMut(EventTime, T)) {
        if self.doubt.is_some() {
            self.settle(self.max.is_none(), None, emit);
        }
    }

    fn settled_line(
        &mut self,
        stamp: Option<EventTime>,
        item: Option<T>,
        emit: &mut impl FnMut(EventTime, T),
    ) {
        if let Some(stamp) = stamp {
            let ahead = self.max.is_none_or(|max| stamp.0 > max.0.saturating_add(STRAY));
            if ahead {
                self.doubt = Some(stamp);
                self.held.extend(item);
                self.held_lines = 1;
                return;
            }
            self.max = self.max.max(Some(stamp));
        }
        if let Some(item) = item {
            emit(self.max.unwrap_or(EventTime(i64::MIN)), item);
        }
    }

    /// Decides about the doubtful stamp. `next` stands in for a clock where there is none yet.
    fn settle(
        &mut self,
        confirmed: bool,
        next: Option<EventTime>,
        emit: &mut impl FnMut(EventTime, T),
    ) {
        self.strays += u64::from(!confirmed);
        if confirmed {
            self.max = self.max.max(self.doubt);
        } else if self.max.is_none() {
            self.max = next;
        }
        self.doubt = None;
        self.held_lines = 0;
        let clock = self.max.unwrap_or(EventTime(i64::MIN));
        for item in self.held.drain(..) {
            emit(clock, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = STRAY;

    fn clocks(stamps: &[Option<i64>]) -> Vec<i64> {
        let mut clock = PartitionClock::default();
        let mut all = Vec::new();
        for (line, stamp) in stamps.iter().enumerate() {
            clock.line(stamp.map(EventTime), Some(line), &mut |at, line| all.push((line, at.0)));
        }
        clock.end(&mut |at, line| all.push((line, at.0)));
        assert!(all.iter().map(|(line, _)| *line).eq(0..stamps.len()), "order is kept");
        all.into_iter().map(|(_, at)| at).collect()
    }

    #[test]
    fn the_clock_never_goes_back() {
        assert_eq!(clocks(&[Some(5), Some(3), None, Some(9)]), [5, 5, 5, 9]);
    }

    #[test]
    fn a_forged_line_does_not_move_the_clock() {
        let far = 10 * DAY;
        assert_eq!(clocks(&[Some(1), Some(far), None, Some(2)]), [1, 1, 1, 2]);
    }

    #[test]
    fn stray_stamps_are_counted() {
        let mut clock = PartitionClock::<()>::default();
        for stamp in [1, 9 * DAY, 2, 9 * DAY, 10 * DAY, 99 * DAY] {
            clock.line(Some(EventTime(stamp)), None, &mut |_, ()| {});
        }
        clock.end(&mut |_, ()| {});
        assert_eq!(clock.strays(), 2);
    }

    #[test]
    fn a_jump_that_the_next_line_confirms_counts() {
        let far = 10 * DAY;
        assert_eq!(clocks(&[Some(1), Some(far), None, Some(far + 1)]), [1, far, far, far + 1]);
    }

    #[test]
    fn a_forged_first_line_does_not_set_the_clock() {
        assert_eq!(clocks(&[Some(10 * DAY), Some(1), Some(2)]), [1, 1, 2]);
    }

    #[test]
    fn a_single_line_has_its_own_time() {
        assert_eq!(clocks(&[Some(7)]), [7]);
    }

    #[test]
    fn a_forged_last_line_does_not_move_the_clock() {
        assert_eq!(clocks(&[Some(7), Some(7), Some(99 * DAY)]), [7, 7, 7]);
    }
}
