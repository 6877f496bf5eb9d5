//! RFC 3339 by hand: what every event is stamped with, so it is written and read without a layout.

use super::familiar::{Cut, digits};
use super::parse::{fraction_prefix, in_offset};
use crate::time::Moment;
use crate::time::civil::{Civil, days_in_month};

/// Appends a moment, with a fraction of the second (trailing zeros dropped) if `nanos`.
#[inline]
pub fn write(text: &mut String, moment: &Moment, nanos: bool) {
    let civil = moment.civil();
    if let Ok(year @ 0..=9_999) = u16::try_from(civil.year) {
        let mut head = *b"0000-00-00T00:00:00";
        let [y1, y2, y3, y4, _, m1, m2, _, d1, d2, _, h1, h2, _, i1, i2, _, s1, s2] = &mut head;
        pair([y1, y2], i64::from(year / 100));
        pair([y3, y4], i64::from(year % 100));
        pair([m1, m2], civil.month);
        pair([d1, d2], civil.day);
        pair([h1, h2], civil.hour);
        pair([i1, i2], civil.minute);
        pair([s1, s2], civil.second);
        text.push_str(std::str::from_utf8(&head).unwrap_or(""));
    } else {
        super::format::number(text, civil.year, 4);
        let Civil { month, day, hour, minute, second, .. } = civil;
        let parts = [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)];
        for (separator, value) in parts {
            text.push(separator);
            super::format::number(text, value, 2);
        }
    }
    if nanos && moment.nanos != 0 {
        let mut scale = 100_000_000;
        let mut rest = moment.nanos;
        text.push('.');
        while rest != 0 {
            text.push(char::from(digit(i64::from(rest / scale))));
            rest %= scale;
            scale /= 10;
        }
    }
    if moment.offset == 0 {
        text.push('Z');
        return;
    }
    text.push(if moment.offset / 60 < 0 { '-' } else { '+' });
    let minutes = i64::from((moment.offset / 60).unsigned_abs());
    super::format::number(text, minutes / 60, 2);
    text.push(':');
    super::format::number(text, minutes % 60, 2);
}

/// The last digit of a number.
#[inline]
fn digit(value: i64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

#[inline]
fn pair([tens, ones]: [&mut u8; 2], value: i64) {
    *tens = digit(value / 10);
    *ones = digit(value);
}

/// Reads the strict form. `None` says nothing: the layout may still take the text.
pub(super) fn read(value: &[u8]) -> Option<Moment> {
    let (head, mut rest) = value.split_at_checked(19)?;
    let year = digits(head, 0, 4)?;
    let month = digits(head, 5, 2)?;
    let day = digits(head, 8, 2)?;
    let (hour, minute, second) = (digits(head, 11, 2)?, digits(head, 14, 2)?, digits(head, 17, 2)?);
    let separated = head[4] == b'-'
        && head[7] == b'-'
        && head[10] == b'T'
        && head[13] == b':'
        && head[16] == b':';
    if !separated || !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day)
    {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, used) = fraction_prefix(rest);
    rest = rest.cut(used)?;
    let seconds = Civil { year, month, day, hour, minute, second }.seconds();
    match rest {
        b"Z" => Some(Moment::utc(seconds, nanos)),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (digits(rest, 1, 2)?, digits(rest, 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
            Some(in_offset(seconds, nanos, if *sign == b'-' { -offset } else { offset }))
        }
        _ => None,
    }
}
