//! A run of decisions, ready to be written as JSON: what each has of its own in slots and bytes, what
//! many have in common once per segment.

use std::collections::HashMap;
use std::sync::Arc;

use super::sort::Sort;
use crate::filter::DecisionFilter;
use crate::filter::net::Net;
use crate::record::{Record, net_of, uuid_bytes_of};
use crate::wire::text::{duration, seconds_left, string, uuid};

/// Decisions that a segment holds at most.
pub const MOST: usize = 1_024;
/// Bytes of a UUID.
const UUID: usize = 16;

/// The fixed part of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its number.
    pub id: u64,
    /// When it ends. Unit: nanoseconds since the Unix epoch. Of a removal: when it ended.
    pub until: i64,
    /// The commit since which it is the longest of its key, 0 where it is not. Of a removal: the
    /// commit that removed it.
    pub since: u64,
    /// The commit that brought it.
    pub born: u64,
    /// Number of its alert.
    pub alert: u64,
    /// Where its bytes begin, the UUID and then the value as JSON; they end where those of the next
    /// one do.
    at: u32,
    /// What it has in common with others.
    sort: u16,
    flags: u8,
}

/// What a removal took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The place as the longest of its key.
    pub place: bool,
    /// The decision itself.
    pub decision: bool,
}

const SIMULATED: u8 = 1;
const PLACE: u8 = 2;
const DECISION: u8 = 4;

impl Slot {
    /// Whether it must not be enforced.
    pub fn simulated(&self) -> bool {
        self.flags & SIMULATED != 0
    }

    /// Of a removal: what it took away.
    pub fn removed(&self) -> Removed {
        Removed { place: self.flags & PLACE != 0, decision: self.flags & DECISION != 0 }
    }
}

/// A run of decisions.
#[derive(Debug, Default)]
pub struct Segment {
    slots: Box<[Slot]>,
    sorts: Box<[Arc<Sort>]>,
    bytes: Box<[u8]>,
}

/// What a filter says about the sorts of a segment, asked once instead of per decision.
#[derive(Debug)]
pub struct Mask(Vec<bool>);

/// A decision within its segment.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    segment: &'a Segment,
    /// Its fixed part.
    pub slot: &'a Slot,
    bytes: &'a [u8],
}

impl Segment {
    /// Its decisions, in their order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> + ExactSizeIterator {
        (0..self.slots.len()).map(|place| self.entry_at(place))
    }

    /// The decision at a place.
    pub fn get(&self, place: usize) -> Option<Entry<'_>> {
        (place < self.slots.len()).then(|| self.entry_at(place))
    }

    /// The decision at a place that exists.
    fn entry_at(&self, place: usize) -> Entry<'_> {
        let slot = &self.slots[place];
        let end = self.slots.get(place + 1).map_or(self.bytes.len(), |next| next.at as usize);
        Entry { segment: self, slot, bytes: self.bytes.get(slot.at as usize..end).unwrap_or(&[]) }
    }

    /// The decision of a number, in a segment that is ordered by number.
    pub fn find(&self, id: u64) -> Option<Entry<'_>> {
        let place = self.slots.binary_search_by_key(&id, |slot| slot.id).ok()?;
        Some(self.entry_at(place))
    }

    /// Decisions in it.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The first number, in a segment that is ordered by number.
    pub fn first(&self) -> u64 {
        self.slots.first().map_or(0, |slot| slot.id)
    }

    /// The last slot.
    pub fn last(&self) -> Option<&Slot> {
        self.slots.last()
    }

    /// Bytes that it takes in memory.
    pub fn size(&self) -> usize {
        let sorts = self.sorts.iter().map(|sort| sort.size()).sum::<usize>();
        self.bytes.len() + size_of_val(&*self.slots) + sorts
    }

    /// What a filter says about its sorts.
    pub fn mask(&self, filter: &DecisionFilter) -> Mask {
        Mask(self.sorts.iter().map(|sort| sort.passes(filter)).collect())
    }
}

