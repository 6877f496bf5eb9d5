//! YAML as people write it in rule files: every value knows the file, line and column it came from,
//! so that an error can show the place.
//!
//! ```text
//! text ─ tree (values with places) ─ fields (strict decoding) ─▶ spec.rs of each stage
//! ```

pub mod fields;
pub mod format;
pub mod nearest;
mod offset;
pub mod position;
pub mod scalar;
pub mod source;
pub mod tree;
mod value;

pub use fields::{Fields, Reading};
pub use nearest::{nearest, suggestion};
pub use position::{Located, Position, RuleError};
pub use source::Source;
pub use tree::{Content, Documents, Node, parse};

// Until crate::time parses durations.
pub(crate) fn duration_of(text: &str) -> Option<crate::time::GoDuration> {
    let _ = text;
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(crate::time::GoDuration(0));
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        rest = rest.get(end..)?;
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, scale) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = rest.strip_prefix(unit)?;
        total += number * scale;
    }
    (!text.is_empty()).then_some(crate::time::GoDuration((sign * total) as i64))
}
