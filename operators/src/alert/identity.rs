//! Names that come out the same when the same input is read again (law 4): SHA-1 over what an
//! alert or a decision stands for.

use super::Alert;

/// SHA-1 (RFC 3174), here because the ids of what is already published depend on it and bucket
/// keys are CrowdSec's (pkg/leakybucket/manager_load.go `BucketKey`). Not for secrets.
#[derive(Clone, Debug)]
pub struct Digest {
    state: [u32; 5],
    block: [u8; 64],
    filled: usize,
    length: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0],
            block: [0; 64],
            filled: 0,
            length: 0,
        }
    }
}

impl Digest {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        while let Some(free) = self.block.get_mut(self.filled..)
            && !rest.is_empty()
        {
            let (now, later) = rest.split_at(free.len().min(rest.len()));
            free.iter_mut().zip(now).for_each(|(slot, byte)| *slot = *byte);
            self.filled += now.len();
            rest = later;
            if self.filled == self.block.len() {
                self.filled = 0;
                self.compress();
            }
        }
    }

    /// Takes a part with its length before it, so that parts never run into each other.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.update(&(bytes.len() as u64).to_le_bytes());
        self.update(bytes);
        self
    }

    /// The 20 bytes.
    pub fn finish(mut self) -> [u8; 20] {
        let bits = self.length * 8;
        self.push(0x80);
        while self.filled != 56 {
            self.push(0);
        }
        for byte in bits.to_be_bytes() {
            self.push(byte);
        }
        let mut out = [0; 20];
        for (four, word) in out.chunks_exact_mut(4).zip(self.state) {
            four.copy_from_slice(&word.to_be_bytes());
        }
        out
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.block.get_mut(self.filled) {
            *slot = byte;
        }
        self.filled += 1;
        if self.filled == 64 {
            self.filled = 0;
            self.compress();
        }
    }

    fn compress(&mut self) {
        let mut words = [0_u32; 80];
        for (word, four) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = four.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        for i in 16..80 {
            words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = self.state;
        for (round, word) in words.iter().enumerate() {
            let (mix, constant) = match round / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e);
            let next = next.wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (word, add) in self.state.iter_mut().zip([a, b, c, d, e]) {
            *word = word.wrapping_add(add);
        }
    }
}

/// Hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
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
    pub fn uuid(self) -> String {
        let mut bytes = self.0;
        bytes[6] = (bytes[6] & 0x0f) | 0x50;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex(&bytes);
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
        let digest = self.digest("decision").part(profile.as_bytes());
        id_of(&digest.part(&(index as u64).to_le_bytes()).finish())
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
        if self.cause.part > 0 {
            digest = digest.part(&self.cause.part.to_le_bytes());
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
