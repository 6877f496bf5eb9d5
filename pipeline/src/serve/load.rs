//! What the view begins with: the decisions of the store in the order of commits, those that ended a
//! short while ago too, so that cursors from before the restart still mean something.

use api::index::removals::Keep;
use api::record::Record;

use super::flush;
use super::ledger;
use super::row::{DecisionRow, End, Shared};
use crate::state::{Family, Store, StoreError};

/// Decisions that are handed on at once.
const CHUNK: usize = 20_000;

/// Some of what the store holds, up to a commit.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The last commit in it.
    pub seq: u64,
    /// Decisions that began, each with its commit, by number.
    pub begun: Vec<(u64, Record)>,
    /// Commit, number and time of ends.
    pub ended: Vec<(u64, u64, i64)>,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decisions, those that ended apart.
    pub decisions: u64,
    /// The last commit of the store.
    pub seq: u64,
    /// Ends by commits up to this one are not all among them.
    pub floor: u64,
}

/// Hands what the store holds to `take`, in the order of commits.
///
/// # Errors
/// The store cannot be read.
pub fn each(
    store: &Store,
    now: i64,
    keep: Keep,
    take: &mut dyn FnMut(Loaded),
) -> Result<Counts, StoreError> {
    let counters = ledger::counters(store)?;
    let (mut ends, forgotten, floor) = ends(store, now, keep)?;
    let floor = floor.max(flush::floor(store)?);
    let mut counts = Counts { floor, seq: counters.seq, decisions: 0 };
    ends.reverse();
    let mut chunk = Loaded::default();
    let mut shared = Shared::default();
    for entry in store.scan(Family::Decisions, &[]) {
        let (key, bytes) = entry?;
        let Ok(key) = <[u8; 8]>::try_from(&*key) else { continue };
        let id = u64::from_be_bytes(key);
        if forgotten.binary_search(&id).is_ok() {
            continue;
        }
        let Some(row) = DecisionRow::decode(id, &bytes, &mut shared) else {
            tracing::warn!(id, "a decision of the store cannot be read");
            continue;
        };
        if chunk.begun.len() >= CHUNK && row.born > chunk.seq {
            take(std::mem::take(&mut chunk));
        }
        while let Some(end) = ends.pop_if(|end| end.0 < row.born) {
            chunk.seq = chunk.seq.max(end.0);
            chunk.ended.push(end);
        }
        chunk.seq = chunk.seq.max(row.born);
        chunk.begun.push((row.born, row.record));
        counts.decisions += 1;
    }
    while let Some(end) = ends.pop() {
        chunk.ended.push(end);
    }
    chunk.seq = counters.seq;
    let ended = u64::try_from(chunk.ended.len()).unwrap_or(0);
    take(chunk);
    counts.decisions = counts.decisions.saturating_sub(ended);
    Ok(counts)
}

type Ends = Vec<(u64, u64, i64)>;

/// Ends that are to be told still, by commit; the numbers of the others; and up to which commit
/// there are such.
fn ends(store: &Store, now: i64, keep: Keep) -> Result<(Ends, Vec<u64>, u64), StoreError> {
    let (mut ends, mut forgotten, mut floor) = (Vec::new(), Vec::new(), 0);
    for entry in store.scan(Family::Ends, &[]) {
        let (key, bytes) = entry?;
        let (Ok(key), Some(end)) = (<[u8; 8]>::try_from(&*key), End::decode(&bytes)) else {
            continue;
        };
        let id = u64::from_be_bytes(key);
        if now.saturating_sub(end.at) > keep.age {
            floor = floor.max(end.seq);
            forgotten.push(id);
        } else {
            ends.push((end.seq, id, end.at));
        }
    }
    ends.sort_unstable();
    let surplus = ends.len().saturating_sub(keep.count);
    for (seq, id, _) in ends.drain(..surplus) {
        floor = floor.max(seq);
        forgotten.push(id);
    }
    forgotten.sort_unstable();
    Ok((ends, forgotten, floor))
}
