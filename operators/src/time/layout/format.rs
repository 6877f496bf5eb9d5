//! Writing times by layout: Go `Time.AppendFormat`.

use super::{Element, Layout, OffsetForm};
use crate::time::Moment;
use crate::time::civil::Civil;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Layout {
    /// Appends a moment.
    pub fn format(&self, text: &mut String, moment: &Moment) {
        let civil = moment.civil();
        for chunk in &self.chunks {
            text.push_str(&chunk.prefix);
            write(text, chunk.element, moment, &civil);
        }
        text.push_str(&self.tail);
    }
}

fn write(text: &mut String, element: Element, moment: &Moment, civil: &Civil) {
    match element {
        Element::Year => number(text, civil.year.abs() % 100, 2),
        Element::LongYear => number(text, civil.year, 4),
        Element::Month => text.push_str(name(&MONTHS, civil.month - 1, 3)),
        Element::LongMonth => text.push_str(name(&MONTHS, civil.month - 1, 9)),
        Element::NumMonth => number(text, civil.month, 0),
        Element::ZeroMonth => number(text, civil.month, 2),
        Element::Weekday => text.push_str(name(&WEEKDAYS, civil.weekday(), 3)),
        Element::LongWeekday => text.push_str(name(&WEEKDAYS, civil.weekday(), 9)),
        Element::Day => number(text, civil.day, 0),
        Element::UnderDay => spaced(text, civil.day, 2),
        Element::ZeroDay => number(text, civil.day, 2),
        Element::UnderYearDay => spaced(text, civil.year_day(), 3),
        Element::ZeroYearDay => number(text, civil.year_day(), 3),
        Element::Hour => number(text, civil.hour, 2),
        Element::Hour12 => number(text, hour_of_half(civil.hour), 0),
        Element::ZeroHour12 => number(text, hour_of_half(civil.hour), 2),
        Element::Minute => number(text, civil.minute, 0),
        Element::ZeroMinute => number(text, civil.minute, 2),
        Element::Second => number(text, civil.second, 0),
        Element::ZeroSecond => number(text, civil.second, 2),
        Element::HalfDay { lower } => text.push_str(match (civil.hour >= 12, lower) {
            (true, false) => "PM",
            (true, true) => "pm",
            (false, false) => "AM",
            (false, true) => "am",
        }),
        Element::Abbreviation => abbreviation(text, moment),
        Element::Offset(form) => offset(text, moment.offset, form),
        Element::Fraction { digits, comma, trim } => {
            fraction(text, moment.nanos, digits, if comma { ',' } else { '.' }, trim);
        }
    }
}

/// Decimal digits, at least `width` of them.
pub(super) fn number(text: &mut String, value: i64, width: usize) {
    if value < 0 {
        text.push('-');
    }
    let mut buffer = [b'0'; 20];
    let mut rest = value.unsigned_abs();
    let mut from = buffer.len();
    while rest != 0 || from == buffer.len() || buffer.len() - from < width {
        from -= 1;
        buffer[from] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    text.push_str(std::str::from_utf8(&buffer[from..]).unwrap_or(""));
}

fn spaced(text: &mut String, value: i64, width: usize) {
    let digits = if value >= 100 { 3 } else { 1 + usize::from(value >= 10) };
    for _ in digits..width {
        text.push(' ');
    }
    number(text, value, 0);
}

fn name<'a>(names: &[&'a str], index: i64, length: usize) -> &'a str {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).unwrap_or(&"");
    name.get(..length).unwrap_or(name)
}

fn hour_of_half(hour: i64) -> i64 {
    if hour % 12 == 0 { 12 } else { hour % 12 }
}

fn abbreviation(text: &mut String, moment: &Moment) {
    match moment.name.as_str() {
        "" if moment.utc => text.push_str("UTC"),
        "" => {
            let form = OffsetForm { z: false, colon: false, minutes: true, seconds: false };
            offset(text, moment.offset, form);
        }
        name => text.push_str(name),
    }
}

fn offset(text: &mut String, offset: i32, form: OffsetForm) {
    if form.z && offset == 0 {
        return text.push('Z');
    }
    // The sign is that of the minutes: 30 seconds west are written as `+00:00:30`.
    text.push(if offset / 60 < 0 { '-' } else { '+' });
    let minutes = i64::from((offset / 60).unsigned_abs());
    number(text, minutes / 60, 2);
    if form.colon {
        text.push(':');
    }
    if form.minutes {
        number(text, minutes % 60, 2);
    }
    if form.seconds {
        if form.colon {
            text.push(':');
        }
        let seconds = if offset / 60 < 0 { -offset } else { offset } % 60;
        number(text, i64::from(seconds), 2);
    }
}

fn fraction(text: &mut String, nanos: u32, digits: usize, separator: char, trim: bool) {
    if trim && (digits == 0 || nanos == 0) {
        return;
    }
    let start = text.len();
    text.push(separator);
    number(text, i64::from(nanos), 9);
    if digits < 9 {
        text.truncate(start + 1 + digits);
    }
    if trim {
        text.truncate(text.trim_end_matches('0').len());
        if text.len() == start + 1 {
            text.truncate(start);
        }
    }
}
