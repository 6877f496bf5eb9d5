//! What goes out, in the order in which it was decided: the numbers of what is to be told, kept in
//! the same commit as what they name, until every output has told it.

use std::ops::Range;

use operators::alert::Decision;
use tokio::sync::watch;

use crate::emit::{Told, Tray};
use crate::live::aside::Aside;
use crate::live::record;
use crate::serve::kept;
use crate::state::{Batch, Store, StoreError};

/// What outputs want to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: there are none.
    Nothing,
    /// Whatever there is, but for ends of decisions.
    #[default]
    Results,
    /// When decisions end, too.
    Ends,
}

/// The writing end of the outbox.
#[derive(Debug)]
pub struct Outbox {
    tray: Tray,
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
    pub fn open(store: &Store, tray: Tray, wanted: Wanted) -> Result<Self, StoreError> {
        let next = record::next_message(store, tray)?;
        if wanted == Wanted::Nothing && record::told(store, tray, 0).next().is_some() {
            tracing::warn!(?tray, "no output is configured: what outputs were not told is dropped");
            let mut batch = store.batch();
            record::drop_told(&mut batch, tray, 0, next);
            store.commit(batch)?;
        }
        Ok(Self { tray, wanted, next, written: next, told: watch::Sender::new(next) })
    }

    /// The number that the next message will have, whenever more are kept.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Tells of an alert and its decisions, by their numbers.
    pub(super) fn alert(&mut self, batch: &mut Batch<'_>, alert: u64, decisions: Range<u64>) {
        if self.wanted != Wanted::Nothing {
            let Range { start: first, end } = decisions;
            self.put(batch, &Told::Alert(alert, first, end.saturating_sub(first)));
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
            && let Some(decision) = kept::decision_as_made(store, id)?
        {
            let Decision { scope, value, id, scenario, .. } = decision;
            self.put(batch, &Told::Ended { scope, value, id, scenario });
        }
        Ok(())
    }

    /// Tells what was set aside.
    pub(super) fn aside(&mut self, batch: &mut Batch<'_>, aside: Vec<Aside>) {
        if self.wanted != Wanted::Nothing {
            for aside in aside {
                self.put(batch, &Told::Aside(Box::new(aside)));
            }
        }
    }

    fn put(&mut self, batch: &mut Batch<'_>, told: &Told) {
        self.next += told.messages();
        record::put_told(batch, self.tray, self.next - 1, told);
    }

    /// Writes how far it is.
    pub(super) fn write(&mut self, batch: &mut Batch<'_>) {
        if self.next != self.written {
            record::put_next_message(batch, self.tray, self.next);
            self.written = self.next;
        }
    }

    /// Says that what was written is kept.
    pub(super) fn tell(&self) {
        self.told.send_if_modified(|known| std::mem::replace(known, self.next) != self.next);
    }
}

/// The first alert that some output was not told yet: it and all later ones must stay.
///
/// # Errors
/// The store cannot be read.
pub fn oldest_untold(store: &Store) -> Result<Option<u64>, StoreError> {
    for told in record::told(store, Tray::Results, 0) {
        match told?.1 {
            Told::Alert(id, ..) => return Ok(Some(id)),
            // It carries what it tells.
            Told::Ended { .. } | Told::Aside(_) => {}
        }
    }
    Ok(None)
}