impl<'a> Entry<'a> {
    fn sort(&self) -> &'a Arc<Sort> {
        &self.segment.sorts[usize::from(self.slot.sort)]
    }

    /// Its origin.
    pub fn origin(&self) -> &'a str {
        &self.sort().origin
    }

    /// Its scenario.
    pub fn scenario(&self) -> &'a str {
        &self.sort().scenario
    }

    /// Its type.
    pub fn kind(&self) -> &'a str {
        &self.sort().kind
    }

    /// Its scope.
    pub fn scope(&self) -> &'a str {
        &self.sort().scope
    }

    /// Its value as a JSON string, quotes included.
    pub fn value_json(&self) -> &'a [u8] {
        self.bytes.get(UUID..).unwrap_or(&[])
    }

    /// Its value.
    pub fn value(&self) -> String {
        let json = self.value_json();
        let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or(&[]);
        if !inner.contains(&b'\\') {
            return String::from_utf8_lossy(inner).into_owned();
        }
        serde_json::from_slice(json).unwrap_or_default()
    }

    /// Its network.
    pub fn net(&self) -> Option<Net> {
        net_of(self.scope(), &self.value())
    }

    /// Whether a filter wants it, going by the mask of its segment.
    pub fn passes(&self, filter: &DecisionFilter, mask: &Mask) -> bool {
        let sort = mask.0.get(usize::from(self.slot.sort));
        sort.copied().unwrap_or(false) && self.passes_itself(filter)
    }

    /// Whether a filter wants it.
    pub fn passes_alone(&self, filter: &DecisionFilter) -> bool {
        self.sort().passes(filter) && self.passes_itself(filter)
    }

    fn passes_itself(&self, filter: &DecisionFilter) -> bool {
        (filter.simulated || !self.slot.simulated())
            && filter.id_above.is_none_or(|id| self.slot.id > id)
            && filter.value.as_ref().is_none_or(|value| self.has_value(value))
            && (filter.net.is_none() || filter.takes_net(self.net()))
    }

    /// Whether it has this value.
    pub fn has_value(&self, value: &str) -> bool {
        let json = self.value_json();
        let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or(&[]);
        match inner.contains(&b'\\') {
            true => self.value() == value,
            false => inner == value.as_bytes(),
        }
    }

    /// Whether it is about the same scope, value and type as another.
    pub fn same_key(&self, other: &Entry<'_>) -> bool {
        self.scope() == other.scope()
            && self.kind() == other.kind()
            && self.value_json() == other.value_json()
    }

    /// Appends its JSON as the stream shows it, with its UUID.
    pub fn write_stream(&self, out: &mut Vec<u8>, now: i64) {
        self.write_head(out, now);
        out.extend_from_slice(b",\"uuid\":\"");
        out.extend_from_slice(&self.uuid());
        out.extend_from_slice(b"\",\"value\":");
        out.extend_from_slice(self.value_json());
        out.push(b'}');
    }

    /// Appends its JSON as live queries show it, without its UUID.
    pub fn write_live(&self, out: &mut Vec<u8>, now: i64) {
        self.write_head(out, now);
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(self.value_json());
        out.push(b'}');
    }

    fn write_head(&self, out: &mut Vec<u8>, now: i64) {
        out.extend_from_slice(b"{\"duration\":\"");
        duration(out, seconds_left(self.slot.until, now));
        out.extend_from_slice(b"\",\"id\":");
        out.extend_from_slice(itoa::Buffer::new().format(self.slot.id).as_bytes());
        out.extend_from_slice(&self.sort().json);
    }

    /// Its UUID.
    pub fn uuid(&self) -> [u8; 36] {
        uuid(self.bytes.first_chunk().unwrap_or(&[0; UUID]))
    }
}

/// Makes a segment.
#[derive(Debug, Default)]
pub struct Builder {
    slots: Vec<Slot>,
    sorts: Vec<Arc<Sort>>,
    places: HashMap<Arc<Sort>, u16>,
    /// The sort that was met last.
    last: u16,
    bytes: Vec<u8>,
}

impl Builder {
    /// Goes on behind what a segment holds.
    pub fn behind(segment: &Segment) -> Self {
        let sorts = segment.sorts.to_vec();
        let places = (0..).zip(&sorts).map(|(place, sort)| (Arc::clone(sort), place)).collect();
        let (slots, bytes) = (segment.slots.to_vec(), segment.bytes.to_vec());
        Self { slots, sorts, places, last: 0, bytes }
    }

