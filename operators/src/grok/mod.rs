//! Grok: named regular expressions that name what they find.
//!
//! ```text
//! pattern texts ─ Library ─ expansion ─▶ one expression ─ re2 ─▶ Grok ─ matches ─▶ spans
//! ```

mod compile;
mod error;
mod expand;
mod library;
mod matcher;
mod pattern;
mod progress;
pub mod re2;
mod standard;

pub use compile::Grok;
pub use error::GrokError;
pub use expand::{Expansion, Part};
pub use library::{Added, Library, PatternFileError};
pub use matcher::{Captures, Span};
pub use progress::Progress;
