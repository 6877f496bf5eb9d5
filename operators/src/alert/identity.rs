//! Names that come out the same when the same input is read again (law 4): SHA-1 over what an
//! alert or a decision stands for.

use sha1::{Digest as _, Sha1};

use super::Alert;

/// SHA-1: ids of what is already published depend on it, and bucket keys are CrowdSec's
/// (pkg/leakybucket/manager_load.go `BucketKey`). Not for secrets.
#[derive(Clone, Debug, Default)]
pub struct Digest(Vec<u8>);

impl Digest {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Takes a part with its length before it, so that parts never run into each other.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.update(&(bytes.len() as u64).to_le_bytes());
        self.update(bytes);
        self
    }

    /// The 20 bytes.
    pub fn finish(self) -> [u8; 20] {
        Sha1::digest(&self.0).into()
    }
}

/// Hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(*byte)]);
    }
    text
}

/// What an alert is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity([u8; 16]);

impl Identity {
    /// The name of what has a number already, as a decision has.
    pub fn of_hash(what: &str, hash: u64) -> Self {
        let digest = Digest::default().part(what.as_bytes()).part(&hash.to_le_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finish()[..16]);
        Self(bytes)
    }

    /// The number, 63 bits.
    pub fn id(self) -> u64 {
        id_of(&self.0)
    }

    /// The same as a UUID of version 5 (RFC 9562): name-based, SHA-1.
    pub fn uuid_bytes(self) -> [u8; 16] {
        let mut bytes = self.0;
        bytes[6] = (bytes[6] & 0x0f) | 0x50;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        bytes
    }

    /// The UUID as text.
    pub fn uuid(self) -> String {
        let text = hex(&self.uuid_bytes());
        let (a, rest) = text.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        format!("{a}-{b}-{c}-{d}-{e}")
    }
}

impl Alert {
    /// Name of the alert: a function of its scenario, version, bucket, lines, place and source.
    pub fn identity(&self) -> Identity {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.digest("alert").finish()[..16]);
        Identity(bytes)
    }

    /// Number of the decision that profile `profile` makes at `index`.
    pub fn decision_id(&self, profile: &str, index: usize) -> u64 {
        self.decision_ids(profile)(index)
    }

    /// Numbers of the decisions that a profile makes, by their index.
    pub fn decision_ids(&self, profile: &str) -> impl Fn(usize) -> u64 + use<> {
        let Digest(start) = self.digest("decision").part(profile.as_bytes());
        let start = Sha1::new_with_prefix(start);
        move |index| {
            let Digest(last) = Digest::default().part(&(index as u64).to_le_bytes());
            id_of(&start.clone().chain_update(last).finalize())
        }
    }

    fn digest(&self, what: &str) -> Digest {
        let mut digest = Digest::default()
            .part(what.as_bytes())
            .part(self.scenario.as_bytes())
            .part(self.scenario_version.as_bytes())
            .part(self.bucket.as_bytes())
            .part(self.source.scope.as_bytes())
            .part(self.source.value.as_bytes())
            .part(&self.cause.clock.0.to_le_bytes())
            .part(&(self.coordinates.len() as u64).to_le_bytes());
        if self.cause.part > 0 || self.nth > 0 {
            digest = digest.part(&self.cause.part.to_le_bytes());
        }
        if self.nth > 0 {
            digest = digest.part(&self.nth.to_le_bytes());
        }
        for coordinate in self.coordinates.iter() {
            digest.update(&coordinate.partition.0.to_le_bytes());
            digest.update(&coordinate.position.to_le_bytes());
        }
        digest
    }
}

fn id_of(bytes: &[u8]) -> u64 {
    let first = bytes.iter().take(8).fold(0_u64, |id, byte| (id << 8) | u64::from(*byte));
    first >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_sha1() {
        let of = |text: &str| {
            let mut digest = Digest::default();
            digest.update(text.as_bytes());
            hex(&digest.finish())
        };
        assert_eq!(of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of(&"a".repeat(1_000)), "291e9a6c66994949b57ba5e650361e98fc36b1ba");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let split = |a: &str, b: &str| Digest::default().part(a.as_bytes()).part(b.as_bytes());
        assert_ne!(split("ab", "c").finish(), split("a", "bc").finish());
    }

    #[test]
    fn uuid_is_of_version_5() {
        let uuid = Identity([0xff; 16]).uuid();
        assert_eq!(uuid, "ffffffff-ffff-5fff-bfff-ffffffffffff");
        assert!(Identity([0xff; 16]).id() <= i64::MAX as u64);
    }
}
