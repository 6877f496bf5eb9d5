//! The column families of the store: what lies where. A name on disk is a promise.

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// What the store is: format, dictionary, rule versions.
    Meta,
    /// Where each source partition goes on.
    Lanes,
    /// Parse state of source partitions.
    Stashes,
    /// Live buckets.
    Buckets,
    /// Buckets that overflowed a short while ago and are ignored.
    Blackholes,
    /// When buckets end by themselves.
    Deadlines,
    /// What was decided about source values.
    Histories,
    /// What goes out, by running number.
    Outbox,
    /// How far each output is.
    Outputs,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Meta,
        Self::Lanes,
        Self::Stashes,
        Self::Buckets,
        Self::Blackholes,
        Self::Deadlines,
        Self::Histories,
        Self::Outbox,
        Self::Outputs,
    ];

    /// Its name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Lanes => "lanes",
            Self::Stashes => "stashes",
            Self::Buckets => "buckets",
            Self::Blackholes => "blackholes",
            Self::Deadlines => "deadlines",
            Self::Histories => "histories",
            Self::Outbox => "outbox",
            Self::Outputs => "outputs",
        }
    }

    /// Its place in [`Family::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for (place, family) in Family::ALL.iter().enumerate() {
            assert_eq!(family.index(), place);
            assert!(names.insert(family.name()));
        }
    }
}
