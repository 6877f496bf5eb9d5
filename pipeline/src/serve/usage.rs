//! Usage metrics as they are kept: by when they arrived, then by who sent them.

use std::ops::ControlFlow;

use api::archive::Usage;

use crate::state::{Family, Store, StoreError};

/// Keeps usage metrics.
///
/// # Errors
/// The store does not take them.
pub(super) fn keep(store: &Store, usage: &Usage) -> Result<(), StoreError> {
    let mut batch = store.batch();
    let mut key = usage.at.to_be_bytes().to_vec();
    key.extend_from_slice(usage.by.as_bytes());
    // Names are texts and the payload was JSON: it can be written.
    let bytes = serde_json::to_vec(usage).unwrap_or_default();
    batch.put(Family::Usage, &key, &bytes);
    store.commit(batch)
}

/// Hands usage metrics to `take`, the newest first, until it has enough.
///
/// # Errors
/// The store cannot be read.
pub(super) fn visit(
    store: &Store,
    take: &mut dyn FnMut(Usage) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    for entry in store.scan_back(Family::Usage, &[0xff; 9]) {
        let (_, bytes) = entry?;
        // What cannot be read is told by `spillway state verify`.
        let Ok(usage) = serde_json::from_slice(&bytes) else { continue };
        if take(usage).is_break() {
            break;
        }
    }
    Ok(())
}

/// Forgets usage metrics that arrived by then (crowdsec pkg/database/flush.go, `flushMetrics`). Unit:
/// nanoseconds since the Unix epoch.
///
/// # Errors
/// The store does not take it.
pub(super) fn forget(store: &Store, by: i64) -> Result<(), StoreError> {
    let kept_from = by.saturating_add(1).max(0);
    let mut batch = store.batch();
    batch.delete_range(Family::Usage, &[], &kept_from.to_be_bytes());
    store.commit(batch)
}

#[cfg(test)]
mod tests {
    use super::super::census::AlertCensus;
    use super::super::flush::{self, Retention};
    use super::*;
    use crate::state::Budget;

    fn names(store: &Store, most: usize) -> Vec<String> {
        let mut names = Vec::new();
        let take = &mut |usage: Usage| {
            names.push(usage.by);
            if names.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        visit(store, take).unwrap();
        names
    }

    #[test]
    fn metrics_are_read_until_they_are_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget { cache: 1 << 20, writes: 1 << 20 };
        let store = Store::open(folder.path(), budget).unwrap();
        for (at, by) in [(100, "old"), (200, "middle"), (201, "\u{10ffff}"), (300, "new")] {
            let payload = serde_json::json!({ "metrics": [], "type": "b" });
            keep(&store, &Usage { bouncer: true, by: by.to_owned(), at, payload }).unwrap();
        }
        assert_eq!(names(&store, 9), ["new", "\u{10ffff}", "middle", "old"]);
        assert_eq!(names(&store, 2), ["new", "\u{10ffff}"]);
        let retention = Retention { metrics_age: 50, ..Retention::default() };
        flush::flush((&store, &AlertCensus::default()), retention, 250).unwrap();
        assert_eq!(names(&store, 9), ["new", "\u{10ffff}"]);
    }
}
