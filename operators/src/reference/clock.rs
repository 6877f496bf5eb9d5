//! The clock of one partition: the running maximum of its stamps. A stamp that is over a day ahead
//! (the first one always is) moves it only if the next stamp does not lie over a day before it, and
//! comes within so many lines; the lines up to there wait for the answer.

use crate::order::clock::{MAX_HELD, STRAY};
use crate::time::EventTime;

/// The clock of each line so far.
#[derive(Debug, Default)]
pub(super) struct Clock {
    max: Option<EventTime>,
    /// A stamp that waits for the next one, and its line.
    doubt: Option<(EventTime, usize)>,
    lines: Vec<EventTime>,
}

impl Clock {
    /// The running maximum of what is certain.
    pub(super) fn now(&self) -> Option<EventTime> {
        self.max
    }

    /// The next line.
    pub(super) fn line(&mut self, stamp: Option<EventTime>) {
        if let Some((doubt, since)) = self.doubt {
            match stamp {
                Some(stamp) if stamp.0 >= doubt.0 - STRAY => self.settle(Some(doubt)),
                Some(stamp) => self.settle(self.max.or(Some(stamp))),
                None if self.lines.len() == since + MAX_HELD => {
                    self.lines.push(doubt);
                    return self.settle(self.max.or(Some(doubt)));
                }
                None => {}
            }
        }
        if let Some(stamp) = stamp {
            if self.max.is_none_or(|max| stamp.0 > max.0 + STRAY) {
                self.doubt = Some((stamp, self.lines.len()));
            } else {
                self.max = self.max.max(Some(stamp));
            }
        }
        self.lines.push(self.max.unwrap_or(EventTime(i64::MIN)));
    }

    /// The maximum is known: it is the clock of the lines that waited.
    fn settle(&mut self, max: Option<EventTime>) {
        let Some((_, since)) = self.doubt.take() else { return };
        self.max = max;
        let waited = self.lines.get_mut(since..).unwrap_or_default();
        waited.fill(max.unwrap_or(EventTime(i64::MIN)));
    }

    /// The clock of each line.
    pub(super) fn finish(mut self) -> Vec<EventTime> {
        if let Some((doubt, _)) = self.doubt {
            self.settle(self.max.or(Some(doubt)));
        }
        self.lines
    }
}
