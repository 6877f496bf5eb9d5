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
    /// What goes out, by running number.
    Outbox,
    /// What was set aside and goes out, by running number.
    Unparsed,
    /// How far each output is.
    Outputs,
    /// Alerts by running number.
    Alerts,
    /// Numbers of alerts by what they are looked for.
    AlertPlaces,
    /// Decisions by running number, as they were made.
    Decisions,
    /// When decisions ended, by running number.
    Ends,
    /// Running numbers of decisions by their hash.
    Names,
    /// Machines and bouncers.
    Accounts,
    /// Allowlists.
    Allowlists,
    /// Answers to posts of the last minutes.
    Answered,
    /// Usage metrics by time.
    Usage,
    /// Who changed what, by time.
    Audit,
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
        Self::Outbox,
        Self::Unparsed,
        Self::Outputs,
        Self::Alerts,
        Self::AlertPlaces,
        Self::Decisions,
        Self::Ends,
        Self::Names,
        Self::Accounts,
        Self::Allowlists,
        Self::Answered,
        Self::Usage,
        Self::Audit,
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
            Self::Outbox => "outbox",
            Self::Unparsed => "unparsed",
            Self::Outputs => "outputs",
            Self::Alerts => "alerts",
            Self::AlertPlaces => "alert places",
            Self::Decisions => "decisions",
            Self::Ends => "ends",
            Self::Names => "names",
            Self::Accounts => "accounts",
            Self::Allowlists => "allowlists",
            Self::Answered => "answered",
            Self::Usage => "usage",
            Self::Audit => "audit",
        }
    }

    /// Whether its values begin with the time until which they are remembered
    /// (`operators::bucket::record`).
    pub(super) fn is_forgetful(self) -> bool {
        matches!(self, Self::Buckets | Self::Blackholes)
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
