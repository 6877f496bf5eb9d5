//! The event: one line and everything that the rules found out about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::Overflow;
use crate::origin::Origin;
use crate::schema::{FieldId, Schema, Space};
use crate::text::{RawLine, Text};
use crate::time::layout::parse_rfc3339;
use crate::time::{Stamp, Zone};
use crate::value::Value;

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A log line.
    #[default]
    Log,
    /// A bucket that overflowed.
    Overflow,
    /// A verdict of the WAF.
    Appsec,
}

/// The line as it was read.
#[derive(Clone, Debug)]
pub struct Line {
    /// The text, without its line end.
    pub raw: RawLine,
    /// Where it came from: a path, a topic, …
    pub source: Arc<str>,
    /// Labels of the acquisition; `type` drives the parsers.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// Name of the data source module: `file`, `kafka`, …
    pub module: Text,
    /// When it was read or, where the source says so, written.
    pub time: Stamp,
    /// Where dates of it that say no zone were written; UTC if `None`.
    pub zone: Option<Zone>,
}

impl Line {
    /// A line of this origin.
    pub fn of(origin: &Origin, raw: RawLine, time: Stamp) -> Self {
        Self {
            raw,
            source: Arc::clone(&origin.source),
            labels: Arc::clone(&origin.labels),
            module: Text::Static(origin.module),
            time,
            zone: origin.zone,
        }
    }
}

const NO_ENTRY: u16 = u16::MAX;

/// A field that was written.
#[derive(Clone, Debug)]
struct Entry {
    id: FieldId,
    text: Text,
    /// [`Event::version`] that the write made.
    version: u64,
}

/// A version that no event of this process had: a thread takes them from a range of its own.
fn next_version() -> u64 {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};
    static RANGE: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    LAST.with(|last| {
        // A range holds 2^40 versions, and there are 2^24 of them.
        let next = match last.get().wrapping_add(1) {
            next if next & ((1 << 40) - 1) > 1 => next,
            _ => (RANGE.fetch_add(1, Ordering::Relaxed) << 40) + 2,
        };
        last.set(next);
        next
    })
}

/// An event. One per worker is filled again and again; what must outlive the line is kept in
/// compact form ([`crate::bucket::kept`]).
#[derive(Clone, Debug)]
pub struct Event {
    schema: Arc<Schema>,
    /// Where each field stands among the entries. None at all in a small event, whose entries are
    /// looked through.
    slots: Vec<u16>,
    entries: Vec<Entry>,
    extra: Vec<(Space, Arc<str>, Text)>,
    dated: Option<(Arc<str>, Stamp)>,
    version: u64,
    /// What it is about.
    pub kind: Kind,
    /// The line.
    pub line: Line,
    /// `evt.Unmarshaled`: decoded documents by name.
    pub unmarshaled: BTreeMap<Arc<str>, Value>,
    /// Reason of the first whitelist that matched.
    pub whitelisted: Option<Text>,
    /// Name of the parser stage that is to come, `""` before the first.
    pub stage: &'static str,
    /// Whether all stages took it.
    pub process: bool,
    /// The date as read, if any.
    pub time: Option<Stamp>,
    /// `evt.StrTime`: the text of the line's date.
    pub str_time: Text,
    /// `evt.StrTimeFormat`: a Go layout to try first.
    pub str_time_format: Text,
    /// `evt.MarshaledTime`: the date in RFC 3339, the clock of buckets; "" where none was found.
    pub marshaled_time: Text,
    /// What overflowed, for [`Kind::Overflow`].
    pub overflow: Option<Arc<Overflow>>,
}

impl Event {
    /// An empty event for lines of these rules.
    pub fn new(schema: Arc<Schema>, line: Line) -> Self {
        let slots = vec![NO_ENTRY; schema.len()];
        Self { slots, ..Self::small(schema, line) }
    }

    /// The same in little memory, for events of few fields that are read seldom.
    pub fn small(schema: Arc<Schema>, line: Line) -> Self {
        Self {
            schema,
            slots: Vec::new(),
            entries: Vec::new(),
            extra: Vec::new(),
            dated: None,
            version: next_version(),
            kind: Kind::Log,
            line,
            unmarshaled: BTreeMap::new(),
            whitelisted: None,
            stage: "",
            process: false,
            time: None,
            str_time: Text::EMPTY,
            str_time_format: Text::EMPTY,
            marshaled_time: Text::EMPTY,
            overflow: None,
        }
    }

    /// Makes this the event of another line, keeping the memory.
    pub fn reset(&mut self, line: Line) {
        for entry in self.entries.drain(..) {
            if let Some(slot) = self.slots.get_mut(entry.id.index()) {
                *slot = NO_ENTRY;
            }
        }
        self.extra.clear();
        self.dated = None;
        self.unmarshaled.clear();
        self.touch();
        self.kind = Kind::Log;
        self.line = line;
        self.whitelisted = None;
        self.stage = "";
        self.process = false;
        self.time = None;
        self.str_time = Text::EMPTY;
        self.str_time_format = Text::EMPTY;
        self.marshaled_time = Text::EMPTY;
        self.overflow = None;
    }

    /// The names that this event can hold.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Another one after every write, and never that of another content: what was computed from
    /// another version is stale. Whoever writes a public field directly calls [`Event::touch`].
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Says that a public field was written.
    pub fn touch(&mut self) {
        self.version = next_version();
    }

