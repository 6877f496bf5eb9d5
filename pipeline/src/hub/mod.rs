//! Rules on disk and in the binary: from directories, a configuration and names to a [`RuleSet`].
//!
//! ```text
//! RuleSource ─ layout (files, index) ─ select (names) ─ load (specs) ─▶ RuleSet
//! ```

pub mod data;
pub mod environment;
pub mod file;
pub mod found;
pub mod index;
mod installed;
pub mod item;
pub mod layout;
pub mod load;
pub mod local;
mod select;
pub mod text;

pub use file::RuleFile;
pub use item::{Item, ItemKind};
pub use layout::{PatternFile, RuleSource};
pub use load::{ContextFile, NodeFile, RuleSet, Scenario, load};
pub use select::Selection;
