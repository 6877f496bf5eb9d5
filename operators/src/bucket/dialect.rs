//! How the bytes of kept events are to be understood: which field and which text each number stands
//! for. Every rule set has its own; what is kept under one rule set is read under a later one by
//! translation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes::{Reader, Writer};
use super::codec::Codec;
use super::kept::{
    CONSTANT, HAS_DOCUMENTS, HAS_LABELS, HAS_OWN_TIME, HAS_RAW, HAS_SOURCE, HAS_STAMP,
    HAS_TIME_TEXT, INLINE, SPECIAL, SPECIAL_IPV4, VERSION,
};
use crate::schema::Space;

/// What numbers in kept events stand for. A promise: what is on disk is read by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Space (`p`, `m` or `e`) and name of each field.
    pub fields: Vec<(char, String)>,
    /// Texts of rules.
    pub constants: Vec<String>,
}

impl Dialect {
    /// The letter of a space.
    pub fn letter(space: Space) -> char {
        match space {
            Space::Parsed => 'p',
            Space::Meta => 'm',
            Space::Enriched => 'e',
        }
    }
}

/// From the numbers of one dialect to those of a codec.
#[derive(Debug)]
pub struct Translator {
    fields: Vec<Field>,
    constants: Vec<Constant>,
}

#[derive(Debug)]
enum Field {
    Known(u64),
    /// A key of `evt.Meta` that the rules do not know any more.
    Named(String),
    /// Nobody reads it.
    Gone,
}

#[derive(Debug)]
enum Constant {
    Known(u64),
    Text(String),
}

impl Translator {
    /// A translator from `dialect` into what `codec` reads.
    pub fn new(dialect: &Dialect, codec: &Codec) -> Self {
        let own = codec.dialect();
        let fields: BTreeMap<_, _> = own.fields.iter().zip(0_u64..).collect();
        let constants: BTreeMap<_, _> = own.constants.iter().zip(0_u64..).collect();
        let field = |field: &(char, String)| match fields.get(field) {
            Some(number) => Field::Known(*number),
            None if field.0 == 'm' => Field::Named(field.1.clone()),
            None => Field::Gone,
        };
        let constant = |text: &String| match constants.get(text) {
            Some(number) => Constant::Known(*number),
            None => Constant::Text(text.clone()),
        };
        let fields = dialect.fields.iter().map(field).collect();
        let constants = dialect.constants.iter().map(constant).collect();
        Self { fields, constants }
    }

    /// The same event in the other numbers; `None` where the bytes make no sense.
    pub fn event(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader(bytes);
        let mut writer = Writer(Vec::with_capacity(bytes.len() + 16));
        if reader.byte()? != VERSION {
            return None;
        }
        let flags = reader.byte()?;
        writer.byte(VERSION);
        writer.byte(flags);
        writer.number(reader.number()?);
        writer.number(reader.number()?);
        self.head(&mut reader, &mut writer, flags)?;
        self.mark(&mut reader, &mut writer)?;
        rare(&mut reader, &mut writer, flags)?;
        while !reader.0.is_empty() {
            self.field(&mut reader, &mut writer)?;
        }
        Some(writer.0)
    }

    fn head(&self, reader: &mut Reader<'_>, writer: &mut Writer, flags: u8) -> Option<()> {
        if flags & HAS_STAMP != 0 {
            writer.stamp(reader.stamp()?);
        }
        if flags & HAS_TIME_TEXT != 0 {
            writer.text(reader.text()?);
        }
        if flags & HAS_OWN_TIME != 0 {
            let has_time = reader.byte()?;
            writer.byte(has_time);
            if has_time != 0 {
                writer.stamp(reader.stamp()?);
            }
        }
        if flags & HAS_SOURCE != 0 {
            writer.text(reader.text()?);
        }
        Some(())
    }

    fn field(&self, reader: &mut Reader<'_>, writer: &mut Writer) -> Option<()> {
        let number = reader.length()?;
        match number.checked_sub(1).map(|index| self.fields.get(index)) {
            None => {
                writer.number(0);
                writer.text(reader.text()?);
            }
            Some(None) => return None,
            Some(Some(Field::Known(number))) => writer.number(number + 1),
            Some(Some(Field::Named(name))) => {
                writer.number(0);
                writer.text(name);
            }
            Some(Some(Field::Gone)) => return self.mark(reader, &mut Writer::default()),
        }
        self.mark(reader, writer)
    }

    /// A text: only constants have another number.
    fn mark(&self, reader: &mut Reader<'_>, writer: &mut Writer) -> Option<()> {
        let number = reader.number()?;
        let rest = number >> 2;
        match (number & 3, rest) {
            (INLINE, length) => {
                writer.number(number);
                writer.0.extend_from_slice(reader.bytes(usize::try_from(length).ok()?)?);
            }
            (CONSTANT, index) => match self.constants.get(usize::try_from(index).ok()?)? {
                Constant::Known(index) => writer.number(index << 2 | CONSTANT),
                Constant::Text(text) => {
                    writer.number((text.len() as u64) << 2 | INLINE);
                    writer.0.extend_from_slice(text.as_bytes());
                }
            },
            (SPECIAL, SPECIAL_IPV4) => {
                writer.number(number);
                writer.0.extend_from_slice(reader.bytes(4)?);
            }
            (SPECIAL, _) => writer.number(number),
            _ => return None,
        }
        Some(())
    }
}

/// What few events have: it holds no numbers of rules.
fn rare(reader: &mut Reader<'_>, writer: &mut Writer, flags: u8) -> Option<()> {
    if flags & HAS_RAW != 0 {
        writer.text(reader.text()?);
    }
    if flags & HAS_LABELS != 0 {
        let count = reader.number()?;
        writer.number(count);
        for _ in 0..count.checked_mul(2)? {
            writer.text(reader.text()?);
        }
    }
    if flags & HAS_DOCUMENTS != 0 {
        writer.entries(&reader.entries()?);
    }
    Some(())
}
