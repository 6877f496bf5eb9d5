//! How far outputs are in the outbox, and what of it nobody needs any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::emit::Tray;
use crate::judge::recent::Recent;
use crate::live::record;
use crate::state::{Store, StoreError};

/// So many messages that were told may stay in the outbox: dropping each by itself costs more.
const LEFT: u64 = 10_000;

/// The cursors of all outputs.
#[derive(Debug)]
pub(super) struct Cursors {
    store: Arc<Store>,
    tray: Tray,
    recent: Recent,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The next message of each output.
    next: BTreeMap<Arc<str>, u64>,
    /// Messages before this one are gone.
    dropped: u64,
}

impl Kept {
    fn first(&self) -> Option<u64> {
        self.next.values().min().copied()
    }
}

impl Cursors {
    /// The cursors of these outputs, as the store has them. One that is new begins with what is there.
    pub(super) fn new(
        store: Arc<Store>,
        (tray, recent): (Tray, Recent),
        names: impl Iterator<Item = Arc<str>>,
    ) -> Result<Self, StoreError> {
        let oldest = match record::told(&store, tray, 0).next().transpose()? {
            Some((last, told)) => (last + 1).saturating_sub(told.messages()),
            None => record::next_message(&store, tray)?,
        };
        let next = names.map(|name| {
            let kept = record::output(&store, tray, &name)?.unwrap_or(0).max(oldest);
            Ok((name, kept))
        });
        let next = next.collect::<Result<_, StoreError>>()?;
        Ok(Self { store, tray, recent, kept: Mutex::new(Kept { next, dropped: oldest }) })
    }

    /// The next message of an output.
    pub(super) fn of(&self, name: &str) -> u64 {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.next.get(name).copied().unwrap_or(0)
    }

    /// The first message that some output was not told.
    pub(super) fn first(&self) -> Option<u64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).first()
    }

    /// Everything before `next` was told by this output. What nobody needs is dropped if it is much, or
    /// if there is `time` for it.
    pub(super) fn advance(&self, name: &str, next: u64, time: bool) -> Result<(), StoreError> {
        let mut batch = self.store.batch();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.next.get_mut(name)
            && *known < next
        {
            *known = next;
            record::put_output(&mut batch, self.tray, name, next);
        }
        let first = kept.first().unwrap_or(kept.dropped);
        self.recent.forget_before(first);
        if first >= kept.dropped + if time { 1 } else { LEFT } {
            record::drop_told(&mut batch, self.tray, kept.dropped, first);
            kept.dropped = first;
        }
        match batch.is_empty() {
            true => Ok(()),
            false => self.store.commit(batch),
        }
    }
}
