//! What the view begins with: the decisions of the store in the order of commits, those that ended a
//! short while ago too, so that cursors from before the restart still mean something.

use std::collections::HashMap;

use api::index::removals::Keep;
use api::record::Record;
use operators::view::{Event, Standing};

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
    /// The same for the view: without those that are simulated.
    pub events: Vec<Event>,
}

impl Loaded {
    /// Adds a decision that began with a commit; who it is in the view, if it takes part.
    pub fn begin(&mut self, seq: u64, record: Record) -> Option<Contender> {
        let contender = self.contends(seq, &record);
        self.begun.push((seq, record));
        contender
    }

    /// Tells the view of a decision that began with a commit; who it is there, if it takes part.
    pub fn contends(&mut self, seq: u64, record: &Record) -> Option<Contender> {
        let contender = (!record.simulated).then(|| (record.key(), record.until));
        if let Some((key, until)) = contender {
            let standing = Standing::new(until, record.id);
            self.events.push(Event { seq, key, standing, begins: true });
        }
        contender
    }

    /// Adds the end of a decision by a commit; who it was in the view, if it took part.
    pub fn end(&mut self, (seq, id, at): (u64, u64, i64), contender: Option<Contender>) {
        if let Some((key, until)) = contender {
            let standing = Standing::new(until, id);
            self.events.push(Event { seq, key, standing, begins: false });
        }
        self.ended.push((seq, id, at));
    }
}

/// What a decision is about, and when it ends by itself.
pub type Contender = (u128, i64);

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
    let mut ending: HashMap<u64, Option<Contender>> =
        ends.iter().map(|(_, id, _)| (*id, None)).collect();
    let mut chunk = Loaded::default();
    let mut shared = Shared::default();
    for entry in store.scan_once(Family::Decisions) {
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
            chunk.end(end, ending.remove(&end.1).flatten());
        }
        chunk.seq = chunk.seq.max(row.born);
        let contender = chunk.begin(row.born, row.record);
        if let Some(known) = ending.get_mut(&id) {
            *known = contender;
        }
        counts.decisions += 1;
    }
    while let Some(end) = ends.pop() {
        chunk.end(end, ending.remove(&end.1).flatten());
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use operators::time::EventTime;

    use super::*;
    use crate::serve::row::DecisionRow;
    use crate::state::Budget;

    fn row(id: u64, born: u64) -> DecisionRow {
        let text = |text: &str| -> Arc<str> { text.into() };
        let record = Record {
            id,
            hash: id,
            alert: 1,
            until: 1_000,
            origin: text("o"),
            kind: text("ban"),
            scope: text("Ip"),
            value: format!("192.0.2.{id}").into(),
            scenario: text("s"),
            simulated: id == 3,
        };
        DecisionRow { record, duration: text("4h"), born, made: 0 }
    }

    /// A store in which the first commit brought the first decisions and each later one more, and
    /// one commit the ends of some.
    fn store(path: &std::path::Path, first: u64, all: u64, ends: (u64, &[u64])) -> Store {
        let store = Store::open(path, Budget { cache: 1 << 20, writes: 1 << 20 }).unwrap();
        let mut batch = store.batch();
        for id in 1..=all {
            let row = row(id, 1 + id.saturating_sub(first));
            let (alert, born, made) = (row.record.alert, row.born, EventTime(row.made));
            let row = DecisionRow::encode(&row.into(), alert, born, made);
            batch.put(Family::Decisions, &id.to_be_bytes(), &row);
        }
        for id in ends.1 {
            let end = End { seq: ends.0, at: 7 };
            batch.put(Family::Ends, &id.to_be_bytes(), &end.encode());
        }
        store.commit(batch).unwrap();
        store
    }

    #[test]
    fn the_view_hears_of_ends_of_decisions_of_chunks_before() {
        let folder = tempfile::tempdir().unwrap();
        let first = u64::try_from(CHUNK).unwrap();
        let seq = 3;
        let store = store(folder.path(), first, first + 4, (seq, &[2, 3, first + 2]));
        let keep = Keep { age: i64::MAX, count: usize::MAX };
        let mut chunks = Vec::new();
        let counts = each(&store, 10, keep, &mut |chunk| chunks.push(chunk)).unwrap();
        assert_eq!(counts.decisions, first + 1);
        let lengths: Vec<usize> = chunks.iter().map(|chunk| chunk.begun.len()).collect();
        assert_eq!(lengths, [CHUNK, 4]);
        let told = |chunk: &Loaded, begins: bool| -> Vec<(u64, u64, u128)> {
            let events = chunk.events.iter().filter(|event| event.begins == begins);
            events.map(|event| (event.seq, event.standing.id.0, event.key)).collect()
        };
        // The third is simulated.
        assert_eq!(told(&chunks[0], true).len(), CHUNK - 1);
        assert_eq!(told(&chunks[0], false), []);
        let ended =
            [(seq, 2, row(2, 1).record.key()), (seq, first + 2, row(first + 2, 1).record.key())];
        assert_eq!(told(&chunks[1], false), ended);
        assert_eq!(chunks[1].ended, [(seq, 2, 7), (seq, 3, 7), (seq, first + 2, 7)]);
    }
}
