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
