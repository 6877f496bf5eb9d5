//! Reads partitions of Kafka topics. Delivery: at least once, each line known by its offset. Order:
//! that of each partition, which is one lane. Resumes by (topic identifier, partition, offset) of what
//! was kept; what the group has committed is for other people's tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult};
use tokio::sync::Notify;

use super::client::Client;
use super::config::Config;
use super::discovery::Key;
use super::link::Link;
use super::partition::{Partition, Reading, Turn};
use super::payload::{Decoder, Payload};
use super::place::{Kept, Scale};
use super::token::Tokens;
use crate::crash;
use crate::metric::{Counter, Gauge};
use crate::retry::Backoff;
use crate::source::{Context, Source, SourceError};

/// How often what is not urgent is looked after.
const ROUND: Duration = Duration::from_millis(100);

/// How often the group is committed.
const COMMIT: Duration = Duration::from_secs(1);

/// How long closing the client is waited for.
const CLOSING: Duration = Duration::from_secs(1);

/// A Kafka source.
#[derive(Debug)]
pub struct Kafka {
    config: Config,
}

impl Kafka {
    /// A source with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Source for Kafka {
    fn module(&self) -> &'static str {
        super::MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let mut reader = Reader::new(self.config, context)?;
        reader.begin()?;
        reader.read();
        reader.close();
        Ok(())
    }
}

/// A source that runs.
pub(super) struct Reader {
    pub(super) config: Config,
    pub(super) context: Context,
    pub(super) client: Client,
    pub(super) reading: Reading,
    pub(super) partitions: BTreeMap<Key, Partition>,
    pub(super) kept: Kept,
    /// Whether the first look at the cluster is behind us.
    pub(super) begun: bool,
    pub(super) next_discovery: Instant,
    /// What discovery says cannot be read.
    pub(super) problems: Vec<String>,
    trouble: Option<Trouble>,
    next_round: Instant,
    next_commit: Instant,
    wake: Arc<Notify>,
}

/// Brokers cannot be talked to.
struct Trouble {
    reason: String,
    backoff: Backoff,
    next_try: Instant,
}

impl Reader {
    fn new(config: Config, context: Context) -> Result<Self, SourceError> {
        let scale = match config.payload {
            Payload::Otlp(_) => Scale::Lines,
            Payload::Raw | Payload::Json(_) => Scale::Records,
        };
        let reading = Reading {
            decoder: Decoder::new(&config.payload),
            scale,
            max_line: config.max_line,
            commits: config.group_id.is_some(),
            meter: context.meter.clone(),
        };
        let (wake, now) = (Arc::default(), Instant::now());
        Ok(Self {
            client: connect(&config, &context, 1, &wake)?,
            kept: Kept::new(&context.resume, scale),
            config,
            context,
            reading,
            partitions: BTreeMap::new(),
            begun: false,
            next_discovery: now,
            problems: Vec::new(),
            trouble: None,
            next_round: now,
            next_commit: now,
            wake,
        })
    }

    /// Waits for the cluster, then lets each partition have its share of what is fetched ahead: a
    /// client cannot change that later.
    fn begin(&mut self) -> Result<(), SourceError> {
        while !self.context.stop.is_set() {
            self.client.serve(Duration::from_millis(1));
            match self.look() {
                Ok(found) => {
                    let share = found.partitions.len();
                    let client = connect(&self.config, &self.context, share, &self.wake)?;
                    std::mem::replace(&mut self.client, client).close(Duration::ZERO);
                    return Ok(());
                }
                Err(error) => self.asking_failed(&error),
            }
            self.await_next_try();
        }
        Ok(())
    }

    fn read(&mut self) {
        let outlet = self.context.outlet.clone();
        while !self.context.stop.is_set() {
            let room = outlet.room();
            self.client.serve(Duration::ZERO);
            let now = Instant::now();
            let sweep = now >= self.next_round;
            if sweep {
                self.round(now);
                self.next_round = now + ROUND;
            }
            if !self.turns(sweep) {
                let wait = self.next_event().saturating_duration_since(Instant::now());
                self.context.runtime.block_on(async {
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = room => {}
                        () = self.context.stop.wait() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                });
            }
        }
    }

    /// Gives each partition its turn; whether any has more.
    fn turns(&mut self, sweep: bool) -> bool {
        let mut more = false;
        let mut events = Vec::new();
        for partition in self.partitions.values_mut() {
            match partition.turn(&self.reading, sweep) {
                Turn::More => more = true,
                Turn::Empty | Turn::Full => {}
                Turn::Event(event) => {
                    partition.pending = Some(event);
                    events.push(partition.key.clone());
                    more = true;
                }
            }
            partition.flush_if_due(&self.reading, Instant::now());
        }
        for key in events {
            self.act(&key);
        }
        more
    }

