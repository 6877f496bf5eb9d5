//! Numbers, texts and values as bytes: what [`super::kept`] and the table's packed buckets are
//! written with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::{EventTime, Stamp};
use crate::value::{ListKind, MapKind, Value};

/// Appends to a byte string.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.number((number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn stamp(&mut self, stamp: Stamp) {
        self.signed(stamp.at.0.div_euclid(1_000_000_000));
        self.number(stamp.at.0.rem_euclid(1_000_000_000).unsigned_abs());
        match (stamp.utc, stamp.offset) {
            (true, 0) => self.number(0),
            (_, offset) => {
                self.number(1);
                self.signed(offset.into());
            }
        }
    }

    /// Writes what rules can decode from documents; anything else becomes nil.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(known) => self.byte(1 + u8::from(*known)),
            Value::Int(number) => {
                self.byte(3);
                self.signed(*number);
            }
            Value::Float(number) => {
                self.byte(4);
                self.0.extend_from_slice(&number.to_le_bytes());
            }
            Value::Str(text) => {
                self.byte(5);
                self.text(text);
            }
            Value::List(list) => {
                self.byte(match list.kind {
                    ListKind::Strings => 7,
                    ListKind::Any | ListKind::Bytes | ListKind::Typed => 6,
                });
                self.number(list.items.len() as u64);
                list.items.iter().for_each(|item| self.value(item));
            }
            Value::Map(map) => {
                self.byte(match map.kind {
                    MapKind::Any | MapKind::Typed { .. } => 8,
                    MapKind::Strings => 9,
                    MapKind::StringLists => 10,
                });
                self.entries(&map.entries);
            }
            Value::Int64(number) => {
                self.byte(11);
                self.signed(*number);
            }
            _ => self.byte(0),
        }
    }

    pub(super) fn entries(&mut self, entries: &BTreeMap<Arc<str>, Value>) {
        self.number(entries.len() as u64);
        for (key, value) in entries {
            self.text(key);
            self.value(value);
        }
    }
}

/// Reads what [`Writer`] wrote; `None` where the bytes end early or make no sense.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(super) fn stamp(&mut self) -> Option<Stamp> {
        let seconds = self.signed()?;
        let nanos = i64::try_from(self.number()?).ok()?;
        let at = EventTime(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?);
        match self.number()? {
            0 => Some(Stamp::utc_at(at)),
            _ => Some(Stamp {
                at,
                offset: i32::try_from(self.signed()?).ok()?,
                utc: false,
                zone: None,
            }),
        }
    }

    pub(super) fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0 => Value::Nil,
            tag @ (1 | 2) => Value::Bool(tag == 2),
            3 => Value::Int(self.signed()?),
            4 => Value::Float(f64::from_le_bytes(self.bytes(8)?.try_into().ok()?)),
            5 => Value::str(self.text()?),
            tag @ (6 | 7) => {
                let kind = if tag == 7 { ListKind::Strings } else { ListKind::Any };
                let count = self.number()?;
                let items = (0..count).map(|_| self.value()).collect::<Option<_>>()?;
                Value::slice(kind, items)
            }
            8 => Value::map(self.entries()?),
            9 => Value::map_of(MapKind::Strings, self.entries()?),
            10 => Value::map_of(MapKind::StringLists, self.entries()?),
            11 => Value::Int64(self.signed()?),
            _ => return None,
        })
    }

    pub(super) fn entries(&mut self) -> Option<BTreeMap<Arc<str>, Value>> {
        let count = self.number()?;
        (0..count).map(|_| Some((Arc::from(self.text()?), self.value()?))).collect()
    }
}
