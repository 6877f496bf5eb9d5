//! What a bucket on disk says without its rules: for people, and for who checks a store.

use std::net::Ipv4Addr;

use super::bytes::Reader;
use super::dialect::Dialect;
use super::kept::{
    CONSTANT, HAS_DOCUMENTS, HAS_LABELS, HAS_OWN_TIME, HAS_RAW, HAS_SOURCE, HAS_STAMP,
    HAS_TIME_TEXT, INLINE, SPECIAL, SPECIAL_IPV4, SPECIAL_SOURCE, SPECIAL_TIME, VERSION,
    coordinate,
};
use super::record::{body, remembered_until};
use crate::alert::Coordinate;
use crate::time::{EventTime, Stamp};

/// A bucket as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// Hash of all that its state depends on: another one than that of its scenario means that the
    /// scenario has changed.
    pub content: u64,
    /// In which dialect its events are.
    pub dialect: u32,
    /// Tokens after the last event.
    pub tokens: f64,
    /// Time of the first event.
    pub first: Stamp,
    /// Time of the last event.
    pub last: Stamp,
    /// Events poured in all.
    pub total: u32,
    /// Values of `distinct` so far.
    pub distinct: Vec<String>,
    /// Until when it is remembered, by the clock of the order.
    pub until: EventTime,
    /// Events held, oldest first.
    pub events: Vec<Box<[u8]>>,
}

/// A held event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where its line stands.
    pub at: Coordinate,
    /// Its date.
    pub stamp: Option<Stamp>,
    /// What is kept of it: `Meta.source_ip` and the like, and the text.
    pub fields: Vec<(String, String)>,
}

impl Portrait {
    /// Reads the value of a bucket; `None` where the bytes make no sense.
    pub fn read(value: &[u8]) -> Option<Self> {
        let until = remembered_until(value)?;
        let mut reader = body(value)?;
        let content = u64::from_be_bytes(reader.bytes(8)?.try_into().ok()?);
        let dialect = u32::try_from(reader.number()?).ok()?;
        let tokens = f64::from_le_bytes(reader.bytes(8)?.try_into().ok()?);
        let (first, last) = (reader.stamp()?, reader.stamp()?);
        reader.signed()?;
        reader.signed()?;
        let total = u32::try_from(reader.number()?).ok()?;
        let mut distinct = Vec::new();
        for _ in 0..reader.number()? {
            distinct.push(reader.text()?.to_owned());
        }
        for _ in 0..reader.number()? {
            reader.number()?;
        }
        let mut events = Vec::new();
        for _ in 0..reader.number()? {
            let length = reader.length()?;
            events.push(reader.bytes(length)?.into());
            reader.text()?;
        }
        Some(Self { content, dialect, tokens, first, last, total, distinct, until, events })
    }
}

impl Held {
    /// Reads a held event; `None` where the bytes make no sense.
    pub fn read(bytes: &[u8], dialect: &Dialect) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let flags = reader.byte()?;
        let at = coordinate(&mut reader)?;
        let has = |flag| flags & flag != 0;
        let stamp = if has(HAS_STAMP) { Some(reader.stamp()?) } else { None };
        let mut time = stamp.map(|stamp| stamp.rfc3339_nano()).unwrap_or_default();
        if has(HAS_TIME_TEXT) {
            reader.text()?.clone_into(&mut time);
        }
        if has(HAS_OWN_TIME) && reader.byte()? != 0 {
            reader.stamp()?;
        }
        let source = if has(HAS_SOURCE) { reader.text()? } else { "" };
        let mut words = Words { dialect, time, source };
        words.text(&mut reader)?;
        let mut fields = Vec::new();
        if has(HAS_RAW) {
            fields.push(("Line.Raw".to_owned(), reader.text()?.to_owned()));
        }
        if has(HAS_LABELS) {
            for _ in 0..reader.number()? {
                let name = format!("Line.Labels.{}", reader.text()?);
                fields.push((name, reader.text()?.to_owned()));
            }
        }
        if has(HAS_DOCUMENTS) {
            reader.entries()?;
        }
        while !reader.0.is_empty() {
            let name = match reader.length()?.checked_sub(1) {
                None => format!("Meta.{}", reader.text()?),
                Some(index) => named(dialect.fields.get(index)?),
            };
            fields.push((name, words.text(&mut reader)?));
        }
        Some(Self { at, stamp, fields })
    }
}

fn named((space, name): &(char, String)) -> String {
    let space = match space {
        'p' => "Parsed",
        'e' => "Enriched",
        _ => "Meta",
    };
    format!("{space}.{name}")
}

/// What texts may refer to.
struct Words<'a> {
    dialect: &'a Dialect,
    time: String,
    source: &'a str,
}

impl Words<'_> {
    fn text(&mut self, reader: &mut Reader<'_>) -> Option<String> {
        let number = reader.number()?;
        let rest = number >> 2;
        Some(match (number & 3, rest) {
            (INLINE, length) => {
                let bytes = reader.bytes(usize::try_from(length).ok()?)?;
                std::str::from_utf8(bytes).ok()?.to_owned()
            }
            (CONSTANT, index) => self.dialect.constants.get(usize::try_from(index).ok()?)?.clone(),
            (SPECIAL, SPECIAL_TIME) => self.time.clone(),
            (SPECIAL, SPECIAL_SOURCE) => self.source.to_owned(),
            (SPECIAL, SPECIAL_IPV4) => {
                let octets: [u8; 4] = reader.bytes(4)?.try_into().ok()?;
                Ipv4Addr::from(octets).to_string()
            }
            _ => return None,
        })
    }
}
