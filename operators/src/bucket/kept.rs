//! An event in the few bytes that outlive its line: what a pour carries and a bucket holds.
//!
//! All of `evt.Meta`, the other fields that expressions of buckets, scopes and alert contexts read,
//! the date, and where the line stands. Bytes are only understood by a [`super::Codec`] of the same
//! rules, which writes and restores them; `glance` reads them where they lie.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::Reader;
use crate::alert::{Coordinate, Overflow};
use crate::place::Partition;
use crate::time::Stamp;
use crate::time::layout::parse_rfc3339;

pub(super) const VERSION: u8 = 1;

pub(super) const HAS_RAW: u8 = 1;
pub(super) const HAS_LABELS: u8 = 1 << 1;
pub(super) const HAS_DOCUMENTS: u8 = 1 << 2;
pub(super) const IS_OVERFLOW: u8 = 1 << 3;
/// The date, as an instant whose print is `evt.MarshaledTime`.
pub(super) const HAS_STAMP: u8 = 1 << 4;
/// `evt.MarshaledTime` as it stands.
pub(super) const HAS_TIME_TEXT: u8 = 1 << 5;
/// `evt.Time` is another instant than the date.
pub(super) const HAS_OWN_TIME: u8 = 1 << 6;
/// `evt.Line.Src` is not the name of the source partition.
pub(super) const HAS_SOURCE: u8 = 1 << 7;

/// How a text is written: the two low bits of a number whose rest is a length, an index or one of
/// the cases of [`SPECIAL`].
pub(super) const INLINE: u64 = 0;
pub(super) const CONSTANT: u64 = 1;
pub(super) const SPECIAL: u64 = 2;
pub(super) const SPECIAL_TIME: u64 = 0;
pub(super) const SPECIAL_SOURCE: u64 = 1;
pub(super) const SPECIAL_IPV4: u64 = 2;

/// The bytes of an event. Transport and memory, not a promise: they are read by the rules that
/// wrote them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    bytes: Arc<[u8]>,
    /// What overflowed, of an overflow that is matched again.
    overflow: Option<Arc<Overflow>>,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.overflow, &other.overflow) {
            (Some(one), Some(another)) => Arc::ptr_eq(one, another),
            (one, another) => one.is_none() && another.is_none(),
        };
        same && (Arc::ptr_eq(&self.bytes, &other.bytes) || self.bytes == other.bytes)
    }
}

impl Eq for Kept {}

impl Debug for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.bytes.len())
    }
}

impl Kept {
    pub(super) fn new(bytes: &[u8], overflow: Option<Arc<Overflow>>) -> Self {
        Self { bytes: bytes.into(), overflow }
    }

    /// Holds bytes that a [`super::Codec`] wrote of a line.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::new(bytes, None)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What overflowed, of an overflow that is matched again.
    pub fn overflow(&self) -> Option<&Arc<Overflow>> {
        self.overflow.as_ref()
    }

    /// Where the line stands.
    pub fn coordinate(&self) -> Option<Coordinate> {
        let mut reader = Reader(self.bytes.get(2..)?);
        coordinate(&mut reader)
    }

    /// Whether it is an overflow that was matched again.
    pub fn is_overflow(&self) -> bool {
        self.bytes.get(1).is_some_and(|flags| flags & IS_OVERFLOW != 0)
    }

    /// `evt.Time`, where there is one.
    pub(super) fn time(&self) -> Option<Stamp> {
        let mut reader = Reader(self.bytes.get(1..)?);
        let flags = reader.byte()?;
        coordinate(&mut reader)?;
        let stamp = if flags & HAS_STAMP == 0 { None } else { Some(reader.stamp()?) };
        if flags & HAS_OWN_TIME == 0 {
            return stamp;
        }
        if flags & HAS_TIME_TEXT != 0 {
            reader.text()?;
        }
        if reader.byte()? == 0 { None } else { reader.stamp() }
    }

    /// The date with its zone, where `evt.MarshaledTime` says one.
    pub fn stamp(&self) -> Option<Stamp> {
        stamp_in(&self.bytes)
    }
}

/// [`Kept::stamp`] of the bytes.
pub(super) fn stamp_in(bytes: &[u8]) -> Option<Stamp> {
    let mut reader = Reader(bytes);
    let (_, flags) = (reader.byte()?, reader.byte()?);
    coordinate(&mut reader)?;
    match flags {
        _ if flags & HAS_STAMP != 0 => reader.stamp(),
        _ if flags & HAS_TIME_TEXT != 0 => parse_rfc3339(reader.text()?),
        _ => None,
    }
}

pub(super) fn coordinate(reader: &mut Reader<'_>) -> Option<Coordinate> {
    let partition = Partition(u32::try_from(reader.number()?).ok()?);
    Some(Coordinate { partition, position: reader.number()? })
}