    /// As [`Event::version`], of one field: 0 where it was never written.
    #[inline]
    pub fn field_version(&self, id: FieldId) -> u64 {
        self.entry(id).map_or(0, |entry| entry.version)
    }

    #[inline]
    fn entry(&self, id: FieldId) -> Option<&Entry> {
        match self.slots.get(id.index()) {
            Some(slot) => self.entries.get(usize::from(*slot)),
            None => self.entries.iter().find(|entry| entry.id == id),
        }
    }

    /// Says which instant a text is in RFC 3339, and no other text of it: `evt.MarshaledTime` is
    /// mostly that text, and [`Event::date`] need not read it again.
    pub fn know_date(&mut self, text: Arc<str>, stamp: Stamp) {
        self.dated = Some((text, stamp));
    }

    fn known_date(&self) -> Option<Stamp> {
        match (&self.marshaled_time, &self.dated) {
            (Text::Shared(text), Some((known, stamp))) if Arc::ptr_eq(text, known) => Some(*stamp),
            _ => None,
        }
    }

    /// The instant that `evt.MarshaledTime` says: the clock of buckets.
    pub fn date(&self) -> Option<Stamp> {
        self.known_date().or_else(|| parse_rfc3339(self.text(&self.marshaled_time)))
    }

    /// The same, where its print is `evt.MarshaledTime`.
    pub fn exact_date(&self) -> Option<Stamp> {
        self.known_date().or_else(|| {
            let text = self.text(&self.marshaled_time);
            parse_rfc3339(text).filter(|stamp| stamp.rfc3339_nano() == text)
        })
    }

    /// The characters of a text of this event.
    #[inline]
    pub fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        text.resolve(self.line.raw.as_str())
    }

    /// Replaces the raw line; texts that were slices of the old one keep their characters.
    pub fn replace_raw(&mut self, raw: &str) {
        let old = std::mem::replace(&mut self.line.raw, RawLine::from(raw));
        let fields = self.entries.iter_mut().map(|entry| &mut entry.text);
        let extra = self.extra.iter_mut().map(|(_, _, text)| text);
        let own = [
            &mut self.str_time,
            &mut self.str_time_format,
            &mut self.marshaled_time,
            &mut self.line.module,
        ];
        for text in fields.chain(extra).chain(own) {
            if let Text::Slice { .. } = text {
                *text = text.resolve(old.as_str()).into();
            }
        }
        self.touch();
    }

    /// The value of a field, `None` where it was never written.
    #[inline]
    pub fn get(&self, id: FieldId) -> Option<&str> {
        self.get_text(id).map(|text| self.text(text))
    }

    /// The text of a field, `None` where it was never written.
    #[inline]
    pub fn get_text(&self, id: FieldId) -> Option<&Text> {
        self.entry(id).map(|entry| &entry.text)
    }

    /// Writes a field.
    #[inline]
    pub fn set(&mut self, id: FieldId, text: Text) {
        self.touch();
        let new = Entry { id, text, version: self.version };
        let next = u16::try_from(self.entries.len());
        let slot = self.slots.get_mut(id.index());
        let old = match &slot {
            Some(slot) => self.entries.get_mut(usize::from(**slot)),
            None => self.entries.iter_mut().find(|entry| entry.id == id),
        };
        match (old, next) {
            (Some(old), _) => *old = new,
            (None, Ok(next)) => {
                slot.into_iter().for_each(|slot| *slot = next);
                self.entries.push(new);
            }
            (None, Err(_)) => {}
        }
    }

    /// The value of a name that need not be known to the rules.
    pub fn get_named(&self, space: Space, name: &str) -> Option<&str> {
        if let Some(id) = self.schema.find(space, name) {
            return self.get(id);
        }
        let found = self.extra.iter().find(|(s, n, _)| *s == space && &**n == name);
        found.map(|(_, _, text)| self.text(text))
    }

    /// Writes a name that need not be known to the rules.
    pub fn set_named(&mut self, space: Space, name: &str, text: Text) {
        if let Some(id) = self.schema.find(space, name) {
            return self.set(id, text);
        }
        self.touch();
        match self.extra.iter_mut().find(|(s, n, _)| *s == space && &**n == name) {
            Some((_, _, old)) => *old = text,
            None => self.extra.push((space, name.into(), text)),
        }
    }

    /// Every written field, in the order of first writing.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &Text)> {
        self.entries.iter().map(|entry| (entry.id, &entry.text))
    }

    /// Every written name that the rules do not know.
    pub fn extra(&self) -> impl Iterator<Item = (Space, &str, &Text)> {
        self.extra.iter().map(|(space, name, text)| (*space, &**name, text))
    }

    /// Every written name of a space with its value, by name.
    pub fn named(&self, space: Space) -> Vec<(&str, &str)> {
        let known = self.entries.iter().filter_map(|entry| {
            let (s, name) = self.schema.name(entry.id);
            (s == space).then(|| (name, self.text(&entry.text)))
        });
        let extra = self.extra.iter().filter(|(s, ..)| *s == space);
        let mut all: Vec<_> =
            known.chain(extra.map(|(_, name, text)| (&**name, self.text(text)))).collect();
        all.sort_unstable();
        all
    }
}
