//! A lenient search in JSON text that decodes nothing: what `JsonExtract` and its kin see
//! (`github.com/buger/jsonparser`). Text that is no JSON gives what that scanner gives.

/// What kind of value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    String,
    Number,
    Object,
    Array,
    Boolean,
    Null,
}

/// A value as it stands in the text; strings without their quotes, escapes left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) kind: Found,
    pub(super) text: &'a [u8],
    /// First byte of the value, its quote included.
    start: usize,
    /// One past its last byte.
    end: usize,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    /// Nothing is there, or the text is malformed before it.
    Missing,
    /// An array stands where an empty key is wanted. The scanner looks at the first byte of that
    /// key there.
    EmptyKey,
}

/// The value at a path of keys and `[n]`; `None` where it is missing or the text is malformed
/// before it.
///
/// # Errors
/// An array stands where an empty key is wanted.
pub(super) fn get<'a>(data: &'a [u8], path: &[&str]) -> Result<Option<Raw<'a>>, String> {
    let at = if path.is_empty() { Ok(0) } else { search(data, path) };
    match at {
        Ok(at) => Ok(value(data, at)),
        Err(Miss::Missing) => Ok(None),
        Err(Miss::EmptyKey) => Err("an empty key of a path stands for an array".into()),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Index of the next byte that is not white space.
fn next(data: &[u8], from: usize) -> Option<usize> {
    let rest = data.get(from..)?;
    rest.iter().position(|byte| !is_space(*byte)).map(|at| from + at)
}

/// One past the closing quote of a string whose text starts at `from`, and whether it has escapes.
fn string_end(data: &[u8], from: usize) -> Option<(usize, bool)> {
    let (mut at, mut escapes) = (from, false);
    loop {
        match data.get(at)? {
            b'"' => return Some((at + 1, escapes)),
            b'\\' => {
                escapes = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// One past the bracket that closes the one at `from`.
fn block_end(data: &[u8], from: usize, open: u8, close: u8) -> Option<usize> {
    let (mut at, mut level) = (from, 0_i64);
    loop {
        match *data.get(at)? {
            b'"' => at = string_end(data, at + 1)?.0 - 1,
            byte if byte == open => level += 1,
            byte if byte == close => {
                level -= 1;
                if level == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The value that starts at or after `from`.
fn value(data: &[u8], from: usize) -> Option<Raw<'_>> {
    let start = next(data, from)?;
    let block = |open, close, kind| {
        let end = block_end(data, start, open, close)?;
        Some(Raw { kind, text: &data[start..end], start, end })
    };
    match data[start] {
        b'"' => {
            let (end, _) = string_end(data, start + 1)?;
            Some(Raw { kind: Found::String, text: &data[start + 1..end - 1], start, end })
        }
        b'[' => block(b'[', b']', Found::Array),
        b'{' => block(b'{', b'}', Found::Object),
        first => {
            let rest = &data[start..];
            let ends = |byte: &u8| is_space(*byte) || matches!(byte, b',' | b'}' | b']');
            let text = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
            let kind = match (first, text) {
                (_, b"true" | b"false") => Found::Boolean,
                (_, b"null") => Found::Null,
                (b'0'..=b'9' | b'-', _) => Found::Number,
                _ => return None,
            };
            Some(Raw { kind, text, start, end: start + text.len() })
        }
    }
}

/// How deep the scan is and how much of the path it has matched.
struct Place {
    level: i64,
    matched: i64,
    last: bool,
}

/// Index of the first byte after the `:` of the last key, or of the array element.
fn search(data: &[u8], path: &[&str]) -> Result<usize, Miss> {
    let mut place = Place { level: 0, matched: 0, last: true };
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        match byte {
            b'"' => match key(data, at, path, &mut place).ok_or(Miss::Missing)? {
                Step::Found(start) => return Ok(start),
                Step::Go(next) => at = next,
            },
            b'{' if place.last => place.level += 1,
            b'{' => at = block_end(data, at, b'{', b'}').ok_or(Miss::Missing)? - 1,
            b'}' => {
                place.level -= 1;
                if place.level == place.matched {
                    place.matched -= 1;
                }
            }
            b'[' => {
                let level = usize::try_from(place.level).ok();
                let wanted = level.filter(|_| place.matched == place.level);
                match wanted.and_then(|level| path.get(level..)?.split_first()) {
                    Some((&"", _)) => return Err(Miss::EmptyKey),
                    Some((wanted, rest)) if wanted.starts_with('[') => {
                        let element = element(data, at, wanted).ok_or(Miss::Missing)?;
                        let inner = &data[element.start..element.end];
                        let found = if rest.is_empty() { 0 } else { search(inner, rest)? };
                        return Ok(element.start + found);
                    }
                    _ => at = block_end(data, at, b'[', b']').ok_or(Miss::Missing)? - 1,
                }
            }
            b':' => return Err(Miss::Missing),
            _ => {}
        }
        at += 1;
    }
    Err(Miss::Missing)
}

enum Step {
    Found(usize),
    Go(usize),
}

/// Reads the string at `at`; where it is a key, compares it with the path.
fn key(data: &[u8], at: usize, path: &[&str], place: &mut Place) -> Option<Step> {
    let (end, escapes) = string_end(data, at + 1)?;
    let colon = next(data, end)?;
    if data[colon] != b':' {
        return Some(Step::Go(colon - 1));
    }
    let raw = &data[at + 1..end - 1];
    let level = usize::try_from(place.level - 1).ok()?;
    let unescaped = if escapes { Some(unescape(raw)?) } else { None };
    let wanted = path.get(level)?;
    place.last = unescaped.as_deref().unwrap_or(raw) == wanted.as_bytes();
    if place.last && place.matched == place.level - 1 {
        place.matched += 1;
        if usize::try_from(place.matched) == Ok(path.len()) {
            return Some(Step::Found(colon + 1));
        }
    }
    Some(Step::Go(colon))
}

/// The element that `[n]` names in the array at `at`.
fn element<'a>(data: &'a [u8], at: usize, wanted: &str) -> Option<Raw<'a>> {
    let digits = wanted.strip_prefix('[')?.strip_suffix(']')?;
    let index: usize = digits.parse().ok()?;
    let mut from = next(data, at + 1)?;
    if data[from] == b']' {
        return None;
    }
    for _ in 0..index {
        let end = value(data, from)?.end;
        let comma = next(data, end)?;
        if data[comma] != b',' {
            return None;
        }
        from = comma + 1;
    }
    value(data, from)
}

/// A string with its escapes decoded; `None` where one is invalid.
pub(super) fn unescape(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let plain = match rest.get(1)? {
            b'"' => b'"',
            b'\\' => b'\\',
            b'/' => b'/',
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (c, used) = unicode(rest)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[used..];
                continue;
            }
            _ => return None,
        };
        out.push(plain);
        rest = &rest[2..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The character of `\uXXXX` or a surrogate pair of them, and the bytes that it takes.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let high = unit(text)?;
    if !(0xd800..=0xdfff).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low = unit(text.get(6..)?)?.checked_sub(0xdc00)?;
    let code = 0x10000_u32.checked_add((high - 0xd800) << 10)?.checked_add(low)?;
    Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
}

fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(2..6)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