    fn next_event(&self) -> Instant {
        let due = self.partitions.values().filter_map(Partition::due).min();
        due.map_or(self.next_round, |due| due.min(self.next_round))
    }

    /// What is not urgent.
    fn round(&mut self, now: Instant) {
        // Callbacks come one at a time, and more of them may be due than there were calls.
        self.client.serve(Duration::from_millis(1));
        if let Some(reason) = self.client.link().trouble() {
            self.in_trouble(&reason);
        }
        self.try_again(now);
        if self.trouble.is_none() {
            self.follow_ids();
            self.act_on_pending();
            if now >= self.next_discovery {
                self.discover(now);
            }
        }
        if now >= self.next_commit {
            self.next_commit = now + COMMIT;
            self.commit();
        }
        self.measure();
        self.report();
    }

    /// Brokers did not answer.
    pub(super) fn asking_failed(&mut self, error: &KafkaError) {
        self.client.serve(Duration::ZERO);
        let reason = self.client.link().why(error);
        self.in_trouble(&reason);
    }

    /// Brokers cannot be talked to: what is read to its end now is not known to be.
    fn in_trouble(&mut self, reason: &str) {
        self.partitions.values_mut().for_each(Partition::lose_sight);
        if let Some(trouble) = &mut self.trouble {
            reason.clone_into(&mut trouble.reason);
            return self.report();
        }
        let (longest, seed) = (Duration::from_secs(5), u64::from(std::process::id()));
        self.trouble = Some(Trouble {
            reason: reason.to_owned(),
            backoff: Backoff::new(Duration::from_millis(100), longest, seed),
            next_try: Instant::now(),
        });
        self.report();
    }

    /// Asks for the cluster again when it is time, and looks for the ends of partitions once it
    /// answers: the client tells them once per offset only.
    fn try_again(&mut self, now: Instant) {
        let Some(trouble) = &mut self.trouble else { return };
        if now < trouble.next_try {
            return;
        }
        trouble.next_try = now + trouble.backoff.next_wait();
        self.context.meter.add(Counter::Retries, 1);
        match self.look() {
            Ok(_) => {
                tracing::info!(source = %self.context.name, "kafka brokers answer again");
                self.trouble = None;
                self.client.link().recovered();
                self.next_discovery = now;
                self.look_for_ends();
            }
            Err(error) => self.asking_failed(&error),
        }
    }

    fn await_next_try(&mut self) {
        let now = Instant::now();
        let Some(trouble) = &mut self.trouble else { return };
        trouble.next_try = now + trouble.backoff.next_wait();
        self.context.meter.add(Counter::Retries, 1);
        let wait = trouble.next_try.saturating_duration_since(now);
        self.context.stop.wait_for(&self.context.runtime, wait);
    }

    fn commit(&mut self) {
        if !self.reading.commits {
            return;
        }
        let places: Vec<_> =
            self.partitions.values_mut().filter_map(Partition::uncommitted).collect();
        if !places.is_empty()
            && let Err(error) = self.client.commit(&places)
        {
            tracing::debug!(source = %self.context.name, %error, "offsets are not committed");
        }
        crash::point("source-group-told");
    }

    fn measure(&self) {
        let ends = self.client.link().ends();
        if ends.is_empty() {
            return;
        }
        let lag = |partition: &Partition| {
            let end = ends.get(&(partition.key.0.to_string(), partition.key.1));
            end.map_or(0, |end| partition.lag(*end))
        };
        self.context.meter.set(Gauge::LagRecords, self.partitions.values().map(lag).sum());
    }

    /// Says how it is.
    fn report(&self) {
        let refused = self.partitions.values().filter_map(Partition::refused);
        match (&self.trouble, self.problems.iter().cloned().chain(refused).next()) {
            (Some(trouble), _) => self.context.health.retrying(&trouble.reason),
            (None, Some(problem)) => self.context.health.retrying(&problem),
            (None, None) if self.begun => self.context.health.reading(),
            (None, None) => {}
        }
    }

    fn close(mut self) {
        self.commit();
        // Queues first: they hold the client.
        self.partitions.clear();
        self.client.close(CLOSING);
    }
}

fn connect(
    config: &Config,
    context: &Context,
    partitions: usize,
    wake: &Arc<Notify>,
) -> Result<Client, SourceError> {
    let token = config.cluster.token();
    let tokens = token.map(|token| Tokens::new(token, &context.runtime, &context.stop));
    let link = Link::new(&context.name, tokens);
    let client: KafkaResult<Client> = Client::new(config, link, partitions, wake);
    client.map_err(|error| SourceError::Configuration(format!("kafka client: {error}")))
}
