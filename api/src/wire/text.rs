//! JSON texts, durations and dates as Go writes them: bouncers and agents compare bytes.

use operators::time::{EventTime, Stamp};

const SECOND: i64 = 1_000_000_000;

/// Appends a JSON string as Go's `encoding/json` does: `<`, `>`, `&`, U+2028 and U+2029 escaped.
pub fn string(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..=0x1f | b'<' | b'>' | b'&' => b"",
            // U+2028 and U+2029 are e2 80 a8 and e2 80 a9.
            0xe2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => {
                out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
                let last = if bytes.get(at + 2) == Some(&0xa8) { b'8' } else { b'9' };
                out.extend_from_slice(b"\\u202");
                out.push(last);
                at += 3;
                from = at;
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        if short.is_empty() {
            out.extend_from_slice(b"\\u00");
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        } else {
            out.extend_from_slice(short);
        }
        at += 1;
        from = at;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.push(b'"');
}

/// A UUID as text (RFC 9562).
pub fn uuid(bytes: &[u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// Where the two digits of each byte stand.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; 36];
    for (byte, place) in bytes.iter().zip(PLACES) {
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// Whole seconds from `now` to `until`, rounded as Go rounds (halves away from zero).
/// Unit of the arguments: nanoseconds since the Unix epoch.
pub fn seconds_left(until: i64, now: i64) -> i64 {
    let left = until.saturating_sub(now);
    let (whole, rest) = (left / SECOND, left % SECOND);
    if rest * 2 >= SECOND {
        whole + 1
    } else if rest * 2 <= -SECOND {
        whole - 1
    } else {
        whole
    }
}

/// Appends `Duration.String()` of whole seconds: `3h59m58s`, `1m0s`, `0s`, `-46s`.
pub fn duration(out: &mut Vec<u8>, seconds: i64) {
    if seconds < 0 {
        out.push(b'-');
    }
    let seconds = seconds.unsigned_abs();
    let mut number = itoa::Buffer::new();
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if hours > 0 {
        out.extend_from_slice(number.format(hours).as_bytes());
        out.push(b'h');
    }
    if seconds >= 60 {
        out.extend_from_slice(number.format(minutes).as_bytes());
        out.push(b'm');
    }
    out.extend_from_slice(number.format(seconds % 60).as_bytes());
    out.push(b's');
}

/// RFC 3339 with whole seconds. Unit: nanoseconds since the Unix epoch.
pub fn rfc3339(at: i64) -> String {
    Stamp::utc_at(EventTime(at)).rfc3339()
}

/// RFC 3339 with three digits of the second, as go-openapi's `DateTime`.
pub fn rfc3339_millis(at: i64) -> String {
    Stamp::utc_at(EventTime(at)).format("2006-01-02T15:04:05.000Z07:00")
}

/// Reads an RFC 3339 date. Unit: nanoseconds since the Unix epoch.
pub fn read_rfc3339(text: &str) -> Option<i64> {
    operators::time::layout::parse_rfc3339(text).map(|stamp| stamp.at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(until: i64, now: i64) -> String {
        let mut out = Vec::new();
        duration(&mut out, seconds_left(until, now));
        String::from_utf8(out).unwrap()
    }

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        assert_eq!(
            quoted("a<b>&\"\\\u{1}\n\u{2028}é\u{7f}"),
            "\"a\\u003cb\\u003e\\u0026\\\"\\\\\\u0001\\n\\u2028é\u{7f}\""
        );
        assert_eq!(quoted(""), "\"\"");
    }

    #[test]
    fn durations_have_whole_seconds() {
        let cases = [
            (14_392_000_000_000, "3h59m52s"),
            (14_400_000_000_000, "4h0m0s"),
            (60_000_000_000, "1m0s"),
            (59_499_999_999, "59s"),
            (59_500_000_000, "1m0s"),
            (499_999_999, "0s"),
            (-499_999_999, "0s"),
            (-500_000_000, "-1s"),
            (-63_000_000_000, "-1m3s"),
            (86_400_000_000_000 * 300, "7200h0m0s"),
        ];
        for (left, text) in cases {
            assert_eq!(lasting(left, 0), text);
        }
    }

    #[test]
    fn dates_are_written_as_recorded() {
        let at = read_rfc3339("2026-11-21T03:18:58.865Z").unwrap();
        assert_eq!(rfc3339(at), "2026-11-21T03:18:58Z");
        assert_eq!(rfc3339_millis(at), "2026-11-21T03:18:58.865Z");
        assert_eq!(rfc3339_millis(0), "1970-01-01T00:00:00.000Z");
    }
}
