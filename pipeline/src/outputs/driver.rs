//! One output at work.

use std::sync::{Arc, Weak};
use std::time::Duration;

use connectors::crash;
use connectors::health::Health;
use connectors::output::{Message, Output, OutputError, Refused};
use connectors::stop::Stop;
use tokio::runtime::Handle;

use super::cursors::Cursors;
use super::shape::Shape;
use crate::emit::{Encoder, Told, Tray};
use crate::judge::ToJudge;
use crate::judge::outbox::Subscription;
use crate::judge::recent::Made;
use crate::live::aside::Aside;
use crate::live::pace::wall;
use crate::live::record;
use crate::state::{Store, StoreError};

/// What is handed over at once.
const MOST_MESSAGES: usize = 10_000;
/// The same. Unit: bytes.
const MOST_BYTES: usize = 16 << 20;
/// How long it may be quiet before there is time to tidy up.
const QUIET: Duration = Duration::from_secs(10);

/// An output with what it needs.
pub(super) struct Driver {
    pub(super) name: Arc<str>,
    pub(super) output: Box<dyn Output>,
    pub(super) refused: Weak<ToJudge>,
    pub(super) tray: Tray,
    pub(super) shape: Shape,
    pub(super) encoder: Encoder,
    pub(super) store: Arc<Store>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) outbox: Subscription,
    pub(super) stop: Stop,
    pub(super) runtime: Handle,
}

/// Messages that are handed over together.
struct Packet {
    next: u64,
    end: u64,
    messages: Vec<Message>,
    bytes: usize,
    /// The message that has no room any more.
    full: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
enum DriverError {
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Driver {
    /// Runs until it is stopped, or the output gives up.
    pub(super) fn run(mut self, health: &Health) {
        match self.tell() {
            Ok(()) | Err(DriverError::Output(OutputError::Stopped)) => {}
            Err(error) => health.failed(&crate::report::chain(&error)),
        }
    }

    fn tell(&mut self) -> Result<(), DriverError> {
        let resumed = self.output.resume()?;
        crash::point("output-resumed");
        let mut next = self.cursors.of(&self.name);
        if let Some(resumed) = resumed {
            next = next.max(resumed + 1);
        }
        while !self.stop.is_set() {
            let end = *self.outbox.told.borrow_and_update();
            if next >= end {
                let quiet = self.wait();
                self.cursors.advance(&self.name, next, quiet)?;
                continue;
            }
            let (messages, after) = self.read(next, end)?;
            crash::point("output-read");
            let refused = self.output.deliver(&messages)?;
            self.set_aside(&messages, &refused);
            next = after;
            crash::point("output-delivered");
            self.cursors.advance(&self.name, next, false)?;
            crash::point("output-noted");
        }
        Ok(())
    }

    /// Has what was refused kept elsewhere.
    fn set_aside(&self, messages: &[Message], refused: &[Refused]) {
        let mut aside = Vec::new();
        for Refused { sequence, reason } in refused {
            tracing::warn!(output = &*self.name, sequence, reason, "a message is refused");
            let message = messages.iter().find(|message| message.sequence == *sequence);
            aside.extend(message.map(|one| Aside::refused(&self.name, one, reason, wall())));
        }
        if let Some(judge) = self.refused.upgrade().filter(|_| !aside.is_empty()) {
            judge.set_aside(aside);
        }
    }

    /// Messages from `next` on, and what comes after them. The last one is before `end`.
    fn read(&self, next: u64, end: u64) -> Result<(Vec<Message>, u64), StoreError> {
        let mut packet = Packet { next, end, messages: Vec::new(), bytes: 0, full: None };
        let recent = self.outbox.recent.from(next);
        for entry in &recent {
            if !self.pack(&mut packet, entry.last, &entry.told, entry.made.as_ref())? {
                break;
            }
        }
        if recent.is_empty() {
            for told in record::told(&self.store, self.tray, next) {
                let (last, told) = told?;
                if !self.pack(&mut packet, last, &told, None)? {
                    break;
                }
            }
        }
        Ok((packet.messages, packet.full.unwrap_or(end)))
    }

    /// Packs the messages of an entry of the outbox; whether more may come.
    fn pack(
        &self,
        packet: &mut Packet,
        last: u64,
        told: &Told,
        made: Option<&Made>,
    ) -> Result<bool, StoreError> {
        let first = (last + 1).saturating_sub(told.messages());
        if first >= packet.end {
            return Ok(false);
        }
        for (place, message) in self.encoder.messages(told, made, self.shape.wanted(told))? {
            let sequence = first + place;
            if sequence < packet.next {
                continue;
            }
            if packet.messages.len() >= MOST_MESSAGES || packet.bytes >= MOST_BYTES {
                packet.full = Some(sequence);
                return Ok(false);
            }
            let message = self.shape.message(sequence, message);
            packet.bytes += message.payload.as_deref().map_or(0, <[u8]>::len);
            packet.messages.push(message);
        }
        Ok(true)
    }

    /// Waits for more; whether it stayed quiet.
    fn wait(&mut self) -> bool {
        let Self { outbox, stop, runtime, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = outbox.told.changed() => false,
                () = stop.wait() => false,
                () = tokio::time::sleep(QUIET) => true,
            }
        })
    }
}
