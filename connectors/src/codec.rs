//! Compressed inputs: recognised by their first bytes, never by their name, and decoded as a
//! stream. Stands between the file and `lines.rs`. Several members or frames in one file are
//! read one after the other.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// The `.xz` container.
    Xz,
}

/// What is known after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detection {
    /// It is this.
    Is(Codec),
    /// More bytes are needed to tell.
    Open,
}

/// What one decoder may hold, above the 65 MiB that `xz -9` asks for. Unit: bytes.
const XZ_MEMORY: u64 = 256 << 20;
/// Compressed bytes read at once.
const INPUT_BUFFER: usize = 64 << 10;

const BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];

/// The longest signature. Unit: bytes.
pub(crate) const SIGNATURE: usize = 10;

impl Codec {
    /// Tells the codec from the first bytes of an input; `ended` if there are no more.
    pub(crate) fn detect(head: &[u8], ended: bool) -> Detection {
        let mut open = false;
        for (codec, matches) in SIGNATURES {
            match matches(head) {
                Some(true) => return Detection::Is(*codec),
                Some(false) => {}
                None => open = true,
            }
        }
        if open && !ended { Detection::Open } else { Detection::Is(Self::Plain) }
    }

    /// A reader of the unpacked text.
    ///
    /// # Errors
    /// When the decoder cannot be set up.
    pub(crate) fn decode(self, packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        if self == Self::Plain {
            return Ok(packed);
        }
        let packed = BufReader::with_capacity(INPUT_BUFFER, packed);
        Ok(match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(xz(packed)?),
        })
    }
}

fn xz<R: BufRead>(packed: R) -> io::Result<liblzma::bufread::XzDecoder<R>> {
    let stream =
        liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
    Ok(liblzma::bufread::XzDecoder::new_stream(packed, stream))
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }
}

/// Whether the bytes begin so; `None` while they are too few to tell.
type Signature = fn(&[u8]) -> Option<bool>;

const SIGNATURES: &[(Codec, Signature)] = &[
    (Codec::Gzip, |head| begins(head, &[0x1f, 0x8b, 0x08])),
    (Codec::Zstd, |head| begins(head, &[0x28, 0xb5, 0x2f, 0xfd])),
    (Codec::Zstd, is_skippable_frame),
    (Codec::Bzip2, is_bzip2),
    (Codec::Xz, |head| begins(head, &[0xfd, b'7', b'z', b'X', b'Z', 0])),
];

fn begins(head: &[u8], signature: &[u8]) -> Option<bool> {
    let known = head.len().min(signature.len());
    if head.get(..known) != signature.get(..known) {
        return Some(false);
    }
    (known == signature.len()).then_some(true)
}

/// A zstd file may begin with a frame of metadata: 0x184D2A50 to 0x184D2A5F, little endian.
fn is_skippable_frame(head: &[u8]) -> Option<bool> {
    match head {
        [] => None,
        [first, rest @ ..] if first & 0xf0 == 0x50 => begins(rest, &[0x2a, 0x4d, 0x18]),
        _ => Some(false),
    }
}

/// `BZh`, a level and the mark of a block: the letters alone might begin a log line.
fn is_bzip2(head: &[u8]) -> Option<bool> {
    if let Some(level) = head.get(3)
        && !(b'1'..=b'9').contains(level)
    {
        return Some(false);
    }
    match (begins(head, b"BZh")?, head.get(4..)) {
        (false, _) => Some(false),
        (true, None) => None,
        (true, Some(rest)) => match (begins(rest, &BLOCK), begins(rest, &END)) {
            (Some(false), end) => end,
            (block, _) => block,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_plain_after_its_first_byte_unless_a_signature_begins_so() {
        assert_eq!(Codec::detect(b"a", false), Detection::Is(Codec::Plain));
        assert_eq!(Codec::detect(b"B", false), Detection::Open);
        assert_eq!(Codec::detect(b"BZh9", false), Detection::Open);
        assert_eq!(Codec::detect(b"BZh9", true), Detection::Is(Codec::Plain));
        assert_eq!(Codec::detect(b"BZh9 is a user name", false), Detection::Is(Codec::Plain));
        assert_eq!(Codec::detect(b"", false), Detection::Open);
        assert_eq!(Codec::detect(b"", true), Detection::Is(Codec::Plain));
    }

    #[test]
    fn an_archive_of_nothing_is_recognised() {
        assert_eq!(
            Codec::detect(b"BZh9\x17\x72\x45\x38\x50\x90", false),
            Detection::Is(Codec::Bzip2)
        );
        assert_eq!(Codec::detect(b"\x50\x2a\x4d\x18", false), Detection::Is(Codec::Zstd));
    }

    #[test]
    fn no_signature_is_longer_than_what_is_looked_at() {
        let mut head = b"BZh9".to_vec();
        head.extend(BLOCK);
        assert_eq!(head.len(), SIGNATURE);
        assert_eq!(Codec::detect(&head, false), Detection::Is(Codec::Bzip2));
    }
}
