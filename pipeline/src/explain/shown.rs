//! How much of a story people want to see.

/// What is shown of each story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Only lines that were not parsed.
    pub failures: bool,
    /// Only nodes that succeeded.
    pub only_successful: bool,
    /// Also nodes and scenarios that had nothing to do with the line.
    pub verbose: bool,
}
