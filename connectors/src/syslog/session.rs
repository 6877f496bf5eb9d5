//! A connection of RELP as those know it who keep its messages: what its sender is to be told.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// A connection as those know it who keep its messages.
#[derive(Debug, Default)]
pub(super) struct Session {
    kept: Mutex<Vec<u32>>,
    told: Notify,
}

impl Session {
    /// The message with this number is kept.
    pub(super) fn kept(&self, number: u32) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        self.told.notify_one();
    }

    /// Waits until there is something to tell the sender.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// Appends what the sender is to be told.
    pub(super) fn write_answers(&self, out: &mut Vec<u8>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for number in kept.drain(..) {
            answer(number, "200 OK", out);
        }
    }
}

/// Appends an answer to the command of this number.
pub(super) fn answer(number: u32, text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{number} rsp {} {text}", text.len());
}
