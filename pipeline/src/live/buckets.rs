//! Buckets of a live run: in memory what is warm, in the store all of them.

use std::sync::Arc;

use operators::bucket::Buckets;

use crate::detection::Detection;
use crate::state::Store;

/// The buckets of one worker, as the store has them.
pub(super) fn kept(detection: &Detection, _store: &Arc<Store>) -> Buckets {
    detection.buckets()
}
