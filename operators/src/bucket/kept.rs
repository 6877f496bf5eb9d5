//! An event in the few bytes that outlive its line: what a pour carries and a bucket holds.
//!
//! All of `evt.Meta`, the other fields that expressions of buckets, scopes and alert contexts read,
//! the date, and where the line stands. Bytes are only understood by a [`Codec`] of the same rules.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::{Reader, Writer};
use crate::alert::{Coordinate, Overflow};
use crate::event::{Event, Kind, Line};
use crate::order::Partition;
use crate::schema::{FieldId, Schema, Space};
use crate::text::{RawLine, Text};
use crate::time::Stamp;
use crate::time::layout::parse_rfc3339;

const VERSION: u8 = 1;

const HAS_RAW: u8 = 1;
const HAS_LABELS: u8 = 1 << 1;
const HAS_DOCUMENTS: u8 = 1 << 2;
const IS_OVERFLOW: u8 = 1 << 3;
/// The date, as an instant whose print is `evt.MarshaledTime`.
const HAS_STAMP: u8 = 1 << 4;
/// `evt.MarshaledTime` as it stands.
const HAS_TIME_TEXT: u8 = 1 << 5;
/// `evt.Time` is another instant than the date.
const HAS_OWN_TIME: u8 = 1 << 6;
/// `evt.Line.Src` is not the name of the source partition.
const HAS_SOURCE: u8 = 1 << 7;

/// How a text is written: the two low bits of a number whose rest is a length, an index or one of
/// the cases of [`SPECIAL`].
const INLINE: u64 = 0;
const CONSTANT: u64 = 1;
const SPECIAL: u64 = 2;
const SPECIAL_TIME: u64 = 0;
const SPECIAL_SOURCE: u64 = 1;
const SPECIAL_IPV4: u64 = 2;

/// Enriched fields that alerts show (pkg/leakybucket/overflows.go `eventSources`).
pub const SOURCE_FIELDS: [&str; 6] =
    ["ASNumber", "ASNNumber", "ASNOrg", "IsoCode", "Latitude", "Longitude"];

/// The bytes of an event. Transport and memory, not a promise: they are read by the rules that
/// wrote them.
#[derive(Clone, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kept(Arc<[u8]>);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Kept {}

impl Debug for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.0.len())
    }
}

impl Kept {
    /// Holds bytes that a [`Codec`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Where the line stands.
    pub fn coordinate(&self) -> Option<Coordinate> {
        let mut reader = Reader(self.0.get(2..)?);
        coordinate(&mut reader)
    }

    /// The date with its zone, where `evt.MarshaledTime` says one.
    pub fn stamp(&self) -> Option<Stamp> {
        let mut reader = Reader(&self.0);
        let (_, flags) = (reader.byte()?, reader.byte()?);
        coordinate(&mut reader)?;
        match flags {
            _ if flags & HAS_STAMP != 0 => reader.stamp(),
            _ if flags & HAS_TIME_TEXT != 0 => parse_rfc3339(reader.text()?),
            _ => None,
        }
    }
}

/// What of an event is kept besides `evt.Meta`.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Fields of `evt.Parsed` and `evt.Enriched`.
    pub fields: Vec<FieldId>,
    /// All of them, because some are named at run time.
    pub every_field: bool,
    /// `evt.Unmarshaled`.
    pub documents: bool,
    /// `evt.Line.Raw`.
    pub raw: bool,
    /// `evt.Line.Labels`.
    pub labels: bool,
}

/// Name of a source partition: what `evt.Line.Src` mostly is.
pub type SourceNames = dyn Fn(Partition) -> Option<Arc<str>> + Send + Sync;

/// Writes and reads [`Kept`] events of one rule set.
pub struct Codec {
    schema: Arc<Schema>,
    keep: Vec<bool>,
    reads: Reads,
    constants: Vec<&'static str>,
    names: Box<SourceNames>,
}

impl Debug for Codec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl Codec {
    /// A codec for events of `schema`. `constants` are texts that rules write (values of statics):
    /// they are kept as numbers. Both sides of an exchange need the same arguments.
    pub fn new(
        schema: Arc<Schema>,
        reads: Reads,
        constants: impl IntoIterator<Item = &'static str>,
        names: Box<SourceNames>,
    ) -> Self {
        let mut keep = vec![reads.every_field; schema.len()];
        let metas = schema.fields(Space::Meta).map(|(_, id)| id);
        let shown = SOURCE_FIELDS.iter().filter_map(|name| schema.find(Space::Enriched, name));
        for id in metas.chain(shown).chain(reads.fields.iter().copied()) {
            if let Some(kept) = keep.get_mut(id.index()) {
                *kept = true;
            }
        }
        let mut constants: Vec<_> = constants.into_iter().chain(["", "file"]).collect();
        constants.sort_unstable();
        constants.dedup();
        Self { schema, keep, reads, constants, names }
    }

