//! How a file begins: what it is known by, wherever it went.

use serde::{Deserialize, Serialize};

/// So many first bytes know a file. Unit: bytes.
pub(super) const HEAD: usize = 1024;

/// The first bytes of a file: as many as there were, up to [`HEAD`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    bytes: usize,
    hash: u64,
}

impl Head {
    /// The head of a file that begins so.
    pub(super) fn of(begin: &[u8]) -> Self {
        let begin = begin.get(..HEAD).unwrap_or(begin);
        Self { bytes: begin.len(), hash: hash(begin) }
    }

    /// Whether a file that begins so may be the same, grown.
    pub(super) fn is_of(&self, begin: &[u8]) -> bool {
        self.is_empty() || begin.get(..self.bytes).is_some_and(|begin| hash(begin) == self.hash)
    }

    /// Whether nothing was known of the file.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it does not grow any more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= HEAD
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_it_began_with() {
        let head = Head::of(b"first line\n");
        assert!(head.is_of(b"first line\nsecond"));
        assert!(!head.is_of(b"first"), "it cannot have shrunk");
        assert!(!head.is_of(b"First line\nsecond"));
        assert!(Head::default().is_of(b""));
        assert!(Head::of(&[b'x'; 5000]).is_of(&[b'x'; HEAD]));
    }
}
