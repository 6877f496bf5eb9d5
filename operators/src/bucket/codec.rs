//! Writes events as [`Kept`] bytes and restores them, for one rule set.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::net::Ipv4Addr;
use std::sync::Arc;

use hashbrown::HashTable;

use super::bytes::Writer;
use super::dialect::Dialect;
use super::glance::{Glance, Name};
use super::kept::{
    CONSTANT, HAS_DOCUMENTS, HAS_LABELS, HAS_OWN_TIME, HAS_RAW, HAS_SOURCE, HAS_STAMP,
    HAS_TIME_TEXT, INLINE, IS_OVERFLOW, Kept, SPECIAL, SPECIAL_IPV4, SPECIAL_SOURCE, SPECIAL_TIME,
    VERSION,
};
use crate::alert::Coordinate;
use crate::event::{Event, Kind, Line};
use crate::hash::spread;
use crate::place::Partition;
use crate::schema::{FieldId, Schema, Space};
use crate::text::{RawLine, Text};
use crate::time::{EventTime, Stamp};

/// Fields that say who did it (pkg/leakybucket/overflows.go `eventSources`).
pub const SAID: [(Space, &str); 8] = [
    (Space::Meta, "source_ip"),
    (Space::Meta, "SourceRange"),
    (Space::Enriched, "IsoCode"),
    (Space::Enriched, "ASNOrg"),
    (Space::Enriched, "ASNumber"),
    (Space::Enriched, "ASNNumber"),
    (Space::Enriched, "Latitude"),
    (Space::Enriched, "Longitude"),
];

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

/// What is to be done with a field.
#[derive(Clone, Debug)]
struct Field {
    /// Whether it is kept.
    kept: bool,
    /// Its place in [`SAID`].
    said: Option<usize>,
    /// Its key in alerts, of a field of `evt.Meta`.
    key: Option<Arc<str>>,
}

/// Name of a source partition: what `evt.Line.Src` mostly is.
pub type SourceNames = dyn Fn(Partition) -> Option<Arc<str>> + Send + Sync;