    /// The names that kept events can hold.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The bytes of `event`, whose line stands at `at`.
    pub fn keep(&self, event: &Event, at: Coordinate) -> Kept {
        let marshaled = event.text(&event.marshaled_time);
        let stamp = parse_rfc3339(marshaled).filter(|stamp| stamp.rfc3339_nano() == marshaled);
        let source = (self.names)(at.partition);
        let flags = self.flags(event, stamp, source.as_deref());
        let mut writer = Writer(Vec::with_capacity(128));
        writer.byte(VERSION);
        writer.byte(flags);
        writer.number(at.partition.0.into());
        writer.number(at.position);
        if let Some(stamp) = stamp {
            writer.stamp(stamp);
        }
        if flags & HAS_TIME_TEXT != 0 {
            writer.text(marshaled);
        }
        if flags & HAS_OWN_TIME != 0 {
            writer.byte(event.time.is_some().into());
            event.time.iter().for_each(|time| writer.stamp(*time));
        }
        if flags & HAS_SOURCE != 0 {
            writer.text(&event.line.source);
        }
        let facts = Facts { marshaled, source: &event.line.source };
        self.write_text(&mut writer, &event.line.module, event, &facts);
        self.write_rare(&mut writer, event, flags);
        for (id, text) in event.fields() {
            if self.keep.get(id.index()).is_some_and(|keep| *keep) {
                writer.number(id.index() as u64 + 1);
                self.write_text(&mut writer, text, event, &facts);
            }
        }
        let extra = event.extra().filter(|(space, ..)| *space == Space::Meta);
        for (_, name, text) in extra {
            writer.number(0);
            writer.text(name);
            self.write_text(&mut writer, text, event, &facts);
        }
        Kept(writer.0.into())
    }

    /// The event again; `None` where the bytes are those of other rules.
    pub fn restore(&self, kept: &Kept) -> Option<(Event, Coordinate)> {
        let mut reader = Reader(&kept.0);
        if reader.byte()? != VERSION {
            return None;
        }
        let flags = reader.byte()?;
        let at = coordinate(&mut reader)?;
        let stamp = if flags & HAS_STAMP == 0 { None } else { Some(reader.stamp()?) };
        let marshaled = match stamp {
            Some(stamp) => stamp.rfc3339_nano().into(),
            None if flags & HAS_TIME_TEXT != 0 => Text::from(reader.text()?),
            None => Text::EMPTY,
        };
        let time = match flags & HAS_OWN_TIME {
            0 => stamp,
            _ if reader.byte()? == 0 => None,
            _ => Some(reader.stamp()?),
        };
        let source = match flags & HAS_SOURCE {
            0 => (self.names)(at.partition).unwrap_or_else(|| Arc::from("")),
            _ => Arc::from(reader.text()?),
        };
        let module = self.read_text(&mut reader, &marshaled, &source)?;
        let mut event = Event::new(Arc::clone(&self.schema), line(module, source));
        event.time = time;
        event.process = true;
        self.read_rare(&mut reader, &mut event, flags)?;
        while !reader.0.is_empty() {
            let id = reader.length()?;
            let name = if id == 0 { reader.text()? } else { "" };
            let text = self.read_text(&mut reader, &marshaled, &event.line.source)?;
            match id.checked_sub(1) {
                Some(index) => event.set(self.schema.at(index)?, text),
                None => event.set_named(Space::Meta, name, text),
            }
        }
        event.marshaled_time = marshaled;
        Some((event, at))
    }

    /// An event that says nothing, for expressions that run without one.
    pub fn nothing(&self) -> Event {
        Event::new(Arc::clone(&self.schema), line(Text::EMPTY, Arc::from("")))
    }

    fn flags(&self, event: &Event, stamp: Option<Stamp>, source: Option<&str>) -> u8 {
        let marshaled = !event.text(&event.marshaled_time).is_empty();
        let same_time = match (event.time, stamp) {
            (Some(time), Some(stamp)) => {
                time == stamp && time.offset == stamp.offset && time.utc == stamp.utc
            }
            (time, stamp) => time.is_none() && stamp.is_none(),
        };
        let on = [
            (HAS_RAW, self.reads.raw),
            (HAS_LABELS, self.reads.labels),
            (HAS_DOCUMENTS, self.reads.documents && !event.unmarshaled.is_empty()),
            (IS_OVERFLOW, event.kind == Kind::Overflow),
            (HAS_STAMP, stamp.is_some()),
            (HAS_TIME_TEXT, marshaled && stamp.is_none()),
            (HAS_OWN_TIME, !same_time),
            (HAS_SOURCE, source != Some(&*event.line.source)),
        ];
        on.iter().filter(|(_, on)| *on).fold(0, |flags, (flag, _)| flags | flag)
    }

