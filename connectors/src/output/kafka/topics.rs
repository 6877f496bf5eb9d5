//! The topics of an output: how many partitions they have; created where they do not exist.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::doubt::Doubt;
use super::{KafkaConfig, Topic};
use crate::kafka::{Link, Tokens};
use crate::output::OutputContext;

/// How long brokers may take to answer.
const ASK: Duration = Duration::from_millis(1500);

/// Where messages of a stream go.
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partitions: i32,
}

/// The places by stream. Topics that are missing are created, where that is allowed.
///
/// # Errors
/// They cannot be had now.
pub(super) fn places(
    config: &KafkaConfig,
    context: &OutputContext,
) -> Result<HashMap<String, Place>, Doubt> {
    let mut settings: ClientConfig = config.cluster.client();
    config.cluster.finish(&mut settings);
    let token = config.cluster.token();
    let tokens = token.map(|token| Tokens::new(token, &context.runtime, &context.stop));
    let link = Link::new(&context.name, tokens);
    let admin: AdminClient<Link> =
        settings.create_with_context(link).map_err(Doubt::configuration)?;
    let mut known = HashMap::new();
    for topic in &config.topics {
        let metadata = admin
            .inner()
            .fetch_metadata(Some(&topic.name), ASK)
            .map_err(|error| Doubt::Retry(admin.inner().context().why(&error)))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic.name);
        let count = found.map_or(0, |found| found.partitions().len());
        match found.and_then(rdkafka::metadata::MetadataTopic::error).map(RDKafkaErrorCode::from) {
            None if count > 0 => {
                let partitions = i32::try_from(count).unwrap_or(i32::MAX);
                let place = Place { topic: topic.name.clone(), partitions };
                known.insert(topic.stream.clone(), place);
            }
            None
            | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                create(&admin, config, context, topic)?;
                return Err(Doubt::Retry(format!("topic `{}` is being created", topic.name)));
            }
            Some(code) => return Err(Doubt::Retry(format!("topic `{}`: {code}", topic.name))),
        }
    }
    Ok(known)
}

fn create(
    admin: &AdminClient<Link>,
    config: &KafkaConfig,
    context: &OutputContext,
    wanted: &Topic,
) -> Result<(), Doubt> {
    let name = &wanted.name;
    if !config.create {
        let missing =
            format!("topic `{name}` does not exist: create it, or let Spillway create it");
        return Err(Doubt::Retry(missing));
    }
    let replication = TopicReplication::Fixed(wanted.replication);
    let mut topic = NewTopic::new(name, wanted.partitions, replication);
    if wanted.compact {
        topic = topic.set("cleanup.policy", "compact");
    }
    let options = AdminOptions::new().operation_timeout(Some(ASK)).request_timeout(Some(ASK));
    let asked = admin.create_topics([&topic], &options);
    let answered = context.runtime.block_on(async {
        tokio::select! {
            answered = asked => answered,
            () = context.stop.wait() => Err(KafkaError::Canceled),
        }
    });
    let refused = |reason: &dyn std::fmt::Display| {
        Doubt::Retry(format!("topic `{name}` cannot be created: {reason}"))
    };
    for answer in answered.map_err(|error| refused(&error))? {
        match answer {
            Ok(_) => tracing::info!(output = %context.name, topic = %name, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(refused(&code)),
        }
    }
    Ok(())
}
