//! What rules do to a line, step by step, and why not more: for `spillway explain` and
//! `spillway hubtest explain`.
//!
//! ```text
//! line ─ parsers (recorder) ─ scenarios ─ buckets ─ postoverflows (recorder) ─▶ LineStory ─ tree
//!                                                                                        ├ json
//!                                                                                        └ raw
//! ```
//!
//! Everything runs in one thread and in the order of the input, with the operators of a replay, so
//! that what is told is what a replay does.

pub mod condition;
pub mod explainer;
pub mod output;
pub mod recorder;
pub mod shown;
pub mod snapshot;
pub mod story;
pub mod style;
pub mod tree;
pub mod why_not;

pub use explainer::{Explainer, Parts};
pub use output::{Form, Teller};
pub use shown::Shown;
pub use story::LineStory;
