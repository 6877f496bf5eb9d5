//! YAML as people write it in rule files: every value knows the file, line and column it came from,
//! so that an error can show the place.
//!
//! ```text
//! text ─ tree (nodes with positions) ─ fields (strict decoding) ─▶ spec.rs of each stage
//! ```

pub mod nearest;

pub use nearest::{nearest, suggestion};
