//! What goes out, in the order in which it was decided: messages with running numbers, written with
//! what they tell, until every output has them.

use std::sync::Arc;

use tokio::sync::watch;

use crate::emit::{self, Message};
use crate::live::names::Names;
use crate::live::record;
use crate::serve::ledger::Judged;
use crate::serve::row::{DecisionRow, Shared, as_decision};
use crate::state::{Batch, Family, Store, StoreError};

/// What outputs want to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: there are none.
    Nothing,
    /// Alerts and decisions.
    #[default]
    Results,
    /// When decisions end, too.
    Ends,
}

/// The writing end of the outbox.
#[derive(Debug)]
pub struct Outbox {
    wanted: Wanted,
    /// Number of the next message.
    next: u64,
    written: u64,
    told: watch::Sender<u64>,
}

impl Outbox {
    /// The outbox of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: &Store, wanted: Wanted) -> Result<Self, StoreError> {
        let next = record::next_message(store)?;
        Ok(Self { wanted, next, written: next, told: watch::Sender::new(next) })
    }

    /// The number that the next message will have, whenever more are kept.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Tells of an alert and its decisions.
    pub(super) fn alert(&mut self, batch: &mut Batch<'_>, judged: &Judged, names: &Names) {
        if self.wanted == Wanted::Nothing {
            return;
        }
        let file = |partition| names.get(partition).unwrap_or_else(|| Arc::from(""));
        for message in emit::messages(&judged.alert, &judged.machine, &file) {
            self.put(batch, &message);
        }
    }

    /// Tells that a decision is over, by its number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn ended(
        &mut self,
        batch: &mut Batch<'_>,
        store: &Store,
        id: u64,
    ) -> Result<(), StoreError> {
        if self.wanted == Wanted::Ends
            && let Some(bytes) = store.get(Family::Decisions, &id.to_be_bytes())?
            && let Some(row) = DecisionRow::decode(id, &bytes, &mut Shared::default())
        {
            self.put(batch, &emit::ended(&as_decision(&row.record)));
        }
        Ok(())
    }

    fn put(&mut self, batch: &mut Batch<'_>, message: &Message) {
        record::put_message(batch, self.next, message);
        self.next += 1;
    }

    /// Writes how far it is.
    pub(super) fn write(&mut self, batch: &mut Batch<'_>) {
        if self.next != self.written {
            record::put_next_message(batch, self.next);
            self.written = self.next;
        }
    }

    /// Says that what was written is kept.
    pub(super) fn tell(&self) {
        self.told.send_if_modified(|known| std::mem::replace(known, self.next) != self.next);
    }
}
