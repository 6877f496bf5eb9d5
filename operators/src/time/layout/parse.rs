//! Reading times by layout: Go `time.Parse`, with UTC as the local zone.

use super::format::{MONTHS, WEEKDAYS};
use super::{Element, Layout, OffsetForm};
use crate::time::civil::{Civil, days_in_month, is_leap};
use crate::time::moment::ZoneName;
use crate::time::{Moment, Zone};

/// Why a text is not a time of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The text is written otherwise.
    #[error("the text does not follow the layout")]
    Mismatch,
    /// A part is written well and means nothing.
    #[error("{0} out of range")]
    Range(&'static str),
    /// Something follows the time.
    #[error("extra text")]
    ExtraText,
    /// Day of the year and date contradict each other.
    #[error("day-of-year does not match the date")]
    YearDay,
}

/// What has been read so far. `None` and -1 as in Go: not written.
#[derive(Debug, Default)]
struct Draft {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    morning: bool,
    afternoon: bool,
    utc: bool,
    offset: Option<i32>,
    zone: ZoneName,
    /// Hours of a `GMT+3`.
    zone_hours: i32,
    /// Where times without a zone are; `None` for UTC.
    local: Option<Zone>,
}

/// The rest of a value behind an element.
type Rest<'a> = Result<&'a [u8], LayoutError>;

use LayoutError::{Mismatch, Range};

impl Layout {
    /// Reads a value. A layout without a year gives year 0.
    ///
    /// # Errors
    /// What Go refuses is refused.
    #[inline]
    pub fn parse(&self, value: &str) -> Result<Moment, LayoutError> {
        match self.familiar.and_then(|familiar| familiar.read(value.as_bytes())) {
            Some(moment) => Ok(moment),
            None => self.parse_by_chunks(value),
        }
    }

    /// Reads a value without the shortcuts for familiar layouts.
    ///
    /// # Errors
    /// As [`Layout::parse`].
    pub fn parse_by_chunks(&self, value: &str) -> Result<Moment, LayoutError> {
        self.parse_draft(Draft::default(), value)
    }

    /// Reads a value that was written where the clocks of `zone` are looked at
    /// (`time.ParseInLocation`).
    ///
    /// # Errors
    /// As [`Layout::parse`].
    pub fn parse_in(&self, value: &str, zone: Zone) -> Result<Moment, LayoutError> {
        self.parse_draft(Draft { local: Some(zone), ..Draft::default() }, value)
    }

    fn parse_draft(&self, mut draft: Draft, value: &str) -> Result<Moment, LayoutError> {
        let mut rest = value.as_bytes();
        for (at, chunk) in self.chunks.iter().enumerate() {
            rest = skip(rest, chunk.prefix.as_bytes())?;
            let next = self.chunks.get(at + 1).map(|chunk| chunk.element);
            rest = draft.read(chunk.element, next, rest)?;
        }
        rest = skip(rest, self.tail.as_bytes())?;
        if rest.is_empty() { draft.finish() } else { Err(LayoutError::ExtraText) }
    }
}

