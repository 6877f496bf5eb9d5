//! Log stores that are asked for ranges of time again and again (Loki, VictoriaLogs): from answers
//! to a lane whose lines neither get lost nor come twice.
//!
//! ```text
//! Store (asks one page) ─▶ reading (which range next, complete slices) ─▶ cursor (what is new) ─▶ Lane
//! ```
//!
//! **What is read.** Each stretch of time is read twice: at once (`settle` behind the present), and
//! once more when it is `overlap` old, to find lines that came late. Where the last `overlap` holds
//! few lines, every poll reads all of it. The start of the next range moves with the clock and not
//! with the lines, so a query that finds nothing asks for no more each time.
//!
//! **Complete slices.** A store gives the first N entries of a range. The stretch before the last
//! entry's time is complete then, and reading goes on at that time. Where a whole page has one time,
//! the store takes that instant apart ([`Store::instant`]).
//!
//! **Order and offsets.** Within a slice by (time, stream, line, metadata); offsets are a running
//! number. What comes late is appended. [`cursor::Place`] says how reading again finds the same.
//!
//! **Clock.** That of the store, as its answers' `Date` says it; ours may be wrong or jump.

mod cursor;
mod delivery;
mod entry;
mod reading;
mod store;

pub(crate) use delivery::Lines;
pub(crate) use entry::Entry;
pub(crate) use reading::{Pace, Reading};
pub(crate) use store::{Page, Range, Store, Trouble};
