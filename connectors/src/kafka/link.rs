//! What a client of librdkafka tells on the side: trouble with brokers, identifiers of topics, ends of
//! partitions. Its callbacks run inside of `poll`, on our thread.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::Message as _;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use serde::Deserialize;

use super::token::Tokens;

/// The callbacks of one client.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whose client it is, for the log.
    name: Arc<str>,
    tokens: Option<Tokens>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    trouble: bool,
    /// What is wrong with the brokers, as far as it is known.
    why: String,
    /// What was said of the last error.
    reason: String,
    ids: HashMap<String, String>,
    ends: HashMap<(String, i32), i64>,
    refused: Vec<(u64, RDKafkaErrorCode)>,
}

impl Link {
    pub(crate) fn new(name: &Arc<str>, tokens: Option<Tokens>) -> Self {
        Self { name: Arc::clone(name), tokens, told: Mutex::default() }
    }

    /// Whose client it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with the brokers, if anything was since the last call.
    pub(crate) fn trouble(&self) -> Option<String> {
        let mut told = self.told();
        std::mem::take(&mut told.trouble).then(|| told.why.clone())
    }

    /// Why a call failed: what the brokers' trouble is, or else what the call says.
    pub(crate) fn why(&self, error: &KafkaError) -> String {
        let told = self.told();
        if told.why.is_empty() { error.to_string() } else { told.why.clone() }
    }

    /// The brokers answer again.
    pub(crate) fn recovered(&self) {
        let mut told = self.told();
        told.trouble = false;
        told.why.clear();
    }

    /// What the client said of its last error.
    pub(crate) fn reason(&self) -> String {
        self.told().reason.clone()
    }

    /// The broker's identifier of a topic, once it was told.
    pub(crate) fn topic_id(&self, topic: &str) -> Option<String> {
        self.told().ids.get(topic).cloned()
    }

    /// The offsets behind the newest records, by topic and partition, as told last.
    pub(crate) fn ends(&self) -> HashMap<(String, i32), i64> {
        std::mem::take(&mut self.told().ends)
    }

    /// The messages that were not delivered since the last call, by their numbers, and why.
    pub(crate) fn refused(&self) -> Vec<(u64, RDKafkaErrorCode)> {
        std::mem::take(&mut self.told().refused)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Link {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some((topic, id)) = changed_id(message) {
            self.told().ids.insert(topic.to_owned(), id.to_owned());
        }
        // What matters comes as an error, too.
        if !matches!(level, RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info) {
            tracing::debug!(source = %self.name, facility, message, "kafka client");
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) {
            self.told().ends = statistics.ends().collect();
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut told = self.told();
        told.reason = reason.to_owned();
        let Some(code) = error.rdkafka_error_code().filter(|code| concerns_brokers(*code)) else {
            return;
        };
        told.trouble = true;
        // That all are down says less than what is wrong with one of them.
        if code != RDKafkaErrorCode::AllBrokersDown || told.why.is_empty() {
            reason.clone_into(&mut told.why);
        }
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref().ok_or("no token is configured")?;
        tokens.next().map_err(|error| {
            let mut told = self.told();
            told.trouble = true;
            told.why = error.to_string();
            error.into()
        })
    }
}

impl ConsumerContext for Link {}

impl ProducerContext for Link {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            tracing::debug!(topic = message.topic(), %code, "not delivered");
            self.told().refused.push((u64::try_from(number).unwrap_or(u64::MAX), code));
        }
    }
}

/// Errors that say that brokers cannot be talked to, rather than that a request was refused.
fn concerns_brokers(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
    )
}

/// The client has no call for the identifiers of topics, but says them when it learns them
/// (`rd_kafka_topic_metadata_update`): `Topic NAME changed id from OLD to NEW`.
fn changed_id(message: &str) -> Option<(&str, &str)> {
    let (before, id) = message.rsplit_once(" to ")?;
    let (before, _) = before.split_once(" changed id from ")?;
    let (_, topic) = before.rsplit_once("Topic ")?;
    Some((topic, id))
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    #[serde(default)]
    partition: i32,
    #[serde(default)]
    ls_offset: i64,
}

impl Statistics {
    fn ends(self) -> impl Iterator<Item = ((String, i32), i64)> {
        self.topics.into_iter().flat_map(|(name, topic)| {
            let known = topic.partitions.into_values().filter(|known| known.ls_offset >= 0);
            known.map(move |known| ((name.clone(), known.partition), known.ls_offset))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_from_what_the_client_says() {
        let message =
            "[thrd:main]: Topic a to b changed id from AAAAAAAAAAAAAAAAAAAAAA to kZ8xQ_-1";
        assert_eq!(changed_id(message), Some(("a to b", "kZ8xQ_-1")));
        assert_eq!(changed_id("[thrd:main]: Topic t [0] Leader 1 Epoch 0"), None);
    }
}
