//! Buckets: from pours to overflows, on values alone.
//!
//! ```text
//! event ─ kept ─▶ pour ─ table ─▶ state (limiter, queue) ─ conditional, bayesian, counter
//!                                   └▶ overflow (context) ─ overflow_filter ─ blackhole ─▶ alert
//! ```

pub mod blackhole;
pub mod buckets;
pub mod catalogue;
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

mod bayesian;
mod bytes;
mod conditional;
mod counter;
mod overflow;
mod overflow_filter;
mod packed;
mod recall;
mod table;
mod view;

pub use buckets::{Buckets, Open, Overflowed};
pub use catalogue::Catalogue;
pub use failure::{Counters, Failure};
pub use group::{GROUPS, group_of};
pub use kept::{Codec, Kept, Reads};
pub use pour::{Claim, Pour};
pub use scenario::{Scenario, ScenarioId};
pub use wish::{Wish, WishError, claim, wish};
