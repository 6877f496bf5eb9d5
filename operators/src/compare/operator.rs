//! The subtraction as a differential dataflow operator: two collections in, their differences out.
//! What both hold cancels out before anything is paired.

use std::sync::{Arc, Mutex, PoisonError};

use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use timely::dataflow::operators::probe::Handle;

use super::{About, Change, Found};

/// All differences, by scenario, source and time.
pub fn compare(before: Vec<(About, Found)>, after: Vec<(About, Found)>) -> Vec<Change> {
    let changes: Arc<Mutex<Vec<(Change, isize)>>> = Arc::default();
    let seen = Arc::clone(&changes);
    timely::execute_directly(move |worker| {
        let mut inputs = [InputSession::new(), InputSession::new()];
        let probe = Handle::new();
        worker.dataflow::<u64, _, _>(|scope| {
            let [before, after] = &mut inputs;
            let (before, after) = (before.to_collection(scope), after.to_collection(scope));
            let all = operator(before, after);
            let keep = move |(change, _, times): &(Change, u64, isize)| {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.push((change.clone(), *times));
            };
            all.inspect(keep).probe_with(&probe);
        });
        for (input, rows) in inputs.iter_mut().zip([before, after]) {
            rows.into_iter().for_each(|row| input.insert(row));
        }
        // Closing the inputs lets the worker run to the end.
    });
    let changes = std::mem::take(&mut *changes.lock().unwrap_or_else(PoisonError::into_inner));
    let each = changes.into_iter().flat_map(|(change, times)| {
        std::iter::repeat_n(change, usize::try_from(times).unwrap_or(0))
    });
    let mut each: Vec<_> = each.collect();
    each.sort_by_cached_key(|change| {
        let start = change.before.as_ref().or(change.after.as_ref()).map(|found| found.start);
        (change.about.clone(), start, change.clone())
    });
    each
}

/// Differences of two collections, paired by what they are about.
pub fn operator<'scope>(
    before: VecCollection<'scope, u64, (About, Found), isize>,
    after: VecCollection<'scope, u64, (About, Found), isize>,
) -> VecCollection<'scope, u64, Change, isize> {
    let left = after.concat(before.negate());
    let paired = left.reduce_named("compare", |_about, rows, changes| {
        let repeated = |(found, times): &(&Found, isize)| {
            std::iter::repeat_n((*found).clone(), times.unsigned_abs())
        };
        let gone = rows.iter().filter(|(_, times)| *times < 0).flat_map(repeated).collect();
        let come = rows.iter().filter(|(_, times)| *times > 0).flat_map(repeated).collect();
        changes.extend(pairs(gone, come).into_iter().map(|pair| (pair, 1)));
    });
    paired.map(|(about, (before, after))| Change { about, before, after })
}

type Pair = (Option<Found>, Option<Found>);

/// Pairs those that start together; the rest, oldest first.
fn pairs(gone: Vec<Found>, mut come: Vec<Found>) -> Vec<Pair> {
    let mut all = Vec::new();
    let mut alone = Vec::new();
    for before in gone {
        match come.iter().position(|after| after.start == before.start) {
            Some(at) => all.push((Some(before), Some(come.remove(at)))),
            None => alone.push(before),
        }
    }
    let (mut alone, mut come) = (alone.into_iter(), come.into_iter());
    loop {
        match (alone.next(), come.next()) {
            (None, None) => break,
            pair => all.push(pair),
        }
    }
    all.sort();
    all
}
