//! Who writes when: a fixed number of visitors at a time, each at its own pace, in order of time.
//! Who leaves is followed by another after a while. In comes a [`Trade`], out go lines by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::calendar::Moment;
use super::draw::Draw;

/// Visitors present at one time.
const PRESENT: u64 = 48;

/// What visitors do: who comes, and what the server writes about their next step.
pub(super) trait Trade {
    /// What kinds of visitors there are.
    type Role: Copy;

    /// The next visitor.
    fn enter(&mut self, draw: &mut Draw) -> Visitor<Self::Role>;

    /// The line about this visitor's step at `now`, without a line feed.
    fn line(&mut self, who: &Visitor<Self::Role>, now: Moment, draw: &mut Draw) -> String;
}

/// One visitor.
#[derive(Debug, Clone)]
pub(super) struct Visitor<R> {
    pub(super) role: R,
    pub(super) address: String,
    /// Steps taken so far.
    pub(super) step: u64,
    /// Steps in all.
    pub(super) steps: u64,
    /// Shortest and longest pause between two steps. Unit: milliseconds.
    pub(super) pause: (u64, u64),
    /// A number of its own: process, port, favourite page.
    pub(super) number: u64,
}

impl<R> Visitor<R> {
    /// The same one by another name of what it is up to.
    pub(super) fn with_role<T>(self, role: T) -> Visitor<T> {
        let Self { address, step, steps, pause, number, .. } = self;
        Visitor { role, address, step, steps, pause, number }
    }
}

/// The visitors of one server.
pub(super) struct Crowd<T: Trade> {
    trade: T,
    draw: Draw,
    /// When which visitor moves next; the serial number settles ties.
    agenda: BinaryHeap<Reverse<(Moment, u64, usize)>>,
    visitors: Vec<Visitor<T::Role>>,
    serial: u64,
}

impl<T: Trade> Crowd<T> {
    pub(super) fn gather(mut trade: T, start: Moment, mut draw: Draw) -> Self {
        let visitors: Vec<_> = (0..PRESENT).map(|_| trade.enter(&mut draw)).collect();
        let mut crowd = Self { trade, draw, agenda: BinaryHeap::new(), visitors, serial: 0 };
        for index in 0..crowd.visitors.len() {
            let wait = crowd.draw.between(0, 120_000);
            crowd.schedule(start.after(wait), index);
        }
        crowd
    }

    pub(super) fn next_line(&mut self) -> String {
        let Some(Reverse((now, _, index))) = self.agenda.pop() else {
            return String::new();
        };
        let line = self.trade.line(&self.visitors[index], now, &mut self.draw);
        let visitor = &mut self.visitors[index];
        visitor.step += 1;
        let (shortest, longest) = visitor.pause;
        let wait = if visitor.step < visitor.steps {
            self.draw.between(shortest, longest)
        } else {
            *visitor = self.trade.enter(&mut self.draw);
            self.draw.between(2_000, 90_000)
        };
        self.schedule(now.after(wait), index);
        line
    }

    fn schedule(&mut self, at: Moment, index: usize) {
        self.serial += 1;
        self.agenda.push(Reverse((at, self.serial, index)));
    }
}
