//! One producer with its identity. Any failure ends it, so that nothing it left undecided (a commit that
//! was not answered, a broker that went away in the middle) is taken for anything: the next one first
//! settles that.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::doubt::Doubt;
use super::progress::{Group, Owner};
use super::pulse::Pulse;
use super::topics::{self, Place};
use super::{KafkaConfig, partition_of};
use crate::crash;
use crate::kafka::{Link, Tokens};
use crate::output::{Message, OutputContext, OutputError};

/// Calls that wait are made in slices of this, so that a stop is seen.
const SLICE: Duration = Duration::from_millis(500);

/// How often it is looked whether all messages are answered.
const ANSWERS: Duration = Duration::from_millis(1);

/// How long a successor has for writing its name before we look who has our identity now.
const SETTLE: Duration = Duration::from_secs(3);

/// A producer that may write.
pub(super) struct Session {
    producer: ThreadedProducer<Link>,
    group: Group,
    metadata: ConsumerGroupMetadata,
    owner: Owner,
    places: HashMap<String, Place>,
    context: OutputContext,
    pulse: Pulse,
    /// What one transaction may take at most.
    timeout: Duration,
}

impl Session {
    /// A session, and the last message that is out. Whoever had our identity before cannot write any
    /// more.
    pub(super) fn open(
        config: &KafkaConfig,
        (context, pulse): (&OutputContext, &Pulse),
        owner: &mut Owner,
    ) -> Result<(Self, Option<u64>), Doubt> {
        let places = topics::places(config, context)?;
        if owner.claimed {
            check_owner(config, context, owner)?;
        }
        let group = Group::open(config, context, true).map_err(Doubt::configuration)?;
        let producer = settings(config)
            .create_with_context(link(config, context))
            .map_err(Doubt::configuration)?;
        let mut session = Self {
            metadata: group.metadata().map_err(Doubt::configuration)?,
            producer,
            group,
            owner: owner.clone(),
            places,
            context: context.clone(),
            pulse: pulse.clone(),
            timeout: config.timeout,
        };
        let last = session.begin()?;
        owner.claimed = true;
        owner.suspects = false;
        Ok((session, last))
    }

    /// Fences predecessors, learns what is out, writes our name.
    fn begin(&mut self) -> Result<Option<u64>, Doubt> {
        self.wait("the transaction coordinator", Duration::from_secs(30), |producer| {
            producer.init_transactions(SLICE)
        })?;
        let progress = self.group.progress().map_err(|error| {
            Doubt::Retry(format!("the progress of this output cannot be read: {error}"))
        })?;
        self.within_transaction(progress.last, |_| Ok(()))?;
        Ok(progress.last)
    }

    /// Brings messages out together. Those that brokers will never take are put into `refused` and left
    /// out.
    pub(super) fn transact(
        &mut self,
        messages: &[Message],
        refused: &mut HashMap<u64, String>,
    ) -> Result<(), Doubt> {
        drop(self.producer.context().refused());
        let last = messages.last().map(|message| message.sequence);
        let done = self.within_transaction(last, |session| {
            for message in messages {
                if !refused.contains_key(&message.sequence) {
                    session.send(message, refused)?;
                }
            }
            Ok(())
        });
        if done.is_err() {
            for (sequence, code) in self.producer.context().refused() {
                if is_about_the_message(code) {
                    refused.insert(sequence, code.to_string());
                }
            }
        }
        done
    }

    fn within_transaction(
        &mut self,
        last: Option<u64>,
        send: impl FnOnce(&Self) -> Result<(), Doubt>,
    ) -> Result<(), Doubt> {
        let timeout = self.timeout;
        self.producer.begin_transaction().map_err(|error| self.doubt("begin", &error))?;
        crash::point("kafka-begun");
        send(self)?;
        crash::point("kafka-sent");
        let offsets = self.group.offsets(last, &self.owner);
        let offsets = offsets.map_err(Doubt::configuration)?;
        let metadata = &self.metadata;
        let sent = self.wait("the group coordinator", timeout, |producer| {
            producer.send_offsets_to_transaction(&offsets, metadata, SLICE)
        });
        sent?;
        crash::point("kafka-noted");
        self.flush()?;
        self.wait("the commit", timeout, |producer| producer.commit_transaction(SLICE))?;
        crash::point("kafka-committed");
        Ok(())
    }