/// Writes and reads [`Kept`] events of one rule set.
pub struct Codec {
    schema: Arc<Schema>,
    fields: Vec<Field>,
    reads: Reads,
    /// Sorted: their numbers mean the same in every run of the same rules.
    constants: Vec<&'static str>,
    /// The same as alerts show them.
    shared: Vec<Arc<str>>,
    /// Where each constant lies, with its number: most texts of rules are the very copy that is
    /// known here.
    places: HashTable<(usize, u32)>,
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
        let field = |id: FieldId| {
            let (space, name) = schema.name(id);
            let said = SAID.iter().position(|known| *known == (space, name));
            let key = (space == Space::Meta).then(|| Arc::from(name));
            Field { kept: reads.every_field || said.is_some() || key.is_some(), said, key }
        };
        let mut fields: Vec<_> =
            (0..schema.len()).filter_map(|index| schema.at(index).map(field)).collect();
        for id in &reads.fields {
            if let Some(field) = fields.get_mut(id.index()) {
                field.kept = true;
            }
        }
        let mut constants: Vec<_> = constants.into_iter().chain(["", "file"]).collect();
        constants.sort_unstable();
        constants.dedup();
        let mut places = HashTable::new();
        for (text, number) in constants.iter().zip(0..) {
            let place = text.as_ptr().addr();
            places
                .insert_unique(spread(place as u64), (place, number), |(at, _)| spread(*at as u64));
        }
        let shared = constants.iter().map(|text| Arc::from(*text)).collect();
        Self { schema, fields, reads, constants, shared, places, names }
    }

    /// The names that kept events can hold.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What the numbers in the bytes stand for.
    pub fn dialect(&self) -> Dialect {
        let fields = (0..self.schema.len()).filter_map(|index| self.schema.at(index));
        let name = |id| {
            let (space, name) = self.schema.name(id);
            (Dialect::letter(space), name.to_owned())
        };
        let constants = self.constants.iter().map(|text| (*text).to_owned()).collect();
        Dialect { fields: fields.map(name).collect(), constants }
    }

    /// The bytes of `event`, whose line stands at `at`.
    pub fn keep(&self, event: &Event, at: Coordinate) -> Kept {
        let marshaled = event.text(&event.marshaled_time);
        let stamp = event.exact_date();
        let source = (self.names)(at.partition);
        let flags = self.flags(event, stamp, source.as_deref());
        let mut writer = Writer(Vec::with_capacity(192));
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
            if self.fields.get(id.index()).is_some_and(|field| field.kept) {
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
        Kept::new(&writer.0, event.overflow.clone())
    }

    /// The event again; `None` where the bytes are those of other rules.
    pub fn restore(&self, kept: &Kept) -> Option<(Event, Coordinate)> {
        let glance = self.glance(kept)?;
        let module = glance.module.shared(&glance);
        let mut event =
            Event::small(Arc::clone(&self.schema), line(module, Arc::clone(glance.source())));
        event.time = glance.time;
        event.process = true;
        event.marshaled_time = Text::from(Arc::clone(glance.marshaled()));
        if kept.is_overflow() {
            event.kind = Kind::Overflow;
            event.overflow = kept.overflow().cloned();
        }
        let mut fields = glance.fields();
        fields.read_rare(&mut event)?;
        for field in &mut fields {
            let (name, mark) = field?;
            let text = mark.shared(&glance);
            match name {
                Name::Field(id) => event.set(id, text),
                Name::Other(name) => event.set_named(Space::Meta, name, text),
            }
        }
        Some((event, glance.at))
    }

    /// A kept event to be read where it lies; `None` where the bytes are those of other rules.
    pub(super) fn glance<'a>(&'a self, kept: &'a Kept) -> Option<Glance<'a>> {
        Glance::new(self, kept)
    }

    /// An event that says nothing, for expressions that run without one.
    pub fn nothing(&self) -> Event {
        Event::small(Arc::clone(&self.schema), line(Text::EMPTY, Arc::from("")))
    }

    /// The number of a constant.
    fn constant(&self, text: &'static str) -> Option<u64> {
        let place = text.as_ptr().addr();
        let here = self.places.find(spread(place as u64), |(at, number)| {
            let known = self.constants.get(*number as usize);
            *at == place && known.is_some_and(|known| known.len() == text.len())
        });
        match here {
            Some((_, number)) => Some((*number).into()),
            None => self.constants.binary_search(&text).ok().map(|number| number as u64),
        }
    }

    /// The constant of that number.
    pub(super) fn constant_at(&self, number: usize) -> Option<&'static str> {
        self.constants.get(number).copied()
    }

    /// The same as alerts show it.
    pub(super) fn shared_constant(&self, number: usize) -> Arc<str> {
        self.shared.get(number).cloned().unwrap_or_default()
    }

    /// The key of a field in alerts; `None` of one that they do not show.
    pub(super) fn key_of(&self, id: FieldId) -> Option<Arc<str>> {
        self.fields.get(id.index())?.key.clone()
    }

    /// The place of a field in [`SAID`].
    pub(super) fn said_by(&self, id: FieldId) -> Option<usize> {
        self.fields.get(id.index())?.said
    }

    /// Name of a source partition.
    pub(super) fn source_of(&self, partition: Partition) -> Arc<str> {
        (self.names)(partition).unwrap_or_default()
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
            Text::Static(known) => self.constant(known),
            _ if chars.is_empty() => self.constant(""),
            _ => None,
        };
        if let Some(index) = constant {
            return writer.number(index << 2 | CONSTANT);
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
    }
}

/// When lines of restored events claim to have been read.
pub(super) const NO_TIME: Stamp = Stamp::utc_at(EventTime(0));

fn line(module: Text, source: Arc<str>) -> Line {
    let time = NO_TIME;
    Line {
        raw: RawLine::from(""),
        source,
        labels: Arc::new(BTreeMap::new()),
        module,
        time,
        zone: None,
    }
}

/// Texts of an event that its fields often repeat.
struct Facts<'a> {
    marshaled: &'a str,
    source: &'a str,
}