    /// Decisions in it.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds a decision behind the others.
    pub fn push(&mut self, record: &Record, born: u64, since: u64) {
        let at = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&uuid_bytes_of(record.hash));
        string(&mut self.bytes, &record.value);
        let known = self.sorts.get(usize::from(self.last)).filter(|sort| sort.is_of(record));
        let sort = match known {
            Some(_) => self.last,
            None => self.place(&Arc::new(Sort::of(record))),
        };
        let flags = if record.simulated { SIMULATED } else { 0 };
        let Record { id, until, alert, .. } = *record;
        self.slots.push(Slot { id, until, since, born, alert, at, sort, flags });
    }

    /// Adds a decision of another segment behind the others, the longest of its key since `since`.
    pub fn copy(&mut self, entry: &Entry<'_>, since: u64) {
        self.append(entry, Slot { since, ..*entry.slot });
    }

    /// Adds a removal behind the others: what commit `seq` took away at a time.
    pub fn remove(&mut self, entry: &Entry<'_>, seq: u64, at: i64, what: Removed) {
        let mut flags = entry.slot.flags & SIMULATED;
        flags |= if what.place { PLACE } else { 0 } | if what.decision { DECISION } else { 0 };
        let until = entry.slot.until.min(at);
        self.append(entry, Slot { until, since: seq, flags, ..*entry.slot });
    }

    /// Adds a removal as it is.
    pub fn copy_removal(&mut self, entry: &Entry<'_>) {
        self.append(entry, *entry.slot);
    }

    fn append(&mut self, entry: &Entry<'_>, fixed: Slot) {
        let at = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(entry.bytes);
        let sort = self.place(entry.sort());
        self.slots.push(Slot { at, sort, ..fixed });
    }

    fn place(&mut self, sort: &Arc<Sort>) -> u16 {
        let known = self.sorts.get(usize::from(self.last));
        if known.is_some_and(|known| Arc::ptr_eq(known, sort)) {
            return self.last;
        }
        self.last = match self.places.get(sort) {
            Some(place) => *place,
            None => {
                // At most one for each of `MOST` decisions.
                let place = u16::try_from(self.sorts.len()).unwrap_or(u16::MAX);
                self.sorts.push(Arc::clone(sort));
                self.places.insert(Arc::clone(sort), place);
                place
            }
        };
        self.last
    }

    /// The segment.
    pub fn finish(self) -> Segment {
        Segment {
            slots: self.slots.into_boxed_slice(),
            sorts: self.sorts.into_boxed_slice(),
            bytes: self.bytes.into_boxed_slice(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::uuid_of;

    fn record(id: u64, value: &str) -> Record {
        Record {
            id,
            hash: id,
            alert: 1,
            until: 14_392_000_000_000,
            origin: "crowdsec".into(),
            kind: "ban".into(),
            scope: "Ip".into(),
            value: value.into(),
            scenario: "crowdsecurity/ssh-bf".into(),
            simulated: false,
        }
    }

    fn shown(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_as_recorded() {
        let mut builder = Builder::default();
        builder.push(&record(1, "203.0.113.9"), 1, 1);
        builder.push(&record(2, "a\"<"), 1, 1);
        let segment = builder.finish();
        let first = segment.find(1).unwrap();
        let live = r#"{"duration":"3h59m52s","id":1,"origin":"crowdsec","scenario":"crowdsecurity/ssh-bf","scope":"Ip","type":"ban","value":"203.0.113.9"}"#;
        assert_eq!(shown(|out| first.write_live(out, 0)), live);
        let uuid = format!(r#""ban","uuid":"{}","value":"203"#, uuid_of(1));
        assert!(shown(|out| first.write_stream(out, 0)).contains(&uuid));
        let second = segment.find(2).unwrap();
        assert_eq!(second.value(), "a\"<");
        assert!(second.has_value("a\"<") && !second.has_value("a"));
        assert!(segment.find(3).is_none());
        let mut other = Builder::default();
        other.copy(&second, 9);
        let other = other.finish();
        let copied = other.find(2).unwrap();
        assert!(copied.same_key(&second) && !copied.same_key(&first));
        assert_eq!(copied.slot.since, 9);
        assert_eq!(&copied.uuid()[..], uuid_of(2).as_bytes());
        let mut grown = Builder::behind(&segment);
        grown.push(&Record { scenario: "a/b".into(), ..record(3, "x") }, 2, 2);
        grown.copy(&first, 3);
        let grown = grown.finish();
        assert_eq!(shown(|out| grown.get(0).unwrap().write_live(out, 0)), live);
        assert_eq!((grown.sorts.len(), grown.get(2).unwrap().scenario()), (2, "a/b"));
        assert_eq!(shown(|out| grown.get(3).unwrap().write_live(out, 0)), live);
    }
}
