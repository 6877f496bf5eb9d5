//! What a live run is told from outside, by signals, by commands, by the end of its store: one word,
//! read by the worker that reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Go on.
    Go,
    /// Take what was read through if that is quick, keep it, end.
    Drain,
    /// Keep what is through and end at once.
    Finish,
}

/// The word; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Commanded(Arc<AtomicU8>);

impl Commanded {
    /// The word now.
    pub fn get(&self) -> Command {
        match self.0.load(Ordering::Acquire) {
            0 => Command::Go,
            1 => Command::Drain,
            _ => Command::Finish,
        }
    }

    /// Says it.
    pub fn say(&self, command: Command) {
        let word = match command {
            Command::Go => 0,
            Command::Drain => 1,
            Command::Finish => 2,
        };
        self.0.store(word, Ordering::Release);
    }
}
