//! A decision as it is kept and served.

use std::sync::Arc;

use operators::alert::identity::Digest;
use serde::{Deserialize, Serialize};

use crate::filter::net::Net;

/// A decision with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Running number, in the order of commits: clients page by it.
    pub id: u64,
    /// Hash of what caused it, 63 bits: its name in the decision topic.
    pub hash: u64,
    /// Running number of its alert.
    pub alert: u64,
    /// When it ends by itself. Unit: nanoseconds since the Unix epoch.
    pub until: i64,
    /// `crowdsec`, `cscli`, `lists`, `CAPI` and so on.
    pub origin: Arc<str>,
    /// `ban`, `captcha` or a custom type.
    pub kind: Arc<str>,
    /// Scope of the value.
    pub scope: Arc<str>,
    /// What it applies to.
    pub value: Arc<str>,
    /// Name of the scenario, or of the list it comes from.
    pub scenario: Arc<str>,
    /// Whether it must not be enforced.
    pub simulated: bool,
}

impl Record {
    /// The network it applies to; `None` for scopes that are not about addresses.
    pub fn net(&self) -> Option<Net> {
        net_of(&self.scope, &self.value)
    }

    /// Its name as a UUID.
    pub fn uuid(&self) -> String {
        uuid_of(self.hash)
    }

    /// What it is about: decisions of equal keys compete, the longest wins.
    pub fn key(&self) -> u128 {
        key_of(&self.scope, &self.value, &self.kind)
    }
}

/// The network that a value of a scope names; `None` for scopes that are not about addresses.
pub fn net_of(scope: &str, value: &str) -> Option<Net> {
    matches!(scope, "Ip" | "Range").then(|| Net::parse(value).ok()).flatten()
}

/// Name of (scope, value, type): 128 bits of SHA-1 over all three, so that nobody can make two of
/// them meet by trying.
pub fn key_of(scope: &str, value: &str, kind: &str) -> u128 {
    let digest = Digest::default().part(scope.as_bytes()).part(value.as_bytes());
    let bytes = digest.part(kind.as_bytes()).finish();
    bytes.iter().take(16).fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

/// The UUID (version 5) of a decision whose hash is known: the same wherever it is computed.
pub fn uuid_of(hash: u64) -> String {
    operators::alert::identity::Identity::of_hash("decision", hash).uuid()
}

/// The bytes of [`uuid_of`].
pub fn uuid_bytes_of(hash: u64) -> [u8; 16] {
    operators::alert::identity::Identity::of_hash("decision", hash).uuid_bytes()
}

/// `ip`, `range`, `as` and `country` in any case are `Ip`, `Range`, `AS` and `Country`; other
/// scopes stay as they are (crowdsec pkg/types `NormalizeScope`).
pub fn normal_scope(scope: &str) -> &str {
    const KNOWN: [&str; 4] = ["Ip", "Range", "AS", "Country"];
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(scope)).unwrap_or(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_parts_apart() {
        assert_ne!(key_of("Ip", "1.2.3.4", "ban"), key_of("Ip", "1.2.3.4", "captcha"));
        assert_ne!(key_of("Ip", "ab", "c"), key_of("Ip", "a", "bc"));
        assert_eq!(uuid_of(7), uuid_of(7));
        assert_eq!(uuid_of(7).len(), 36);
        assert_eq!(normal_scope("RANGE"), "Range");
        assert_eq!(normal_scope("user"), "user");
    }
}
