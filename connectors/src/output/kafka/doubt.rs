//! What is not certain when an attempt to bring messages out has failed.

use rdkafka::error::KafkaError;

use crate::output::OutputError;

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Doubt {
    /// It may work later.
    Retry(String),
    /// The same, if it was no successor that ended it.
    Suspect(String),
    /// It never will.
    End(OutputError),
}

impl Doubt {
    #[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
    pub(super) fn configuration(error: KafkaError) -> Self {
        Self::End(OutputError::Configuration(format!("kafka client: {error}")))
    }
}
