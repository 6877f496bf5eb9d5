//! Character classes over UTF-8, fit for a look at one byte.

use regex_syntax::hir::ClassUnicode;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const EMPTY: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub(super) fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    pub(super) fn disjoint(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| a & b == 0)
    }

    /// The bytes of the set as a table, which is quicker to ask.
    pub(super) fn table(&self) -> [bool; 256] {
        let mut table = [false; 256];
        for (byte, cell) in (0..=u8::MAX).zip(&mut table) {
            *cell = self.has(byte);
        }
        table
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.has(*byte))
    }

    /// The one member, if it is an ASCII character.
    pub(super) fn single(self) -> Option<u8> {
        let mut bytes = self.bytes();
        let only = bytes.next().filter(u8::is_ascii)?;
        bytes.next().is_none().then_some(only)
    }

    /// The one byte that is missing, if it is an ASCII character.
    pub(super) fn except(self) -> Option<u8> {
        Self(self.0.map(|word| !word)).single()
    }
}

/// What a class says about characters beyond ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    /// It has none of them.
    None,
    /// It has all of them: every byte from 0x80 on belongs to it.
    All,
    /// It has these.
    Some(ClassUnicode),
}

/// A class of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// Its bytes; with [`Wide::Some`], all bytes from 0x80 on although not all fit.
    pub(super) bytes: ByteSet,
    pub(super) wide: Wide,
    /// `bytes` as a table.
    pub(super) table: [bool; 256],
    /// The one ASCII character that it lacks.
    pub(super) except: Option<u8>,
}

impl Class {
    pub(super) fn new(class: &ClassUnicode) -> Self {
        let bytes = bytes_of(class);
        let all = class.ranges().iter().any(|r| r.start() <= '\u{80}' && r.end() == char::MAX);
        let wide = match class.ranges().last() {
            Some(last) if last.end() > '\x7f' && all => Wide::All,
            Some(last) if last.end() > '\x7f' => Wide::Some(class.clone()),
            _ => Wide::None,
        };
        Self { bytes, wide, table: bytes.table(), except: bytes.except() }
    }

    pub(super) fn has_byte(&self, byte: u8) -> bool {
        self.table.get(usize::from(byte)).copied().unwrap_or(false)
    }

    /// One past the character at `at`, if the class has it.
    pub(super) fn step(&self, text: &[u8], at: usize) -> Option<usize> {
        let byte = *text.get(at)?;
        if byte.is_ascii() || self.wide == Wide::None {
            return self.has_byte(byte).then_some(at + 1);
        }
        let length = match byte {
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        let Wide::Some(class) = &self.wide else { return Some(at + length) };
        let c = str::from_utf8(text.get(at..at + length)?).ok()?.chars().next()?;
        let found = class.ranges().binary_search_by(|range| {
            if range.end() < c {
                std::cmp::Ordering::Less
            } else if range.start() > c {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        });
        found.is_ok().then_some(at + length)
    }

    /// One past the last character of the run of class members from `at` on, `max` at the most.
    pub(super) fn run(&self, text: &[u8], at: usize, max: Option<u32>) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        match (&self.wide, max) {
            (Wide::None | Wide::All, None) => at + self.bytes_run(rest),
            (Wide::None, Some(max)) => {
                let end = rest.len().min(max as usize);
                at + self.bytes_run(rest.get(..end).unwrap_or_default())
            }
            _ => self.skip(text, at, max.unwrap_or(u32::MAX)).0,
        }
    }

    /// Passes up to `count` class members; returns the place and how many they were.
    pub(super) fn skip(&self, text: &[u8], mut at: usize, count: u32) -> (usize, u32) {
        let mut passed = 0;
        while passed < count
            && let Some(next) = self.step(text, at)
        {
            at = next;
            passed += 1;
        }
        (at, passed)
    }

    fn bytes_run(&self, rest: &[u8]) -> usize {
        match self.except {
            Some(byte) => memchr::memchr(byte, rest).unwrap_or(rest.len()),
            None => rest.iter().position(|byte| !self.has_byte(*byte)).unwrap_or(rest.len()),
        }
    }
}

/// The bytes that a member of the class can begin with, and all that continue one.
pub(super) fn bytes_of(class: &ClassUnicode) -> ByteSet {
    let mut bytes = ByteSet::EMPTY;
    for range in class.ranges() {
        for c in range.start()..=range.end().min('\x7f') {
            bytes.add(u8::try_from(c).unwrap_or(0));
        }
        if range.end() > '\x7f' {
            bytes.join(&ByteSet([0, 0, u64::MAX, u64::MAX]));
        }
    }
    bytes
}

/// Whether a byte continues a character.
pub(super) fn continues(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
