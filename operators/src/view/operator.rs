//! The active view as a differential dataflow: decisions in, their ends as retractions, out comes
//! who is the longest of each key, commit by commit.

use std::cell::RefCell;
use std::rc::Rc;

use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use super::{Event, Standing, Turn, longest};

type Decisions = InputSession<u64, (u128, Standing), isize>;

/// The view in a worker: it is fed by hand and stepped by hand, and keeps no clock.
pub struct View {
    begun: Decisions,
    ended: Decisions,
    probe: Handle<u64>,
    turns: Rc<RefCell<Vec<Turn>>>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("time", self.begun.time()).finish_non_exhaustive()
    }
}

impl View {
    /// An empty view in a worker.
    pub fn new(worker: &mut Worker) -> Self {
        let (mut begun, mut ended) = (Decisions::new(), Decisions::new());
        let probe = Handle::new();
        let turns: Rc<RefCell<Vec<Turn>>> = Rc::default();
        let seen = Rc::clone(&turns);
        worker.dataflow::<u64, _, _>(|scope| {
            let decisions = begun.to_collection(scope);
            let ends = ended.to_collection(scope);
            let changes = operator(decisions, ends);
            let note = move |((_, id), seq, count): &((u128, u64), u64, isize)| {
                let turn = Turn { seq: *seq, id: *id, enters: *count > 0 };
                seen.borrow_mut().push(turn);
            };
            changes.inspect(note).probe_with(&probe);
        });
        Self { begun, ended, probe, turns }
    }

    /// Takes what begins and ends with commits up to `seq`, which are later than all before, and
    /// gives who entered and who left, in the order of commits.
    pub fn step(&mut self, worker: &mut Worker, events: &[Event], seq: u64) -> Vec<Turn> {
        // Most often each is one.
        self.turns.borrow_mut().reserve(events.len());
        for event in events {
            let input = if event.begins { &mut self.begun } else { &mut self.ended };
            input.update_at((event.key, event.standing), event.seq, 1);
        }
        let next = seq.saturating_add(1);
        for input in [&mut self.begun, &mut self.ended] {
            input.advance_to(next);
            input.flush();
        }
        worker.step_while(|| self.probe.less_than(&next));
        let mut turns = std::mem::take(&mut *self.turns.borrow_mut());
        turns.sort_unstable();
        turns
    }
}

/// Of the decisions that began and have not ended, the number of the longest of each key.
pub fn operator<'scope>(
    begun: VecCollection<'scope, u64, (u128, Standing), isize>,
    ended: VecCollection<'scope, u64, (u128, Standing), isize>,
) -> VecCollection<'scope, u64, (u128, u64), isize> {
    let active = begun.concat(ended.negate());
    active.reduce_named("view", |_key, standings, stands| {
        let there = standings.iter().filter(|(_, count)| *count > 0).map(|(standing, _)| *standing);
        stands.extend(longest(there).map(|standing| (standing.id.0, 1)));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, until: i64, id: u64, begins: bool) -> Event {
        Event { seq, key: 7, standing: Standing::new(until, id), begins }
    }

    fn turns(events: &[Event], seq: u64) -> Vec<(u64, u64, bool)> {
        let events = events.to_vec();
        timely::execute_directly(move |worker| {
            let mut view = View::new(worker);
            let turns = view.step(worker, &events, seq);
            turns.iter().map(|turn| (turn.seq, turn.id, turn.enters)).collect()
        })
    }

    #[test]
    fn a_shorter_decision_comes_back_when_the_longer_ends() {
        let events = [event(1, 10, 1, true), event(2, 20, 2, true), event(3, 20, 2, false)];
        let expected = [(1, 1, true), (2, 1, false), (2, 2, true), (3, 1, true), (3, 2, false)];
        assert_eq!(turns(&events, 3), expected);
    }

    #[test]
    fn what_begins_and_ends_in_one_commit_is_never_told() {
        assert_eq!(turns(&[event(1, 10, 1, true), event(1, 10, 1, false)], 1), []);
    }

    #[test]
    fn a_repetition_that_ends_together_changes_nothing() {
        let events = [event(1, 10, 1, true), event(2, 10, 2, true)];
        assert_eq!(turns(&events, 2), [(1, 1, true)]);
    }
}
