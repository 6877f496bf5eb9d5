//! A kept event read where it lies: the fields that somebody asks for, and nothing restored.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::bytes::Reader;
use super::codec::{Codec, SAID};
use super::kept::{
    CONSTANT, HAS_DOCUMENTS, HAS_LABELS, HAS_OWN_TIME, HAS_RAW, HAS_SOURCE, HAS_STAMP,
    HAS_TIME_TEXT, INLINE, Kept, SPECIAL, SPECIAL_IPV4, SPECIAL_SOURCE, SPECIAL_TIME, VERSION,
    coordinate,
};
use crate::alert::Coordinate;
use crate::event::Event;
use crate::schema::{FieldId, Space};
use crate::text::{RawLine, Text};
use crate::time::Stamp;

/// A kept event whose head is read.
#[derive(Debug)]
pub(super) struct Glance<'a> {
    codec: &'a Codec,
    flags: u8,
    /// Where the line stands.
    pub(super) at: Coordinate,
    /// `evt.Time`.
    pub(super) time: Option<Stamp>,
    /// `evt.Line.Module`.
    pub(super) module: Mark<'a>,
    stamp: Option<Stamp>,
    time_text: &'a str,
    own_source: Option<&'a str>,
    /// The date as text and the source, once somebody asked for them.
    marshaled: OnceCell<Arc<str>>,
    source: OnceCell<Arc<str>>,
    /// What follows the head.
    rest: &'a [u8],
}

/// A text as it is written in the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark<'a> {
    Inline(&'a [u8]),
    Constant(&'static str, usize),
    Time,
    Source,
    Ip(Ipv4Addr),
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Field(FieldId),
    /// A key of `evt.Meta` that the rules do not know.
    Other(&'a str),
}

impl<'a> Glance<'a> {
    /// Reads the head; `None` where the bytes are those of other rules.
    pub(super) fn new(codec: &'a Codec, kept: &'a Kept) -> Option<Self> {
        let mut reader = Reader(kept.as_bytes());
        if reader.byte()? != VERSION {
            return None;
        }
        let flags = reader.byte()?;
        let at = coordinate(&mut reader)?;
        let stamp = if flags & HAS_STAMP == 0 { None } else { Some(reader.stamp()?) };
        let time_text = if flags & HAS_TIME_TEXT == 0 { "" } else { reader.text()? };
        let time = match flags & HAS_OWN_TIME {
            0 => stamp,
            _ if reader.byte()? == 0 => None,
            _ => Some(reader.stamp()?),
        };
        let own_source = if flags & HAS_SOURCE == 0 { None } else { Some(reader.text()?) };
        let module = mark(&mut reader, codec)?;
        let (marshaled, source) = (OnceCell::new(), OnceCell::new());
        let rest = reader.0;
        Some(Self {
            codec,
            flags,
            at,
            time,
            module,
            stamp,
            time_text,
            own_source,
            marshaled,
            source,
            rest,
        })
    }

    /// `evt.MarshaledTime`.
    pub(super) fn marshaled(&self) -> &Arc<str> {
        self.marshaled.get_or_init(|| match self.stamp {
            Some(stamp) => stamp.rfc3339_nano().into(),
            None => self.time_text.into(),
        })
    }

    /// `evt.Line.Src`.
    pub(super) fn source(&self) -> &Arc<str> {
        self.source.get_or_init(|| match self.own_source {
            Some(own) => own.into(),
            None => self.codec.source_of(self.at.partition),
        })
    }

    /// All fields that were kept, in the order of writing.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { codec: self.codec, reader: Reader(self.rest), rare: self.flags }
    }

    /// The text of a field, `None` where it was not written.
    pub(super) fn field(&self, wanted: FieldId) -> Option<Cow<'a, str>> {
        let mut fields = self.fields().map_while(|field| field);
        let found = fields.find(|(name, _)| matches!(name, Name::Field(id) if *id == wanted));
        found.map(|(_, mark)| mark.text(self))
    }

    /// The key that a text has in alerts; `None` of one that they do not show.
    pub(super) fn key_of(&self, name: Name<'_>) -> Option<Arc<str>> {
        match name {
            Name::Field(id) => self.codec.key_of(id),
            Name::Other(name) => Some(Arc::from(name)),
        }
    }

    /// The texts of [`SAID`]; `None` where the bytes are those of other rules.
    pub(super) fn said(&self) -> Option<[Option<Mark<'a>>; SAID.len()]> {
        let mut said = [None; SAID.len()];
        for field in self.fields() {
            let (name, mark) = field?;
            let place = match name {
                Name::Field(id) => self.codec.said_by(id),
                Name::Other(name) => SAID.iter().position(|known| *known == (Space::Meta, name)),
            };
            if let Some(slot) = place.and_then(|place| said.get_mut(place)) {
                *slot = Some(mark);
            }
        }
        Some(said)
    }
}

