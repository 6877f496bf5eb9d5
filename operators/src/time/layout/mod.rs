//! Go time layouts: a text that shows how the reference time is written, compiled once and then
//! used to read ([`Layout::parse`]) and to write ([`Layout::format`]) times. Rules: Go
//! `time/format.go`.

mod familiar;
mod format;
mod parse;
pub mod rfc3339;

pub use parse::LayoutError;

use std::sync::LazyLock;

use super::Stamp;

static RFC3339: LazyLock<Layout> = LazyLock::new(|| Layout::compile("2006-01-02T15:04:05Z07:00"));

/// The stamp that a text of RFC 3339 says, as `Time.UnmarshalText`: the clock of buckets.
#[inline]
pub fn parse_rfc3339(text: &str) -> Option<Stamp> {
    RFC3339.parse(text).ok().map(|moment| moment.stamp())
}

/// What a layout shows at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    /// `PM`, or `pm` in lower case.
    HalfDay {
        lower: bool,
    },
    /// `MST`.
    Abbreviation,
    /// `-0700` and its kin.
    Offset(OffsetForm),
    /// `.000` (all digits are written) or `.999` (trailing zeros are not).
    Fraction {
        digits: usize,
        comma: bool,
        trim: bool,
    },
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OffsetForm {
    /// Whether `Z` stands for UTC.
    z: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
}

/// Text, then an element.
#[derive(Clone, Debug)]
struct Chunk {
    prefix: Box<str>,
    element: Element,
}

/// A compiled layout.
#[derive(Clone, Debug)]
pub struct Layout {
    chunks: Vec<Chunk>,
    tail: Box<str>,
    familiar: Option<familiar::Familiar>,
}

impl Layout {
    /// Compiles a layout. Every text is one: what shows nothing of the reference time is literal.
    pub fn compile(layout: &str) -> Self {
        let mut chunks = Vec::new();
        let mut rest = layout;
        while let Some((prefix, element, after)) = next_element(rest) {
            chunks.push(Chunk { prefix: prefix.into(), element });
            rest = after;
        }
        Self { chunks, tail: rest.into(), familiar: familiar::Familiar::of(layout) }
    }
}

/// The first element of a layout with the text before and after it.
fn next_element(layout: &str) -> Option<(&str, Element, &str)> {
    // All elements are ASCII, so the cuts fall on character boundaries.
    (0..layout.len()).filter(|at| layout.is_char_boundary(*at)).find_map(|at| {
        let (prefix, rest) = layout.split_at(at);
        let (skipped, element, length) = element_at(rest)?;
        let prefix = layout.get(..prefix.len() + skipped)?;
        Some((prefix, element, rest.get(skipped + length..)?))
    })
}

/// The element that `rest` begins with: literal bytes before it, itself and its length.
fn element_at(rest: &str) -> Option<(usize, Element, usize)> {
    let lower_follows = rest.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase);
    let fixed = |element, text: &str| Some((0, element, text.len()));
    match rest.as_bytes().first()? {
        b'J' if rest.starts_with("January") => fixed(Element::LongMonth, "January"),
        b'J' if rest.starts_with("Jan") && !lower_follows => fixed(Element::Month, "Jan"),
        b'M' if rest.starts_with("Monday") => fixed(Element::LongWeekday, "Monday"),
        b'M' if rest.starts_with("Mon") && !lower_follows => fixed(Element::Weekday, "Mon"),
        b'M' if rest.starts_with("MST") => fixed(Element::Abbreviation, "MST"),
        b'0' => zero_padded(rest.as_bytes()),
        b'1' if rest.starts_with("15") => fixed(Element::Hour, "15"),
        b'1' => fixed(Element::NumMonth, "1"),
        b'2' if rest.starts_with("2006") => fixed(Element::LongYear, "2006"),
        b'2' => fixed(Element::Day, "2"),
        // An underscore before a long year is literal.
        b'_' if rest.starts_with("_2006") => Some((1, Element::LongYear, 4)),
        b'_' if rest.starts_with("_2") => fixed(Element::UnderDay, "_2"),
        b'_' if rest.starts_with("__2") => fixed(Element::UnderYearDay, "__2"),
        b'3' => fixed(Element::Hour12, "3"),
        b'4' => fixed(Element::Minute, "4"),
        b'5' => fixed(Element::Second, "5"),
        b'P' if rest.starts_with("PM") => fixed(Element::HalfDay { lower: false }, "PM"),
        b'p' if rest.starts_with("pm") => fixed(Element::HalfDay { lower: true }, "pm"),
        sign @ (b'-' | b'Z') => offset(*sign == b'Z', rest.get(1..)?),
        separator @ (b'.' | b',') => fraction(*separator == b',', rest.as_bytes()),
        _ => None,
    }
}

fn zero_padded(rest: &[u8]) -> Option<(usize, Element, usize)> {
    let element = match rest.get(1)? {
        b'1' => Element::ZeroMonth,
        b'2' => Element::ZeroDay,
        b'3' => Element::ZeroHour12,
        b'4' => Element::ZeroMinute,
        b'5' => Element::ZeroSecond,
        b'6' => Element::Year,
        b'0' if rest.get(2) == Some(&b'2') => return Some((0, Element::ZeroYearDay, 3)),
        _ => return None,
    };
    Some((0, element, 2))
}

fn offset(z: bool, digits: &str) -> Option<(usize, Element, usize)> {
    let forms = [
        ("070000", false, true, true),
        ("07:00:00", true, true, true),
        ("0700", false, true, false),
        ("07:00", true, true, false),
        ("07", false, false, false),
    ];
    let (text, colon, minutes, seconds) =
        forms.into_iter().find(|(text, ..)| digits.starts_with(text))?;
    Some((0, Element::Offset(OffsetForm { z, colon, minutes, seconds }), text.len() + 1))
}

fn fraction(comma: bool, rest: &[u8]) -> Option<(usize, Element, usize)> {
    let digit = *rest.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
    let digits = rest.iter().skip(1).take_while(|byte| **byte == digit).count();
    if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    // Twelve bits hold the count in Go.
    let element = Element::Fraction { digits: digits & 0xfff, comma, trim: digit == b'9' };
    Some((0, element, digits + 1))
}
