//! Buckets: from pours to overflows, on values alone.
//!
//! ```text
//! event ─ kept ─▶ pour ─ table ─▶ state (limiter, queue) ─ conditional, bayesian, counter
//!                                   └▶ overflow (context) ─ overflow_filter ─ blackhole ─▶ alert
//! ```

pub mod blackhole;
pub mod buckets;
pub mod catalogue;
mod census;
pub mod change;
pub mod codec;
pub mod compile;
pub mod context;
pub mod detect;
pub mod dialect;
pub mod evaluate;
pub mod failure;
pub mod group;
pub mod kept;
pub mod limiter;
pub mod operator;
pub mod portrait;
pub mod pour;
pub mod queue;
pub mod record;
pub mod reprocess;
pub mod scenario;
pub mod shares;
pub mod sifted;
pub mod spec;
pub mod state;
pub mod wish;

pub(crate) mod bayesian;
mod bytes;
mod cold;
pub(crate) mod conditional;
mod counter;
mod exhibit;
mod glance;
mod hole;
mod identity;
mod judge;
mod ledger;
pub(crate) mod overflow;
pub(crate) mod overflow_filter;
mod packed;
pub(crate) mod recall;
mod survey;
mod table;
pub(crate) mod view;
mod warmth;

pub use buckets::{Buckets, Open, Overflowed};
pub use catalogue::Catalogue;
pub use census::Presence;
pub use codec::{Codec, Reads};
pub use failure::{Counters, Failure};
pub use group::{BucketHash, GROUPS, group_of};
pub use kept::Kept;
pub use ledger::Ledger;
pub use pour::{Claim, Pour, Want};
pub use scenario::{Scenario, ScenarioId};
pub use wish::{Note, Wish, WishError, claim, wish};
