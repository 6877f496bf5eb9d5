//! Buckets: from pours to overflows, on values alone.
//!
//! ```text
//! event ─ kept ─▶ pour ─ table ─▶ state (limiter, queue) ─ conditional, bayesian, counter
//!                                   └▶ overflow (context) ─ overflow_filter ─ blackhole ─▶ alert
//! ```

pub mod blackhole;
pub mod buckets;
pub mod catalogue;
pub mod change;
pub mod compile;
pub mod context;
pub mod detect;
pub mod evaluate;
pub mod failure;
pub mod group;
pub mod kept;
pub mod limiter;
pub mod operator;
pub mod pour;
pub mod queue;
pub mod scenario;
pub mod spec;
pub mod state;
pub mod wish;

pub(crate) mod bayesian;
mod bytes;
pub(crate) mod conditional;
mod counter;
pub(crate) mod overflow;
pub(crate) mod overflow_filter;
mod packed;
pub(crate) mod recall;
mod table;
pub(crate) mod view;

pub use buckets::{Buckets, Open, Overflowed};
pub use catalogue::Catalogue;
pub use failure::{Counters, Failure};
pub use group::{GROUPS, group_of};
pub use kept::{Codec, Kept, Reads};
pub use pour::{Claim, Pour};
pub use scenario::{Scenario, ScenarioId};
pub use wish::{Note, Wish, WishError, claim, wish};