    /// Waits until brokers have answered for every message. A commit of the crate does so too, but sleeps
    /// for 100 ms at a time, for it waits for events that go to the thread of the producer. So would a
    /// poll, which spends its last millisecond without a pause.
    fn flush(&self) -> Result<(), Doubt> {
        self.wait("the messages", self.timeout, |producer| {
            if producer.in_flight_count() == 0 {
                return Ok(());
            }
            std::thread::sleep(ANSWERS);
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))
        })
    }

    fn send(&self, message: &Message, refused: &mut HashMap<u64, String>) -> Result<(), Doubt> {
        let Some(place) = self.places.get(message.stream) else {
            let reason = format!("no topic is configured for {}", message.stream);
            refused.insert(message.sequence, reason);
            return Ok(());
        };
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (name, value) in &*message.headers {
            headers = headers.insert(Header { key: name, value: Some::<&[u8]>(value.as_ref()) });
        }
        let number = usize::try_from(message.sequence).unwrap_or(usize::MAX);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&place.topic, number)
            .key(message.key.as_ref())
            .partition(partition_of(&message.partition_key, place.partitions))
            .headers(headers);
        if let Some(payload) = &message.payload {
            record = record.payload(payload.as_ref());
        }
        let deadline = Instant::now() + self.timeout;
        loop {
            self.pulse.beat();
            let (error, back) = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) if Instant::now() < deadline => {
                    record = back;
                    if self.context.stop.wait_for(&self.context.runtime, Duration::from_millis(2)) {
                        return Err(Doubt::End(OutputError::Stopped));
                    }
                }
                Some(code) if is_about_the_message(code) => {
                    refused.insert(message.sequence, code.to_string());
                    return Ok(());
                }
                _ => return Err(self.doubt("send", &error)),
            }
        }
    }

    /// Repeats a call that waits until it is done, for at most so long.
    fn wait(
        &self,
        what: &str,
        at_most: Duration,
        mut call: impl FnMut(&ThreadedProducer<Link>) -> KafkaResult<()>,
    ) -> Result<(), Doubt> {
        let deadline = Instant::now() + at_most;
        loop {
            if self.context.stop.is_set() {
                return Err(Doubt::End(OutputError::Stopped));
            }
            self.pulse.beat();
            let Err(error) = call(&self.producer) else { return Ok(()) };
            let again = match &error {
                KafkaError::Transaction(error) => error.is_retriable() && !error.is_fatal(),
                KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
                _ => false,
            };
            if !again || Instant::now() >= deadline {
                return Err(self.doubt(what, &error));
            }
            if let Some(trouble) = self.producer.context().trouble() {
                self.context.health.retrying(&trouble);
            }
        }
    }

    fn doubt(&self, what: &str, error: &KafkaError) -> Doubt {
        let told = match error {
            KafkaError::Transaction(error) => error.string(),
            other => other.to_string(),
        };
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        match fatal.or(error.rdkafka_error_code()) {
            Some(
                RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch,
            ) => Doubt::Suspect(format!("{what}: {told}")),
            _ => Doubt::Retry(format!("{what}: {told}")),
        }
    }
}

/// Whether the identity is still ours.
fn check_owner(config: &KafkaConfig, context: &OutputContext, owner: &Owner) -> Result<(), Doubt> {
    if owner.suspects && context.stop.wait_for(&context.runtime, SETTLE) {
        return Err(Doubt::End(OutputError::Stopped));
    }
    let group = Group::open(config, context, false).map_err(Doubt::configuration)?;
    let progress = group.progress();
    let progress =
        progress.map_err(|error| Doubt::Retry(format!("the progress of this output: {error}")))?;
    if progress.is_of(owner) {
        return Ok(());
    }
    Err(Doubt::End(OutputError::Fenced { id: config.transactional_id.clone() }))
}

/// Errors that come again however often the message is sent.
fn is_about_the_message(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
    )
}

fn link(config: &KafkaConfig, context: &OutputContext) -> Link {
    let token = config.cluster.token();
    let tokens = token.map(|token| Tokens::new(token, &context.runtime, &context.stop));
    Link::new(&context.name, tokens)
}

fn settings(config: &KafkaConfig) -> ClientConfig {
    let mut settings = config.cluster.client();
    settings
        .set("transactional.id", &config.transactional_id)
        .set("transaction.timeout.ms", config.timeout.as_millis().to_string())
        .set("compression.type", config.compression.as_str())
        .set("delivery.report.only.error", "true")
        .set("queue.buffering.max.messages", "1000000")
        .set("message.max.bytes", "100000000")
        // The broker still ends a transaction when the next one begins, and is asked again.
        .set("retry.backoff.ms", "5")
        .set("linger.ms", "5");
    config.cluster.finish(&mut settings);
    settings
}
