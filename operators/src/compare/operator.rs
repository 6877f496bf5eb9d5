//! The subtraction as a differential dataflow operator: two collections in, their differences out.
//! What both hold cancels out before anything is paired.

use differential_dataflow::VecCollection;

use super::{About, Change, Found};

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
