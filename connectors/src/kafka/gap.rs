//! What to do where the broker does not have the offset that comes next.

/// What became of the records from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// They are there.
    None,
    /// The first of them were deleted unread: read on behind.
    Deleted {
        /// Offset of the first one.
        from: i64,
        /// One past the last one.
        to: i64,
    },
    /// The partition is shorter than that: its end was cut off, or it was created again. Whatever it
    /// holds is new.
    Shorter {
        /// Offset of its oldest record.
        oldest: i64,
        /// Offset behind its newest record.
        end: i64,
    },
}

/// Compares the `next` offset with the oldest one that is there and the `end` behind the newest.
pub(super) fn gap(next: i64, oldest: i64, end: i64) -> Gap {
    if next < oldest {
        Gap::Deleted { from: next, to: oldest }
    } else if next > end {
        Gap::Shorter { oldest, end }
    } else {
        Gap::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_their_exact_range() {
        assert_eq!(gap(5, 5, 9), Gap::None);
        assert_eq!(gap(9, 5, 9), Gap::None);
        assert_eq!(gap(0, 0, 0), Gap::None);
        assert_eq!(gap(4, 5, 9), Gap::Deleted { from: 4, to: 5 });
        assert_eq!(gap(4, 9, 9), Gap::Deleted { from: 4, to: 9 });
        assert_eq!(gap(10, 5, 9), Gap::Shorter { oldest: 5, end: 9 });
    }
}
