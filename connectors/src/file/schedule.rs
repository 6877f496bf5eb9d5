//! Which lane is looked at next: those that have more at once and in turn, others at their time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Resting,
    Ready,
    Due(Instant),
    Blocked,
}

/// The order of work.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    states: Vec<State>,
    ready: VecDeque<usize>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    blocked: Vec<usize>,
}

impl Schedule {
    /// It has more.
    pub(super) fn now(&mut self, lane: usize) {
        if self.state(lane) != State::Ready {
            self.set(lane, State::Ready);
            self.ready.push_back(lane);
        }
    }

    /// Then at the latest. What waits for room goes on waiting for it.
    pub(super) fn at(&mut self, lane: usize, when: Instant) {
        let sooner = match self.state(lane) {
            State::Ready | State::Blocked => return,
            State::Due(due) => when < due,
            State::Resting => true,
        };
        if sooner {
            self.set(lane, State::Due(when));
            self.due.push(Reverse((when, lane)));
        }
    }

    /// When there is room.
    pub(super) fn block(&mut self, lane: usize) {
        if self.state(lane) != State::Blocked {
            self.set(lane, State::Blocked);
            self.blocked.push(lane);
        }
    }

    /// There may be room.
    pub(super) fn unblock(&mut self) {
        for lane in std::mem::take(&mut self.blocked) {
            if self.state(lane) == State::Blocked {
                self.now(lane);
            }
        }
    }

    /// How many wait for room.
    pub(super) fn blocked(&self) -> usize {
        self.blocked.len()
    }

    /// The next lane; it rests from then on.
    pub(super) fn next(&mut self, now: Instant) -> Option<usize> {
        while let Some(Reverse((when, lane))) =
            self.due.peek().copied().filter(|due| due.0.0 <= now)
        {
            self.due.pop();
            if self.state(lane) == State::Due(when) {
                self.now(lane);
            }
        }
        while let Some(lane) = self.ready.pop_front() {
            if self.state(lane) == State::Ready {
                self.set(lane, State::Resting);
                return Some(lane);
            }
        }
        None
    }

    /// Whether a lane is ready.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|due| due.0.0)
    }

    fn state(&self, lane: usize) -> State {
        self.states.get(lane).copied().unwrap_or(State::Resting)
    }

    fn set(&mut self, lane: usize, state: State) {
        if self.states.len() <= lane {
            self.states.resize(lane + 1, State::Resting);
        }
        if let Some(slot) = self.states.get_mut(lane) {
            *slot = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_ready_comes_in_turn_and_the_rest_in_time() {
        let start = Instant::now();
        let later = |ms| start + Duration::from_millis(ms);
        let mut schedule = Schedule::default();
        schedule.now(3);
        schedule.now(1);
        schedule.now(3);
        schedule.at(2, later(20));
        schedule.at(2, later(10));
        schedule.at(2, later(30));
        schedule.block(4);
        schedule.at(4, later(1));
        assert_eq!([schedule.next(start), schedule.next(start)], [Some(3), Some(1)]);
        assert_eq!(schedule.next(start), None);
        assert_eq!(schedule.next_due(), Some(later(10)));
        assert_eq!([schedule.next(later(10)), schedule.next(later(99))], [Some(2), None]);
        assert_eq!(schedule.blocked(), 1);
        schedule.unblock();
        assert_eq!([schedule.next(start), schedule.next(start)], [Some(4), None]);
    }
}
