//! Writes transactions, one session after the other, until they are out.

use std::collections::HashMap;
use std::time::Duration;

use super::KafkaConfig;
use super::doubt::Doubt;
use super::progress::Owner;
use super::pulse::Pulse;
use super::session::Session;
use crate::output::{Message, OutputContext, OutputError, Refused};
use crate::retry::Backoff;

/// The part of the output that waits for brokers.
pub(super) struct Writer {
    config: KafkaConfig,
    context: OutputContext,
    owner: Owner,
    session: Option<Session>,
    pulse: Pulse,
}

impl Writer {
    pub(super) fn new(config: KafkaConfig, context: OutputContext, pulse: Pulse) -> Self {
        Self { config, context, owner: Owner::new(), session: None, pulse }
    }

    /// A new session, and the last message that is out.
    pub(super) fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        let mut backoff = backoff();
        loop {
            self.pulse.beat();
            match Session::open(&self.config, (&self.context, &self.pulse), &mut self.owner) {
                Ok((session, last)) => {
                    self.session = Some(session);
                    self.context.health.reading();
                    return Ok(last);
                }
                Err(doubt) => self.after(doubt, &mut backoff)?,
            }
        }
    }

    /// Brings messages out, in as many transactions as it takes.
    pub(super) fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        let mut refused = HashMap::new();
        for part in messages.chunks(self.config.transaction.max(1)) {
            self.transact(part, &mut refused)?;
        }
        self.context.health.reading();
        let refused = messages.iter().filter_map(|message| {
            let reason = refused.remove(&message.sequence)?;
            Some(Refused { sequence: message.sequence, reason })
        });
        Ok(refused.collect())
    }

    /// One transaction, repeated until it is out.
    fn transact(
        &mut self,
        messages: &[Message],
        refused: &mut HashMap<u64, String>,
    ) -> Result<(), OutputError> {
        let (mut messages, mut backoff) = (messages, backoff());
        while !messages.is_empty() {
            let Some(mut session) = self.session.take() else {
                if let Some(out) = self.resume()? {
                    // What the lost session left behind may be out.
                    let out = messages.partition_point(|message| message.sequence <= out);
                    messages = messages.get(out..).unwrap_or_default();
                }
                continue;
            };
            match session.transact(messages, refused) {
                Ok(()) => {
                    self.session = Some(session);
                    return Ok(());
                }
                Err(doubt) => self.after(doubt, &mut backoff)?,
            }
        }
        Ok(())
    }

    /// Waits before the next try, if there is to be one.
    fn after(&mut self, doubt: Doubt, backoff: &mut Backoff) -> Result<(), OutputError> {
        let reason = match doubt {
            Doubt::End(error) => return Err(error),
            Doubt::Retry(reason) => reason,
            Doubt::Suspect(reason) => {
                self.owner.suspects = true;
                reason
            }
        };
        self.pulse.beat();
        tracing::debug!(output = %self.context.name, reason, "kafka output tries again");
        self.context.try_later(&reason, backoff)
    }
}

fn backoff() -> Backoff {
    let seed = u64::from(std::process::id());
    Backoff::new(Duration::from_millis(50), Duration::from_secs(10), seed)
}
