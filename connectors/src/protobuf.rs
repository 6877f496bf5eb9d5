//! The wire format of Protocol Buffers, read field by field from a body in memory, so that what a body
//! claims costs nothing before it is asked for. A message type of `prost` builds all of it first: two
//! bytes of the body may become a hundred in memory.

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no protobuf message")]
pub(crate) struct Malformed;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// An integer, also a signed one or a bool.
    Varint(u64),
    /// `fixed64` or a double's bits.
    Fixed64(u64),
    /// `fixed32` or a float's bits.
    Fixed32(u32),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// What is inside; nothing for a number.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The number, as its bits.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => number,
            Self::Fixed32(number) => number.into(),
            Self::Bytes(_) => 0,
        }
    }
}

/// The fields of a message in the order of the bytes. After an error nothing comes.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

/// Reads a message.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields(message)
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            // Groups are obsolete, and nobody here has ever used them.
            _ => return None,
        };
        Some((number, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.take(1)? else { return None };
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Writes a field that holds bytes.
pub(crate) fn put_bytes(number: u32, bytes: &[u8], into: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, into);
    put_varint(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

/// Writes a field that holds an integer.
pub(crate) fn put_number(number: u32, value: u64, into: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3, into);
    put_varint(value, into);
}

fn put_varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    into.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Vec::new();
        put_number(1, u64::MAX, &mut message);
        put_bytes(70_000, b"abc", &mut message);
        message.extend([0x19, 1, 0, 0, 0, 0, 0, 0, 0x80, 0x25, 1, 0, 0, 0]);
        let read: Result<Vec<_>, _> = fields(&message).collect();
        assert_eq!(
            read.unwrap(),
            [
                (1, Value::Varint(u64::MAX)),
                (70_000, Value::Bytes(b"abc")),
                (3, Value::Fixed64(1 << 63 | 1)),
                (4, Value::Fixed32(1)),
            ]
        );
    }

    #[test]
    fn rubbish_is_malformed() {
        for bytes in [
            &[0x0a, 2, 1][..],
            &[0x80],
            &[0xff; 11],
            &[0x0b],
            &[0x02],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(fields(bytes).last(), Some(Err(Malformed)), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _count = fields(&bytes).count();
        }
    }
}
