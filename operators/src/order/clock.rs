//! The clock of one source partition: the running maximum of what its lines claim, which no
//! single forged line can move.

use crate::time::EventTime;

/// A stamp that is further ahead than this moves the clock only when the next stamp confirms it.
/// Unit: nanoseconds.
pub const STRAY: i64 = 24 * 3600 * 1_000_000_000;

/// How many lines wait at most for the stamp that confirms a doubtful one; then it counts as
/// stray.
pub const MAX_HELD: usize = 10_000;

/// What a line says of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: it stands behind its predecessor.
    Nothing,
    /// Its stamp alone.
    Doubtful(EventTime),
    /// Its stamp, which the time of its arrival bears out.
    Trusted(EventTime),
    /// The time of its transport or arrival, for want of a stamp. At the beginning of a partition, and
    /// [`STRAY`] ahead of its clock, that says too little: there it waits for a stamp, which counts
    /// where it is earlier, or for the end.
    Guess(EventTime),
}

impl Claim {
    /// What two lines of one record say together: the later stamp, else the later guess.
    #[must_use]
    pub fn or_later(self, other: Self) -> Self {
        let rank = |claim| match claim {
            Self::Nothing => (0, EventTime(i64::MIN)),
            Self::Guess(time) => (1, time),
            Self::Doubtful(time) | Self::Trusted(time) => (2, time),
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// An item whose clock is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// Where its line stands in the partition.
    pub position: u64,
    /// The clock with its line.
    pub clock: EventTime,
    /// The clock before its line: a partition that is read again from here begins with it.
    pub before: Option<EventTime>,
    /// What is to be ordered.
    pub item: T,
}

/// Gives every item of a partition its clock, in order.
#[derive(Debug)]
pub struct PartitionClock<T> {
    max: Option<EventTime>,
    doubt: Option<Doubt>,
    held: Vec<(u64, T)>,
    held_lines: usize,
    strays: u64,
}

/// A stamp that nothing has confirmed yet.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    position: u64,
    stamp: EventTime,
    /// How far before it a stamp still confirms it. Unit: nanoseconds.
    tolerance: i64,
    /// Whether it is but a guess.
    guessed: bool,
}

impl<T> Default for PartitionClock<T> {
    fn default() -> Self {
        Self::starting_at(None)
    }
}

impl<T> PartitionClock<T> {
    /// A clock that goes on from an earlier run.
    pub fn starting_at(max: Option<EventTime>) -> Self {
        Self { max, doubt: None, held: Vec::new(), held_lines: 0, strays: 0 }
    }

    /// The running maximum, `None` before the first stamp that counts.
    pub fn now(&self) -> Option<EventTime> {
        self.max
    }

    /// The same or, before it, the stamp that waits for confirmation.
    pub fn likely(&self) -> Option<EventTime> {
        self.max.or(self.doubt.filter(|doubt| !doubt.guessed).map(|doubt| doubt.stamp))
    }

    /// How many stamps did not move the clock because nothing confirmed them.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Where the line stands that waits for a confirmation, if one does: lines from there on have
    /// not been given out.
    pub fn holds(&self) -> Option<u64> {
        self.doubt.map(|doubt| doubt.position)
    }

    /// The next line, with its stamp and what is to be ordered of it; `emit` gets each item whose
    /// clock is known now.
    pub fn line(
        &mut self,
        (position, claim): (u64, Claim),
        item: Option<T>,
        emit: &mut impl FnMut(Placed<T>),
    ) {
        let Some(doubt) = self.doubt else {
            return self.settled_line((position, claim), item, emit);
        };
        let stamp = match claim {
            Claim::Doubtful(stamp) | Claim::Trusted(stamp) => stamp,
            Claim::Guess(_) | Claim::Nothing => {
                self.held_lines += usize::from(!doubt.guessed || item.is_some());
                self.held.extend(item.map(|item| (position, item)));
                if self.held_lines > MAX_HELD {
                    self.end(emit);
                }
                return;
            }
        };
        let confirmed = stamp.0 >= doubt.stamp.0.saturating_sub(doubt.tolerance);
        self.settle(confirmed, Some(stamp), emit);
        self.settled_line((position, claim), item, emit);
    }

    /// There are no more lines, or none for now.
    pub fn end(&mut self, emit: &mut impl FnMut(Placed<T>)) {
        if let Some(doubt) = self.doubt {
            self.settle(doubt.guessed || self.max.is_none(), None, emit);
        }
    }

    fn settled_line(
        &mut self,
        (position, claim): (u64, Claim),
        item: Option<T>,
        emit: &mut impl FnMut(Placed<T>),
    ) {
        let before = self.max;
        let is_ahead =
            |stamp: EventTime| self.max.is_none_or(|max| stamp.0 > max.0.saturating_add(STRAY));
        let doubt = match claim {
            Claim::Doubtful(stamp) if is_ahead(stamp) => {
                Some(Doubt { position, stamp, tolerance: STRAY, guessed: false })
            }
            Claim::Guess(stamp) if is_ahead(stamp) => {
                let tolerance = if self.max.is_none() { 0 } else { STRAY };
                Some(Doubt { position, stamp, tolerance, guessed: true })
            }
            _ => None,
        };
        if doubt.is_some() {
            self.doubt = doubt;
            self.held.extend(item.map(|item| (position, item)));
            self.held_lines = 1;
            return;
        }
        if let Claim::Trusted(stamp) | Claim::Doubtful(stamp) | Claim::Guess(stamp) = claim {
            self.max = self.max.max(Some(stamp));
        }
        if let Some(item) = item {
            let clock = self.max.unwrap_or(EventTime(i64::MIN));
            emit(Placed { position, clock, before, item });
        }
    }