    fn write_text(&self, writer: &mut Writer, text: &Text, event: &Event, facts: &Facts<'_>) {
        let chars = event.text(text);
        let constant = match text {
            Text::Static(known) => self.constants.binary_search(known).ok(),
            _ if chars.is_empty() => self.constants.binary_search(&"").ok(),
            _ => None,
        };
        if let Some(index) = constant {
            return writer.number((index as u64) << 2 | CONSTANT);
        }
        if chars == facts.marshaled {
            return writer.number(SPECIAL_TIME << 2 | SPECIAL);
        }
        if chars == facts.source {
            return writer.number(SPECIAL_SOURCE << 2 | SPECIAL);
        }
        let numeric = chars.len() <= 15 && chars.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if let Some(ip) = numeric.then(|| chars.parse::<Ipv4Addr>().ok()).flatten() {
            writer.number(SPECIAL_IPV4 << 2 | SPECIAL);
            return writer.0.extend_from_slice(&ip.octets());
        }
        writer.number((chars.len() as u64) << 2 | INLINE);
        writer.0.extend_from_slice(chars.as_bytes());
    }

    fn read_text(&self, reader: &mut Reader<'_>, time: &Text, source: &Arc<str>) -> Option<Text> {
        let number = reader.number()?;
        let rest = number >> 2;
        Some(match (number & 3, rest) {
            (INLINE, _) => {
                let bytes = reader.bytes(usize::try_from(rest).ok()?)?;
                Text::from(std::str::from_utf8(bytes).ok()?)
            }
            (CONSTANT, _) => Text::Static(self.constants.get(usize::try_from(rest).ok()?)?),
            (SPECIAL, SPECIAL_TIME) => time.clone(),
            (SPECIAL, SPECIAL_SOURCE) => Text::Shared(Arc::clone(source)),
            (SPECIAL, SPECIAL_IPV4) => {
                let octets: [u8; 4] = reader.bytes(4)?.try_into().ok()?;
                Text::from(Ipv4Addr::from(octets).to_string())
            }
            _ => return None,
        })
    }

    fn write_rare(&self, writer: &mut Writer, event: &Event, flags: u8) {
        if flags & HAS_RAW != 0 {
            writer.text(event.line.raw.as_str());
        }
        if flags & HAS_LABELS != 0 {
            writer.number(event.line.labels.len() as u64);
            for (key, value) in event.line.labels.iter() {
                writer.text(key);
                writer.text(value);
            }
        }
        if flags & HAS_DOCUMENTS != 0 {
            writer.entries(&event.unmarshaled);
        }
        if flags & IS_OVERFLOW != 0 {
            let json = event.overflow.as_deref().map(serde_json::to_string);
            writer.text(json.and_then(Result::ok).as_deref().unwrap_or(""));
        }
    }

    fn read_rare(&self, reader: &mut Reader<'_>, event: &mut Event, flags: u8) -> Option<()> {
        if flags & HAS_RAW != 0 {
            event.line.raw = RawLine::from(reader.text()?);
        }
        if flags & HAS_LABELS != 0 {
            let count = reader.number()?;
            let pair = |_| Some((Arc::from(reader.text()?), Arc::from(reader.text()?)));
            event.line.labels = Arc::new((0..count).map(pair).collect::<Option<_>>()?);
        }
        if flags & HAS_DOCUMENTS != 0 {
            event.unmarshaled = reader.entries()?;
        }
        if flags & IS_OVERFLOW != 0 {
            let overflow: Option<Overflow> = serde_json::from_str(reader.text()?).ok();
            event.kind = Kind::Overflow;
            event.overflow = overflow.map(Arc::new);
        }
        Some(())
    }
}

fn line(module: Text, source: Arc<str>) -> Line {
    let time = Stamp::utc_at(crate::time::EventTime(0));
    Line { raw: RawLine::from(""), source, labels: Arc::new(BTreeMap::new()), module, time }
}

/// Texts of an event that its fields often repeat.
struct Facts<'a> {
    marshaled: &'a str,
    source: &'a str,
}

fn coordinate(reader: &mut Reader<'_>) -> Option<Coordinate> {
    let partition = Partition(u32::try_from(reader.number()?).ok()?);
    Some(Coordinate { partition, position: reader.number()? })
}
