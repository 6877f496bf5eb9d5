//! Seeded logs, and what the measurements are made of. `compare.sh` sets Spillway and the reference
//! engine side by side on these logs; `integration/` records the reference engine's answers to them.
//!
//! Same arguments, same bytes: a log is named by its kind, seed, length and options, never stored.

pub mod generator;