    /// Decides about the doubtful stamp. `next` stands in for a clock where there is none yet.
    fn settle(
        &mut self,
        confirmed: bool,
        next: Option<EventTime>,
        emit: &mut impl FnMut(Placed<T>),
    ) {
        let Some(doubt) = self.doubt.take() else { return };
        let before = self.max;
        self.strays += u64::from(!confirmed);
        if confirmed {
            self.max = self.max.max(Some(doubt.stamp));
        } else if self.max.is_none() {
            self.max = next;
        }
        self.held_lines = 0;
        let clock = self.max.unwrap_or(EventTime(i64::MIN));
        for (position, item) in self.held.drain(..) {
            let before = if position == doubt.position { before } else { self.max };
            emit(Placed { position, clock, before, item });
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
        for (line, stamp) in (0..).zip(stamps) {
            let claim = stamp.map_or(Claim::Nothing, |at| Claim::Doubtful(EventTime(at)));
            clock.line((line, claim), Some(()), &mut |placed| all.push(placed));
        }
        clock.end(&mut |placed| all.push(placed));
        let positions = all.iter().map(|placed| placed.position);
        assert!(positions.eq(0..stamps.len() as u64), "order is kept");
        all.into_iter().map(|placed| placed.clock.0).collect()
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
        for (line, stamp) in (0..).zip([1, 9 * DAY, 2, 9 * DAY, 10 * DAY, 99 * DAY]) {
            clock.line((line, Claim::Doubtful(EventTime(stamp))), None, &mut |_| {});
        }
        clock.end(&mut |_| {});
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
    fn a_trusted_stamp_needs_no_confirmation() {
        let mut clock = PartitionClock::default();
        let mut all = Vec::new();
        for (line, stamp) in (0..).zip([7, 9 * DAY]) {
            let claim = Claim::Trusted(EventTime(stamp));
            clock.line((line, claim), Some(()), &mut |placed| all.push(placed.clock.0));
        }
        assert_eq!(all, [7, 9 * DAY]);
    }

    #[test]
    fn a_guess_gives_way_to_an_earlier_stamp_and_to_nothing_else() {
        let clocks = |claims: [Claim; 2]| {
            let mut clock = PartitionClock::default();
            let mut all = Vec::new();
            for (line, claim) in (0..).zip(claims) {
                clock.line((line, claim), Some(()), &mut |placed| all.push(placed.clock.0));
            }
            clock.end(&mut |placed| all.push(placed.clock.0));
            all
        };
        let guess = |at| Claim::Guess(EventTime(at));
        assert_eq!(clocks([guess(100), Claim::Trusted(EventTime(7))]), [7, 7]);
        assert_eq!(clocks([guess(100), guess(120)]), [100, 100]);
        assert_eq!(clocks([guess(100), Claim::Trusted(EventTime(130))]), [100, 130]);
        assert_eq!(clocks([Claim::Trusted(EventTime(7)), guess(100)]), [7, 100]);
    }

    /// As in old logs that somebody sends again.
    #[test]
    fn a_guess_far_ahead_waits_for_a_stamp_too() {
        let clocks = |claims: &[Claim]| {
            let mut clock = PartitionClock::starting_at(Some(EventTime(7)));
            let mut all = Vec::new();
            for (line, claim) in (0..).zip(claims) {
                clock.line((line, *claim), Some(()), &mut |placed| all.push(placed.clock.0));
            }
            clock.end(&mut |placed| all.push(placed.clock.0));
            all
        };
        let (guess, stamp) =
            (|at| Claim::Guess(EventTime(at)), |at| Claim::Doubtful(EventTime(at)));
        assert_eq!(clocks(&[guess(9 * DAY), guess(9 * DAY), stamp(8)]), [7, 7, 8]);
        assert_eq!(clocks(&[guess(9 * DAY), stamp(9 * DAY - 5)]), [9 * DAY, 9 * DAY]);
        assert_eq!(clocks(&[guess(9 * DAY), guess(9 * DAY + 1)]), [9 * DAY, 9 * DAY]);
        let many = vec![guess(9 * DAY); MAX_HELD + 2];
        assert!(clocks(&many).iter().all(|clock| *clock == 9 * DAY), "they do not wait for ever");
    }

    #[test]
    fn a_forged_last_line_does_not_move_the_clock() {
        assert_eq!(clocks(&[Some(7), Some(7), Some(99 * DAY)]), [7, 7, 7]);
    }

    #[test]
    fn reading_again_from_any_item_gives_the_same_clocks() {
        let stamps = [5, 3, 10 * DAY, 10 * DAY + 2, 4, 30 * DAY, 10 * DAY + 7, 11 * DAY];
        let from = |start: usize, max| {
            let mut clock = PartitionClock::starting_at(max);
            let mut all = Vec::new();
            for (line, stamp) in (0..).zip(stamps).skip(start) {
                // Every third line pours nothing, every fourth says no time.
                let claim = match line % 4 {
                    3 => Claim::Nothing,
                    _ => Claim::Doubtful(EventTime(stamp)),
                };
                let item = (line % 3 != 1).then_some(());
                clock.line((line, claim), item, &mut |placed| all.push(placed));
            }
            clock.end(&mut |placed| all.push(placed));
            all
        };
        let whole = from(0, None);
        assert!(whole.len() >= 5);
        for (place, placed) in whole.iter().enumerate() {
            let again = from(usize::try_from(placed.position).unwrap(), placed.before);
            assert_eq!(again, whole[place..]);
        }
    }
}