impl Draft {
    fn read<'a>(&mut self, element: Element, next: Option<Element>, value: &'a [u8]) -> Rest<'a> {
        match element {
            Element::Year | Element::LongYear => self.year(element, value),
            Element::Month | Element::LongMonth => {
                let length = if element == Element::Month { 3 } else { 9 };
                let (month, rest) = look_up(&MONTHS, length, value)?;
                self.month = Some(month + 1);
                Ok(rest)
            }
            Element::Weekday => look_up(&WEEKDAYS, 3, value).map(|(_, rest)| rest),
            Element::LongWeekday => look_up(&WEEKDAYS, 9, value).map(|(_, rest)| rest),
            Element::NumMonth | Element::ZeroMonth => {
                let (month, rest) = number(value, element == Element::ZeroMonth)?;
                self.month = Some(within(month, 1..13, "month")?);
                Ok(rest)
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                let value = without_space(value, element == Element::UnderDay);
                let (day, rest) = number(value, element == Element::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                let padded = element == Element::UnderYearDay;
                let value = without_space(without_space(value, padded), padded);
                let (day, rest) = three_digits(value, !padded)?;
                self.year_day = Some(day);
                Ok(rest)
            }
            Element::HalfDay { lower } => self.half_day(lower, value),
            Element::Abbreviation => self.abbreviation(value),
            Element::Offset(form) => self.offset(form, value),
            Element::Fraction { digits, trim, .. } => self.fraction(digits, trim, value),
            _ => self.clock(element, next, value),
        }
    }

    fn year<'a>(&mut self, element: Element, value: &'a [u8]) -> Rest<'a> {
        if element == Element::LongYear {
            let (year, rest) = value.split_at_checked(4).ok_or(Mismatch)?;
            self.year = super::familiar::digits(year, 0, 4).ok_or(Mismatch)?;
            return Ok(rest);
        }
        let (year, rest) = value.split_at_checked(2).ok_or(Mismatch)?;
        let year = signed(year).ok_or(Mismatch)?;
        self.year = if year >= 69 { year + 1900 } else { year + 2000 };
        Ok(rest)
    }

    fn clock<'a>(&mut self, element: Element, next: Option<Element>, value: &'a [u8]) -> Rest<'a> {
        let fixed =
            matches!(element, Element::ZeroHour12 | Element::ZeroMinute | Element::ZeroSecond);
        let (number, rest) = number(value, fixed)?;
        match element {
            Element::Hour => self.hour = within(number, 0..24, "hour")?,
            Element::Hour12 | Element::ZeroHour12 => self.hour = within(number, 0..13, "hour")?,
            Element::Minute | Element::ZeroMinute => {
                self.minute = within(number, 0..60, "minute")?;
            }
            _ => {
                self.second = within(number, 0..60, "second")?;
                // A fraction may follow that the layout does not show.
                if !matches!(next, Some(Element::Fraction { .. })) {
                    let (nanos, used) = any_fraction(rest);
                    if used > 0 {
                        self.nanos = nanos;
                    }
                    return rest.get(used..).ok_or(Mismatch);
                }
            }
        }
        Ok(rest)
    }

    fn half_day<'a>(&mut self, lower: bool, value: &'a [u8]) -> Rest<'a> {
        let (mark, rest) = value.split_at_checked(2).ok_or(Mismatch)?;
        match (mark, lower) {
            (b"PM", false) | (b"pm", true) => self.afternoon = true,
            (b"AM", false) | (b"am", true) => self.morning = true,
            _ => return Err(Mismatch),
        }
        Ok(rest)
    }

    fn abbreviation<'a>(&mut self, value: &'a [u8]) -> Rest<'a> {
        if let Some(rest) = value.strip_prefix(b"UTC") {
            self.utc = true;
            return Ok(rest);
        }
        let length = zone_length(value).ok_or(Mismatch)?;
        let (name, rest) = value.split_at_checked(length).ok_or(Mismatch)?;
        self.zone = ZoneName::new(name);
        let hours = name.strip_prefix(b"GMT").and_then(signed).unwrap_or(0);
        self.zone_hours = i32::try_from(hours).unwrap_or(0);
        Ok(rest)
    }

    fn offset<'a>(&mut self, form: OffsetForm, value: &'a [u8]) -> Rest<'a> {
        if let (true, Some(rest)) = (form.z, value.strip_prefix(b"Z")) {
            self.utc = true;
            return Ok(rest);
        }
        let (sign, mut rest) = value.split_first().ok_or(Mismatch)?;
        let mut parts = [0, 0, 0];
        let wanted = 1 + usize::from(form.minutes) + usize::from(form.seconds);
        for (at, part) in parts.iter_mut().take(wanted).enumerate() {
            if at > 0 && form.colon {
                rest = rest.strip_prefix(b":").ok_or(Mismatch)?;
            }
            (*part, rest) = number(rest, true)?;
        }
        // Offsets of 24 hours, 60 minutes and 60 seconds are written by some.
        within(parts[0], 0..25, "time zone offset hour")?;
        within(parts[1], 0..61, "time zone offset minute")?;
        within(parts[2], 0..61, "time zone offset second")?;
        let offset = i32::try_from((parts[0] * 60 + parts[1]) * 60 + parts[2]).unwrap_or(0);
        self.offset = Some(match sign {
            b'+' => offset,
            b'-' => -offset,
            _ => return Err(Mismatch),
        });
        Ok(rest)
    }

    fn fraction<'a>(&mut self, digits: usize, trim: bool, value: &'a [u8]) -> Rest<'a> {
        if trim {
            // Any number of digits, even none.
            let (nanos, used) = any_fraction(value);
            if used > 0 {
                self.nanos = nanos;
            }
            return value.get(used..).ok_or(Mismatch);
        }
        let (text, rest) = value.split_at_checked(1 + digits).ok_or(Mismatch)?;
        if !matches!(text.first(), Some(b'.' | b',')) {
            return Err(Mismatch);
        }
        let text = text.get(1..text.len().min(10)).ok_or(Mismatch)?;
        let number = signed(text).ok_or(Mismatch)?;
        let number = u32::try_from(number).map_err(|_| Range("fractional second"))?;
        self.nanos = scaled(number, text.len());
        Ok(rest)
    }

    fn finish(mut self) -> Result<Moment, LayoutError> {
        if self.afternoon && self.hour < 12 {
            self.hour += 12;
        } else if self.morning && self.hour == 12 && !self.afternoon {
            self.hour = 0;
        }
        if let Some(year_day) = self.year_day {
            self.apply_year_day(year_day)?;
        }
        let (year, month, day) = (self.year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        within(day, 1..days_in_month(year, month) + 1, "day")?;
        let (hour, minute, second) = (self.hour, self.minute, self.second);
        let seconds = Civil { year, month, day, hour, minute, second }.seconds();
        let nanos = self.nanos;
        if self.utc {
            return Ok(Moment::utc(seconds, nanos));
        }
        // In Go an offset of -1 second means that none was written.
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let moment = in_offset(seconds, nanos, offset);
            let named = !self.zone.as_str().is_empty();
            if let Some(local) = self.local.map(|zone| Moment::in_zone(moment.seconds, nanos, zone))
                && local.offset == offset
                && (!named || local.name == self.zone)
            {
                return Ok(local);
            }
            let utc = moment.utc && !named && self.local.is_none();
            return Ok(Moment { utc, name: self.zone, ..moment });
        }
        if let Some(zone) = self.local {
            let offset = match self.zone.as_str() {
                "" => Some(zone.offset_of_local(seconds)),
                name => zone.offset_of_name(name, seconds),
            };
            if let Some(offset) = offset {
                return Ok(Moment::in_zone(seconds - i64::from(offset), nanos, zone));
            }
        }
        if self.zone.as_str().is_empty() {
            return Ok(Moment::utc(seconds, nanos));
        }
        // An abbreviation says nothing of its offset, but for `GMT+3`. Go fails to shift the
        // instant there: it is the written time less nothing, shown in that zone.
        let offset = self.zone_hours * 3_600;
        Ok(Moment { seconds, nanos, offset, utc: false, name: self.zone, zone: None })
    }

    fn apply_year_day(&mut self, year_day: i64) -> Result<(), LayoutError> {
        let days = 365 + i64::from(is_leap(self.year));
        within(year_day, 1..days + 1, "day-of-year")?;
        let (mut month, mut day) = (1, year_day);
        while day > days_in_month(self.year, month) {
            day -= days_in_month(self.year, month);
            month += 1;
        }
        if self.month.is_some_and(|seen| seen != month) || self.day.is_some_and(|seen| seen != day)
        {
            return Err(LayoutError::YearDay);
        }
        (self.month, self.day) = (Some(month), Some(day));
        Ok(())
    }
}

