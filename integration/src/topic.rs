//! Topics of a broker under test: made, filled, cut, read, without any code of ours.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

/// Administers and fills topics of one cluster.
pub struct Topics {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: Runtime,
}

/// Appends values to partitions, by one connection.
pub struct Appender(BaseProducer);

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").finish_non_exhaustive()
    }
}

impl Appender {
    fn of(client: &mut ClientConfig) -> Self {
        // In order, also where a batch is refused at first.
        let client = client.set("enable.idempotence", "true");
        Self(client.set("message.max.bytes", "20000000").create().unwrap())
    }

    /// Appends values to a partition and waits until they are there.
    pub fn append(
        &self,
        name: &str,
        partition: i32,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) {
        let Self(producer) = self;
        for value in values {
            let record =
                BaseRecord::<[u8], [u8]>::to(name).partition(partition).payload(value.as_ref());
            let mut record = Some(record);
            while let Some(waiting) = record.take() {
                if let Err((_, back)) = producer.send(waiting) {
                    producer.poll(Duration::from_millis(10));
                    record = Some(back);
                }
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; none is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}

impl Topics {
    /// Topics of the cluster at these addresses.
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            admin: client(bootstrap).create().unwrap(),
            runtime: Runtime::new().unwrap(),
        }
    }

    /// Makes a topic, with properties.
    pub fn create(&self, name: &str, partitions: i32, properties: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in properties {
            topic = topic.set(key, value);
        }
        self.create_as(&topic);
    }

    /// Makes a topic.
    pub fn create_as(&self, topic: &NewTopic<'_>) {
        let made = self.admin.create_topics([topic], &options());
        for made in self.runtime.block_on(made).unwrap() {
            made.unwrap();
        }
    }

    /// Deletes a topic.
    pub fn delete(&self, name: &str) {
        let deleted = self.admin.delete_topics(&[name], &options());
        for deleted in self.runtime.block_on(deleted).unwrap() {
            deleted.unwrap();
        }
    }

    /// Adds partitions to a topic.
    pub fn grow(&self, name: &str, partitions: usize) {
        let wanted = NewPartitions::new(name, partitions);
        let grown = self.admin.create_partitions([&wanted], &options());
        for grown in self.runtime.block_on(grown).unwrap() {
            grown.unwrap();
        }
    }

    /// Deletes the records of a partition before an offset, as retention does.
    pub fn cut(&self, name: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(before)).unwrap();
        let cut = self.admin.delete_records(&list, &options());
        self.runtime.block_on(cut).unwrap();
    }

    /// Appends one batch of values to a partition, packed by a codec.
    pub fn fill(
        &self,
        name: &str,
        partition: i32,
        codec: &str,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) {
        let mut client = client(&self.bootstrap);
        let client = client.set("compression.type", codec).set("linger.ms", "50");
        Appender::of(client).append(name, partition, values);
    }

    /// Appends to topics again and again.
    pub fn appender(&self) -> Appender {
        Appender::of(client(&self.bootstrap).set("linger.ms", "1"))
    }

    /// Appends one record, as it is.
    pub fn append(&self, record: BaseRecord<'_, [u8], [u8]>) {
        let producer: BaseProducer = client(&self.bootstrap).create().unwrap();
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// What a group has committed.
    pub fn committed(&self, group: &str, name: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer =
            client(&self.bootstrap).set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(name, partition);
        let committed = consumer.committed_offsets(list, Duration::from_secs(10)).unwrap();
        match committed
            .elements()
            .first()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::offset)
        {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        }
    }

    /// Every committed record of a topic, partition by partition.
    pub fn read(&self, name: &str) -> Vec<Record> {
        let consumer: BaseConsumer = client(&self.bootstrap)
            .set("group.id", "reader")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(name), Duration::from_secs(10)).unwrap();
        let partitions = metadata.topics()[0].partitions().len();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            let partition = i32::try_from(partition).unwrap();
            list.add_partition_offset(name, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut records, mut ended) = (HashMap::<i32, Vec<Record>>::new(), 0);
        while ended < partitions {
            match consumer.poll(Duration::from_secs(20)) {
                Some(Ok(message)) => {
                    records.entry(message.partition()).or_default().push(record(&message));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => panic!("{name}: {error}"),
                None => panic!("{name}: not read to its end in 20 s"),
            }
        }
        let mut partitions: Vec<_> = records.into_iter().collect();
        partitions.sort_unstable_by_key(|(partition, _)| *partition);
        partitions.into_iter().flat_map(|(_, records)| records).collect()
    }
}

fn record(message: &impl Message) -> Record {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().unwrap_or_default().to_vec(),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
            .collect(),
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", bootstrap);
    client
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(60)))
        .request_timeout(Some(Duration::from_secs(60)))
}
