//! Bodies that came before: a sender that got no answer sends again, and must not count twice.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A body is remembered so long after it came.
const REMEMBERED: Duration = Duration::from_secs(600);

/// So many of the last bodies are remembered.
const MOST: usize = 256;

/// What the same body once more means, when the first was answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// The same lines again: each has a time of its own or an id.
    Repeat,
    /// Other lines that happen to read the same.
    Anew,
}

/// What is known of a body.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Nothing.
    Never,
    /// Its lines are kept.
    Kept,
    /// Its lines are on their way; this becomes true when they are kept.
    Coming(watch::Receiver<bool>),
}

/// The last bodies, by their marks.
#[derive(Debug)]
pub(crate) struct Repeats {
    sameness: Sameness,
    known: BTreeMap<u64, Known>,
    order: VecDeque<u64>,
}

#[derive(Debug)]
struct Known {
    since: Instant,
    /// `None`: kept before this start.
    fate: Option<watch::Receiver<bool>>,
    answered: bool,
}

impl Repeats {
    /// Knows `kept`, of which it is not known whether they were answered.
    pub(crate) fn new(sameness: Sameness, kept: impl IntoIterator<Item = u64>) -> Self {
        let mut repeats = Self { sameness, known: BTreeMap::new(), order: VecDeque::new() };
        for mark in kept {
            repeats.know(mark, None);
        }
        repeats
    }

    /// What is known of a body. What is known no more is forgotten.
    pub(crate) fn look(&mut self, mark: u64) -> Seen {
        let Some(known) = self.known.get(&mark) else { return Seen::Never };
        let old = known.since.elapsed() > REMEMBERED;
        let anew = known.answered && self.sameness == Sameness::Anew;
        let seen = match &known.fate {
            None => Seen::Kept,
            Some(fate) if *fate.borrow() => Seen::Kept,
            // Its receipt was dropped untold.
            Some(fate) if fate.has_changed().is_err() => Seen::Never,
            Some(fate) => Seen::Coming(fate.clone()),
        };
        if matches!(seen, Seen::Never) || matches!(seen, Seen::Kept) && (old || anew) {
            self.forget(mark);
            return Seen::Never;
        }
        seen
    }

    /// A body was sent on its way.
    pub(crate) fn coming(&mut self, mark: u64, fate: watch::Receiver<bool>) {
        self.forget(mark);
        self.know(mark, Some(fate));
    }

    /// Its sender was told yes.
    pub(crate) fn answered(&mut self, mark: u64) {
        if let Some(known) = self.known.get_mut(&mark) {
            known.answered = true;
        }
    }

    /// The last bodies, oldest first, `next` behind them.
    pub(crate) fn marks(&self, next: Option<u64>) -> impl Iterator<Item = u64> {
        let others = self.order.iter().copied().filter(move |mark| Some(*mark) != next);
        let marks: Vec<u64> = others.chain(next).collect();
        let skipped = marks.len().saturating_sub(MOST);
        marks.into_iter().skip(skipped)
    }

    fn know(&mut self, mark: u64, fate: Option<watch::Receiver<bool>>) {
        self.known.insert(mark, Known { since: Instant::now(), fate, answered: false });
        self.order.push_back(mark);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn forget(&mut self, mark: u64) {
        if self.known.remove(&mark).is_some() {
            self.order.retain(|other| *other != mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(repeats: &mut Repeats, mark: u64, expected: &str) {
        let seen = match repeats.look(mark) {
            Seen::Never => "never",
            Seen::Kept => "kept",
            Seen::Coming(_) => "coming",
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_body_is_kept_when_its_receipt_says_so() {
        let mut repeats = Repeats::new(Sameness::Repeat, []);
        check(&mut repeats, 1, "never");
        let (told, fate) = watch::channel(false);
        repeats.coming(1, fate);
        check(&mut repeats, 1, "coming");
        told.send_replace(true);
        drop(told);
        check(&mut repeats, 1, "kept");
        let (untold, fate) = watch::channel(false);
        repeats.coming(2, fate);
        drop(untold);
        check(&mut repeats, 2, "never");
    }

    #[test]
    fn what_was_answered_is_a_repeat_only_where_lines_have_times() {
        for (sameness, expected) in [(Sameness::Repeat, "kept"), (Sameness::Anew, "never")] {
            let mut repeats = Repeats::new(sameness, [1]);
            check(&mut repeats, 1, "kept");
            repeats.answered(1);
            check(&mut repeats, 1, expected);
        }
    }

    #[test]
    fn the_last_bodies_are_remembered() {
        let mut repeats = Repeats::new(Sameness::Repeat, 0..300);
        check(&mut repeats, 43, "never");
        check(&mut repeats, 44, "kept");
        assert_eq!(repeats.marks(Some(50)).last(), Some(50));
        assert_eq!(repeats.marks(Some(999)).count(), MOST);
        assert_eq!(repeats.known.len(), MOST);
    }
}