/// The moment that `seconds`, as shown by clocks `offset` seconds east of UTC, means.
#[inline]
pub(super) fn in_offset(seconds: i64, nanos: u32, offset: i32) -> Moment {
    let name = ZoneName::default();
    Moment {
        seconds: seconds - i64::from(offset),
        nanos,
        offset,
        utc: offset == 0,
        name,
        zone: None,
    }
}

fn within(
    number: i64,
    range: std::ops::Range<i64>,
    what: &'static str,
) -> Result<i64, LayoutError> {
    if range.contains(&number) { Ok(number) } else { Err(Range(what)) }
}

fn cut_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

/// The value behind literal text. A run of spaces takes any run of spaces, and the end of the value.
fn skip<'a>(mut value: &'a [u8], mut literal: &[u8]) -> Rest<'a> {
    while let Some((first, after)) = literal.split_first() {
        if *first == b' ' {
            if value.first().is_some_and(|byte| *byte != b' ') {
                return Err(Mismatch);
            }
            literal = cut_spaces(literal);
            value = cut_spaces(value);
        } else {
            value = value.strip_prefix(&[*first]).ok_or(Mismatch)?;
            literal = after;
        }
    }
    Ok(value)
}

fn without_space(value: &[u8], padded: bool) -> &[u8] {
    if padded { value.strip_prefix(b" ").unwrap_or(value) } else { value }
}

