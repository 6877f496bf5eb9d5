//! The globs of `Match`: `*` and `?` over bytes, the whole text.

/// Whether `text` fits `pattern`. As in CrowdSec (`pkg/exprhelpers/helpers.go`), two or more stars
/// at the end want at least one byte; unlike it, the time is bounded by the product of the lengths.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let stars = pattern.iter().rev().take_while(|byte| **byte == b'*').count();
    if stars < 2 {
        return fits(pattern, text);
    }
    let mut rewritten = pattern[..pattern.len() - stars].to_vec();
    rewritten.extend_from_slice(b"?*");
    fits(&rewritten, text)
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when the text after the last star does not fit: only the last one matters.
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                resume = Some((p, t));
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((star, from)) = resume else { return false };
                resume = Some((star, from + 1));
                (p, t) = (star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}