impl<'a> Mark<'a> {
    /// The characters.
    pub(super) fn text(self, glance: &Glance<'a>) -> Cow<'a, str> {
        match self {
            Self::Inline(bytes) => Cow::Borrowed(text(bytes)),
            Self::Constant(text, _) => Cow::Borrowed(text),
            Self::Time => Cow::Owned(glance.marshaled().to_string()),
            Self::Source => Cow::Owned(glance.source().to_string()),
            Self::Ip(ip) => Cow::Owned(dotted(ip, str::to_owned)),
        }
    }

    /// The same as a text of its own.
    pub(super) fn owned(self, glance: &Glance<'a>) -> Arc<str> {
        match self {
            Self::Inline(bytes) => Arc::from(text(bytes)),
            Self::Constant(_, number) => glance.codec.shared_constant(number),
            Self::Time => Arc::clone(glance.marshaled()),
            Self::Source => Arc::clone(glance.source()),
            Self::Ip(ip) => dotted(ip, |text| Arc::from(text)),
        }
    }

    /// The same as a text of an event.
    pub(super) fn shared(self, glance: &Glance<'a>) -> Text {
        match self {
            Self::Inline(bytes) => Text::from(text(bytes)),
            Self::Constant(text, _) => Text::Static(text),
            Self::Time => Text::from(Arc::clone(glance.marshaled())),
            Self::Source => Text::Shared(Arc::clone(glance.source())),
            Self::Ip(ip) => dotted(ip, |text| Text::from(text)),
        }
    }
}

/// The fields of a kept event; the last one is `None` where the bytes are those of other rules.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    codec: &'a Codec,
    reader: Reader<'a>,
    /// What stands before the fields and was not read yet.
    rare: u8,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(Name<'a>, Mark<'a>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rare = self.rare & (HAS_RAW | HAS_LABELS | HAS_DOCUMENTS) != 0;
        if rare && self.skip_rare().is_none() {
            self.reader.0 = &[];
            return Some(None);
        }
        if self.reader.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.reader.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(Name<'a>, Mark<'a>)> {
        let id = self.reader.length()?;
        let name = match id.checked_sub(1) {
            Some(index) => Name::Field(self.codec.schema().at(index)?),
            None => Name::Other(self.reader.text()?),
        };
        Some((name, mark(&mut self.reader, self.codec)?))
    }

    fn skip_rare(&mut self) -> Option<()> {
        let flags = std::mem::take(&mut self.rare);
        if flags & HAS_RAW != 0 {
            self.reader.text()?;
        }
        if flags & HAS_LABELS != 0 {
            let count = self.reader.number()?;
            (0..count).try_for_each(|_| self.reader.text().and(self.reader.text()).map(|_| ()))?;
        }
        if flags & HAS_DOCUMENTS != 0 {
            self.reader.entries()?;
        }
        Some(())
    }

    /// Reads what few events have into an event, before the first field is read.
    pub(super) fn read_rare(&mut self, event: &mut Event) -> Option<()> {
        let (flags, reader) = (std::mem::take(&mut self.rare), &mut self.reader);
        if flags & HAS_RAW != 0 {
            event.line.raw = RawLine::from(reader.text()?);
        }
        if flags & HAS_LABELS != 0 {
            let count = reader.number()?;
            let pair = |_| Some((Arc::from(reader.text()?), Arc::from(reader.text()?)));
            let labels: BTreeMap<_, _> = (0..count).map(pair).collect::<Option<_>>()?;
            event.line.labels = Arc::new(labels);
        }
        if flags & HAS_DOCUMENTS != 0 {
            event.unmarshaled = reader.entries()?;
        }
        Some(())
    }
}

/// An address as it is written.
fn dotted<T>(ip: Ipv4Addr, make: impl FnOnce(&str) -> T) -> T {
    let mut written = [b'.'; 15];
    let mut length = 0;
    let mut push = |byte: u8| {
        if let Some(place) = written.get_mut(length) {
            *place = byte;
        }
        length += 1;
    };
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    make(text(written.get(..length).unwrap_or_default()))
}

/// The characters of a text; bytes that were not written by a codec may have none.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

fn mark<'a>(reader: &mut Reader<'a>, codec: &Codec) -> Option<Mark<'a>> {
    let number = reader.number()?;
    let rest = number >> 2;
    Some(match (number & 3, rest) {
        (INLINE, _) => Mark::Inline(reader.bytes(usize::try_from(rest).ok()?)?),
        (CONSTANT, _) => {
            let number = usize::try_from(rest).ok()?;
            Mark::Constant(codec.constant_at(number)?, number)
        }
        (SPECIAL, SPECIAL_TIME) => Mark::Time,
        (SPECIAL, SPECIAL_SOURCE) => Mark::Source,
        (SPECIAL, SPECIAL_IPV4) => {
            let octets: [u8; 4] = reader.bytes(4)?.try_into().ok()?;
            Mark::Ip(Ipv4Addr::from(octets))
        }
        _ => return None,
    })
}
