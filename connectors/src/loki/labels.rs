//! A stream's labels as senders write them: `{app="x", host="a\"b"}`. In: that text. Out: pairs.

use std::borrow::Cow;

/// A name and a value.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The text is no set of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {{NAME=\"VALUE\", …}}")]
pub struct LabelsError;

/// Reads a set of labels.
///
/// # Errors
/// It is none.
pub(super) fn parse(text: &str) -> Result<Vec<Pair<'_>>, LabelsError> {
    let mut rest = text.trim().strip_prefix('{').ok_or(LabelsError)?.trim_start();
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (name, after) = rest.split_once('=').ok_or(LabelsError)?;
        let name = name.trim();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '.';
        if name.is_empty() || !name.chars().all(word) {
            return Err(LabelsError);
        }
        let (value, after) = quoted(after.trim_start()).ok_or(LabelsError)?;
        labels.push((Cow::Borrowed(name), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.starts_with('}') => {}
            None => return Err(LabelsError),
        }
    }
    if rest == "}" { Ok(labels) } else { Err(LabelsError) }
}

/// A string as Go quotes it, and what follows.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`')?;
        return Some((value.into(), rest));
    }
    let inner = text.strip_prefix('"')?;
    let end = inner.find(['"', '\\'])?;
    let (plain, rest) = inner.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((plain.into(), rest));
    }
    let mut value = plain.to_owned();
    let mut rest = rest.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value.into(), rest.as_str())),
            '\\' => value.push(escaped(&mut rest)?),
            c => value.push(c),
        }
    }
}

/// What an escape stands for. Bytes above 0x7f become U+FFFD: they are no text by themselves.
fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match rest.next()? {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        'f' => return Some('\u{c}'),
        'v' => return Some('\u{b}'),
        c @ ('"' | '\\' | '\'') => return Some(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let code =
        (0..digits).try_fold(0_u32, |code, _| Some(code << 4 | rest.next()?.to_digit(16)?))?;
    match digits {
        2 if code > 0x7f => Some(char::REPLACEMENT_CHARACTER),
        _ => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let got = parse(text).unwrap();
        let got: Vec<_> = got.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn labels_are_quoted_as_go_does() {
        check("{}", &[]);
        check(" { } ", &[]);
        check(r#"{a="b",c = "d" , }"#, &[("a", "b"), ("c", "d")]);
        check(
            r#"{a="x\"y\\\n\u00e9\x41\xff",b=`r"\`}"#,
            &[("a", "x\"y\\\né\u{41}\u{fffd}"), ("b", "r\"\\")],
        );
        check(r#"{a="},=b"}"#, &[("a", "},=b")]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in [
            "",
            "{",
            "{a}",
            "{a=}",
            "{a=b}",
            r#"{a="b}"#,
            r#"{a="b" c="d"}"#,
            r#"{a="\q"}"#,
            r#"{a="b"}x"#,
            r#"{="b"}"#,
            r#"{a="\ud800"}"#,
        ] {
            assert_eq!(parse(text), Err(LabelsError), "{text}");
        }
    }
}
