//! What goes out, in the order in which it was decided: the numbers of what is to be told, kept in
//! the same commit as what they name, until every output has told it.

use operators::alert::Decision;
use tokio::sync::watch;

use super::recent::{Entry, Made, Recent};
use crate::emit::{Told, Tray};
use crate::live::aside::Aside;
use crate::live::record;
use crate::serve::kept;
use crate::serve::ledger::Written;
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
    /// What is not kept yet.
    fresh: Vec<Entry>,
    told: watch::Sender<u64>,
    recent: Recent,
}

/// What outputs know of an outbox besides the store.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The number that the next message will have, whenever more are kept.
    pub told: watch::Receiver<u64>,
    /// What was told of late.
    pub recent: Recent,
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
        let (told, recent) = (watch::Sender::new(next), Recent::default());
        Ok(Self { tray, wanted, next, written: next, fresh: Vec::new(), told, recent })
    }

    /// What outputs need.
    pub fn subscription(&self) -> Subscription {
        Subscription { told: self.told.subscribe(), recent: self.recent.clone() }
    }

    /// Tells of an alert and its decisions, by their numbers.
    pub(super) fn alert(&mut self, batch: &mut Batch<'_>, written: Written) {
        if self.wanted != Wanted::Nothing {
            let Written { id, decisions, size, alert, machine } = written;
            let count = decisions.end.saturating_sub(decisions.start);
            let made = Made { alert, machine };
            self.put(batch, Told::Alert(id, decisions.start, count), Some((made, size)));
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
            self.put(batch, Told::Ended { scope, value, id, scenario }, None);
        }
        Ok(())
    }

    /// Tells what was set aside.
    pub(super) fn aside(&mut self, batch: &mut Batch<'_>, aside: Vec<Aside>) {
        if self.wanted != Wanted::Nothing {
            for aside in aside {
                self.put(batch, Told::Aside(Box::new(aside)), None);
            }
        }
    }

    fn put(&mut self, batch: &mut Batch<'_>, told: Told, made: Option<(Made, usize)>) {
        self.next += told.messages();
        let last = self.next - 1;
        let size = record::put_told(batch, self.tray, last, &told);
        let (made, more) = made.unzip();
        self.fresh.push(Entry { last, told, made, size: size + more.unwrap_or(0) });
    }

    /// Writes how far it is.
    pub(super) fn write(&mut self, batch: &mut Batch<'_>) {
        if self.next != self.written {
            record::put_next_message(batch, self.tray, self.next);
            self.written = self.next;
        }
    }

    /// Says that what was written is kept.
    pub(super) fn tell(&mut self) {
        self.recent.add(self.fresh.drain(..));
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
