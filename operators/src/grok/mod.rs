//! Grok: named regular expressions that name what they find.
//!
//! ```text
//! pattern texts ─ Library ─ expansion ─▶ one expression ─ re2 ─▶ Grok ─ matches ─▶ spans
//! ```

mod error;
mod expand;
mod library;
mod pattern;
pub mod re2;
mod standard;

pub use error::GrokError;
pub use expand::Expansion;
pub use library::{Added, Library, PatternFileError};