/// The index of the name, cut to `length`, that the value begins with in any case.
fn look_up<'a>(
    names: &[&str],
    length: usize,
    value: &'a [u8],
) -> Result<(i64, &'a [u8]), LayoutError> {
    for (index, name) in (0..).zip(names) {
        let name = name.get(..length).unwrap_or(name).as_bytes();
        if let Some((head, rest)) = value.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name)
        {
            return Ok((index, rest));
        }
    }
    Err(Mismatch)
}

/// One or two digits; `fixed` wants two.
fn number(value: &[u8], fixed: bool) -> Result<(i64, &[u8]), LayoutError> {
    match value {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Ok((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        [ones @ b'0'..=b'9', rest @ ..] if !fixed => Ok((i64::from(ones - b'0'), rest)),
        _ => Err(Mismatch),
    }
}

/// One to three digits; `fixed` wants three.
fn three_digits(value: &[u8], fixed: bool) -> Result<(i64, &[u8]), LayoutError> {
    let count = value.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || fixed && count != 3 {
        return Err(Mismatch);
    }
    let number = super::familiar::digits(value, 0, count).ok_or(Mismatch)?;
    Ok((number, value.get(count..).unwrap_or_default()))
}

/// Decimal digits, up to ten of them, after an optional sign. No digits are 0, as in Go.
fn signed(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut number = 0_i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
    }
    Some(if negative { -number } else { number })
}

/// Nanoseconds of a fraction's first `written` digits.
fn scaled(number: u32, written: usize) -> u32 {
    (written..9).fold(number, |number, _| number.saturating_mul(10))
}

/// A `.` with digits at the front: nanoseconds and length, or zeros.
#[inline]
pub(super) fn fraction_prefix(value: &[u8]) -> (u32, usize) {
    if value.first() == Some(&b'.') { any_fraction(value) } else { (0, 0) }
}

/// A `.` or `,` with digits at the front: nanoseconds and length, or zeros. Digits behind the ninth
/// are dropped.
fn any_fraction(value: &[u8]) -> (u32, usize) {
    let [b'.' | b',', digits @ ..] = value else { return (0, 0) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return (0, 0);
    }
    let digits = digits.iter().take(count.min(9));
    let number = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    (scaled(number, count.min(9)), count + 1)
}

/// Length of the zone abbreviation at the front of a value.
fn zone_length(value: &[u8]) -> Option<usize> {
    let head = value.get(..3)?;
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if head == b"GMT" {
        return Some(3 + signed_hours(value.get(3..)?));
    }
    if matches!(value.first(), Some(b'+' | b'-')) {
        return Some(signed_hours(value)).filter(|length| *length > 0);
    }
    let letters = value.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
    let fits = match letters {
        3 => true,
        4 => value.get(3) == Some(&b'T') || value.starts_with(b"WITA"),
        5 => value.get(4) == Some(&b'T'),
        _ => false,
    };
    fits.then_some(letters)
}

/// Length of a sign and a number up to 23, or 0.
fn signed_hours(value: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = value else { return 0 };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let hours = digits.iter().take(count).try_fold(0_u64, |hours, digit| {
        hours.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    if count == 0 || hours.is_none_or(|hours| hours > 23) { 0 } else { count + 1 }
}
