//! What operators ask of the store, injected by the pipeline.

use std::fmt::Debug;

use crate::bucket::dialect::Dialect;

/// Takes an entry of the store: its key and its value.
pub type Take<'a> = dyn FnMut(&[u8], &[u8]) + 'a;

/// The same; whether it takes another one.
pub type TakeSome<'a> = dyn FnMut(&[u8], &[u8]) -> bool + 'a;

/// The bucket state of one worker as the store has it.
///
/// # Contract
/// * What was handed over with [`crate::bucket::change::Changes`] is seen here as soon as the run that
///   made it is over, and within it after [`KeyedState::lag`] further seals (integration/tests/live).
/// * A read that fails gives nothing, and no commit succeeds after it: nothing is built on a gap
///   (not checkable here).
pub trait KeyedState: Debug + Send {
    /// The buckets of a key group whose keys stand behind `after`, in the order of their keys, until
    /// `take` has enough.
    fn buckets(&self, group: u32, after: &[u8], take: &mut TakeSome<'_>);
    /// One bucket.
    fn bucket(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Every blackhole of a key group.
    fn blackholes(&self, group: u32, take: &mut Take<'_>);
    /// When buckets of a key group end by themselves.
    fn deadlines(&self, group: u32, take: &mut Take<'_>);
    /// How the events of another rule set were written.
    fn dialect(&self, number: u32) -> Option<Dialect>;
    /// How many seals may be on their way to the store.
    fn lag(&self) -> u8;
    /// How much memory buckets may take. Unit: bytes.
    fn budget(&self) -> usize;
    /// How much memory marks of the buckets may take that are not in memory. Unit: bytes.
    fn marks(&self) -> usize;
}
